// Real time in tests. This is the only file in tests/ that may read the system's clocks, and
// cmake/check_tests.py sees to that: how long something takes depends on what else the machine
// does, so that a test may say how long it took at least, and never at most.
#ifndef LLMLOAD_TESTS_SUPPORT_REAL_TIME_H_
#define LLMLOAD_TESTS_SUPPORT_REAL_TIME_H_

#include <gtest/gtest.h>

#include <chrono>

#include "llmload/core/time.h"

namespace llmload::test_support {

/// Started by its construction. It tells no duration, so that none can be compared with a bound.
class Stopwatch {
 public:
  /// Whether `duration` has passed. Expect it, or repeat something until it is so.
  testing::AssertionResult AtLeast(Duration duration) const {
    const Duration passed = std::chrono::steady_clock::now() - start_;
    if (passed >= duration) return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << passed.count() << " ns have passed, at least " << duration.count() << " are due";
  }

  /// Where the start lies in the order of events, of which the product took `instant`; `by` how
  /// much before it, at least. Between two instants of the product there is no such bound: it may
  /// have been late for the first of them.
  bool StartedBefore(TimePoint instant, Duration by = {}) const { return start_ + by <= instant; }
  bool StartedAfter(TimePoint instant) const { return start_ >= instant; }

 private:
  const TimePoint start_ = std::chrono::steady_clock::now();
};

/// The instant that is `from_now` ahead, for what the product asks an instant for: a deadline.
inline TimePoint RealTimeIn(Duration from_now) {
  return std::chrono::steady_clock::now() + from_now;
}

/// The date and time of day, for what the product asks a date for.
inline std::chrono::sys_time<std::chrono::milliseconds> WallTime() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_REAL_TIME_H_
