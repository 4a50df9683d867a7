// Everything one load test found out, and the verdict on it.
#ifndef LLMLOAD_REPORT_RUN_REPORT_H_
#define LLMLOAD_REPORT_RUN_REPORT_H_

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/judge/criterion.h"
#include "llmload/judge/verdict.h"
#include "llmload/metrics/generator_health.h"
#include "llmload/metrics/metrics_summary.h"
#include "llmload/metrics/resource_monitor.h"

namespace llmload {

/// The schema of the JSON form; documented in docs/report.md.
inline constexpr std::string_view kReportSchema = "llmload.report/1";

/// Something that happened during the run: a breaker's state change, the end of a warm-up.
struct TimelineEvent {
  Duration at{};  ///< since the start of the run
  std::string what;
};

/// A distribution beyond the standard ones (failover time, detection time).
struct NamedDistribution {
  std::string name;
  std::string unit = "s";  ///< of what was recorded; the values are durations
  LatencySummary summary;
};

/// All there is to say about one run: what ran, what was measured, and the verdict. Reports are
/// written from it.
struct RunReport {
  std::string test_name;  ///< "SustainedLoad.Handles1000RequestsPerMinute"
  std::chrono::system_clock::time_point started_at{};
  Duration duration{};  ///< from start to the end of the last request
  /// What was run, in the order to be shown: provider, model, seed, target, schedule. Never holds a
  /// secret.
  std::vector<std::pair<std::string, std::string>> configuration;
  MetricsSummary metrics;
  GeneratorHealth health;
  std::vector<ResourceSummary> resources;
  std::vector<TimelineEvent> timeline;
  std::vector<NamedDistribution> distributions;
  /// Single figures beyond the standard ones.
  std::vector<std::pair<std::string, double>> measurements;
  bool interrupted = false;  ///< stopped by a signal before its end

  std::vector<CriterionResult> criteria;     ///< set by `Judge`
  std::vector<std::string> invalid_reasons;  ///< why the measurement cannot be trusted
  /// What to change so that it can; set by `Judge`, in the order of the reasons that it found.
  std::vector<std::string> recommendations;
  Verdict verdict = Verdict::kInconclusive;  ///< set by `Judge`
};

/// "scheduled latency <= 5 s, time to first token <= 500 ms"; empty without any.
std::string Describe(const LatencyObjectives& objectives);

/// How unhealthy the generator may be before its measurement counts as INVALID.
struct ValidityLimits {
  /// 99th percentile of dispatched - scheduled.
  Duration max_schedule_lag_p99 = std::chrono::milliseconds(100);
  std::uint64_t max_dropped = 0;
  /// 99th percentile of the event loops' delay. Judged from 100 ticks (a second of one worker) on.
  Duration max_loop_delay_p99 = std::chrono::milliseconds(100);
  /// Of any worker: the share of its windows in which the CPU was saturated. Judged from 5 windows
  /// (half a second) on. Empty: not checked, for a run whose criteria do not depend on speed.
  std::optional<double> max_saturated_share = 0.1;
  /// Requests that failed because the generator's machine had no descriptor or port left.
  std::uint64_t max_local_failures = 0;
  /// Mean CPU of the process labelled `generator_process`, in per cent of one core. Empty: not
  /// checked.
  std::optional<double> max_generator_cpu_percent;
  std::string generator_process = "test process";
};

/// Evaluates every criterion, checks the generator's health (schedule lag, dropped arrivals, event
/// loops, CPU, descriptors, ports, interruption, accounting identity) and sets `criteria`,
/// `invalid_reasons` (those already there stay), `recommendations` and `verdict`. A run without any
/// criterion is INCONCLUSIVE: nothing was asked of it. May be called again.
void Judge(RunReport& report, std::span<const Criterion> criteria,
           const ValidityLimits& limits = {});

/// The verdict's reason in one sentence, naming every violated criterion (or cause) with its
/// numbers.
std::string Explain(const RunReport& report);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_RUN_REPORT_H_
