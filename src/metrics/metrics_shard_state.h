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
#include <utility>
#include <vector>

#include "llmload/metrics/cell_keys.h"
#include "llmload/metrics/histogram.h"
#include "llmload/metrics/load_test_metrics.h"
#include "src/metrics/cohort_recorder.h"
#include "src/metrics/error_log.h"
#include "src/metrics/series_recorder.h"
#include "src/metrics/single_writer.h"

namespace llmload {
namespace metrics {

inline constexpr std::size_t kProviderSlots = 64;
inline constexpr std::size_t kReasonSlots = 17;  // the last one is of all others
inline constexpr Duration::rep kNever = std::numeric_limits<Duration::rep>::max();

struct ProviderKey {
  std::string_view name, region, model;
  friend bool operator==(const ProviderKey&, const ProviderKey&) = default;
};

// One provider, region and model.
struct ProviderSlot {
  // Written before the slot is published, constant afterwards.
  std::string name, region, model;
  Count attempts, successes, failures, rejected, answered, input_tokens, output_tokens;
  std::unique_ptr<Histogram> attempt_latency, attempt_ttft;

  ProviderKey Key() const { return {name, region, model}; }
};

struct ReasonSlot {
  std::string word;  // written before the slot is published, constant afterwards
  Count count;
};

}  // namespace metrics

struct alignas(64) MetricsShard::State {
  // `root`: the state of cell 0, or null for that itself.
  State(const MetricsOptions& run_options, State* root) : options(run_options) {
    if (!options.with_series) return;
    if (root == nullptr) own_series = std::make_unique<SeriesRecorder>(options.start);
    if (root == nullptr || options.cohorts_by_cell) {
      own_cohorts = std::make_unique<CohortRecorder>(options.start, options.judged);
    }
    series = root == nullptr ? own_series.get() : root->series;
    cohorts = own_cohorts ? own_cohorts.get() : root->cohorts;
  }
  ~State() {
    for (auto& cell : cells) delete cell.load(std::memory_order_relaxed);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Calls `visit(number, state)` for this cell and all others of the shard, by any thread.
  template <class Visit>
  void ForEachCell(Visit visit) const {
    visit(std::size_t{0}, *this);
    for (std::size_t id = 1; id < cells.size(); ++id) {
      const MetricsShard* const cell = cells[id].load(std::memory_order_acquire);
      if (cell != nullptr) visit(id, std::as_const(*cell->state_));
    }
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
  std::unique_ptr<SeriesRecorder> own_series;
  std::unique_ptr<CohortRecorder> own_cohorts;
  // Those of cell 0 or of this cell; null if there are none.
  SeriesRecorder* series = nullptr;
  CohortRecorder* cohorts = nullptr;
  // Of cell 0: the other cells of the shard, by their number.
  std::array<std::atomic<MetricsShard*>, kMostCells> cells{};

  metrics::ErrorLog errors;
  std::array<metrics::ProviderSlot, metrics::kProviderSlots> providers;
  std::atomic<std::size_t> provider_count{0};
  std::array<metrics::ReasonSlot, metrics::kReasonSlots> reasons;
  std::atomic<std::size_t> reason_count{0};

  metrics::ProviderSlot& Provider(metrics::ProviderKey key);
  bool IsGood(const RequestInstants& instants, const Completion& completion) const;
  void RecordAnswer(const Completion& completion);
  void RecordFinishReason(std::string_view word);
  void RecordAttempts(const std::vector<Attempt>& list, std::string_view provider,
                      TimePoint scheduled, std::optional<ErrorKind> error);
  void RecordFailover(const std::vector<Attempt>& list, const RequestInstants& instants,
                      bool success);
  void RecordStream(const RequestInstants& instants);
  void RecordTokenTimes(const RequestInstants& instants, const Completion& completion);
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_METRICS_METRICS_SHARD_STATE_H_
