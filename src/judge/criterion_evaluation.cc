// How an observation becomes a verdict. docs/verdicts.md explains it.
#include <algorithm>
#include <cmath>
#include <exception>

#include "llmload/judge/criterion.h"
#include "llmload/record/run_record.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

using text::FormatInterval;
using text::FormatQuantity;

// Beyond this no run is going to be that long.
constexpr double kMostSamplesToAskFor = 1e9;

bool Holds(double observed, Comparison comparison, double bound) {
  switch (comparison) {
    case Comparison::kLess:
      return observed < bound;
    case Comparison::kLessOrEqual:
      return observed <= bound;
    case Comparison::kGreater:
      return observed > bound;
    case Comparison::kGreaterOrEqual:
      return observed >= bound;
    case Comparison::kEqual:
      return observed == bound;
  }
  return false;
}

// No sample of less than everything can confirm that a share is 0 or 1: a bound there is about the
// requests of this run alone.
bool IsAboutThisRunOnly(const Observation& observation, double bound) {
  return !observation.interval || (observation.is_proportion && (bound <= 0 || bound >= 1));
}

// Precondition: a value, an interval, enough samples.
Verdict JudgeInterval(const Observation& observation, Comparison comparison, double bound) {
  const auto& [lower, upper] = *observation.interval;
  switch (comparison) {
    case Comparison::kLess:
    case Comparison::kLessOrEqual:
      if (upper && Holds(*upper, comparison, bound)) return Verdict::kPass;
      if (lower && !Holds(*lower, comparison, bound)) return Verdict::kFail;
      return Verdict::kInconclusive;
    case Comparison::kGreater:
    case Comparison::kGreaterOrEqual:
      if (lower && Holds(*lower, comparison, bound)) return Verdict::kPass;
      if (upper && !Holds(*upper, comparison, bound)) return Verdict::kFail;
      // A service that answers nothing is not short of samples.
      if (observation.is_proportion && *observation.value == 0) return Verdict::kFail;
      return Verdict::kInconclusive;
    case Comparison::kEqual:
      if (lower == bound && upper == bound) return Verdict::kPass;
      return (lower && *lower > bound) || (upper && *upper < bound) ? Verdict::kFail
                                                                    : Verdict::kInconclusive;
  }
  return Verdict::kInconclusive;
}

// About how many samples would bring the interval's end up to the bound, if the value stays what it
// is: the distance between them shrinks with the root of the count, for a share of exactly 0 or 1
// with the count itself. Returns nullopt where that cannot be told.
std::optional<double> SamplesThatWouldDo(const Observation& observation, double bound) {
  const double value = *observation.value;
  const auto& end = bound > value ? observation.interval->upper : observation.interval->lower;
  if (!observation.narrows_with_samples || !end || bound == value) return std::nullopt;
  const double ratio = (*end - value) / (bound - value);
  const bool extreme = observation.is_proportion && (value == 0 || value == 1);
  const double needed =
      static_cast<double>(observation.samples) * (extreme ? ratio : ratio * ratio);
  if (!(needed < kMostSamplesToAskFor) || ratio <= 1) return std::nullopt;
  const double step = std::pow(10, std::floor(std::log10(needed)) - 1);
  // Two digits, and no rounding up of floating-point dust.
  return std::ceil(needed / step - 1e-6) * step;
}

std::string AskForMore(const Observation& observation, double bound) {
  std::string text = "; more are needed to say";
  if (const auto needed = SamplesThatWouldDo(observation, bound)) {
    text += ", about " + text::FormatNumber(*needed) + " if the figure stays the same";
  }
  return text;
}

}  // namespace

CriterionResult Criterion::Evaluate(const RunRecord& record) const {
  const std::string& name = metric_.name();
  const std::string& unit = metric_.unit();
  CriterionResult result;
  result.name = name;
  result.unit = unit;
  result.comparison = comparison_;
  result.bound = bound_;
  const std::string required =
      std::string(ToString(comparison_)) + " " + FormatQuantity(bound_, unit);

  Observation observation;
  try {
    observation = metric_.Of(record);
  } catch (const std::exception& thrown) {
    result.verdict = Verdict::kInvalid;
    result.message = name + " could not be read: " + thrown.what();
    return result;
  }
  if (observation.value && std::isnan(*observation.value)) {
    observation.value.reset();
    observation.remark = "not a number";
  }
  result.observed = observation.value;
  result.samples = observation.samples;
  if (!observation.value) {
    // Absence may violate a criterion or leave it open; it can never confirm one.
    result.verdict = Combine(observation.without_value, Verdict::kInconclusive);
    result.message = name + " was not observed, required " + required;
    if (!observation.remark.empty()) result.message += ": " + observation.remark;
    return result;
  }
  if (observation.interval) {
    result.observed_lower = observation.interval->lower;
    result.observed_upper = observation.interval->upper;
  }

  const bool few = observation.samples < observation.minimum_samples;
  const bool as_it_is = IsAboutThisRunOnly(observation, bound_);
  result.message = name + " is " + FormatQuantity(*observation.value, unit);
  if (!few && !as_it_is && (result.observed_lower || result.observed_upper)) {
    result.message += " (99 % confidence " +
                      FormatInterval(result.observed_lower, result.observed_upper, unit) + ")";
  }
  result.message += ", required " + required + " (" + std::to_string(observation.samples) +
                    (observation.samples == 1 ? " sample" : " samples");
  if (few) {
    result.verdict = Verdict::kInconclusive;
    result.message += ", at least " + std::to_string(observation.minimum_samples) + " are needed";
  } else if (as_it_is) {
    result.verdict =
        Holds(*observation.value, comparison_, bound_) ? Verdict::kPass : Verdict::kFail;
  } else {
    result.verdict = JudgeInterval(observation, comparison_, bound_);
    if (result.verdict == Verdict::kInconclusive) result.message += AskForMore(observation, bound_);
  }
  if (observation.partial && result.verdict == Verdict::kPass) {
    result.verdict = Verdict::kInconclusive;
  }
  if (!observation.remark.empty()) result.message += "; " + observation.remark;
  result.message += ")";
  return result;
}

}  // namespace llmload
