// Time as a dependency: every wait and every clock reading above the sockets goes through `Clock`,
// so that the same coroutines run in real time and in virtual time.
#ifndef LLMLOAD_CORE_CLOCK_H_
#define LLMLOAD_CORE_CLOCK_H_

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "llmload/core/time.h"

namespace boost::asio {
class io_context;
}

namespace llmload {

/// A monotonic clock that coroutines can sleep on.
///
/// `SystemClock` is real time; `VirtualClock` (virtual_clock.h) jumps to the next deadline when
/// no coroutine is ready to run. Code that takes a `Clock&` keeps the reference: the clock must
/// outlive it.
class Clock {
 public:
  virtual ~Clock() = default;

  /// The current instant. Thread-safe.
  virtual TimePoint Now() const noexcept = 0;

  /// Suspends the calling coroutine until `Now() >= deadline`; a deadline in the past still yields
  /// once. Cancelling the coroutine (terminal) ends the sleep with
  /// `boost::system::system_error(boost::asio::error::operation_aborted)`.
  /// Call it on the thread that runs the coroutine's executor.
  virtual boost::asio::awaitable<void> SleepUntil(TimePoint deadline) = 0;

  /// `SleepUntil(Now() + duration)`.
  boost::asio::awaitable<void> SleepFor(Duration duration) { return SleepUntil(Now() + duration); }

  /// Runs `context` on the calling thread until it is out of work (or stopped).
  /// Under a virtual clock, returns false if a coroutine is left that waits for an event which no
  /// timer will cause. In real time the call does not return in that case, and the result is always
  /// true.
  virtual bool Run(boost::asio::io_context& context) = 0;

  /// True if time passes only inside `Run`, on one thread.
  virtual bool IsVirtual() const noexcept = 0;
};

/// Real time: `std::chrono::steady_clock` and Asio timers. Stateless and thread-safe.
class SystemClock final : public Clock {
 public:
  /// A shared instance with static lifetime.
  static SystemClock& Instance();

  TimePoint Now() const noexcept override { return std::chrono::steady_clock::now(); }
  boost::asio::awaitable<void> SleepUntil(TimePoint deadline) override;
  bool Run(boost::asio::io_context& context) override;
  bool IsVirtual() const noexcept override { return false; }
};

}  // namespace llmload

#endif  // LLMLOAD_CORE_CLOCK_H_
