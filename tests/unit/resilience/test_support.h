// Small hand-made providers and a virtual-time bench for the tests of the resilience layers.
#ifndef LLMLOAD_TESTS_UNIT_RESILIENCE_TEST_SUPPORT_H_
#define LLMLOAD_TESTS_UNIT_RESILIENCE_TEST_SUPPORT_H_

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// The reaction of a `ScriptedProvider` to one call.
struct Step {
  Duration delay{};                 ///< before the first token, or before the answer
  std::vector<std::string> tokens;  ///< streamed one by one if the request streams
  Duration gap{};                   ///< before each token but the first, and before the end
  std::optional<Error> error;       ///< at the end, instead of an answer
  bool hang = false;                ///< at the end: waits a day
  bool throws = false;              ///< at the end
  TokenKind kind = TokenKind::kContent;
};

inline Error MakeError(ErrorKind kind, std::optional<Duration> retry_after = {}) {
  return Error{.kind = kind, .message = "scripted", .retry_after = retry_after};
}
inline Step Fails(ErrorKind kind, Duration delay = std::chrono::milliseconds(10)) {
  return Step{.delay = delay, .error = MakeError(kind)};
}
inline Step Answers(Duration delay = std::chrono::milliseconds(20)) { return Step{.delay = delay}; }

/// Takes the steps one by one, and repeats the last one.
class ScriptedProvider : public Provider {
 public:
  ScriptedProvider(Clock& clock, std::string name, std::vector<Step> steps)
      : clock_(clock), identity_{std::move(name), "", ""}, steps_(steps.begin(), steps.end()) {}

  const ProviderIdentity& Identity() const noexcept override { return identity_; }

  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override {
    arrivals.push_back(clock_.Now());
    requests.push_back(request);
    Step step = steps_.front();
    if (steps_.size() > 1) steps_.pop_front();
    return Play(std::move(step), request, observer);
  }

  int calls() const { return static_cast<int>(arrivals.size()); }
  std::vector<TimePoint> arrivals;
  std::vector<CompletionRequest> requests;
  int running = 0;
  int abandoned = 0;  ///< calls that were cancelled

 private:
  struct Running {
    explicit Running(ScriptedProvider& owner) : owner_(owner) { ++owner_.running; }
    ~Running() {
      --owner_.running;
      if (!ended) ++owner_.abandoned;
    }
    ScriptedProvider& owner_;
    bool ended = false;
  };

  boost::asio::awaitable<Result<Completion>> Play(Step step, const CompletionRequest& request,
                                                  StreamObserver* observer) {
    Running running_call(*this);
    co_await clock_.SleepFor(step.delay);
    std::string text;
    std::int64_t sent = 0;
    if (request.stream) {
      for (const std::string& token : step.tokens) {
        if (sent++ > 0) co_await clock_.SleepFor(step.gap);
        text += token;
        if (observer != nullptr) observer->OnToken({step.kind, token, clock_.Now()});
      }
      if (sent > 0) co_await clock_.SleepFor(step.gap);
    }
    if (step.hang) co_await clock_.SleepFor(std::chrono::hours(24));
    running_call.ended = true;
    if (step.throws) throw std::runtime_error("a bug");
    if (step.error) {
      Error error = *step.error;
      error.after_first_token = sent > 0;
      error.partial_text = text;
      error.partial_tokens = sent;
      co_return error;
    }
    Completion completion;
    completion.text = request.stream && sent > 0 ? text : identity_.name + " answers";
    completion.provider = identity_.name;
    completion.token_events = sent;
    completion.usage.output = sent > 0 ? sent : 3;
    completion.timings.completed = clock_.Now();
    co_return completion;
  }

  Clock& clock_;
  const ProviderIdentity identity_;
  std::deque<Step> steps_;
};

/// Keeps the tokens of a stream.
class TokenLog : public StreamObserver {
 public:
  void OnToken(const TokenEvent& event) override {
    text += event.text;
    ++tokens;
  }
  std::string text;
  int tokens = 0;
};

/// Runs coroutines in virtual time, and checks that none is left.
class VirtualTimeTest : public ::testing::Test {
 protected:
  /// The outcome of one call: exactly one of the two is set.
  struct Answer {
    std::optional<Result<Completion>> result;
    std::exception_ptr thrown;

    bool ok() const { return result && result->has_value(); }
    Completion completion() const { return result->value(); }
    Error error() const { return result ? result->error() : Error{.message = "nothing"}; }
    bool aborted() const {
      if (!thrown) return false;
      try {
        std::rethrow_exception(thrown);
      } catch (const boost::system::system_error& error) {
        return error.code() == boost::asio::error::operation_aborted;
      } catch (...) {
        return false;
      }
    }
  };

  /// Starts a call, which `Run` will carry out. `signal` cancels it.
  std::shared_ptr<Answer> Start(Provider& provider, CompletionRequest request,
                                StreamObserver* observer = nullptr,
                                boost::asio::cancellation_signal* signal = nullptr) {
    auto answer = std::make_shared<Answer>();
    auto handler = [answer](std::exception_ptr thrown, std::optional<Result<Completion>> result) {
      answer->thrown = std::move(thrown);
      answer->result = std::move(result);
    };
    auto call = Call(provider, std::move(request), observer);
    if (signal == nullptr) {
      boost::asio::co_spawn(context_, std::move(call), handler);
    } else {
      boost::asio::co_spawn(context_, std::move(call),
                            boost::asio::bind_cancellation_slot(signal->slot(), handler));
    }
    return answer;
  }

  /// Cancels at an instant from now.
  void CancelAfter(Duration delay, boost::asio::cancellation_signal& signal) {
    boost::asio::co_spawn(context_, Cancel(delay, signal), [](std::exception_ptr) {});
  }

  /// Cancels a call with `late_start_` in the turn after the one that starts its coroutine. Before
  /// that turn nobody may: Asio of Boost 1.83 then throws out of the event loop.
  void CancelAtStart(boost::asio::cancellation_signal& signal) {
    boost::asio::post(context_,
                      [&signal] { signal.emit(boost::asio::cancellation_type::terminal); });
  }

  void Run() { EXPECT_TRUE(clock_.Run(context_)) << "a coroutine is left"; }

  Answer Ask(Provider& provider, CompletionRequest request = {},
             StreamObserver* observer = nullptr) {
    const auto answer = Start(provider, std::move(request), observer);
    Run();
    return *answer;
  }

  Duration Elapsed() const { return clock_.Now() - start_; }

  /// Calls start one turn after `Start`, and the provider itself has to notice that they are
  /// cancelled by then.
  bool late_start_ = false;
  VirtualClock clock_;
  boost::asio::io_context context_;
  const TimePoint start_ = clock_.Now();

 private:
  boost::asio::awaitable<std::optional<Result<Completion>>> Call(Provider& provider,
                                                                 CompletionRequest request,
                                                                 StreamObserver* observer) {
    if (late_start_) {
      co_await boost::asio::this_coro::throw_if_cancelled(false);
      co_await boost::asio::post(context_, boost::asio::use_awaitable);
    }
    co_return co_await provider.Complete(request, observer);
  }
  boost::asio::awaitable<void> Cancel(Duration delay, boost::asio::cancellation_signal& signal) {
    co_await clock_.SleepFor(delay);
    signal.emit(boost::asio::cancellation_type::terminal);
  }
};

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_RESILIENCE_TEST_SUPPORT_H_
