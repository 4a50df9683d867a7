#include "llmload/metrics/load_test_metrics.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "src/metrics/metrics_shard_state.h"
#include "src/metrics/series_recorder.h"

namespace llmload {

using metrics::ErrorSlot;
using metrics::kNever;
using metrics::ProviderSlot;

LoadTestMetrics::LoadTestMetrics(MetricsOptions options) : options_(options) {}
LoadTestMetrics::~LoadTestMetrics() = default;

MetricsShard& LoadTestMetrics::AddShard() {
  std::unique_ptr<MetricsShard> shard(new MetricsShard(options_));
  const std::lock_guard lock(mutex_);
  return *shards_.emplace_back(std::move(shard));
}

MetricsSummary LoadTestMetrics::Summarise() const {
  MetricsSummary summary;
  Histogram scheduled_latency, service_latency, ttft, ttfo, tpot, chunk_gap, time_per_token,
      failed_latency, schedule_lag, failover_overhead, failover_added_latency;
  Duration::rep first = kNever;
  Duration::rep last = std::numeric_limits<Duration::rep>::min();
  struct ProviderTotals {
    ProviderUsage usage;
    Histogram attempt_latency, attempt_ttft;
  };
  std::map<std::tuple<std::string, std::string, std::string>, ProviderTotals> providers;
  SeriesMerger series;
  std::uint64_t good = 0;
  for (std::size_t kind = 0; kind < summary.errors.size(); ++kind) {
    summary.errors[kind].kind = static_cast<ErrorKind>(kind);
  }

  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    const MetricsShard::State& state = *shard->state_;
    summary.scheduled += state.scheduled.Get();
    summary.sent += state.sent.Get();
    summary.succeeded += state.succeeded.Get();
    summary.failed += state.failed.Get();
    summary.dropped += state.dropped.Get();
    summary.unfinished += state.unfinished.Get();
    summary.failed_over += state.failed_over.Get();
    summary.attempts += state.attempts.Get();
    first = std::min(first, state.first_dispatch.Get());
    last = std::max(last, state.last_completion.Get());

    scheduled_latency.Merge(state.scheduled_latency);
    service_latency.Merge(state.service_latency);
    ttft.Merge(state.ttft);
    ttfo.Merge(state.ttfo);
    tpot.Merge(state.tpot);
    chunk_gap.Merge(state.chunk_gap);
    time_per_token.Merge(state.time_per_token);
    good += state.good.Get();
    if (state.series) series.Add(*state.series);
    failed_latency.Merge(state.failed_latency);
    schedule_lag.Merge(state.schedule_lag);
    failover_overhead.Merge(state.failover_overhead);
    failover_added_latency.Merge(state.failover_added_latency);

    for (std::size_t kind = 0; kind < summary.errors.size(); ++kind) {
      const ErrorSlot& slot = state.errors[kind];
      ErrorCount& total = summary.errors[kind];
      total.count += slot.count.Get();
      if (total.first_message.empty() && slot.has_message.load(std::memory_order_acquire)) {
        total.first_message = slot.message;
      }
    }
    const std::size_t known = state.provider_count.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < known; ++i) {
      const ProviderSlot& slot = state.providers[i];
      ProviderTotals& provider = providers[{slot.name, slot.region, slot.model}];
      provider.attempt_latency.Merge(*slot.attempt_latency);
      provider.attempt_ttft.Merge(*slot.attempt_ttft);
      ProviderUsage& usage = provider.usage;
      usage.attempts += slot.attempts.Get();
      usage.successes += slot.successes.Get();
      usage.failures += slot.failures.Get();
      usage.rejected += slot.rejected.Get();
      usage.answered += slot.answered.Get();
      usage.output_tokens += slot.output_tokens.Get();
    }
    summary.tokens.input += state.input.Get();
    summary.tokens.cached_input += state.cached_input.Get();
    summary.tokens.output += state.output.Get();
    summary.tokens.reasoning += state.reasoning.Get();
    summary.tokens.partial_output += state.partial_output.Get();
    summary.tokens.counted_requests += state.counted_requests.Get();
  }

  for (auto& [key, provider] : providers) {
    ProviderUsage& usage = provider.usage;
    std::tie(usage.name, usage.region, usage.model) = key;
    usage.attempt_latency = llmload::Summarise(provider.attempt_latency);
    usage.attempt_ttft = llmload::Summarise(provider.attempt_ttft);
    summary.providers.push_back(std::move(usage));
  }
  if (options_.series_start) summary.series = series.Take();
  summary.scheduled_latency = llmload::Summarise(scheduled_latency);
  summary.service_latency = llmload::Summarise(service_latency);
  summary.ttft = llmload::Summarise(ttft);
  summary.ttfo = llmload::Summarise(ttfo);
  summary.tpot = llmload::Summarise(tpot);
  summary.chunk_gap = llmload::Summarise(chunk_gap);
  summary.time_per_token = llmload::Summarise(time_per_token);
  summary.failed_latency = llmload::Summarise(failed_latency);
  summary.schedule_lag = llmload::Summarise(schedule_lag);
  summary.failover_overhead = llmload::Summarise(failover_overhead);
  summary.failover_added_latency = llmload::Summarise(failover_added_latency);
  summary.scheduled_latency_adjusted = SummariseFailureAdjusted(scheduled_latency, summary.failed);
  summary.service_latency_adjusted = SummariseFailureAdjusted(service_latency, summary.failed);

  if (first != kNever) summary.first_dispatch = TimePoint(Duration(first));
  if (summary.completed() > 0) {
    summary.last_completion = TimePoint(Duration(last));
    summary.attempts_per_request =
        static_cast<double>(summary.attempts) / static_cast<double>(summary.completed());
  }
  if (summary.first_dispatch && summary.last_completion &&
      *summary.last_completion > *summary.first_dispatch) {
    const double seconds = ToSeconds(*summary.last_completion - *summary.first_dispatch);
    summary.throughput_per_second = static_cast<double>(summary.completed()) / seconds;
    summary.success_throughput_per_second = static_cast<double>(summary.succeeded) / seconds;
    summary.output_tokens_per_second = static_cast<double>(summary.tokens.output) / seconds;
    if (!options_.objectives.empty()) {
      summary.goodput_per_second = static_cast<double>(good) / seconds;
    }
  }
  if (!options_.objectives.empty()) summary.good = good;
  if (summary.scheduled > 0) {
    summary.success_rate =
        static_cast<double>(summary.succeeded) / static_cast<double>(summary.scheduled);
    if (summary.good) {
      summary.good_fraction = static_cast<double>(good) / static_cast<double>(summary.scheduled);
    }
  }
  return summary;
}

LiveCounters LoadTestMetrics::Live() const {
  LiveCounters live;
  Histogram latency;
  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    const MetricsShard::State& state = *shard->state_;
    // Outcomes before what precedes them, so that no request in between is counted negatively.
    live.succeeded += state.succeeded.Get();
    live.failed += state.failed.Get();
    live.unfinished += state.unfinished.Get();
    live.dropped += state.dropped.Get();
    live.sent += state.sent.Get();
    live.scheduled += state.scheduled.Get();
    latency.Merge(state.scheduled_latency);
  }
  const std::uint64_t ended = live.succeeded + live.failed + live.unfinished;
  live.in_flight = live.sent > ended ? live.sent - ended : 0;
  if (latency.count() > 0) live.p95 = latency.ValueAtQuantile(0.95);
  return live;
}

}  // namespace llmload
