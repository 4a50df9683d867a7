#include "llmload/metrics/metrics_summary.h"

#include "llmload/metrics/statistics.h"

namespace llmload {

LatencySummary Summarise(const Histogram& histogram) {
  LatencySummary summary;
  summary.count = histogram.count();
  if (summary.count == 0) return summary;
  summary.mean = histogram.mean();
  summary.min = histogram.min();
  summary.max = histogram.max();
  summary.p50 = histogram.BoundsAtQuantile(0.50);
  summary.p90 = histogram.BoundsAtQuantile(0.90);
  summary.p95 = histogram.BoundsAtQuantile(0.95);
  summary.p99 = histogram.BoundsAtQuantile(0.99);
  summary.p999 = histogram.BoundsAtQuantile(0.999);
  summary.overflow_count = histogram.overflow_count();
  summary.negative_count = histogram.negative_count();
  return summary;
}

FailureAdjusted SummariseFailureAdjusted(const Histogram& successes, std::uint64_t failures) {
  FailureAdjusted adjusted;
  adjusted.count = successes.count() + failures;
  const auto percentile = [&](double quantile) -> std::optional<Duration> {
    if (adjusted.count == 0) return std::nullopt;
    const std::uint64_t rank = NearestRank(quantile, adjusted.count);
    if (rank > successes.count()) return std::nullopt;
    return successes.ValueAtRank(rank);
  };
  adjusted.p50 = percentile(0.50);
  adjusted.p95 = percentile(0.95);
  adjusted.p99 = percentile(0.99);
  return adjusted;
}

std::optional<std::string> CheckAccounting(const MetricsSummary& m) {
  const auto text = [](std::uint64_t n) { return std::to_string(n); };
  if (m.scheduled != m.succeeded + m.failed + m.dropped + m.unfinished) {
    return "accounting identity violated: scheduled " + text(m.scheduled) + " != succeeded " +
           text(m.succeeded) + " + failed " + text(m.failed) + " + dropped " + text(m.dropped) +
           " + unfinished " + text(m.unfinished);
  }
  if (m.sent != m.succeeded + m.failed + m.unfinished) {
    return "accounting identity violated: sent " + text(m.sent) + " != succeeded " +
           text(m.succeeded) + " + failed " + text(m.failed) + " + unfinished " +
           text(m.unfinished);
  }
  return std::nullopt;
}

}  // namespace llmload
