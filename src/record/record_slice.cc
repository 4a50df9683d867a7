#include "llmload/record/record_slice.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

namespace llmload {
namespace {

constexpr std::size_t kMostShown = 20;

// Whether the phase of that number is named so.
bool IsPhase(const RunRecord& record, std::uint32_t phase, const std::string& name) {
  const auto& phases = record.configuration.phases;
  return phase < phases.size() && phases[phase].name == name;
}

bool Matches(const RunRecord& record, const Slice& slice, const CellKey& key) {
  const auto has = [&key](const RequestTag& tag) {
    return std::find(key.tags.begin(), key.tags.end(), tag) != key.tags.end();
  };
  return (!slice.phase || IsPhase(record, key.phase, *slice.phase)) &&
         (!slice.step || key.step == *slice.step) && (!slice.model || key.model == *slice.model) &&
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

}  // namespace

std::optional<RunRecord> SliceOf(const RunRecord& record, const Slice& slice) {
  RunRecord part;
  for (const MetricsCell& cell : record.cells) {
    if (!Matches(record, slice, cell.key)) continue;
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
  std::uint64_t& arrivals = part.configuration.measured_arrivals = 0;
  Duration& length = part.configuration.measured_duration = {};
  // How many of the arrivals of a phase were to be of a model is not known.
  if (!slice.phase || slice.step || slice.model || !slice.tags.empty()) return part;
  for (const PlannedPhase& phase : record.configuration.phases) {
    if (phase.name != *slice.phase) continue;
    arrivals += phase.arrivals;
    length += phase.duration;
  }
  return part;
}

bool MayLackRequests(const RunRecord& record, const Slice& slice) {
  return std::any_of(record.cells.begin(), record.cells.end(), [&](const MetricsCell& cell) {
    const CellKey& key = cell.key;
    const bool other_phase = key.phase == CellKey::kOtherPhases;
    if (slice.phase && !other_phase && !IsPhase(record, key.phase, *slice.phase)) return false;
    if (slice.phase && other_phase) return true;
    if (slice.step && key.step == CellKey::kNoStep) return true;
    if (!slice.model && slice.tags.empty()) return false;
    if (key.model == kOtherNames) return true;
    if (slice.model && key.model != *slice.model) return false;
    return std::any_of(slice.tags.begin(), slice.tags.end(), [&](const RequestTag& tag) {
      const RequestTag other{.name = tag.name, .value = std::string(kOtherNames)};
      return std::find(key.tags.begin(), key.tags.end(), other) != key.tags.end();
    });
  });
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
