// What a metrics shard holds: written by one thread, read by those that merge.
#ifndef LLMLOAD_SRC_METRICS_METRICS_SHARD_STATE_H_
#define LLMLOAD_SRC_METRICS_METRICS_SHARD_STATE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/metrics/histogram.h"
#include "llmload/metrics/load_test_metrics.h"
#include "src/metrics/cohort_recorder.h"
#include "src/metrics/error_log.h"
#include "src/metrics/series_recorder.h"
#include "src/metrics/single_writer.h"

namespace llmload {
namespace metrics {

inline constexpr std::size_t kProviderSlots = 64;
inline constexpr Duration::rep kNever = std::numeric_limits<Duration::rep>::max();

struct ProviderKey {
  std::string_view name, region, model;
  friend bool operator==(const ProviderKey&, const ProviderKey&) = default;
};

// One provider, region and model.
struct ProviderSlot {
  // Written before the slot is published, constant afterwards.
  std::string name, region, model;
  Count attempts, successes, failures, rejected, answered, output_tokens;
  std::unique_ptr<Histogram> attempt_latency, attempt_ttft;

  ProviderKey Key() const { return {name, region, model}; }
};

}  // namespace metrics

struct alignas(64) MetricsShard::State {
  explicit State(const MetricsOptions& run_options) : options(run_options) {
    if (!options.with_series) return;
    series.emplace(options.start);
    cohorts.emplace(options.start, options.judged);
  }

  metrics::Count& operator[](Counter counter) {
    return counters[static_cast<std::size_t>(counter)];
  }
  const metrics::Count& operator[](Counter counter) const {
    return counters[static_cast<std::size_t>(counter)];
  }
  Histogram& operator[](Figure figure) { return histograms[static_cast<std::size_t>(figure)]; }
  const Histogram& operator[](Figure figure) const {
    return histograms[static_cast<std::size_t>(figure)];
  }

  /// A value of a request that was scheduled at `scheduled`.
  void Record(Figure figure, TimePoint scheduled, Duration value) noexcept {
    (*this)[figure].Record(value);
    if (cohorts) cohorts->Record(figure, scheduled, value);
  }

  /// What this shard has recorded so far. Called by any thread.
  MetricsSnapshot Snapshot() const;

  const MetricsOptions& options;
  std::array<metrics::Count, kCounterCount> counters;
  std::array<Histogram, kFigureCount> histograms;
  metrics::SingleWriter<Duration::rep> first_dispatch{metrics::kNever};
  metrics::SingleWriter<Duration::rep> last_completion{std::numeric_limits<Duration::rep>::min()};
  std::optional<SeriesRecorder> series;
  std::optional<CohortRecorder> cohorts;

  metrics::ErrorLog errors;
  std::array<metrics::ProviderSlot, metrics::kProviderSlots> providers;
  std::atomic<std::size_t> provider_count{0};

  metrics::ProviderSlot& Provider(metrics::ProviderKey key);
  bool IsGood(const RequestInstants& instants, const Completion& completion) const;
  void RecordAnswer(const Completion& completion);
  void RecordAttempts(const std::vector<Attempt>& list, std::string_view provider,
                      TimePoint scheduled, std::optional<ErrorKind> error);
  void RecordFailover(const std::vector<Attempt>& list, const RequestInstants& instants,
                      bool success);
  void RecordStream(const RequestInstants& instants);
  void RecordTokenTimes(const RequestInstants& instants, const Completion& completion);
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_METRICS_METRICS_SHARD_STATE_H_
