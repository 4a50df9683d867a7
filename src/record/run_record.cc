#include "llmload/record/run_record.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <iterator>
#include <random>
#include <thread>
#include <utility>

#include "llmload/core/environment.h"

#ifndef LLMLOAD_VERSION
#error "LLMLOAD_VERSION is defined by the build"
#endif
#ifndef LLMLOAD_COMMIT
#define LLMLOAD_COMMIT ""
#endif

namespace llmload {
namespace {

template <class List>
auto FindByName(List& list, std::string_view name) {
  return std::find_if(list.begin(), list.end(),
                      [name](const auto& entry) { return entry.name == name; });
}

template <class T>
void Append(std::vector<T>& list, const std::vector<T>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

// Those of `more` that are not there yet.
template <class T>
void AppendNew(std::vector<T>& list, const std::vector<T>& more) {
  for (const T& entry : more) {
    if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
  }
}

// Whether the cells were recorded without cohorts. The cohorts of a single cell are those of the
// whole, so that it has them in any case.
bool LackCohorts(const std::vector<MetricsCell>& cells) {
  return cells.size() > 1 && std::any_of(cells.begin(), cells.end(), [](const MetricsCell& cell) {
           return cell.figures.cohorts == Cohorts{};
         });
}

std::vector<MetricsCell> CellsWithFigures(const RunRecord& record) {
  std::vector<MetricsCell> cells = record.cells;
  if (cells.size() != 1) return cells;
  cells.front().figures = record.metrics;
  cells.front().figures.series = {};
  cells.front().figures.providers.clear();
  return cells;
}

// The schedule is the same in all shares, and each has its part of the arrivals.
void MergePhases(std::vector<PlannedPhase>& phases, const std::vector<PlannedPhase>& others) {
  if (phases.empty()) phases.resize(others.size());
  for (std::size_t i = 0; i < std::min(phases.size(), others.size()); ++i) {
    const std::uint64_t arrivals = phases[i].arrivals + others[i].arrivals;
    if (others[i].duration >= phases[i].duration) phases[i] = others[i];
    phases[i].arrivals = arrivals;
  }
}

template <class T>
void Take(std::optional<T>& known, const std::optional<T>& other,
          const T& (*pick)(const T&, const T&)) {
  if (other) known = known ? pick(*known, *other) : *other;
}

}  // namespace

RunOrigin OriginOfThisProcess() {
  RunOrigin origin{.version = LLMLOAD_VERSION, .commit = LLMLOAD_COMMIT, .host = {}, .cpus = 0};
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) origin.host = host.data();
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    origin.cpus = static_cast<unsigned>(CPU_COUNT(&allowed));
  } else {
    origin.cpus = std::thread::hardware_concurrency();
  }
  return origin;
}

std::optional<double> RunRecord::OfferedRate() const noexcept {
  if (configuration.measured_duration <= Duration::zero()) return std::nullopt;
  return static_cast<double>(configuration.measured_arrivals) /
         ToSeconds(configuration.measured_duration);
}

void RunRecord::SetCells(std::vector<MetricsCell> all) {
  cells = std::move(all);
  if (cells.size() == 1) cells.front().figures = {};
}

const NamedDistribution* RunRecord::FindDistribution(std::string_view distribution) const noexcept {
  const auto found = FindByName(distributions, distribution);
  return found == distributions.end() ? nullptr : &*found;
}

const NamedValue* RunRecord::FindMeasurement(std::string_view measurement) const noexcept {
  const auto found = FindByName(measurements, measurement);
  return found == measurements.end() ? nullptr : &*found;
}

void RunRecord::SetDistribution(std::string_view distribution, Distribution values) {
  const auto found = FindByName(distributions, distribution);
  if (found != distributions.end()) {
    found->values = std::move(values);
  } else {
    distributions.push_back({.name = std::string(distribution), .values = std::move(values)});
  }
}

