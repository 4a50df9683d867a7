#include "llmload/judge/criterion.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/metrics/statistics.h"
#include "llmload/record/run_record.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

Metric CountOf(std::string name, std::uint64_t (*read)(const MetricsSnapshot&)) {
  return Metric(std::move(name), "", [read](const RunRecord& record) {
    Observation observation;
    observation.value = static_cast<double>(read(record.metrics));
    observation.samples = record.metrics[Counter::kScheduled];
    observation.minimum_samples = 0;  // no request at all is an answer to "how many?"
    return observation;
  });
}

Metric Rate(std::string name, std::optional<double> (MetricsSnapshot::*rate)() const noexcept) {
  return Metric(std::move(name), "requests/s", [rate](const RunRecord& record) {
    const MetricsSnapshot& metrics = record.metrics;
    Observation observation;
    observation.samples = metrics.Completed();
    observation.value = (metrics.*rate)();
    if (!observation.value && metrics[Counter::kScheduled] > 0 && metrics.Completed() == 0) {
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

// Why a distribution is empty, and what that means.
void ExplainAbsence(const MetricsSnapshot& metrics, Figure figure, Observation& observation) {
  const FigureScope scope = InfoOf(figure).scope;
  if (scope == FigureScope::kFailedOver) {
    observation.remark = "no request failed over";
  } else if (metrics[Counter::kScheduled] == 0) {
    observation.remark = "no request was attempted";
  } else if (scope == FigureScope::kFailures) {
    observation.remark = "no request failed";
  } else if (metrics[Counter::kSucceeded] == 0) {
    observation.remark = "no successful request";
    observation.without_value = Verdict::kFail;
  } else {
    observation.remark =
        NeedsStreaming(figure) ? "no answer was streamed with enough tokens" : "no answer had it";
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
Metric FigureMetric(std::string_view statistic, MetricNeeds needs, std::uint64_t minimum_samples,
                    Read read) {
  const Figure figure = *needs.figure;
  const auto observe = [figure, minimum_samples, read](const RunRecord& record) {
    const Distribution& values = record.metrics[figure];
    Observation observation;
    observation.samples = values.count();
    observation.minimum_samples = minimum_samples;
    if (!values.empty()) {
      SetValue(observation, read(values));
    } else {
      ExplainAbsence(record.metrics, figure, observation);
    }
    return observation;
  };
  return Metric(std::string(statistic).append(" ").append(InfoOf(figure).title), "s", observe,
                std::move(needs));
}

Metric OfDistribution(const std::string& name, std::string_view which,
                      Duration (Distribution::*read)() const noexcept) {
  auto observe = [name, read](const RunRecord& record) -> Observation {
    const NamedDistribution* const found = record.FindDistribution(name);
    if (found == nullptr || found->values.empty()) {
      return {.remark = "the run has no sample of it"};
    }
    return {.value = ToSeconds((found->values.*read)()), .samples = found->values.count()};
  };
  return Metric(std::string(which) + " " + name, "s", std::move(observe), {.distribution = name});
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

Criterion::Criterion(Metric metric, Comparison comparison, double bound)
    : metric_(std::move(metric)), comparison_(comparison), bound_(bound) {
  if (!std::isfinite(bound_)) {
    throw ConfigurationError::Invalid("bound of criterion " + metric_.name(),
                                      text::FormatNumber(bound_), "a finite number");
  }
}

std::string Criterion::Describe() const {
  return metric_.name() + " " + std::string(ToString(comparison_)) + " " +
         text::FormatQuantity(bound_, metric_.unit());
}

Metric::Metric(std::string name, std::string unit, Observe observe, MetricNeeds needs)
    : name_(std::move(name)),
      unit_(std::move(unit)),
      observe_(std::move(observe)),
      needs_(std::move(needs)) {}

Criterion Metric::Compare(Comparison comparison, double bound) const {
  if (unit_ == "s") {
    throw ConfigurationError::Invalid("bound of criterion " + name_, text::FormatNumber(bound),
                                      "a duration, such as 5s");
  }
  return Criterion(*this, comparison, bound);
}

Criterion Metric::Compare(Comparison comparison, Duration bound) const {
  if (unit_ != "s") {
    throw ConfigurationError::Invalid("bound of criterion " + name_, text::FormatDuration(bound),
                                      "a number, not a duration");
  }
  return Criterion(*this, comparison, ToSeconds(bound));
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
      "success rate", [](const RunRecord& r) { return r.metrics[Counter::kSucceeded]; },
      [](const RunRecord& r) { return r.metrics[Counter::kScheduled]; });
}

Metric Proportion(std::string name, std::function<std::uint64_t(const RunRecord&)> part,
                  std::function<std::uint64_t(const RunRecord&)> whole) {
  const auto observe = [part = std::move(part), whole = std::move(whole)](const RunRecord& record) {
    return ObserveProportion(part(record), whole(record));
  };
  return Metric(std::move(name), "", observe, {.is_share = true});
}

Metric Throughput() { return Rate("throughput", &MetricsSnapshot::Throughput); }

Metric SuccessThroughput() {
  return Rate("throughput of successes", &MetricsSnapshot::SuccessThroughput);
}

Metric Goodput() {
  const auto observe = [](const RunRecord& record) {
    const MetricsSnapshot& metrics = record.metrics;
    Observation observation;
    observation.value = metrics.Goodput();
    observation.samples = metrics[Counter::kScheduled];
    if (!metrics.has_objectives) {
      observation.remark = "the requests of the run had no objectives";
    } else if (metrics[Counter::kGood] == 0) {
      observation.value = 0;
    }
    return observation;
  };
  return Metric("goodput", "requests/s", observe, {.objectives = true});
}

Metric GoodFraction() {
  const auto observe = [](const RunRecord& record) {
    const MetricsSnapshot& metrics = record.metrics;
    if (metrics.has_objectives) {
      return ObserveProportion(metrics[Counter::kGood], metrics[Counter::kScheduled]);
    }
    Observation observation;
    observation.remark = "the requests of the run had no objectives";
    return observation;
  };
  return Metric("good fraction", "", observe, {.objectives = true, .is_share = true});
}

Metric CompletedRequests() {
  return CountOf("completed requests", [](const MetricsSnapshot& m) { return m.Completed(); });
}

Metric SuccessfulRequests() {
  return CountOf("successful requests",
                 [](const MetricsSnapshot& m) { return m[Counter::kSucceeded]; });
}

Metric FailedRequests() {
  return CountOf("failed requests", [](const MetricsSnapshot& m) { return m[Counter::kFailed]; });
}

Metric FailedOverRequests() {
  return CountOf("requests that failed over",
                 [](const MetricsSnapshot& m) { return m[Counter::kFailedOver]; });
}

Metric AttemptsPerRequest() {
  return Metric("attempts per request", "", [](const RunRecord& record) {
    Observation observation;
    observation.value = record.metrics.AttemptsPerRequest();
    observation.samples = record.metrics.Completed();
    if (!observation.value) observation.remark = "no request was completed";
    return observation;
  });
}

Metric Percentile(double quantile, Figure figure) {
  const auto row = std::find_if(kQuantiles.begin(), kQuantiles.end(),
                                [&](const NamedQuantile& q) { return q.quantile == quantile; });
  if (row == kQuantiles.end()) {
    throw ConfigurationError::Invalid("percentile of a criterion", text::FormatNumber(quantile),
                                      "0.5, 0.9, 0.95, 0.99 or 0.999");
  }
  const std::uint64_t minimum = quantile > 0.5 ? MinimumSamples(quantile) : 1;
  return FigureMetric(
      row->name, {.figure = figure, .quantile = quantile}, minimum,
      [quantile](const Distribution& values) { return values.BoundsAtQuantile(quantile); });
}

Metric P50(Figure figure) { return Percentile(0.50, figure); }
Metric P90(Figure figure) { return Percentile(0.90, figure); }
Metric P95(Figure figure) { return Percentile(0.95, figure); }
Metric P99(Figure figure) { return Percentile(0.99, figure); }
Metric P999(Figure figure) { return Percentile(0.999, figure); }

Metric Mean(Figure figure) {
  return FigureMetric("mean", {.figure = figure}, 1,
                      [](const Distribution& d) { return d.mean(); });
}

Metric Max(Figure figure) {
  return FigureMetric("max", {.figure = figure}, 1, [](const Distribution& d) { return d.max(); });
}

Metric Measurement(const std::string& name, std::string unit) {
  const auto observe = [name](const RunRecord& record) -> Observation {
    const NamedValue* const found = record.FindMeasurement(name);
    if (found == nullptr) return {.remark = "the run did not measure it"};
    return {.value = found->value, .samples = 1};
  };
  return Metric(name, std::move(unit), observe, {.measurement = name});
}

Metric MaxOf(const std::string& distribution) {
  return OfDistribution(distribution, "max", &Distribution::max);
}

Metric MeanOf(const std::string& distribution) {
  return OfDistribution(distribution, "mean", &Distribution::mean);
}

Metric Custom(std::string name, std::string unit,
              std::function<std::optional<double>(const RunRecord&)> value,
              std::function<std::uint64_t(const RunRecord&)> samples) {
  const auto observe = [value = std::move(value),
                        samples = std::move(samples)](const RunRecord& record) {
    Observation observation;
    observation.value = value(record);
    observation.samples = samples ? samples(record) : (observation.value ? 1u : 0u);
    return observation;
  };
  return Metric(std::move(name), std::move(unit), observe);
}

}  // namespace llmload
