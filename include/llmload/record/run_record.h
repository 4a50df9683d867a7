// What one run, or one share of it, measured: who, what, when, and every figure.
#ifndef LLMLOAD_RECORD_RUN_RECORD_H_
#define LLMLOAD_RECORD_RUN_RECORD_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/load/planned_phases.h"
#include "llmload/metrics/cells.h"
#include "llmload/metrics/generator_health.h"
#include "llmload/metrics/metrics_snapshot.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// What asked for the answers: the tool itself and the machine it ran on.
struct RunOrigin {
  std::string version;  ///< of llmload
  std::string commit;   ///< of llmload, where it was built from a repository; else empty
  std::string host;
  unsigned cpus = 0;  ///< that the process may use
  friend bool operator==(const RunOrigin&, const RunOrigin&) = default;
};

/// This program on this machine.
RunOrigin OriginOfThisProcess();

/// One target of a run.
struct TargetRecord {
  std::string name;  ///< of the lane; empty for the only one
  std::string url;   ///< where it points
  ProviderIdentity provider;
  friend bool operator==(const TargetRecord&, const TargetRecord&) = default;
};

/// A fact about a run, in words.
struct Detail {
  std::string name;
  std::string value;
  friend bool operator==(const Detail&, const Detail&) = default;
};

/// What was run. All of it is read off what was done, not off what was meant to be done. Never
/// holds a secret.
struct RunConfiguration {
  std::vector<TargetRecord> targets;
  std::vector<std::string> models;  ///< that were asked for, in the order of their first use
  std::string schedule;             ///< in one line
  bool closed_loop = false;
  std::string prompts;  ///< in one line
  std::uint64_t seed = 1;
  unsigned workers = 0;
  /// Requests of the whole schedule, measured or not; empty if only a duration bounds them.
  std::optional<std::uint64_t> planned_requests;
  std::uint64_t measured_arrivals = 0;  ///< of an open loop: those of its measured phases
  Duration measured_duration{};         ///< of an open loop: how long these last
  // The bounds of output tokens that requests named; empty if none did.
  std::optional<int> min_max_tokens;
  std::optional<int> max_max_tokens;
  /// Of an open loop, in their order; the instants count from the start of the run.
  std::vector<PlannedPhase> phases;
  RequestObjectives objectives;  ///< what made a request a good one
  /// What else there is to know of a special test, in the order to be shown.
  std::vector<Detail> details;
  friend bool operator==(const RunConfiguration&, const RunConfiguration&) = default;
};

/// Something that happened during the run: a breaker's state change, the end of a warm-up.
struct TimelineEvent {
  Duration at{};  ///< since the start of the run
  std::string what;
  friend bool operator==(const TimelineEvent&, const TimelineEvent&) = default;
};

/// A distribution beyond those of the catalogue (failover time, detection time).
struct NamedDistribution {
  std::string name;
  Distribution values;
  friend bool operator==(const NamedDistribution&, const NamedDistribution&) = default;
};

/// A single figure beyond those of the catalogue.
struct NamedValue {
  std::string name;
  double value = 0;
  friend bool operator==(const NamedValue&, const NamedValue&) = default;
};

/// A look at a run that goes on until it is conclusive.
struct Look {
  Duration at{};               ///< since the start of the run
  std::uint64_t requests = 0;  ///< that were measured up to it
  double error = 0;            ///< allowed on each side of an interval
  std::string found;           ///< "all criteria are decided", "undecided: p95 scheduled latency"
  friend bool operator==(const Look&, const Look&) = default;
};

/// Which shares of a run a record holds.
struct RunShares {
  unsigned of = 1;                      ///< how many shares the run was divided into
  std::vector<unsigned> present = {0};  ///< counted from 0, ascending
  bool IsComplete() const noexcept { return present.size() == of; }
  friend bool operator==(const RunShares&, const RunShares&) = default;
};

/// Everything that was measured. Instants are durations since the start of the run.
struct RunRecord {
  std::string name;    ///< "SustainedLoad.Handles1000RequestsPerMinute"
  std::string run_id;  ///< tells this run from every other one: `MakeRunId`
  RunOrigin origin;
  std::chrono::system_clock::time_point started_at{};  ///< in whole milliseconds
  Duration duration{};  ///< from the start to the last event of the run
  RunShares shares;
  RunConfiguration configuration;

  MetricsSnapshot metrics;  ///< of the requests that are measured
  /// The measured requests by phase, model and tags, in ascending order of their keys. The figures
  /// of a single cell are `metrics` and are not repeated: read them by `FiguresOf`.
  std::vector<MetricsCell> cells;
  MetricsSnapshot unmeasured;  ///< of warm-up and cool-down
  GeneratorHealth health;
  std::vector<ResourceSummary> resources;
  std::vector<TimelineEvent> timeline;
  std::vector<NamedDistribution> distributions;
  std::vector<NamedValue> measurements;

  bool interrupted = false;     ///< a signal or a stop rule ended the run early
  std::string stopped_because;  ///< the reason of the stop rule; else empty
  std::string aborted_because;  ///< the abort rule that ended the run as hopeless; else empty
  std::vector<Look> looks;      ///< of a run that goes on until it is conclusive
  bool drained = true;          ///< every provider call ended, at the latest when it was cancelled
  /// Why the measurement cannot be trusted, as far as the run itself found out.
  std::vector<std::string> faults;

  /// Measured arrivals / duration of the measured phases; empty for a closed loop.
  std::optional<double> OfferedRate() const noexcept;

  /// The figures of one of `cells`.
  const MetricsSnapshot& FiguresOf(const MetricsCell& cell) const noexcept {
    return cells.size() == 1 ? metrics : cell.figures;
  }
  /// Takes cells that all have their figures.
  void SetCells(std::vector<MetricsCell> all);

  /// The distribution or measurement of that name beyond the catalogue; null without it.
  const NamedDistribution* FindDistribution(std::string_view distribution) const noexcept;
  const NamedValue* FindMeasurement(std::string_view measurement) const noexcept;
  /// Adds it, or replaces the one of its name.
  void SetDistribution(std::string_view distribution, Distribution values);
  void SetMeasurement(std::string_view measurement, double value);

  /// Adds the record of another share of the same run. Counts and distributions are added, so that
  /// the records of all shares add up to that of the unsplit run; processes, workers and targets
  /// are listed side by side; of measurements beyond the catalogue each keeps its first value.
  /// Throws `ConfigurationError` for a record of another run: another run id, seed or number of
  /// shares, or a share that is here already.
  void Merge(const RunRecord& other);

  friend bool operator==(const RunRecord&, const RunRecord&) = default;
};

/// An identifier that sorts by time: "20261130T021349Z-7f3a90c1", UTC and 32 random bits.
std::string MakeRunId(std::chrono::system_clock::time_point at);

}  // namespace llmload

#endif  // LLMLOAD_RECORD_RUN_RECORD_H_
