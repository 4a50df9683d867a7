// The metrics that judge a figure of the catalogue: percentiles, mean, maximum.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/judge/criterion.h"
#include "llmload/metrics/statistics.h"
#include "llmload/record/run_record.h"
#include "src/core/text/format.h"
#include "src/judge/bunching.h"
#include "src/judge/dependence.h"
#include "src/judge/observe.h"

namespace llmload {
namespace {

using judge::Blocks;
using judge::JudgedValues;
using judge::PerBlock;

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kFarBeyond = 2;

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

// Says why the figure is worse than its distribution.
void NoteSlowFailures(const MetricsSnapshot& metrics, Observation& observation) {
  const std::uint64_t lost =
      metrics[Counter::kFailed] + metrics[Counter::kDropped] + metrics[Counter::kUnfinished];
  observation.notes.push_back(std::to_string(lost) + " of " +
                              std::to_string(lost + metrics[Counter::kSucceeded]) +
                              " requests did not succeed and count as infinitely slow; a criterion "
                              "on the success rate says "
                              "how many may fail");
}

// Whether there are values to judge; says in the observation why not.
bool CanObserve(const RunRecord& record, Figure figure, Observation& observation) {
  const Distribution& values = record.metrics[figure];
  observation.samples = values.count();
  if (figure == Figure::kTpot || figure == Figure::kChunkGap) {
    observation.remark = judge::WhyTokenTimesSayNothing(record);
    if (!observation.remark.empty()) return false;
  }
  if (values.empty()) ExplainAbsence(record.metrics, figure, observation);
  return !values.empty();
}

// The value of which `above` values, a real number of them, are greater; infinite where there are
// not so many finite ones.
double ValueBelow(double above, double slow, const Distribution& values, Figure figure) {
  const double finite_above = std::floor(above - slow + 1e-9);
  if (finite_above < 0) return kInfinite;
  const double rank = static_cast<double>(values.count()) - finite_above;
  return InUnitOf(figure, values.ValueAtRank(static_cast<std::uint64_t>(std::max(rank, 1.0))));
}

// The last recorded value that is not above `bound`, which is in the figure's unit.
Duration LastWithin(Figure figure, double bound) {
  if (InfoOf(figure).unit == FigureUnit::kTime) return Duration(std::llround(bound * 1e9));
  return kOneToken * (std::llround(std::floor(bound)) + 1) - Duration(1);
}

std::string FormatEdge(Figure figure, Duration edge) {
  if (InfoOf(figure).unit == FigureUnit::kTime) return text::FormatDuration(edge, 2);
  return text::FormatQuantity(InUnitOf(figure, edge), UnitOf(figure));
}

// The percentile, and the order statistics that enclose the true one: see docs/verdicts.md.
Observation ObservePercentile(const RunRecord& record, const Judging& judging, Figure figure,
                              double quantile, std::uint64_t minimum_samples) {
  const Distribution& values = record.metrics[figure];
  Observation observation;
  observation.minimum_samples = minimum_samples;
  if (!CanObserve(record, figure, observation)) return observation;
  const Blocks blocks(record.metrics.cohorts);
  const JudgedValues judged(record.metrics, blocks, figure, judging.failures_are_slow);
  const judge::SampleWorth worth = judged.WorthAt(quantile, judging.error);
  const double n = judged.samples();
  observation.samples = static_cast<std::uint64_t>(std::llround(n));
  observation.value = ValueBelow(n - std::ceil(quantile * n - 1e-9), judged.slow(), values, figure);
  const UnlikelyCounts unlikely = UnlikelyCountsOf(1 - quantile, worth.effective, judging.error);
  const double scale = n / worth.effective;
  observation.interval.emplace();
  if (unlikely.few) {
    const double above = *unlikely.few * scale - worth.worst_excess;
    // Infinite is no bound.
    const double upper = above < 0 ? kInfinite : ValueBelow(above, judged.slow(), values, figure);
    if (upper < kInfinite) observation.interval->upper = upper;
  }
  // How values near the percentile are spread says little of a bound that is far beyond all of
  // them: as many independent values would do.
  const double independent = worth.effective * worth.inflation;
  if (!observation.interval->upper && judged.slow() == 0 &&
      UnlikelyCountsOf(1 - quantile, independent, judging.error).few) {
    observation.interval->upper = kFarBeyond * InUnitOf(figure, values.max());
  }
  if (unlikely.many) {
    const double at_or_above = std::ceil(*unlikely.many * scale + worth.worst_excess - 1e-9);
    if (at_or_above <= n) {
      observation.interval->lower = ValueBelow(at_or_above - 1, judged.slow(), values, figure);
    }
  }
  observation.longer_by = [&values, worth, figure, slow = judged.slow(), share = 1 - quantile,
                           tail = judging.error](double bound) {
    const Duration limit = LastWithin(figure, bound);
    return judge::LongerBy(worth, static_cast<double>(values.CountAbove(limit)) + slow, share,
                           tail);
  };
  if (judged.slow() > 0) NoteSlowFailures(record.metrics, observation);
  NoteWorth(worth, blocks, observation);
  if (const auto drift = judged.DriftAt(quantile)) {
    observation.remarks.push_back(
        "the level changed during the run: " + text::FormatPercent(drift->first, 2) +
        " of its first third are above " + FormatEdge(figure, drift->edge) + ", and " +
        text::FormatPercent(drift->last, 2) + " of its last");
  }
  return observation;
}

// A value near the middle of a cell.
double ValueOf(const SeriesCell& cell, Figure figure) {
  const Duration end = SeriesCells::End(cell.index);
  const Duration begin = cell.index == 0 ? Duration{} : SeriesCells::End(cell.index - 1U);
  return MeanInUnitOf(figure, begin + (end - begin) / 2);
}

Observation ObserveMean(const RunRecord& record, const Judging& judging, Figure figure) {
  const Distribution& values = record.metrics[figure];
  Observation observation;
  if (!CanObserve(record, figure, observation)) return observation;
  const Blocks blocks(record.metrics.cohorts);
  if (JudgedValues(record.metrics, blocks, figure, judging.failures_are_slow).slow() > 0) {
    observation.value = kInfinite;
    NoteSlowFailures(record.metrics, observation);
    return observation;
  }
  const double mean = MeanInUnitOf(figure, values.mean());
  observation.value = mean;
  const PerBlock counts = blocks.Of([figure](const Cohort& block) {
    double count = 0;
    for (const SeriesCell& cell : block[figure]) count += cell.count;
    return count;
  });
  const PerBlock sums = blocks.Of([figure](const Cohort& block) {
    double sum = 0;
    for (const SeriesCell& cell : block[figure]) sum += ValueOf(cell, figure) * cell.count;
    return sum;
  });
  if (const auto half = judge::HalfWidthOfRatio(counts, sums, judging.error)) {
    observation.interval = {.lower = mean - *half, .upper = mean + *half};
    observation.watched = blocks.Length();
  }
  return observation;
}

Observation ObserveMax(const RunRecord& record, const Judging& judging, Figure figure) {
  const Distribution& values = record.metrics[figure];
  Observation observation;
  if (!CanObserve(record, figure, observation)) return observation;
  observation.value = InUnitOf(figure, values.max());
  const Blocks blocks(record.metrics.cohorts);
  if (JudgedValues(record.metrics, blocks, figure, judging.failures_are_slow).slow() > 0) {
    observation.value = kInfinite;
    NoteSlowFailures(record.metrics, observation);
  }
  return observation;
}

std::string NameOf(std::string_view statistic, Figure figure) {
  return std::string(statistic).append(" ").append(InfoOf(figure).title);
}

}  // namespace

Metric Percentile(double quantile, Figure figure) {
  const auto row = std::find_if(kQuantiles.begin(), kQuantiles.end(),
                                [&](const NamedQuantile& q) { return q.quantile == quantile; });
  if (row == kQuantiles.end()) {
    throw ConfigurationError::Invalid("percentile of a criterion", text::FormatNumber(quantile),
                                      "0.5, 0.9, 0.95, 0.99 or 0.999");
  }
  const std::uint64_t minimum = quantile > 0.5 ? MinimumSamples(quantile) : 1;
  return Metric(NameOf(row->name, figure), std::string(UnitOf(figure)),
                [=](const RunRecord& record, const Judging& judging) {
                  return ObservePercentile(record, judging, figure, quantile, minimum);
                },
                {.figure = figure, .quantile = quantile, .rank = quantile});
}

Metric P50(Figure figure) { return Percentile(0.50, figure); }
Metric P90(Figure figure) { return Percentile(0.90, figure); }
Metric P95(Figure figure) { return Percentile(0.95, figure); }
Metric P99(Figure figure) { return Percentile(0.99, figure); }
Metric P999(Figure figure) { return Percentile(0.999, figure); }

Metric Mean(Figure figure) {
  return Metric(NameOf("mean", figure), std::string(UnitOf(figure)),
                [figure](const RunRecord& record, const Judging& judging) {
                  return ObserveMean(record, judging, figure);
                },
                {.figure = figure, .is_mean = true});
}

Metric Max(Figure figure) {
  return Metric(NameOf("max", figure), std::string(UnitOf(figure)),
                [figure](const RunRecord& record, const Judging& judging) {
                  return ObserveMax(record, judging, figure);
                },
                {.figure = figure, .rank = 1});
}

}  // namespace llmload
