#include "llmload/judge/criterion.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/metrics/statistics.h"
#include "llmload/report/run_report.h"
#include "src/report/format.h"

namespace llmload {
namespace {

Metric Count(std::string name, std::uint64_t (*read)(const MetricsSummary&)) {
  return Metric(std::move(name), "", [read](const RunReport& report) {
    Observation observation;
    observation.value = static_cast<double>(read(report.metrics));
    observation.samples = report.metrics.scheduled;
    observation.minimum_samples = 0;  // no request at all is an answer to "how many?"
    return observation;
  });
}

Metric Rate(std::string name, std::optional<double> MetricsSummary::*rate) {
  return Metric(std::move(name), "requests/s", [rate](const RunReport& report) {
    const MetricsSummary& metrics = report.metrics;
    Observation observation;
    observation.samples = metrics.completed();
    observation.value = metrics.*rate;
    if (!observation.value && metrics.scheduled > 0 && metrics.completed() == 0) {
      observation.value = 0;
      observation.minimum_samples = 0;
      observation.remark = "no request was completed";
    } else if (!observation.value) {
      observation.remark = "no time passed between first dispatch and last completion";
    }
    return observation;
  });
}

Observation ObserveProportion(std::uint64_t part, std::uint64_t whole) {
  Observation observation;
  observation.is_proportion = true;
  observation.samples = whole;
  if (whole == 0) {
    observation.remark = "no request was attempted";
    return observation;
  }
  part = std::min(part, whole);
  const ProportionBounds bounds = ExactProportionBounds(part, whole);
  observation.value = static_cast<double>(part) / static_cast<double>(whole);
  observation.interval = {.lower = bounds.lower, .upper = bounds.upper};
  return observation;
}

const LatencySummary& Select(const MetricsSummary& metrics, LatencyKind kind) {
  switch (kind) {
    case LatencyKind::kScheduled:
      return metrics.scheduled_latency;
    case LatencyKind::kService:
      return metrics.service_latency;
    case LatencyKind::kTtft:
      return metrics.ttft;
    case LatencyKind::kTtfo:
      return metrics.ttfo;
    case LatencyKind::kTpot:
      return metrics.tpot;
    case LatencyKind::kChunkGap:
      return metrics.chunk_gap;
    case LatencyKind::kFailoverOverhead:
      return metrics.failover_overhead;
    case LatencyKind::kFailoverAddedLatency:
      return metrics.failover_added_latency;
  }
  return metrics.scheduled_latency;
}

// Why a distribution is empty, and what that means.
void ExplainAbsence(const MetricsSummary& metrics, LatencyKind kind, Observation& observation) {
  if (kind == LatencyKind::kFailoverOverhead || kind == LatencyKind::kFailoverAddedLatency) {
    observation.remark = "no request failed over";
  } else if (metrics.scheduled == 0) {
    observation.remark = "no request was attempted";
  } else if (metrics.succeeded == 0) {
    observation.remark = "no successful request";
    observation.without_value = Verdict::kFail;
  } else {
    observation.remark = "no answer was streamed with enough tokens";
  }
}

void SetValue(Observation& observation, Duration value) { observation.value = ToSeconds(value); }

void SetValue(Observation& observation, const QuantileBounds& bounds) {
  observation.value = ToSeconds(bounds.value);
  observation.interval.emplace();
  if (bounds.lower) observation.interval->lower = ToSeconds(*bounds.lower);
  if (bounds.upper) observation.interval->upper = ToSeconds(*bounds.upper);
}

// `read` gives a duration that is judged as it is, or a percentile with its bounds.
template <class Read>
Metric LatencyMetric(std::string_view figure, LatencyKind kind, std::uint64_t minimum_samples,
                     Read read) {
  const auto observe = [kind, minimum_samples, read](const RunReport& report) {
    const LatencySummary& latency = Select(report.metrics, kind);
    Observation observation;
    observation.samples = latency.count;
    observation.minimum_samples = minimum_samples;
    if (latency.count > 0) {
      SetValue(observation, read(latency));
    } else {
      ExplainAbsence(report.metrics, kind, observation);
    }
    return observation;
  };
  return Metric(std::string(figure).append(" ").append(ToString(kind)), "s", observe);
}

}  // namespace

std::string_view ToString(Comparison comparison) noexcept {
  switch (comparison) {
    case Comparison::kLess:
      return "<";
    case Comparison::kLessOrEqual:
      return "<=";
    case Comparison::kGreater:
      return ">";
    case Comparison::kGreaterOrEqual:
      return ">=";
    case Comparison::kEqual:
      return "==";
  }
  return "?";
}

std::string_view ToString(LatencyKind kind) noexcept {
  switch (kind) {
    case LatencyKind::kScheduled:
      return "scheduled latency";
    case LatencyKind::kService:
      return "service latency";
    case LatencyKind::kTtft:
      return "time to first token";
    case LatencyKind::kTtfo:
      return "time to first output token";
    case LatencyKind::kTpot:
      return "time per output token";
    case LatencyKind::kChunkGap:
      return "time between chunks";
    case LatencyKind::kFailoverOverhead:
      return "failover overhead";
    case LatencyKind::kFailoverAddedLatency:
      return "latency added by failover";
  }
  return "latency";
}

Criterion::Criterion(std::string name, std::string unit, Comparison comparison, double bound,
                     std::function<Observation(const RunReport&)> observe)
    : name_(std::move(name)),
      unit_(std::move(unit)),
      comparison_(comparison),
      bound_(bound),
      observe_(std::move(observe)) {
  if (!std::isfinite(bound_)) {
    throw ConfigurationError::Invalid("bound of criterion " + name_, report::FormatNumber(bound_),
                                      "a finite number");
  }
}

Metric::Metric(std::string name, std::string unit,
               std::function<Observation(const RunReport&)> observe)
    : name_(std::move(name)), unit_(std::move(unit)), observe_(std::move(observe)) {}

Criterion Metric::Compare(Comparison comparison, double bound) const {
  if (unit_ == "s") {
    throw ConfigurationError::Invalid("bound of criterion " + name_, report::FormatNumber(bound),
                                      "a duration, such as 5s");
  }
  return Criterion(name_, unit_, comparison, bound, observe_);
}

Criterion Metric::Compare(Comparison comparison, Duration bound) const {
  if (unit_ != "s") {
    throw ConfigurationError::Invalid("bound of criterion " + name_, report::FormatDuration(bound),
                                      "a number, not a duration");
  }
  return Criterion(name_, unit_, comparison, ToSeconds(bound), observe_);
}

Criterion Metric::operator<(double bound) const { return Compare(Comparison::kLess, bound); }
Criterion Metric::operator<=(double bound) const {
  return Compare(Comparison::kLessOrEqual, bound);
}
Criterion Metric::operator>(double bound) const { return Compare(Comparison::kGreater, bound); }
Criterion Metric::operator>=(double bound) const {
  return Compare(Comparison::kGreaterOrEqual, bound);
}
Criterion Metric::operator==(double bound) const { return Compare(Comparison::kEqual, bound); }
Criterion Metric::operator<(Duration bound) const { return Compare(Comparison::kLess, bound); }
Criterion Metric::operator<=(Duration bound) const {
  return Compare(Comparison::kLessOrEqual, bound);
}
Criterion Metric::operator>(Duration bound) const { return Compare(Comparison::kGreater, bound); }
Criterion Metric::operator>=(Duration bound) const {
  return Compare(Comparison::kGreaterOrEqual, bound);
}

Metric SuccessRate() {
  return Proportion(
      "success rate", [](const RunReport& report) { return report.metrics.succeeded; },
      [](const RunReport& report) { return report.metrics.scheduled; });
}

Metric Proportion(std::string name, std::function<std::uint64_t(const RunReport&)> part,
                  std::function<std::uint64_t(const RunReport&)> whole) {
  const auto observe = [part = std::move(part), whole = std::move(whole)](const RunReport& report) {
    return ObserveProportion(part(report), whole(report));
  };
  return Metric(std::move(name), "", observe);
}

Metric Throughput() { return Rate("throughput", &MetricsSummary::throughput_per_second); }

Metric SuccessThroughput() {
  return Rate("throughput of successes", &MetricsSummary::success_throughput_per_second);
}

Metric Goodput() {
  return Metric("goodput", "requests/s", [](const RunReport& report) {
    Observation observation;
    observation.value = report.metrics.goodput_per_second;
    observation.samples = report.metrics.scheduled;
    if (report.metrics.good == 0u) observation.value = 0;
    if (!report.metrics.good) observation.remark = "the run had no latency objectives";
    return observation;
  });
}

Metric GoodFraction() {
  return Metric("good fraction", "", [](const RunReport& report) {
    const MetricsSummary& metrics = report.metrics;
    if (metrics.good) return ObserveProportion(*metrics.good, metrics.scheduled);
    Observation observation;
    observation.remark = "the run had no latency objectives";
    return observation;
  });
}

Metric CompletedRequests() {
  return Count("completed requests", [](const MetricsSummary& m) { return m.completed(); });
}

Metric SuccessfulRequests() {
  return Count("successful requests", [](const MetricsSummary& m) { return m.succeeded; });
}

Metric FailedRequests() {
  return Count("failed requests", [](const MetricsSummary& m) { return m.failed; });
}

Metric FailedOverRequests() {
  return Count("requests that failed over", [](const MetricsSummary& m) { return m.failed_over; });
}

Metric AttemptsPerRequest() {
  return Metric("attempts per request", "", [](const RunReport& report) {
    Observation observation;
    observation.value = report.metrics.attempts_per_request;
    observation.samples = report.metrics.completed();
    if (!observation.value) observation.remark = "no request was completed";
    return observation;
  });
}

Metric P50(LatencyKind kind) {
  return LatencyMetric("p50", kind, 1, [](const LatencySummary& l) { return l.p50; });
}

Metric P90(LatencyKind kind) {
  return LatencyMetric("p90", kind, MinimumSamples(0.90),
                       [](const LatencySummary& l) { return l.p90; });
}

Metric P95(LatencyKind kind) {
  return LatencyMetric("p95", kind, MinimumSamples(0.95),
                       [](const LatencySummary& l) { return l.p95; });
}

Metric P99(LatencyKind kind) {
  return LatencyMetric("p99", kind, MinimumSamples(0.99),
                       [](const LatencySummary& l) { return l.p99; });
}

Metric P999(LatencyKind kind) {
  return LatencyMetric("p99.9", kind, MinimumSamples(0.999),
                       [](const LatencySummary& l) { return l.p999; });
}

Metric MeanLatency(LatencyKind kind) {
  return LatencyMetric("mean", kind, 1, [](const LatencySummary& l) { return l.mean; });
}

Metric MaxLatency(LatencyKind kind) {
  return LatencyMetric("maximum", kind, 1, [](const LatencySummary& l) { return l.max; });
}

Metric Measurement(std::string name, std::string unit) {
  const auto observe = [name](const RunReport& report) {
    Observation observation;
    observation.remark = "the run did not measure it";
    for (const auto& [key, value] : report.measurements) {
      if (key != name) continue;
      observation.value = value;
      observation.samples = 1;
      observation.remark.clear();
    }
    return observation;
  };
  return Metric(std::move(name), std::move(unit), observe);
}

Metric Custom(std::string name, std::string unit,
              std::function<std::optional<double>(const RunReport&)> value,
              std::function<std::uint64_t(const RunReport&)> samples) {
  const auto observe = [value = std::move(value),
                        samples = std::move(samples)](const RunReport& report) {
    Observation observation;
    observation.value = value(report);
    observation.samples = samples ? samples(report) : (observation.value ? 1u : 0u);
    return observation;
  };
  return Metric(std::move(name), std::move(unit), observe);
}

}  // namespace llmload
