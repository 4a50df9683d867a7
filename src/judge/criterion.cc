#include "llmload/judge/criterion.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/metrics/statistics.h"
#include "llmload/record/record_slice.h"
#include "llmload/record/run_record.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

template <class Read>
Metric CountOf(std::string name, Read read, MetricNeeds needs = {}) {
  return Metric(
      std::move(name), "",
      [read](const RunRecord& record, const Judging&) {
        Observation observation;
        observation.value = static_cast<double>(read(record.metrics));
        observation.samples = record.metrics[Counter::kScheduled];
        observation.minimum_samples = 0;  // no request at all is an answer to "how many?"
        return observation;
      },
      std::move(needs));
}

Metric OfDistribution(const std::string& name, std::string_view which,
                      Duration (Distribution::*read)() const noexcept) {
  auto observe = [name, read](const RunRecord& record, const Judging&) -> Observation {
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

Criterion Criterion::AsObserved() const {
  Criterion copy = *this;
  copy.as_observed_ = true;
  return copy;
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

Observation Metric::Of(const RunRecord& record, const Judging& judging) const {
  const Slice& slice = needs_.slice;
  if (slice.empty()) return observe_(record, judging);
  // What an observation is asked later may look into the record.
  const auto part = std::make_shared<const std::optional<RunRecord>>(SliceOf(record, slice));
  if (!*part) return {.remark = "no request had " + llmload::Describe(slice)};
  Observation observation = observe_(**part, judging);
  if (observation.longer_by) {
    observation.longer_by = [part, longer_by = std::move(observation.longer_by)](double bound) {
      return longer_by(bound);
    };
  }
  for (std::string& reason : WhyRequestsMayLack(record, slice)) {
    observation.partial = true;
    observation.notes.push_back(std::move(reason));
  }
  return observation;
}

void Metric::CheckSlice(bool is_set, const std::string& part) const {
  if (needs_.memory || !needs_.measurement.empty() || !needs_.distribution.empty()) {
    throw ConfigurationError::Invalid(part + " of criterion", name_,
                                      "a metric of requests: this one is of the whole run");
  }
  if (is_set) {
    throw ConfigurationError::Invalid(part + " of criterion", name_,
                                      "one " + part + " and no second");
  }
}

Metric Metric::OfPhase(std::string phase) const {
  CheckSlice(needs_.slice.phase.has_value(), "phase");
  Metric metric = *this;
  metric.name_ += " of phase " + phase;
  metric.needs_.slice.phase = std::move(phase);
  return metric;
}

Metric Metric::OfModel(std::string model) const {
  CheckSlice(needs_.slice.model.has_value(), "model");
  Metric metric = *this;
  metric.name_ += " of model " + model;
  metric.needs_.slice.model = std::move(model);
  return metric;
}

Metric Metric::WithTag(std::string tag, std::string value) const {
  const auto& tags = needs_.slice.tags;
  CheckSlice(std::any_of(tags.begin(), tags.end(),
                         [&](const RequestTag& known) { return known.name == tag; }),
             "tag " + tag);
  Metric metric = *this;
  metric.name_ += " with tag " + tag + "=" + value;
  metric.needs_.slice.tags.push_back({.name = std::move(tag), .value = std::move(value)});
  return metric;
}

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

Metric CompletedRequests() {
  return CountOf("completed requests", [](const MetricsSnapshot& m) { return m.Completed(); });
}

Metric SuccessfulRequests() {
  return CountOf("successful requests",
                 [](const MetricsSnapshot& m) { return m[Counter::kSucceeded]; });
}

Metric FailedRequests() {
  return CountOf("failed requests", [](const MetricsSnapshot& m) { return m[Counter::kFailed]; },
                 {.states_failures = true});
}

Metric ErrorCount(ErrorKind kind) {
  return CountOf("errors of kind " + std::string(ToString(kind)),
                 [kind](const MetricsSnapshot& m) { return m[kind].count; });
}

Metric FailedOverRequests() {
  return CountOf("requests that failed over",
                 [](const MetricsSnapshot& m) { return m[Counter::kFailedOver]; });
}

Metric Measurement(const std::string& name, std::string unit) {
  const auto observe = [name](const RunRecord& record, const Judging&) -> Observation {
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
  const auto observe = [value = std::move(value), samples = std::move(samples)](
                           const RunRecord& record, const Judging&) {
    Observation observation;
    observation.value = value(record);
    observation.samples = samples ? samples(record) : (observation.value ? 1u : 0u);
    return observation;
  };
  return Metric(std::move(name), std::move(unit), observe);
}

Metric Custom(std::string name, std::string unit,
              std::function<CustomValue(const RunRecord&)> observe) {
  const auto look = [observe = std::move(observe)](const RunRecord& record, const Judging&) {
    CustomValue seen = observe(record);
    Observation observation;
    observation.value = seen.value;
    observation.samples = seen.samples;
    observation.interval = seen.interval;
    return observation;
  };
  return Metric(std::move(name), std::move(unit), look);
}

}  // namespace llmload