void RunRecord::SetMeasurement(std::string_view measurement, double value) {
  const auto found = FindByName(measurements, measurement);
  if (found != measurements.end()) {
    found->value = value;
  } else {
    measurements.push_back({.name = std::string(measurement), .value = value});
  }
}

void RunRecord::Merge(const RunRecord& other) {
  const auto same = [](const std::string& field, const std::string& mine,
                       const std::string& theirs) {
    if (mine == theirs) return;
    throw ConfigurationError::Invalid("share to merge: " + field, theirs, mine);
  };
  same("run_id", run_id, other.run_id);
  same("seed", std::to_string(configuration.seed), std::to_string(other.configuration.seed));
  same("shares.of", std::to_string(shares.of), std::to_string(other.shares.of));
  std::vector<unsigned> present;
  std::merge(shares.present.begin(), shares.present.end(), other.shares.present.begin(),
             other.shares.present.end(), std::back_inserter(present));
  if (const auto twice = std::adjacent_find(present.begin(), present.end());
      twice != present.end()) {
    throw ConfigurationError::Invalid("share to merge: shares.present", std::to_string(*twice),
                                      "a share that is not there yet");
  }
  shares.present = std::move(present);

  started_at = std::min(started_at, other.started_at);
  duration = std::max(duration, other.duration);
  RunConfiguration& mine = configuration;
  const RunConfiguration& theirs = other.configuration;
  AppendNew(mine.targets, theirs.targets);
  AppendNew(mine.models, theirs.models);
  AppendNew(mine.details, theirs.details);
  mine.workers += theirs.workers;
  if (mine.planned_requests && theirs.planned_requests) {
    *mine.planned_requests += *theirs.planned_requests;
  } else {
    mine.planned_requests.reset();
  }
  mine.measured_arrivals += theirs.measured_arrivals;
  mine.measured_duration = std::max(mine.measured_duration, theirs.measured_duration);
  Take<int>(mine.min_max_tokens, theirs.min_max_tokens, std::min<int>);
  Take<int>(mine.max_max_tokens, theirs.max_max_tokens, std::max<int>);

  MergePhases(mine.phases, theirs.phases);
  std::vector<MetricsCell> all = CellsWithFigures(*this);
  AddCells(all, CellsWithFigures(other));
  // Cohorts of some of a cell's requests would be taken for those of all.
  if (LackCohorts(cells) || LackCohorts(other.cells)) {
    for (MetricsCell& cell : all) cell.figures.cohorts = {};
  }
  SetCells(std::move(all));
  metrics.Merge(other.metrics);
  unmeasured.Merge(other.unmeasured);
  health.Merge(other.health);
  Append(resources, other.resources);
  Append(timeline, other.timeline);
  std::stable_sort(timeline.begin(), timeline.end(),
                   [](const TimelineEvent& a, const TimelineEvent& b) { return a.at < b.at; });
  for (const NamedDistribution& more : other.distributions) {
    const auto found = FindByName(distributions, more.name);
    if (found == distributions.end()) {
      distributions.push_back(more);
    } else {
      found->values.Merge(more.values);
    }
  }
  for (const NamedValue& more : other.measurements) {
    if (FindMeasurement(more.name) == nullptr) measurements.push_back(more);
  }
  interrupted = interrupted || other.interrupted;
  if (stopped_because.empty()) stopped_because = other.stopped_because;
  if (aborted_because.empty()) aborted_because = other.aborted_because;
  looks.insert(looks.end(), other.looks.begin(), other.looks.end());
  drained = drained && other.drained;
  AppendNew(faults, other.faults);
}

std::string MakeRunId(std::chrono::system_clock::time_point at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm utc{};
  std::array<char, 32> date{};
  if (gmtime_r(&seconds, &utc) != nullptr) {
    std::strftime(date.data(), date.size(), "%Y%m%dT%H%M%SZ", &utc);
  }
  std::array<char, 48> text{};
  // Not from the run's seed: two runs of one seed are two runs.
  std::snprintf(text.data(), text.size(), "%s-%08x", date.data(), std::random_device{}());
  return text.data();
}

}  // namespace llmload
