#include "src/report/group_table.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/record/record_slice.h"
#include "src/core/text/format.h"
#include "src/core/text/harmless.h"
#include "src/report/text_parts.h"

namespace llmload::report {
namespace {

constexpr std::size_t kNameBytes = 18;

std::string GroupNumber(const std::optional<double>& value) {
  return value ? text::FormatNumber(*value, 3) : "-";
}

std::string GroupShare(const std::optional<double>& share) {
  return share ? text::FormatPercent(*share) : "-";
}

std::string GroupTime(const Distribution& values, double quantile) {
  return values.empty() ? "-" : text::FormatDuration(values.ValueAtQuantile(quantile));
}

// What the heading of the section does not say: "burst" of "phase burst", "a" of "tag tenant=a".
std::string NameIn(const std::string& group) {
  const bool is_tag = group.starts_with("tag ");
  return text::CleanLine(group.substr(group.find(is_tag ? '=' : ' ') + 1));
}

// For each criterion, where it held and where it did not.
void PrintHeld(std::string& out, const std::vector<GroupResult>& results,
               const std::vector<Slice>& slices, std::size_t width) {
  std::vector<std::string> criteria;
  const auto is_here = [&](const GroupResult& result) {
    return std::any_of(slices.begin(), slices.end(),
                       [&](const Slice& slice) { return Describe(slice) == result.group; });
  };
  for (const GroupResult& result : results) {
    const bool known =
        std::find(criteria.begin(), criteria.end(), result.criterion) != criteria.end();
    if (!known && is_here(result)) criteria.push_back(result.criterion);
  }
  for (const std::string& criterion : criteria) {
    std::string held;
    std::string violated;
    std::string open;
    for (const GroupResult& result : results) {
      if (result.criterion != criterion || !is_here(result)) continue;
      std::string& list = result.verdict == Verdict::kPass   ? held
                          : result.verdict == Verdict::kFail ? violated
                                                             : open;
      list += (list.empty() ? "" : ", ") + NameIn(result.group);
      if (result.observed) {
        list += " (" + text::FormatQuantity(*result.observed, result.unit) + ")";
      }
    }
    std::string line = text::CleanLine(criterion) + ":";
    const auto add = [&line](std::string_view what, const std::string& list) {
      if (list.empty()) return;
      line.append(line.back() == ':' ? " " : "; ").append(what).append(list);
    };
    add("holds in ", held);
    add("does not hold in ", violated);
    add("cannot be judged in ", open);
    Wrap(out, line, width);
  }
}

std::vector<std::string> WithFigures(std::vector<std::string> row, const RunRecord& part) {
  const MetricsSnapshot& m = part.metrics;
  const Distribution& latency = m[Figure::kScheduledLatency];
  row.push_back(GroupShare(m.SuccessRate()));
  row.push_back(GroupTime(latency, 0.50));
  row.push_back(GroupTime(latency, 0.95));
  row.push_back(GroupTime(m[Figure::kTtft], 0.95));
  return row;
}

std::vector<std::string> WithFigureHeads(std::vector<std::string> row) {
  for (const char* const head : {"success", "p50", "p95", "p95 TTFT"}) {
    row.emplace_back(head);
  }
  return row;
}

// The planned rates of all measured phases of that name.
std::string PlannedRates(const RunRecord& run, const std::string& name) {
  std::optional<double> lowest;
  std::optional<double> highest;
  for (const PlannedPhase& phase : run.configuration.phases) {
    if (phase.name != name || !phase.measured || !phase.lowest_rate || !phase.highest_rate)
      continue;
    lowest = std::min(lowest.value_or(*phase.lowest_rate), *phase.lowest_rate);
    highest = std::max(highest.value_or(*phase.highest_rate), *phase.highest_rate);
  }
  return GroupNumber(lowest) + (highest != lowest ? "-" + GroupNumber(highest) : "");
}

void PrintPhases(std::string& out, const RunReport& report, const std::vector<Slice>& phases,
                 std::size_t width) {
  if (phases.empty()) return;
  Heading(out, "Phases");
  text::Table table;
  table.Add(WithFigureHeads({"", "planned/s", "offered/s", "achieved/s"}));
  for (const Slice& slice : phases) {
    const std::optional<RunRecord> part = SliceOf(report.record, slice);
    if (!part) continue;
    table.Add(
        WithFigures({text::Excerpt(text::CleanLine(*slice.phase), kNameBytes),
                     PlannedRates(report.record, *slice.phase), GroupNumber(part->OfferedRate()),
                     GroupNumber(part->metrics.CompletedThroughput())},
                    *part));
  }
  table.Print(out, width);
  PrintHeld(out, report.judgement.groups, phases, width);
}

void PrintRamps(std::string& out, const RunReport& report, std::size_t width) {
  for (const RecordRamp& ramp : RampsOf(report.record)) {
    const std::vector<PhaseStep>& steps = report.record.configuration.phases[ramp.phase].steps;
    Heading(out, "Ramp: " + text::Excerpt(text::CleanLine(ramp.name), 60));
    if (!ramp.steps_are_whole) {
      Wrap(out, "its steps are not told apart: there are too many tags, models or phases", width);
      continue;
    }
    text::Table table;
    table.Add(WithFigureHeads({"planned/s", "requests"}));
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      const auto part = StepOf(report.record, ramp.phase, i);
      if (!part) continue;
      table.Add(WithFigures({GroupNumber(steps[i].rate_per_second),
                             text::FormatCount(part->metrics[Counter::kScheduled])},
                            *part));
    }
    table.Print(out, width);
    for (const RampResult& result : report.judgement.ramps) {
      if (result.phase != ramp.name) continue;
      std::string line = text::CleanLine(result.criterion);
      if (!result.holds_up_to) {
        line += " does not hold at the lowest rate, " + GroupNumber(result.breaks_at) + "/s";
      } else if (!result.breaks_at) {
        line += " holds up to the end, " + GroupNumber(result.holds_up_to) + "/s";
      } else {
        line += " holds up to " + GroupNumber(result.holds_up_to) + "/s and breaks at " +
                GroupNumber(result.breaks_at) + "/s";
      }
      Wrap(out, line, width);
    }
  }
}

// Of models, or of the values of a tag.
void PrintSlices(std::string& out, const RunReport& report, const std::string& title,
                 const std::vector<Slice>& slices, std::size_t width) {
  if (slices.empty()) return;
  Heading(out, title);
  text::Table table;
  table.Add(WithFigureHeads({"", "requests", "achieved/s"}));
  for (const Slice& slice : slices) {
    const std::optional<RunRecord> part = SliceOf(report.record, slice);
    if (!part) continue;
    const std::string& name = slice.model ? *slice.model : slice.tags.front().value;
    table.Add(WithFigures({text::Excerpt(text::CleanLine(name), kNameBytes),
                           text::FormatCount(part->metrics[Counter::kScheduled]),
                           GroupNumber(part->metrics.CompletedThroughput())},
                          *part));
  }
  table.Print(out, width);
  PrintHeld(out, report.judgement.groups, slices, width);
}

void PrintAnswers(std::string& out, const MetricsSnapshot& m, std::size_t width) {
  if (m[Counter::kSucceeded] == 0) return;
  Heading(out, "Answers");
  text::Table lengths;
  lengths.Add({"tokens", "min", "mean", "p50", "p95", "max"});
  for (const FigureInfo& row : kFigures) {
    const Distribution& values = m[row.figure];
    if (row.unit != FigureUnit::kTokens || values.empty()) continue;
    const auto number = [&](Duration value) {
      return text::FormatNumber(InUnitOf(row.figure, value));
    };
    lengths.Add({std::string(row.title), number(values.min()),
                 text::FormatNumber(MeanInUnitOf(row.figure, values.mean())),
                 number(values.ValueAtQuantile(0.50)), number(values.ValueAtQuantile(0.95)),
                 number(values.max())});
  }
  lengths.Print(out, width);
  std::string reasons = "finish reasons:";
  for (const FinishReason& ended : m.finish_reasons) {
    reasons += (reasons.back() == ':' ? " " : ", ") + text::CleanLine(ended.reason) + " " +
               text::FormatCount(ended.count);
  }
  if (!m.finish_reasons.empty()) Wrap(out, reasons, width);
}

}  // namespace

void PrintGroups(std::string& out, const RunReport& report, std::size_t width) {
  const RecordGroups groups = GroupsOf(report.record);
  PrintPhases(out, report, groups.phases, width);
  PrintRamps(out, report, width);
  PrintSlices(out, report, "Models", groups.models, width);
  for (const std::vector<Slice>& values : groups.tags) {
    const std::string& name = values.front().tags.front().name;
    PrintSlices(out, report, "Tag: " + text::CleanLine(name), values, width);
  }
  PrintAnswers(out, report.record.metrics, width);
}

}  // namespace llmload::report
