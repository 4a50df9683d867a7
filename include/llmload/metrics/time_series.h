// How a run went, second by second.
#ifndef LLMLOAD_METRICS_TIME_SERIES_H_
#define LLMLOAD_METRICS_TIME_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "llmload/core/time.h"

namespace llmload {

/// Cells of durations, eight to a doubling from 64 us to 1 h: the end of a cell is at most 12.5 %
/// above what is in it. For the small histograms of a series, of which there are many.
struct SeriesCells {
  static constexpr std::size_t kCount = 216;
  static std::size_t Of(Duration value) noexcept;
  /// The last nanosecond that falls into `cell`.
  static Duration End(std::size_t cell) noexcept;
};

/// How many values fall into one of `SeriesCells`.
struct SeriesCell {
  std::uint16_t index = 0;
  std::uint32_t count = 0;
  friend bool operator==(const SeriesCell&, const SeriesCell&) = default;
};

/// Adds cells to others. Both are in ascending order of their index.
void MergeCells(std::vector<SeriesCell>& cells, const std::vector<SeriesCell>& others);

/// What happened in one interval of a run.
struct SeriesPoint {
  std::uint64_t scheduled = 0;  ///< arrivals whose instant came
  std::uint64_t sent = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t dropped = 0;
  std::uint64_t token_events = 0;  ///< of streams
  /// Scheduled latencies of the successes of the interval, in ascending order of their cell, none
  /// empty.
  std::vector<SeriesCell> latency;

  /// The nearest-rank percentile of the scheduled latency of the requests that succeeded in this
  /// interval; empty without any. Never below the true value, and above it by at most 12.5 %.
  std::optional<Duration> LatencyQuantile(double quantile) const noexcept;

  void Merge(const SeriesPoint& other);

  friend bool operator==(const SeriesPoint&, const SeriesPoint&) = default;
};

/// Evenly spaced points from the start of the run on, up to the last in which anything happened.
/// The interval is a second; a run of more than an hour doubles it as often as it has to, so memory
/// is bounded.
struct TimeSeries {
  Duration interval = std::chrono::seconds(1);
  std::vector<SeriesPoint> points;

  /// Requests in flight at the end of each interval.
  std::vector<std::uint64_t> InFlight() const;

  /// Adds `other`, which starts at the same instant. The longer interval wins. Precondition: the
  /// intervals are a second times a power of two.
  void Merge(const TimeSeries& other);

  /// Joins pairs of points.
  void DoubleInterval();

  friend bool operator==(const TimeSeries&, const TimeSeries&) = default;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_TIME_SERIES_H_
