// The types of durations and instants.
#ifndef LLMLOAD_CORE_TIME_H_
#define LLMLOAD_CORE_TIME_H_

#include <chrono>

namespace llmload {

/// The one resolution of time in llmload: nanoseconds.
using Duration = std::chrono::nanoseconds;

/// `duration` rounded to nanoseconds: 1.5s of the standard's literals counts seconds in floating
/// point, which does not become a `Duration` by itself. Its range is that of `Duration`, 292 years.
template <class Rep, class Period>
constexpr Duration ToDuration(std::chrono::duration<Rep, Period> duration) {
  return std::chrono::round<Duration>(duration);
}

/// `duration` in seconds, for formulas and reports.
constexpr double ToSeconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

/// An instant on a monotonic clock (clock.h). Only differences have a meaning; it is not a date.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

}  // namespace llmload

#endif  // LLMLOAD_CORE_TIME_H_
