#include "src/judge/lateness.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "src/core/text/format.h"

namespace llmload::judge {
namespace {

using text::FormatDuration;

// Less of the bound than this is no reason for a violation.
constexpr double kNotablePartOfBound = 0.1;
constexpr std::uint64_t kFewestTicks = 100;

// How late the generator was at the rank that is judged.
struct Lateness {
  Duration lag{};         // of what it sent
  Duration loop_delay{};  // of what it read
};

// Without a quantile: on average.
Lateness LatenessAt(const RunRecord& record, const std::optional<double>& quantile, Figure figure) {
  const auto of = [&](const Distribution& values) {
    return quantile ? values.ValueAtQuantile(*quantile) : values.mean();
  };
  Lateness late;
  if (figure == Figure::kScheduledLatency) late.lag = of(record.metrics[Figure::kScheduleLag]);
  const Distribution& delay = record.health.loop_delay;
  if (delay.count() >= kFewestTicks) late.loop_delay = of(delay);
  return late;
}

// The statistic that `criterion` is about, of another figure and with another bound.
Criterion Alike(const Criterion& criterion, Figure figure, Duration bound) {
  const MetricNeeds& needs = criterion.metric().needs();
  const Metric metric = needs.quantile  ? Percentile(*needs.quantile, figure)
                        : needs.is_mean ? Mean(figure)
                                        : Max(figure);
  const Criterion alike(metric, criterion.comparison(), ToSeconds(bound));
  return criterion.as_observed() ? alike.AsObserved() : alike;
}

// The shortest time that a request has to keep to in order to be good.
std::optional<Duration> Tightest(const RequestObjectives& objectives) {
  std::optional<Duration> tightest;
  for (const auto& bound : {objectives.scheduled_latency, objectives.service_latency,
                            objectives.ttft, objectives.ttfo}) {
    if (bound) tightest = std::min(tightest.value_or(*bound), *bound);
  }
  return tightest;
}

std::string HowLate(const Lateness& late) {
  return "the generator was up to " + FormatDuration(std::max(late.lag, late.loop_delay)) + " late";
}

// Requests that are late are not good, too. How many more would have been cannot be told.
bool AccountForLateGoodness(const RunRecord& record, CriterionResult& result) {
  constexpr double kJudgedRank = 0.95;
  const auto tightest = Tightest(record.configuration.objectives);
  if (result.verdict != Verdict::kFail || !tightest) return false;
  const Lateness late = LatenessAt(record, kJudgedRank, Figure::kScheduledLatency);
  if (ToSeconds(std::max(late.lag, late.loop_delay)) <=
      kNotablePartOfBound * ToSeconds(*tightest)) {
    return false;
  }
  result.verdict = Verdict::kInvalid;
  result.message +=
      ": " + HowLate(late) + ", and requests may have missed their objectives by that";
  return true;
}

}  // namespace

bool AccountForLateness(const RunRecord& record, const Criterion& criterion, const Judging& judging,
                        CriterionResult& result) {
  const MetricNeeds& needs = criterion.metric().needs();
  const bool is_upper_bound = criterion.comparison() == Comparison::kLess ||
                              criterion.comparison() == Comparison::kLessOrEqual;
  if (needs.objectives && !is_upper_bound) return AccountForLateGoodness(record, result);
  if (!needs.figure || !(needs.rank || needs.is_mean) || !is_upper_bound || !result.observed) {
    return false;
  }
  if (InfoOf(*needs.figure).unit != FigureUnit::kTime) return false;
  const bool scheduled = *needs.figure == Figure::kScheduledLatency;
  const Lateness late = LatenessAt(record, needs.rank, *needs.figure);
  const Duration bound(std::llround(criterion.bound() * 1e9));
  const bool notable =
      ToSeconds(std::max(late.lag, late.loop_delay)) > kNotablePartOfBound * criterion.bound();
  const std::string how_late = HowLate(late);
  if (result.verdict == Verdict::kPass) {
    if (!notable) return false;
    result.remark +=
        (result.remark.empty() ? "" : "; ") + how_late + "; without that the figure is smaller";
    return false;
  }
  if (result.verdict != Verdict::kFail) return false;
  const auto fails = [&](Duration than) {
    const Figure served = scheduled ? Figure::kServiceLatency : *needs.figure;
    return Alike(criterion, served, than).Evaluate(record, judging).verdict == Verdict::kFail;
  };
  std::string reason;
  if (scheduled && !record.metrics[Figure::kServiceLatency].empty() && !fails(bound)) {
    reason = how_late + ", and the service latency does not violate the bound";
  } else if (notable && !fails(bound + late.loop_delay)) {
    reason = how_late + ", and read answers as late: the service may have kept the bound";
  } else {
    return false;
  }
  result.verdict = Verdict::kInvalid;
  result.message += ": " + reason;
  return true;
}

}  // namespace llmload::judge
