#include "src/resilience/attempt.h"

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <iterator>
#include <utility>

#include "llmload/core/race.h"

namespace llmload::resilience {

namespace asio = boost::asio;

void TokenWatch::OnToken(const TokenEvent& event) {
  ++tokens_;
  last_ = event.at == TimePoint{} ? clock_.Now() : event.at;
  if (!first_) first_ = last_;
  if (event.kind == TokenKind::kToolCall) tool_call_ = true;
  if (event.kind == TokenKind::kContent) {
    if (!first_output_) first_output_ = last_;
    text_ += event.text;
  }
  if (next_ != nullptr) next_->OnToken(event);
}

namespace {

Error FromException(const std::exception_ptr& thrown) {
  Error error{.kind = ErrorKind::kInternal};
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    error.message = std::string("exception from the provider: ") + exception.what();
  } catch (...) {
    error.message = "exception from the provider";
  }
  return error;
}

// Adds the provider and the tokens so far to an error that did not come from the provider itself.
void AddAttemptDetails(Error& error, const Provider& provider, const TokenWatch* watch) {
  error.provider = provider.Identity().name;
  if (watch == nullptr || watch->tokens() == 0) return;
  error.after_first_token = true;
  error.partial_text = watch->text();
  error.partial_tokens = watch->tokens();
}

asio::awaitable<Result<Completion>> CallGuarded(Provider& provider,
                                                const CompletionRequest& request, TokenWatch* watch,
                                                StreamObserver* observer) {
  std::exception_ptr thrown;
  try {
    if (watch != nullptr) observer = watch;
    co_return co_await provider.Complete(request, observer);
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await ThrowIfCancelled();
  Error error = FromException(thrown);
  AddAttemptDetails(error, provider, watch);
  co_return error;
}

// Ends when a limit is passed, with the kind of timeout.
asio::awaitable<ErrorKind> WaitForTimeout(Clock& clock, const TokenWatch* watch,
                                          AttemptLimits limits) {
  const TimePoint started = clock.Now();
  for (;;) {
    ErrorKind kind = ErrorKind::kTotalTimeout;
    TimePoint deadline = limits.total.value_or(TimePoint::max());
    const bool begun = watch != nullptr && watch->tokens() > 0;
    if (!begun && limits.first_token && started + *limits.first_token < deadline) {
      kind = ErrorKind::kFirstTokenTimeout;
      deadline = started + *limits.first_token;
    }
    if (begun && limits.idle && watch->last() + *limits.idle < deadline) {
      kind = ErrorKind::kIdleTimeout;
      deadline = watch->last() + *limits.idle;
    }
    const TimePoint now = clock.Now();
    if (now >= deadline) co_return kind;
    if (begun && deadline == TimePoint::max()) {
      // No limit is left. Not a sleep on the clock: virtual time must not jump to its end.
      asio::steady_timer never(co_await asio::this_coro::executor,
                               asio::steady_timer::time_point::max());
      co_await never.async_wait(asio::use_awaitable);
    }
    // Before the first token there may be no limit yet: looks again in time for the idle limit.
    if (!begun && limits.idle && now + *limits.idle < deadline) deadline = now + *limits.idle;
    co_await clock.SleepUntil(deadline);
  }
}

std::string TimeoutMessage(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFirstTokenTimeout:
      return "no first token within the attempt's limit";
    case ErrorKind::kIdleTimeout:
      return "no further token within the attempt's limit";
    default:
      return "no complete answer within the attempt's limit";
  }
}

}  // namespace

asio::awaitable<void> ThrowIfCancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

asio::awaitable<Result<Completion>> RunAttempt(Clock& clock, Provider& provider,
                                               const CompletionRequest& request, TokenWatch* watch,
                                               StreamObserver* observer, AttemptLimits limits) {
  co_await ThrowIfCancelled();
  if (watch == nullptr) limits.first_token = limits.idle = std::nullopt;
  auto call = CallGuarded(provider, request, watch, observer);
  if (!limits.total && !limits.first_token && !limits.idle) co_return co_await std::move(call);
  auto outcome = co_await Race(std::move(call), WaitForTimeout(clock, watch, limits));
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  const ErrorKind kind = std::get<1>(outcome);
  Error error{.kind = kind, .message = TimeoutMessage(kind)};
  AddAttemptDetails(error, provider, watch);
  co_return error;
}

void TakeAttempts(std::vector<Attempt>& attempts, std::vector<Attempt>& nested, Attempt own) {
  if (nested.empty()) {
    attempts.push_back(std::move(own));
    return;
  }
  attempts.insert(attempts.end(), std::make_move_iterator(nested.begin()),
                  std::make_move_iterator(nested.end()));
  nested.clear();
}

void AddDetails(ProviderSettings& all, const Provider& provider) {
  for (auto& [name, value] : provider.Settings().details) {
    all.details.emplace_back(name + ", " + provider.Identity().name, value);
  }
}

}  // namespace llmload::resilience
