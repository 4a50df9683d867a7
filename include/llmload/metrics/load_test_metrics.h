// Records what happens to every request of a run, in memory that does not grow with their number.
#ifndef LLMLOAD_METRICS_LOAD_TEST_METRICS_H_
#define LLMLOAD_METRICS_LOAD_TEST_METRICS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/metrics/cohorts.h"
#include "llmload/metrics/metrics_snapshot.h"
#include "llmload/metrics/stream_times.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"

namespace llmload {

/// When a request was to start, did start, and ended. In a closed loop `scheduled == dispatched`.
struct RequestInstants {
  TimePoint scheduled{};
  TimePoint dispatched{};
  TimePoint completed{};
  /// When its token events came; null for an answer that was not streamed.
  const StreamTimes* stream = nullptr;
};

/// What is measured beside what always is.
struct MetricsOptions {
  RequestObjectives objectives;  ///< for goodput; none: it is not measured
  TimePoint start{};             ///< of the run: instants in a snapshot count from it
  bool with_series = false;      ///< keep the per-second series and the cohorts
  /// Figures whose values the cohorts keep: those that criteria are about.
  FigureSet judged = FiguresOf(Figure::kScheduledLatency, Figure::kServiceLatency);
  /// Keep cohorts for each cell, which criteria about a part of the requests need.
  bool cohorts_by_cell = false;
};

/// The metrics of one worker. One thread writes; others may read through `LoadTestMetrics`
/// meanwhile. Recording takes no lock and makes no read-modify-write; it allocates only when a
/// cell, a provider or one of the first messages of an error kind is new, and once a minute for the
/// series.
///
/// Every arrival is `Scheduled` once, and then either `Dropped`, or `Dispatched` followed by
/// exactly one of `Succeeded`, `Failed` and `Unfinished`.
class MetricsShard {
 public:
  ~MetricsShard();
  MetricsShard(const MetricsShard&) = delete;
  MetricsShard& operator=(const MetricsShard&) = delete;

  /// The part of this shard that takes the requests of one cell (cells.h), by the number that
  /// `CellKeys` gave it; cell 0 is this shard itself. Each request is recorded in one cell. To be
  /// called on a shard of `LoadTestMetrics`, by its writer. May throw std::bad_alloc.
  MetricsShard& Cell(std::size_t id);

  /// The instants of `arrivals` more requests have come.
  void Scheduled(std::uint64_t arrivals = 1) noexcept;
  /// An arrival was not dispatched: too many requests were in flight.
  void Dropped(TimePoint scheduled) noexcept;
  /// A request, which asks for a stream or not, was handed to the provider. Records the schedule
  /// lag.
  void Dispatched(TimePoint scheduled, TimePoint dispatched, bool streamed = false) noexcept;
  /// A token event of a stream came.
  void TokenEvent(TimePoint at) noexcept;
  void Succeeded(const RequestInstants& instants, const Completion& completion);
  void Failed(const RequestInstants& instants, const Error& error);
  /// A request was in flight when the run stopped; `instants.completed` is the instant of the stop.
  void Unfinished(const RequestInstants& instants) noexcept;

 private:
  friend class LoadTestMetrics;
  struct State;
  MetricsShard(const MetricsOptions& options, State* root);
  std::unique_ptr<State> state_;
};

/// Cheap figures of a run in progress.
struct LiveCounters {
  std::uint64_t scheduled = 0;
  std::uint64_t sent = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t unfinished = 0;
  std::array<std::uint64_t, kErrorKindCount> errors{};  ///< of `failed`, indexed by `ErrorKind`
  std::optional<Duration> p95;  ///< of the scheduled latency so far; empty before the first success
  std::optional<Duration> ttft_p95;  ///< of the time to first token so far; empty without one

  /// Adds the counts of other requests of the same run; the percentiles stay as they are.
  LiveCounters& operator+=(const LiveCounters& other) noexcept;
};

/// All metrics of a run: one shard per worker, merged on reading.
///
/// Thread safety: all functions may be called from any thread at any time.
class LoadTestMetrics {
 public:
  explicit LoadTestMetrics(MetricsOptions options = {});
  ~LoadTestMetrics();
  LoadTestMetrics(const LoadTestMetrics&) = delete;
  LoadTestMetrics& operator=(const LoadTestMetrics&) = delete;

  /// A shard for one more writer. Lives as long as this object.
  MetricsShard& AddShard();

  /// Everything so far. During a run, requests in flight are in none of the four outcomes, so the
  /// accounting identity holds only after the end.
  MetricsSnapshot Snapshot() const;

  /// Returns the figures of each cell, by its number, with those parts that `MetricsCell::figures`
  /// has. A cell without a request is empty.
  std::vector<MetricsSnapshot> Cells() const;

  /// Returns the counters that a progress line shows. In each shard it copies and merges two
  /// histograms of every cell that has a success, which takes tens of microseconds for each of
  /// these cells: call it a few times per second, not per request.
  LiveCounters Live() const;
  /// Returns the counters without the percentiles, for which it adds the latencies and the times to
  /// first token to `latencies` and `ttfts`. If both are null, it reads a few dozen counters of
  /// each cell and no histogram.
  LiveCounters Live(Distribution* latencies, Distribution* ttfts = nullptr) const;

  /// Requests handed to the provider so far. Costs a few nanoseconds per shard.
  std::uint64_t Sent() const;

 private:
  const MetricsOptions options_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<MetricsShard>> shards_;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_LOAD_TEST_METRICS_H_
