#include "llmload/record/record_slice.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace llmload {
namespace {

constexpr std::size_t kMostShown = 20;

bool IsMeasured(const PlannedPhase& phase, const std::string& name) {
  return phase.measured && phase.name == name;
}

// Whether the phase of that number is named so.
bool IsPhase(const RunRecord& record, std::uint32_t phase, const std::string& name) {
  const auto& phases = record.configuration.phases;
  return phase < phases.size() && IsMeasured(phases[phase], name);
}

bool Matches(const RunRecord& record, const Slice& slice, const CellKey& key) {
  const auto has = [&key](const RequestTag& tag) {
    return std::find(key.tags.begin(), key.tags.end(), tag) != key.tags.end();
  };
  return (!slice.phase || IsPhase(record, key.phase, *slice.phase)) &&
         (!slice.model || key.model == *slice.model) &&
         std::all_of(slice.tags.begin(), slice.tags.end(), has);
}

// The slices of most requests, in the order of their names.
template <class Named>
std::vector<Slice> Largest(const std::map<std::string, std::uint64_t>& requests, Named slice_of) {
  std::vector<std::pair<std::string, std::uint64_t>> rows(requests.begin(), requests.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (rows.size() > kMostShown) rows.resize(kMostShown);
  std::sort(rows.begin(), rows.end());
  std::vector<Slice> slices;
  slices.reserve(rows.size());
  for (const auto& [name, count] : rows) slices.push_back(slice_of(name));
  return slices;
}

// The requests of those cells whose key `matches`.
template <class Matching>
std::optional<RunRecord> PartOf(const RunRecord& record, Matching matches) {
  RunRecord part;
  for (const MetricsCell& cell : record.cells) {
    if (!matches(cell.key)) continue;
    part.metrics.Merge(record.FiguresOf(cell));
    part.cells.push_back(cell);
  }
  if (part.cells.empty()) return std::nullopt;
  if (part.cells.size() == 1) part.cells.front().figures = {};
  part.name = record.name;
  part.run_id = record.run_id;
  part.duration = record.duration;
  part.shares = record.shares;
  part.configuration = record.configuration;
  part.health = record.health;
  part.interrupted = record.interrupted;
  part.configuration.measured_arrivals = 0;
  part.configuration.measured_duration = {};
  return part;
}

}  // namespace

std::optional<RunRecord> SliceOf(const RunRecord& record, const Slice& slice) {
  std::optional<RunRecord> part =
      PartOf(record, [&](const CellKey& key) { return Matches(record, slice, key); });
  // How many of the arrivals of a phase were to be of a model is not known.
  if (!part || !slice.phase || slice.model || !slice.tags.empty()) return part;
  for (const PlannedPhase& phase : record.configuration.phases) {
    if (!IsMeasured(phase, *slice.phase)) continue;
    part->configuration.measured_arrivals += phase.arrivals;
    part->configuration.measured_duration += phase.duration;
  }
  return part;
}

std::optional<RunRecord> StepOf(const RunRecord& record, std::uint32_t phase, std::uint32_t step) {
  return PartOf(record, [&](const CellKey& key) { return key.phase == phase && key.step == step; });
}

std::vector<std::string> WhyRequestsMayLack(const RunRecord& record, const Slice& slice) {
  bool others = false;
  bool dropped = false;
  const bool by_request = slice.model || !slice.tags.empty();
  for (const MetricsCell& cell : record.cells) {
    const CellKey& key = cell.key;
    const bool other_phase = key.phase == CellKey::kOtherPhases;
    if (slice.phase && !other_phase && !IsPhase(record, key.phase, *slice.phase)) continue;
    others = others || (slice.phase && other_phase);
    if (!by_request) continue;
    dropped = dropped || (key.model.empty() && record.FiguresOf(cell)[Counter::kDropped] > 0);
    others = others || key.model == kOtherNames;
    if (slice.model && key.model != *slice.model) continue;
    others =
        others || std::any_of(slice.tags.begin(), slice.tags.end(), [&](const RequestTag& tag) {
          const RequestTag other{.name = tag.name, .value = std::string(kOtherNames)};
          return std::find(key.tags.begin(), key.tags.end(), other) != key.tags.end();
        });
  }
  std::vector<std::string> reasons;
  if (others) {
    reasons.emplace_back(
        "some requests were counted as \"(other)\": there are too many different tags, models or "
        "phases");
  }
  if (dropped) {
    reasons.emplace_back(
        "some arrivals were dropped before it was known which model and tags they have");
  }
  return reasons;
}

std::vector<RecordRamp> RampsOf(const RunRecord& record) {
  std::vector<RecordRamp> ramps;
  const std::vector<PlannedPhase>& phases = record.configuration.phases;
  std::set<std::string> planned;
  for (const PlannedPhase& phase : phases) planned.insert(phase.name);
  std::set<std::string> taken;
  for (std::uint32_t i = 0; i < phases.size(); ++i) {
    if (!phases[i].measured || phases[i].steps.empty()) continue;
    RecordRamp ramp{.name = phases[i].name, .phase = i};
    // A name that the profile gives to another phase stays that one's.
    for (int number = 2; taken.contains(ramp.name) || (number > 2 && planned.contains(ramp.name));
         ++number) {
      ramp.name = phases[i].name + " (" + std::to_string(number) + ")";
    }
    taken.insert(ramp.name);
    ramp.steps_are_whole =
        std::none_of(record.cells.begin(), record.cells.end(), [i](const MetricsCell& cell) {
          return cell.key.phase == CellKey::kOtherPhases ||
                 (cell.key.phase == i && cell.key.step == CellKey::kNoStep);
        });
    ramps.push_back(std::move(ramp));
  }
  return ramps;
}

RecordGroups GroupsOf(const RunRecord& record) {
  RecordGroups groups;
  std::map<std::string, std::uint64_t> models;
  std::map<std::string, std::map<std::string, std::uint64_t>> tags;
  std::map<std::uint32_t, std::uint64_t> by_phase;
  for (const MetricsCell& cell : record.cells) {
    const std::uint64_t requests = record.FiguresOf(cell)[Counter::kScheduled];
    by_phase[cell.key.phase] += requests;
    // Empty: of arrivals that were dropped.
    if (!cell.key.model.empty()) models[cell.key.model] += requests;
    for (const RequestTag& tag : cell.key.tags) tags[tag.name][tag.value] += requests;
  }
  std::vector<Slice> phases;
  for (std::size_t i = 0; i < record.configuration.phases.size(); ++i) {
    if (by_phase.count(static_cast<std::uint32_t>(i)) == 0) continue;
    const std::string& name = record.configuration.phases[i].name;
    // Phases of one name are one slice.
    const Slice slice{.phase = name};
    if (std::find(phases.begin(), phases.end(), slice) == phases.end()) phases.push_back(slice);
  }
  if (phases.size() > 1) groups.phases = std::move(phases);
  if (models.size() > 1) {
    groups.models = Largest(models, [](const std::string& name) { return Slice{.model = name}; });
  }
  for (const auto& [name, values] : tags) {
    groups.tags.push_back(Largest(values, [&tag = name](const std::string& value) {
      return Slice{.tags = {{.name = tag, .value = value}}};
    }));
  }
  return groups;
}

}  // namespace llmload
