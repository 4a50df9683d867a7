// Runs plans: the one place where a load is generated, watched and judged.
#ifndef LLMLOAD_RUN_RUNNER_H_
#define LLMLOAD_RUN_RUNNER_H_

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/run/run_observer.h"
#include "llmload/run/run_plan.h"
#include "llmload/run/run_report.h"
#include "llmload/service/target_check.h"

namespace llmload {

/// A target that did not answer the one question before the load.
class TargetNotReady : public std::runtime_error {
 public:
  explicit TargetNotReady(const TargetCheck& check)
      : std::runtime_error(check.message), state_(check.state) {}
  TargetState state() const noexcept { return state_; }

 private:
  TargetState state_;
};

/// Runs plans on one clock, one at a time.
class Runner {
 public:
  /// `clock` must outlive the runner, and is the one that the targets of its plans were made with.
  explicit Runner(Clock& clock = SystemClock::Instance());
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// `observer` sees every run from then on. It must outlive the runner.
  void AddObserver(RunObserver& observer);

  /// Asks each target of `plan` one question, and tells observers of long waits. Returns what was
  /// found out on the way and belongs in the report: how providers adapted to what a service
  /// refused. Throws `TargetNotReady` for the first target that is not ready, and what its provider
  /// throws.
  std::vector<Detail> CheckTargets(const RunPlan& plan);

  /// Checks the plan and, if it wants that, its targets; generates its load, and blocks until all
  /// is answered, given up or cancelled.
  ///
  /// Throws `ConfigurationError` (`CheckPlan`) and `TargetNotReady` before anything is sent; what
  /// the plan's prompt source throws, with the number of the request, ends the run.
  RunRecord Measure(const RunPlan& plan);

  /// Measures, and judges the record by the plan's criteria and limits. This alone looks at the run
  /// on the way, and lets it go on until it is conclusive.
  RunReport Run(const RunPlan& plan);

  /// Ends the run early, as a signal would. Thread-safe; in virtual time, call it on the running
  /// thread. Without effect if none is running.
  void RequestStop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace llmload

#endif  // LLMLOAD_RUN_RUNNER_H_
