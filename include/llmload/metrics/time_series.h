// How a run went, second by second.
#ifndef LLMLOAD_METRICS_TIME_SERIES_H_
#define LLMLOAD_METRICS_TIME_SERIES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "llmload/core/time.h"

namespace llmload {

/// What happened in one interval of a run.
struct SeriesPoint {
  std::uint64_t scheduled = 0;  ///< arrivals whose instant came
  std::uint64_t sent = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t token_events = 0;  ///< of streams
  std::uint64_t in_flight = 0;     ///< at the end of the interval
  // Percentiles of the scheduled latency of the requests that succeeded in this interval; empty
  // without any. Never below the true value, and above it by at most 12.5 %.
  std::optional<Duration> p50;
  std::optional<Duration> p95;
  std::optional<Duration> p99;
};

/// Evenly spaced points from the start of the run on. The interval is a second; a run of more than
/// an hour doubles it as often as it has to, so memory is bounded.
struct TimeSeries {
  Duration interval = std::chrono::seconds(1);
  std::vector<SeriesPoint> points;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_TIME_SERIES_H_
