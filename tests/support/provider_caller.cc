#include "tests/support/provider_caller.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>

#include "tests/support/real_time.h"

namespace llmload::test_support {
namespace asio = boost::asio;

namespace {

Error NotFinished() {
  Error error;
  error.kind = ErrorKind::kInternal;
  error.message = "the call has not finished";
  return error;
}

// Puts the outcome of a call into `into`.
auto Keep(Result<Completion>& into) {
  return [&into](const std::exception_ptr& exception, Result<Completion> result) {
    if (exception) std::rethrow_exception(exception);
    into = std::move(result);
  };
}

}  // namespace

Result<Completion> ProviderCaller::Call(Provider& provider, const CompletionRequest& request,
                                        StreamObserver* observer) {
  Result<Completion> result = NotFinished();
  asio::co_spawn(context_, provider.Complete(request, observer), Keep(result));
  context_.restart();
  context_.run();
  return result;
}

std::vector<Result<Completion>> ProviderCaller::CallTogether(Provider& provider,
                                                             const CompletionRequest& request,
                                                             int count) {
  std::vector<Result<Completion>> results(static_cast<std::size_t>(count), NotFinished());
  for (auto& result : results) {
    asio::co_spawn(context_, provider.Complete(request, nullptr), Keep(result));
  }
  context_.restart();
  context_.run();
  return results;
}

Result<Completion> ProviderCaller::CallOnStrand(Provider& provider,
                                                const CompletionRequest& request) {
  Result<Completion> result = NotFinished();
  asio::co_spawn(asio::make_strand(context_), provider.Complete(request, nullptr), Keep(result));
  context_.restart();
  context_.run();
  return result;
}

bool ProviderCaller::CallAndCancel(Provider& provider, const CompletionRequest& request,
                                   const std::function<bool()>& condition,
                                   StreamObserver* observer) {
  asio::cancellation_signal signal;
  bool ended = false;
  bool aborted = false;
  auto completed = [&](const std::exception_ptr& exception, const Result<Completion>&) {
    ended = true;
    try {
      if (exception) std::rethrow_exception(exception);
    } catch (const boost::system::system_error& error) {
      aborted = error.code() == asio::error::operation_aborted;
    }
  };
  asio::co_spawn(context_, provider.Complete(request, observer),
                 asio::bind_cancellation_slot(signal.slot(), completed));
  context_.restart();
  while (!ended && !condition()) context_.run_one_for(std::chrono::milliseconds(1));
  signal.emit(asio::cancellation_type::terminal);
  // Whatever can go on without waiting.
  while (context_.poll() > 0) {
  }
  const bool at_once = ended;
  context_.restart();
  context_.run();
  return at_once && aborted;
}

bool ProviderCaller::CallAndCancel(Provider& provider, const CompletionRequest& request,
                                   Duration delay) {
  const Stopwatch stopwatch;
  return CallAndCancel(provider, request, [&] { return bool{stopwatch.AtLeast(delay)}; });
}

void ProviderCaller::CallAndAbandon(Provider& provider, const CompletionRequest& request,
                                    Duration delay) {
  Result<Completion> result = NotFinished();
  asio::io_context context(1);
  asio::co_spawn(context, provider.Complete(request, nullptr), Keep(result));
  context.run_for(delay);
}

void RecordingObserver::OnToken(const TokenEvent& event) {
  texts.emplace_back(event.text);
  kinds.push_back(event.kind);
  instants.push_back(event.at);
}

CompletionRequest TestRequest(bool stream) {
  CompletionRequest request;
  request.model = "m";
  request.messages = {{Role::kUser, "Hello"}};
  request.stream = stream;
  return request;
}

}  // namespace llmload::test_support
