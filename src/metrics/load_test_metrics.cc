#include "llmload/metrics/load_test_metrics.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "src/metrics/metrics_shard_state.h"
#include "src/metrics/series_recorder.h"

namespace llmload {

using metrics::kNever;

namespace {

ProviderUsage UsageOf(const metrics::ProviderSlot& slot) {
  return {.name = slot.name,
          .region = slot.region,
          .model = slot.model,
          .attempts = slot.attempts.Get(),
          .successes = slot.successes.Get(),
          .failures = slot.failures.Get(),
          .rejected = slot.rejected.Get(),
          .answered = slot.answered.Get(),
          .input_tokens = slot.input_tokens.Get(),
          .output_tokens = slot.output_tokens.Get(),
          .attempt_latency = slot.attempt_latency->Snapshot(),
          .attempt_ttft = slot.attempt_ttft->Snapshot()};
}

}  // namespace

MetricsSnapshot MetricsShard::State::Snapshot() const {
  MetricsSnapshot snapshot;
  snapshot.has_objectives = !options.objectives.empty();
  for (std::size_t i = 0; i < counters.size(); ++i) snapshot.counters[i] = counters[i].Get();
  for (std::size_t i = 0; i < histograms.size(); ++i) {
    snapshot.distributions[i] = histograms[i].Snapshot();
  }
  snapshot.errors = errors.Snapshot(options.start);
  const std::size_t known = provider_count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < known; ++i) {
    // One after the other: a merge also brings them into their order.
    MetricsSnapshot one;
    one.providers.push_back(UsageOf(providers[i]));
    snapshot.Merge(one);
  }
  const std::size_t words = reason_count.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < words; ++i) {
    MetricsSnapshot one;
    one.finish_reasons.push_back({.reason = reasons[i].word, .count = reasons[i].count.Get()});
    snapshot.Merge(one);
  }
  if (own_series) snapshot.series = own_series->Snapshot();
  if (own_cohorts) snapshot.cohorts = own_cohorts->Snapshot();
  const Duration::rep start = options.start.time_since_epoch().count();
  if (const auto first = first_dispatch.Get(); first != kNever) {
    snapshot.first_dispatch = Duration(first - start);
  }
  if (snapshot.Completed() > 0) snapshot.last_completion = Duration(last_completion.Get() - start);
  return snapshot;
}

LoadTestMetrics::LoadTestMetrics(MetricsOptions options) : options_(options) {}
LoadTestMetrics::~LoadTestMetrics() = default;

MetricsShard& LoadTestMetrics::AddShard() {
  std::unique_ptr<MetricsShard> shard(new MetricsShard(options_, nullptr));
  const std::lock_guard lock(mutex_);
  return *shards_.emplace_back(std::move(shard));
}

MetricsSnapshot LoadTestMetrics::Snapshot() const {
  MetricsSnapshot snapshot;
  snapshot.has_objectives = !options_.objectives.empty();
  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    shard->state_->ForEachCell([&snapshot](std::size_t, const MetricsShard::State& cell) {
      snapshot.Merge(cell.Snapshot());
    });
  }
  return snapshot;
}

std::vector<MetricsSnapshot> LoadTestMetrics::Cells() const {
  std::vector<MetricsSnapshot> cells;
  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    shard->state_->ForEachCell([&](std::size_t id, const MetricsShard::State& cell) {
      MetricsSnapshot figures = cell.Snapshot();
      figures.series = {};
      figures.providers.clear();
      if (!options_.cohorts_by_cell) figures.cohorts = {};
      if (cells.size() <= id) cells.resize(id + 1);
      cells[id].Merge(figures);
    });
  }
  return cells;
}

LiveCounters& LiveCounters::operator+=(const LiveCounters& other) noexcept {
  scheduled += other.scheduled;
  sent += other.sent;
  in_flight += other.in_flight;
  succeeded += other.succeeded;
  failed += other.failed;
  dropped += other.dropped;
  unfinished += other.unfinished;
  for (std::size_t kind = 0; kind < errors.size(); ++kind) errors[kind] += other.errors[kind];
  return *this;
}

LiveCounters LoadTestMetrics::Live() const {
  Distribution latencies;
  Distribution ttfts;
  LiveCounters live = Live(&latencies, &ttfts);
  if (!latencies.empty()) live.p95 = latencies.ValueAtQuantile(0.95);
  if (!ttfts.empty()) live.ttft_p95 = ttfts.ValueAtQuantile(0.95);
  return live;
}

LiveCounters LoadTestMetrics::Live(Distribution* latencies, Distribution* ttfts) const {
  LiveCounters live;
  const std::lock_guard lock(mutex_);
  const auto add = [&](std::size_t, const MetricsShard::State& state) {
    // Outcomes before what precedes them, so that no request in between is counted negatively.
    const std::uint64_t succeeded = state[Counter::kSucceeded].Get();
    live.succeeded += succeeded;
    live.failed += state[Counter::kFailed].Get();
    live.unfinished += state[Counter::kUnfinished].Get();
    live.dropped += state[Counter::kDropped].Get();
    live.sent += state[Counter::kSent].Get();
    live.scheduled += state[Counter::kScheduled].Get();
    for (std::size_t kind = 0; kind < live.errors.size(); ++kind) {
      live.errors[kind] += state.errors.CountOf(static_cast<ErrorKind>(kind));
    }
    // Only successes have these times, and copying a histogram is what costs.
    if (succeeded == 0) return;
    if (latencies != nullptr) latencies->Merge(state[Figure::kScheduledLatency].Snapshot());
    if (ttfts != nullptr) ttfts->Merge(state[Figure::kTtft].Snapshot());
  };
  for (const auto& shard : shards_) shard->state_->ForEachCell(add);
  const std::uint64_t ended = live.succeeded + live.failed + live.unfinished;
  live.in_flight = live.sent > ended ? live.sent - ended : 0;
  return live;
}

std::uint64_t LoadTestMetrics::Sent() const {
  std::uint64_t sent = 0;
  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    shard->state_->ForEachCell([&sent](std::size_t, const MetricsShard::State& cell) {
      sent += cell[Counter::kSent].Get();
    });
  }
  return sent;
}

}  // namespace llmload
