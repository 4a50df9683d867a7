// How an observation becomes a verdict. docs/verdicts.md explains it.
#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

#include "llmload/judge/criterion.h"
#include "llmload/record/run_record.h"
#include "src/core/text/format.h"
#include "src/judge/observe.h"

namespace llmload {

bool judge::Holds(double observed, Comparison comparison, double bound) {
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

namespace {

using judge::Holds;

using text::FormatInterval;
using text::FormatQuantity;

// Beyond this no run is going to be that long.
constexpr double kMostSamplesToAskFor = 1e9;

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

// See `Observation::longer_by`. Precondition: a value and an interval.
std::optional<double> LongerBy(const Observation& observation, double bound) {
  if (observation.longer_by) return observation.longer_by(bound);
  const double value = *observation.value;
  const auto& end = bound > value ? observation.interval->upper : observation.interval->lower;
  if (!end) return std::nullopt;
  if (bound == value) return std::numeric_limits<double>::infinity();
  const double ratio = (*end - value) / (bound - value);
  return ratio * ratio;
}

std::string AskForMore(double samples, const std::optional<double>& longer_by) {
  std::string text = "; more are needed to say";
  const double needed = longer_by ? samples * *longer_by : kMostSamplesToAskFor;
  if (!(needed < kMostSamplesToAskFor) || needed <= samples) return text;
  const double step = std::pow(10, std::floor(std::log10(needed)) - 1);
  // Two digits, and no rounding up of floating-point dust.
  const double rounded = std::ceil(needed / step - 1e-6) * step;
  return text + ", about " + text::FormatNumber(rounded) + " if the figure stays the same";
}

// A run sees at least one of the phases that come N times in it with probability 1 - exp(-N): at
// N = 5.3 it misses them in 0.5 % of the runs.
std::string ScopeOf(Duration watched) {
  constexpr double kPhasesToBeSeen = 5.3;
  return "slow or failing phases that come less than once in " +
         text::FormatDuration(std::chrono::duration_cast<Duration>(watched / kPhasesToBeSeen), 2) +
         " may not have been seen";
}

}  // namespace

CriterionResult Criterion::Evaluate(const RunRecord& record, const Judging& judging) const {
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
    observation = metric_.Of(record, judging);
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
  result.effective_samples = observation.effective_samples;
  result.as_observed = as_observed_ && !judging.confidence_required;
  result.confidence = 1 - 2 * judging.error;
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
  result.as_observed = result.as_observed || as_it_is;
  result.message = name + " is " + FormatQuantity(*observation.value, unit);
  if (!few && !as_it_is && (result.observed_lower || result.observed_upper)) {
    result.message += " (" + text::FormatPercent(result.confidence, 4) + " confidence " +
                      FormatInterval(result.observed_lower, result.observed_upper, unit) + ")";
  }
  result.message += ", required " + required + " (" + std::to_string(observation.samples) +
                    (observation.samples == 1 ? " sample" : " samples");
  // Who ended a run does not need to be told that a longer one would say more.
  const bool may_ask_for_more = !record.interrupted;
  if (few) {
    result.verdict = Verdict::kInconclusive;
    if (may_ask_for_more) {
      result.longer_by = static_cast<double>(observation.minimum_samples) /
                         static_cast<double>(std::max<std::uint64_t>(observation.samples, 1));
      result.message += ", at least " + std::to_string(observation.minimum_samples) + " are needed";
    }
  } else if (as_it_is) {
    result.verdict =
        Holds(*observation.value, comparison_, bound_) ? Verdict::kPass : Verdict::kFail;
  } else {
    result.verdict = JudgeInterval(observation, comparison_, bound_);
    if (result.verdict == Verdict::kPass && observation.watched) {
      observation.remarks.push_back(ScopeOf(*observation.watched));
    }
    if (result.as_observed && result.verdict == Verdict::kInconclusive) {
      const bool holds = Holds(*observation.value, comparison_, bound_);
      result.verdict = holds ? Verdict::kPass : Verdict::kFail;
      observation.remarks.emplace_back(holds ? "holds in this run; a repeat could miss it"
                                             : "violated in this run; a repeat could hold it");
    }
    if (result.verdict == Verdict::kInconclusive && may_ask_for_more) {
      result.longer_by = LongerBy(observation, bound_);
      result.message += AskForMore(static_cast<double>(observation.samples), result.longer_by);
    }
  }
  if (observation.partial && result.verdict == Verdict::kPass) {
    result.verdict = Verdict::kInconclusive;
  }
  if (!observation.remark.empty()) result.message += "; " + observation.remark;
  for (const std::string& note : observation.notes) result.message += "; " + note;
  result.message += ")";
  for (const std::string& remark : observation.remarks) {
    result.remark += (result.remark.empty() ? "" : "; ") + remark;
  }
  return result;
}

}  // namespace llmload
