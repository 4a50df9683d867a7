#include "src/judge/groups.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "llmload/record/record_slice.h"
#include "src/judge/observe.h"

namespace llmload::judge {
namespace {

// A count, and a rate of requests, says something of the whole run only.
bool CanBeOfAGroup(const Criterion& criterion) {
  const MetricNeeds& needs = criterion.metric().needs();
  return needs.slice.empty() && (needs.figure || needs.is_share);
}

// Whether it held, by what was observed, however few the samples are; empty: nothing was observed.
std::optional<bool> HoldsIn(const RunRecord& part, const Criterion& criterion,
                            const Judging& judging) {
  const CriterionResult result = criterion.AsObserved().Evaluate(part, judging);
  if (result.observed) return Holds(*result.observed, result.comparison, result.bound);
  if (result.verdict == Verdict::kFail) return false;
  return std::nullopt;
}

void JudgeGroup(const RunRecord& record, const Slice& group, std::span<const Criterion> criteria,
                const Judging& judging, std::vector<GroupResult>& results) {
  const std::optional<RunRecord> part = SliceOf(record, group);
  if (!part) return;
  const bool is_whole = WhyRequestsMayLack(record, group).empty();
  for (const Criterion& criterion : criteria) {
    if (!CanBeOfAGroup(criterion)) continue;
    CriterionResult result = criterion.AsObserved().Evaluate(*part, judging);
    // What is missing could have violated it.
    if (!is_whole && result.verdict == Verdict::kPass) result.verdict = Verdict::kInconclusive;
    results.push_back({.group = Describe(group),
                       .criterion = criterion.Describe(),
                       .unit = result.unit,
                       .observed = result.observed,
                       .samples = result.samples,
                       .verdict = result.verdict});
  }
}

}  // namespace

std::vector<GroupResult> JudgeGroups(const RunRecord& record, std::span<const Criterion> criteria,
                                     Judging judging) {
  judging.confidence_required = false;
  std::vector<GroupResult> results;
  const RecordGroups groups = GroupsOf(record);
  const auto judge = [&](const std::vector<Slice>& slices) {
    for (const Slice& slice : slices) JudgeGroup(record, slice, criteria, judging, results);
  };
  judge(groups.phases);
  judge(groups.models);
  for (const std::vector<Slice>& values : groups.tags) judge(values);
  return results;
}

std::vector<RampResult> JudgeRamps(const RunRecord& record, std::span<const Criterion> criteria,
                                   Judging judging) {
  judging.confidence_required = false;
  std::vector<RampResult> results;
  for (const RecordRamp& ramp : RampsOf(record)) {
    if (!ramp.steps_are_whole) continue;
    const std::vector<PhaseStep>& planned = record.configuration.phases[ramp.phase].steps;
    std::vector<std::pair<double, RunRecord>> steps;
    for (std::uint32_t i = 0; i < planned.size(); ++i) {
      auto part = StepOf(record, ramp.phase, i);
      if (part) steps.emplace_back(planned[i].rate_per_second, *std::move(part));
    }
    std::stable_sort(steps.begin(), steps.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const Criterion& criterion : criteria) {
      if (!CanBeOfAGroup(criterion)) continue;
      RampResult result{.phase = ramp.name, .criterion = criterion.Describe()};
      for (const auto& [rate, part] : steps) {
        const std::optional<bool> holds = HoldsIn(part, criterion, judging);
        if (holds == false) {
          result.breaks_at = rate;
          break;
        }
        if (holds) result.holds_up_to = rate;
      }
      if (result.holds_up_to || result.breaks_at) results.push_back(std::move(result));
    }
  }
  return results;
}

}  // namespace llmload::judge
