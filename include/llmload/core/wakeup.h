// A wait of a coroutine that another thread can end.
#ifndef LLMLOAD_CORE_WAKEUP_H_
#define LLMLOAD_CORE_WAKEUP_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "llmload/core/time.h"

namespace llmload {

/// Belongs to one coroutine, on whose serial executor it waits in real time. Its `Notifier`s may be
/// called from any thread, and may outlive it and its io_context.
class Wakeup {
  struct State;

 public:
  /// Ends the wait. A call before the wait ends it at once, several count as one, and those after
  /// the `Wakeup` is gone do nothing. Thread-safe.
  class Notifier {
   public:
    void operator()() const;

   private:
    friend class Wakeup;
    explicit Notifier(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  explicit Wakeup(const boost::asio::any_io_executor& executor);
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  Notifier notifier() const { return Notifier(state_); }

  /// Waits until it is notified, or until `deadline` on the steady clock. True if it was notified.
  /// Throws `operation_aborted` if the coroutine is cancelled.
  boost::asio::awaitable<bool> WaitUntil(TimePoint deadline);

 private:
  // Shared with the notifiers. The timer is gone with the `Wakeup`, because its io_context may be.
  struct State {
    std::mutex mutex;
    std::optional<boost::asio::steady_timer> timer;
    bool waiting = false;
    bool notified = false;
  };

  const std::shared_ptr<State> state_;
};

}  // namespace llmload

#endif  // LLMLOAD_CORE_WAKEUP_H_
