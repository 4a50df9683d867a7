// Virtual time: hours of load test in milliseconds, deterministically.
#ifndef LLMLOAD_CORE_VIRTUAL_CLOCK_H_
#define LLMLOAD_CORE_VIRTUAL_CLOCK_H_

#include <atomic>
#include <cstddef>
#include <memory>

#include "llmload/core/clock.h"

namespace llmload {

/// A clock whose time stands still while any coroutine is ready to run, and otherwise jumps to the
/// next deadline of a sleeper.
///
/// Sleepers wake in order of deadline, and in the order they went to sleep where deadlines are
/// equal; so a program that draws its randomness from a seed runs identically every time.
///
/// `Now` may be read from any thread; everything else belongs to the one thread that calls `Run`.
class VirtualClock final : public Clock {
 public:
  /// Starts at `start`: an hour after the epoch by default, so that code which subtracts from `Now`
  /// does not meet negative instants.
  explicit VirtualClock(TimePoint start = TimePoint(std::chrono::hours(1)));
  ~VirtualClock() override;

  VirtualClock(const VirtualClock&) = delete;
  VirtualClock& operator=(const VirtualClock&) = delete;

  TimePoint Now() const noexcept override { return TimePoint(Duration(now_.load())); }
  boost::asio::awaitable<void> SleepUntil(TimePoint deadline) override;
  bool Run(boost::asio::io_context& context) override;
  bool IsVirtual() const noexcept override { return true; }

  /// As `Run`, but stops jumping at `until`, and leaves `Now() == until` even if the context
  /// drained before. Returns true if it drained.
  bool RunUntil(boost::asio::io_context& context, TimePoint until);

  /// Moves time forward without running anything: for tests of code that only reads the clock.
  /// Sleepers whose deadlines are passed wake at the next `Run`. Precondition: `by >= 0`.
  void AdvanceBy(Duration by);

  /// Coroutines that are asleep on this clock now.
  std::size_t SleeperCount() const noexcept;

 private:
  class Sleepers;
  class ContextWatch;
  std::atomic<Duration::rep> now_;
  std::shared_ptr<Sleepers> sleepers_;
};

}  // namespace llmload

#endif  // LLMLOAD_CORE_VIRTUAL_CLOCK_H_
