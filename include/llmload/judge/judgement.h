// The verdict on a run: what its record says about the criteria, and whether it can be trusted.
#ifndef LLMLOAD_JUDGE_JUDGEMENT_H_
#define LLMLOAD_JUDGE_JUDGEMENT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/judge/criterion.h"
#include "llmload/judge/verdict.h"
#include "llmload/record/run_record.h"

namespace llmload {

/// How unhealthy the generator may be before its measurement counts as INVALID.
struct ValidityLimits {
  /// 99th percentile of dispatched - scheduled.
  Duration max_schedule_lag_p99 = std::chrono::milliseconds(100);
  std::uint64_t max_dropped = 0;
  /// 99th percentile of the event loops' delay. Judged from 100 ticks (a second of one worker) on.
  Duration max_loop_delay_p99 = std::chrono::milliseconds(100);
  /// Of any worker of an open loop (a closed one goes as fast as it can): the share of its windows
  /// in which the CPU was saturated. Judged from 5 windows (half a second) on. Empty: not checked,
  /// for a run whose criteria do not depend on speed.
  std::optional<double> max_saturated_share = 0.1;
  /// Requests that failed because the generator's machine had no descriptor or port left.
  std::uint64_t max_local_failures = 0;
  /// Mean CPU of the process labelled `generator_process`, in per cent of one core. Empty: not
  /// checked.
  std::optional<double> max_generator_cpu_percent = std::nullopt;
  std::string generator_process = "test process";
};

/// What was agreed on about how a run is judged.
struct JudgingOptions {
  /// Criteria `AsObserved` are judged by their intervals like all others.
  bool confidence_required = false;
  /// The probability of error on each side of an interval.
  double error = 0.005;
  /// For each criterion, in their order, the result that stands whatever the record says; empty:
  /// none. Shorter lists leave the rest open.
  std::vector<std::optional<CriterionResult>> decided = {};
};

/// Whether a criterion held in one part of a run, by the value that was observed there. For
/// information: the verdict is that of the plan's criteria.
struct GroupResult {
  std::string group;      ///< "phase burst", "model gpt-4o", "tag tenant=a"
  std::string criterion;  ///< "p95 scheduled latency < 5 s"
  std::string unit;       ///< of `observed`
  std::optional<double> observed = {};
  std::uint64_t samples = 0;
  Verdict verdict = Verdict::kInconclusive;
  friend bool operator==(const GroupResult&, const GroupResult&) = default;
};

/// Up to which rate of a ramp a criterion held, by the values that were observed in its steps.
struct RampResult {
  std::string phase;
  std::string criterion;
  /// The planned rate of the last step, in ascending order of rates, at and below which it held;
  /// empty: it did not hold at the lowest one.
  std::optional<double> holds_up_to = {};
  std::optional<double> breaks_at =
      {};  ///< the rate of the next step; empty: it held at all of them
  friend bool operator==(const RampResult&, const RampResult&) = default;
};

/// What the record of a run was judged to be.
struct Judgement {
  Verdict verdict = Verdict::kInconclusive;
  std::vector<CriterionResult> criteria;     ///< in the order they were given
  std::vector<std::string> invalid_reasons;  ///< why the measurement cannot be trusted
  std::string aborted_because;               ///< that of the record
  /// What most failed requests failed of, as "38 of 40 requests failed: malformed_response (the
  /// answer is HTML)". Empty if the verdict is PASS, or if failures do not explain it.
  std::string failed_because;
  /// What to change so that it can be trusted, in the order of the reasons. None for a run that was
  /// interrupted: who did that knows.
  std::vector<std::string> recommendations;
  /// Of criteria on times and shares of requests, for all phases, models and tags of which there is
  /// more than one, and for all ramps.
  std::vector<GroupResult> groups = {};
  std::vector<RampResult> ramps = {};

  friend bool operator==(const Judgement&, const Judgement&) = default;
};

/// Evaluates every criterion and checks the generator's health (schedule lag, dropped arrivals,
/// event loops, CPU, descriptors, ports, interruption, accounting identity, faults that the run
/// found itself). A run without any criterion is INCONCLUSIVE; one that an abort rule ended is
/// FAIL. Pure.
Judgement Judge(const RunRecord& record, std::span<const Criterion> criteria,
                const ValidityLimits& limits = {}, const JudgingOptions& options = {});

/// The verdict's reason in one sentence, naming every violated criterion (or cause) with its
/// numbers: one line that a terminal, a log or CTest takes as it stands.
std::string Explain(const Judgement& judgement);

/// "scheduled latency <= 5 s, time to first token <= 500 ms"; empty without any.
std::string Describe(const RequestObjectives& objectives);

}  // namespace llmload

#endif  // LLMLOAD_JUDGE_JUDGEMENT_H_
