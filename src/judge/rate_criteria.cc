// The metrics that judge shares of requests, and requests per time.
#include <algorithm>
#include <utility>

#include "llmload/judge/criterion.h"
#include "llmload/metrics/statistics.h"
#include "llmload/record/run_record.h"
#include "src/judge/bunching.h"
#include "src/judge/dependence.h"
#include "src/judge/observe.h"

namespace llmload {
namespace {

using judge::Blocks;
using judge::PerBlock;
using judge::SampleWorth;

using CountOfCohort = std::uint64_t Cohort::*;

// `part` of `whole` requests; `of_cohort` is the part by time, where it is known.
Observation ObserveShare(std::uint64_t part, std::uint64_t whole, const RunRecord& record,
                         CountOfCohort of_cohort, const Judging& judging) {
  Observation observation;
  observation.is_proportion = true;
  observation.samples = whole;
  if (whole == 0) {
    observation.remark = "no request was attempted";
    return observation;
  }
  part = std::min(part, whole);
  const double n = static_cast<double>(whole);
  const Blocks blocks(record.metrics.cohorts);
  SampleWorth worth{.samples = n, .effective = n};
  if (of_cohort != nullptr) {
    // What is rare counts: the requests without the quality.
    const PerBlock all = blocks.Of([](const Cohort& block) { return block.Ended(); });
    const PerBlock others = blocks.Of([&](const Cohort& block) {
      return block.Ended() - std::min(block.Ended(), block.*of_cohort);
    });
    worth = judge::WorthOfShare(all, others, n, judging.error);
    NoteWorth(worth, blocks, observation);
  }
  const double scale = worth.effective / n;
  const double counted = static_cast<double>(part);
  const ProportionBounds bounds =
      ProportionBoundsOf((counted - worth.worst_excess) * scale,
                         (counted + worth.worst_excess) * scale, worth.effective, judging.error);
  observation.longer_by = [worth, others = n - counted, tail = judging.error](double bound) {
    return judge::LongerBy(worth, others, 1 - bound, tail);
  };
  observation.value = counted / n;
  observation.interval = {.lower = bounds.lower, .upper = bounds.upper};
  return observation;
}

Metric Rate(std::string name, std::optional<double> (MetricsSnapshot::*rate)() const noexcept,
            CountOfCohort of_cohort, std::string unit = "requests/s") {
  const auto observe = [rate, of_cohort](const RunRecord& record, const Judging& judging) {
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
    if (!observation.value) return observation;
    // The first and the last block may be there in part only.
    const Blocks blocks(metrics.cohorts);
    PerBlock seconds;
    PerBlock counts;
    for (std::size_t b = 1; b + 1 < blocks.size(); ++b) {
      seconds.push_back(ToSeconds(blocks.EndOf(b) - blocks.BeginOf(b)));
      counts.push_back(static_cast<double>(blocks[b].*of_cohort));
    }
    if (const auto half = judge::HalfWidthOfRatio(seconds, counts, judging.error)) {
      observation.interval = {.lower = std::max(*observation.value - *half, 0.0),
                              .upper = *observation.value + *half};
      observation.watched = blocks.Length();
    }
    return observation;
  };
  return Metric(std::move(name), std::move(unit), observe);
}

constexpr const char* kNoObjectives = "the requests of the run had no objectives";

// Why nobody can tell which requests were good; empty where that can be told.
std::string WhyGoodIsUnknown(const RunRecord& record) {
  if (!record.metrics.has_objectives) return kNoObjectives;
  const RequestObjectives& objectives = record.configuration.objectives;
  if (!objectives.tpot && !objectives.chunk_gap) return "";
  return judge::WhyTokenTimesSayNothing(record);
}

}  // namespace

Metric SuccessRate() {
  const auto observe = [](const RunRecord& record, const Judging& judging) {
    return ObserveShare(record.metrics[Counter::kSucceeded], record.metrics[Counter::kScheduled],
                        record, &Cohort::succeeded, judging);
  };
  return Metric("success rate", "", observe, {.is_share = true, .states_failures = true});
}

Metric Proportion(std::string name, std::function<std::uint64_t(const RunRecord&)> part,
                  std::function<std::uint64_t(const RunRecord&)> whole) {
  const auto observe = [part = std::move(part), whole = std::move(whole)](const RunRecord& record,
                                                                          const Judging& judging) {
    return ObserveShare(part(record), whole(record), record, nullptr, judging);
  };
  return Metric(std::move(name), "", observe, {.is_share = true});
}

Metric Throughput() { return Rate("throughput", &MetricsSnapshot::Throughput, &Cohort::succeeded); }

Metric CompletedThroughput() {
  return Rate("completed throughput", &MetricsSnapshot::CompletedThroughput, &Cohort::completed);
}

Metric TokensPerSecond() {
  return Rate("output tokens per second", &MetricsSnapshot::OutputTokensPerSecond,
              &Cohort::output_tokens, "tokens/s");
}

Metric Goodput() {
  const Metric rate = Rate("goodput", &MetricsSnapshot::Goodput, &Cohort::good);
  const auto observe = [rate](const RunRecord& record, const Judging& judging) {
    Observation observation = rate.Of(record, judging);
    observation.samples = record.metrics[Counter::kScheduled];
    if (std::string reason = WhyGoodIsUnknown(record); !reason.empty()) {
      observation = {.samples = observation.samples, .remark = std::move(reason)};
    } else if (record.metrics[Counter::kGood] == 0) {
      observation = {.value = 0, .samples = observation.samples};
    }
    return observation;
  };
  return Metric("goodput", "requests/s", observe, {.objectives = true});
}

Metric GoodFraction() {
  const auto observe = [](const RunRecord& record, const Judging& judging) -> Observation {
    const MetricsSnapshot& metrics = record.metrics;
    if (std::string reason = WhyGoodIsUnknown(record); !reason.empty()) return {.remark = reason};
    return ObserveShare(metrics[Counter::kGood], metrics[Counter::kScheduled], record,
                        &Cohort::good, judging);
  };
  return Metric("good fraction", "", observe, {.objectives = true, .is_share = true});
}

Metric AttemptsPerRequest() {
  return Metric("attempts per request", "", [](const RunRecord& record, const Judging& judging) {
    Observation observation;
    observation.value = record.metrics.AttemptsPerRequest();
    observation.samples = record.metrics.Completed();
    if (!observation.value) {
      observation.remark = "no request was completed";
      return observation;
    }
    const Blocks blocks(record.metrics.cohorts);
    const auto half = judge::HalfWidthOfRatio(
        blocks.Of([](const Cohort& block) { return block.completed; }),
        blocks.Of([](const Cohort& block) { return block.attempts; }), judging.error);
    if (half) {
      observation.interval = {.lower = *observation.value - *half,
                              .upper = *observation.value + *half};
      observation.watched = blocks.Length();
    }
    return observation;
  });
}

}  // namespace llmload
