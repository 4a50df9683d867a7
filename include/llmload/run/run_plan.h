// One run as a value: what is sent, to which target, when, and how it is judged.
#ifndef LLMLOAD_RUN_RUN_PLAN_H_
#define LLMLOAD_RUN_RUN_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/judge/criterion.h"
#include "llmload/judge/judgement.h"
#include "llmload/load/answer_check.h"
#include "llmload/load/load_generator.h"
#include "llmload/load/load_profile.h"
#include "llmload/load/prompt_source.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/record/run_record.h"
#include "llmload/run/abort_rule.h"
#include "llmload/run/run_observer.h"
#include "llmload/run/until_conclusive.h"
#include "llmload/service/target.h"

namespace llmload {

/// A target of a run. The requests of a run with several lanes are dealt to them in turn.
struct Lane {
  std::string name = {};  ///< for reports; may be empty if it is the only one
  Target target;
};

/// When a run ends before its schedule does, and how long its last answers may take.
struct StopRules {
  /// SIGINT, SIGTERM and SIGHUP end the run early; a second signal ends it at once.
  bool on_signals = true;
  /// How long requests in flight may still take after the last arrival; then they are cancelled and
  /// counted as unfinished. Empty: see `DrainTimeout`.
  std::optional<Duration> drain_timeout = std::nullopt;
  /// The same after an interruption: whoever interrupts wants the run to end.
  Duration interrupted_drain_timeout = std::chrono::seconds(3);
  /// Asked once a second; a reason ends the run. The record holds the reason, and the run is
  /// INVALID. Empty: no such rule.
  std::function<std::optional<std::string>(const RunSnapshot&)> when = {};
  /// A run that is hopeless by one of these ends early, as FAIL.
  std::vector<AbortRule> abort_when = {};
  /// Asked ten times a second; true ends the load as its schedule would. For a load that could go
  /// on and has shown enough. Empty: the schedule ends it.
  std::function<bool(const RunSnapshot&)> enough = {};
};

/// Figures that the generator does not see, such as the calls that reached one provider of a chain:
/// read once, after the last request.
struct ExtraFigures {
  std::vector<std::string> measurements = {};   ///< names that `read` adds to the record
  std::vector<std::string> distributions = {};  ///< likewise
  /// Adds them to `record`. Instants in the record count from `start`.
  std::function<void(RunRecord& record, TimePoint start)> read;
};

/// A run. A copy is another run of the same kind.
struct RunPlan {
  std::string name = "run";
  std::string run_id = {};  ///< empty: a new one. The shares of one run have the same
  std::vector<Lane> lanes;

  LoadShape load = OpenLoop{};
  RequestTemplate request;          ///< what all requests have in common
  Prompts prompts = FixedPrompt{};  ///< what they ask
  /// What makes an answer a right one. A wrong answer is a failed request (`AnswerCheck`).
  std::vector<AnswerCheck> answer_checks;
  /// Decides everything random. Seeds that the load and the prompts leave open derive from it.
  std::optional<std::uint64_t> seed = std::nullopt;  ///< empty: 1
  unsigned workers = 0;  ///< threads, each with an event loop; 0: one per core, one in virtual time
  Share share;

  RequestObjectives objectives;     ///< what makes a request a good one; none: not measured
  std::vector<Criterion> criteria;  ///< what the run has to meet
  /// The load goes on until the criteria are decided; empty: it ends as planned.
  std::optional<UntilConclusive> until_conclusive = std::nullopt;
  /// Criteria `AsObserved` are judged by their intervals like all others.
  bool confidence_required = false;
  ValidityLimits validity;  ///< how healthy the generator has to be

  /// The processes that are sampled.
  std::vector<std::shared_ptr<ResourceProbe>> samplers;
  Duration sample_interval = std::chrono::milliseconds(250);
  StopRules stop;
  std::vector<ExtraFigures> extra_figures;
  std::vector<Detail> details;  ///< shown with the configuration
  /// False: the targets are not asked one question before the load. For targets that are meant to
  /// fail.
  bool checks_targets = true;

  std::uint64_t Seed() const noexcept { return seed.value_or(1); }
};

/// How long requests in flight may still take after the last arrival: `StopRules::drain_timeout`,
/// or else as long as the deadlines of the plan's providers allow a call, and at least 30 s.
Duration DrainTimeout(const RunPlan& plan);

/// The size of a plan over all its shares.
struct PlannedLoad {
  std::optional<std::uint64_t> requests;           ///< all; empty: only a duration bounds them
  std::optional<std::uint64_t> measured_requests;  ///< those that are measured, at most
  std::optional<Duration> duration;                ///< of the schedule; empty: as long as it takes
};

/// The load that a run of this plan sends at most: the plan's own, or what it may go on to. Throws
/// `ConfigurationError` for one that has no way to go on.
LoadShape LongestLoad(const RunPlan& plan);

/// Throws `ConfigurationError` for a load that makes no sense. Linear in the number of arrivals, at
/// a few nanoseconds each.
PlannedLoad PlannedLoadOf(const LoadShape& load);

/// Checks a plan before it costs anything: that its load, prompts, share and limits make sense, and
/// that each criterion can be judged under it. Sends nothing. Throws `ConfigurationError` with one
/// sentence for each problem: which part, why, and what would do.
void CheckPlan(const RunPlan& plan);

}  // namespace llmload

#endif  // LLMLOAD_RUN_RUN_PLAN_H_
