// Calls of a provider whose every event is kept, for the conformance checks.
#ifndef LLMLOAD_SRC_TESTING_CONFORMANCE_SESSION_H_
#define LLMLOAD_SRC_TESTING_CONFORMANCE_SESSION_H_

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/provider/provider.h"

namespace llmload::conformance {

/// A token event as the observer saw it.
struct SeenToken {
  std::string text;
  TokenKind kind = TokenKind::kContent;
  TimePoint at{};
  bool late = false;  ///< after the call had ended
  bool on_other_thread = false;
};

/// The answer content in `tokens`.
std::string ContentOf(const std::vector<SeenToken>& tokens);

/// Keeps the tokens of one call. Thread-safe, because a broken provider may call it from anywhere.
class KeepingObserver final : public StreamObserver {
 public:
  void OnToken(const TokenEvent& event) override;
  bool HasSeenToken() const;
  void CallEnded();
  std::vector<SeenToken> tokens() const;

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  bool ended_ = false;
  std::vector<SeenToken> tokens_;
};

/// One call and all that is known of it.
struct Call {
  CompletionRequest request;
  bool observed = true;
  std::optional<Duration> cancel_after;

  KeepingObserver observer;
  boost::asio::cancellation_signal signal;
  std::optional<TimePoint> cancelled_at;  ///< the signal was emitted while the call was under way
  std::atomic<bool> ended = false;        ///< a broken provider may end on any thread
  TimePoint started{};
  TimePoint finished{};
  bool finished_on_other_thread = false;
  std::exception_ptr thrown;
  std::optional<Result<Completion>> result;
  /// Times that another coroutine of the thread ran before the first token, or before the end.
  int others_ran = 0;
  /// The longest time that the thread ran nothing, because the machine was busy or it was blocked.
  Duration held_up{};

  /// The thread runs, at `now`.
  void NoteTurn(TimePoint now);
  bool succeeded() const { return result && result->has_value(); }
  const Error* error() const {
    return result && result->has_error() ? &(error_ ? *error_ : error_.emplace(result->error()))
                                         : nullptr;
  }

 private:
  std::optional<TimePoint> last_turn_;
  mutable std::optional<Error> error_;  // `Result::error` gives a copy
};

/// An event loop on the calling thread, in real or virtual time. Everything that was started lives
/// as long as the session.
class Session {
 public:
  /// @param virtual_clock  null: real time
  Session(Clock& clock, VirtualClock* virtual_clock, Duration patience);
  ~Session();

  /// Starts a call; it makes progress in `Run`. The provider must outlive the session.
  Call& Start(Provider& provider, CompletionRequest request, bool observed = true,
              std::optional<Duration> cancel_after = std::nullopt);

  /// Until all calls have ended, or for the session's patience.
  void Run();

  /// `Start` and `Run`.
  Call& Complete(Provider& provider, CompletionRequest request, bool observed = true,
                 std::optional<Duration> cancel_after = std::nullopt);

  /// Runs what is left over for a moment.
  void Settle();

 private:
  bool AllEnded() const;
  void RunUntil(TimePoint limit);
  boost::asio::awaitable<void> RunCall(Provider& provider, Call& call);
  boost::asio::awaitable<void> CancelLater(Call& call);
  boost::asio::awaitable<void> CountTurns(Call& call);

  Clock& clock_;
  VirtualClock* const virtual_clock_;
  const Duration patience_;
  const std::thread::id thread_ = std::this_thread::get_id();
  std::vector<std::unique_ptr<Call>> calls_;  // outlive the coroutines in the context
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
};

}  // namespace llmload::conformance

#endif  // LLMLOAD_SRC_TESTING_CONFORMANCE_SESSION_H_
