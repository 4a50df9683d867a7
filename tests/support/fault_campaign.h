// The fault campaign: what can go wrong with a primary provider, how a failover chain has to cope
// with it, and the check that it did. The same scenarios run in virtual time (tests/mock) and over
// real sockets (tests/faults).
#ifndef LLMLOAD_TESTS_SUPPORT_FAULT_CAMPAIGN_H_
#define LLMLOAD_TESTS_SUPPORT_FAULT_CAMPAIGN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/resilience/circuit_breaker.h"
#include "llmload/resilience/failover_metrics.h"
#include "llmload/resilience/failover_provider.h"
#include "llmload/resilience/recording_provider.h"
#include "llmload/resilience/retry_budget.h"
#include "llmload/run/run_report.h"
#include "llmload/simulation/event_log.h"
#include "llmload/simulation/fault.h"
#include "llmload/simulation/latency_model.h"
#include "llmload/simulation/simulated_provider.h"

namespace llmload {

/// The time line of a run and the durations in it, from which faults and bounds are derived.
struct CampaignTiming {
  double rate_per_second = 50;
  Duration onset{};  ///< of the fault, since the start of the load
  Duration heal{};   ///< end of the fault

  simulation::LatencyModel latency;  ///< of both providers while they are well
  Duration longest_service{};        ///< beyond any draw of `latency`, transport included
  Duration mean_service{};           ///< at least the mean of `latency`
  Duration link{};                   ///< one way between chain and provider
  Duration fast_failure{};           ///< the longest that a refusal or an error status takes

  Duration first_token_deadline{};
  Duration idle_deadline{};
  Duration open{};  ///< base of the breaker's waiting time, jittered by `open_jitter`
  double open_jitter = 0.1;
  Duration retry_after{};
  Duration slow_by{};      ///< what a slow first token is late by
  Duration slow_after{};   ///< when a call counts as slow
  Duration slow_window{};  ///< of the slow-call rule
  Duration flap_period{};
  Duration flap_active{};
  Duration warm_up{};
  std::size_t fallback_capacity = 0;  ///< of the overloaded fallback, requests at once

  bool sockets = false;  ///< connections are real: they can break under requests in flight
  /// What a busy machine may add to any duration, and the requests that arrive meanwhile. Zero in
  /// virtual time.
  Duration slack{};

  Duration interval() const;  ///< between two arrivals
  /// The most arrivals within `duration`.
  std::uint64_t ArrivalsIn(Duration duration) const;
};

/// What a run has to keep to. A time that is empty is not asked for; one that is given has to be
/// measured.
struct FaultBounds {
  std::optional<Duration> detection;
  std::optional<Duration> failover;
  std::optional<Duration> success_restored;
  Duration closed{};
  Duration recovery{};

  std::uint64_t failures_spent = 0;
  std::uint64_t outstanding_at_trip = 0;  ///< calls at the primary when the breaker opened
  std::uint64_t in_flight_at_trip = 0;    ///< of those, not yet arrived
  std::uint64_t probes = 0;
  std::uint64_t openings = 0;
  std::uint64_t primary_failures = 0;  ///< calls that failed at the primary, in total
  std::uint64_t extra_attempts = 0;    ///< attempts - requests
  std::uint64_t lost_requests = 0;
  std::uint64_t least_lost_requests = 0;  ///< where the fault leaves no way out
};

/// One kind of fault.
struct FaultScenario {
  std::string name;

  /// Of the primary, in virtual time and on the wire alike. While `kConnectionRefused` is in force,
  /// a fake server is suspended.
  std::vector<simulation::Fault> faults;
  /// How calls of the primary may fail, and the first of them has to. Empty: none fails.
  std::vector<ErrorKind> kinds;
  std::size_t fallback_capacity = 0;  ///< requests at once; 0: no limit

  Duration onset{};
  Duration heal{};    ///< when the primary is well again for good
  Duration length{};  ///< of the load: until traffic has been back for a while

  CircuitBreakerOptions primary_breaker;
  CircuitBreakerOptions fallback_breaker;
  FailoverOptions failover;  ///< without budget and seed
  RetryBudgetOptions budget;
  /// Whether only the consecutive-failures rule can open the primary's breaker: then the instant at
  /// which it has to open follows from the outcomes alone.
  bool opens_on_streak_only = true;

  FaultBounds bounds;
};

/// All scenarios of the campaign on a time line, in the order of the documentation.
std::vector<FaultScenario> FaultScenarios(const CampaignTiming& timing);

/// The one of this name. Throws `std::out_of_range` if there is none.
FaultScenario FindScenario(const std::string& name, const CampaignTiming& timing);

/// Everything that was seen of one run.
struct CampaignRun {
  std::uint64_t seed = 0;
  FailoverObservation observation;
  FailoverMetrics metrics;
  RunRecord record;
  BreakerSnapshot primary_breaker;
  BreakerSnapshot fallback_breaker;
  std::uint64_t budget_requests = 0;
  std::uint64_t budget_withdrawals = 0;
  std::uint64_t budget_refusals = 0;
  /// Arrivals by the providers' own count; empty where calls may fail before they arrive.
  std::optional<std::uint64_t> primary_arrivals;
  std::optional<std::uint64_t> fallback_arrivals;
  std::uint64_t in_flight_at_end = 0;  ///< at both providers
};

/// The chain under test: primary, then fallback, each behind a breaker, on one budget.
class CampaignChain {
 public:
  /// @param log  breaker events and lost requests go there, if given
  CampaignChain(const FaultScenario& scenario, std::shared_ptr<Provider> primary,
                std::shared_ptr<Provider> fallback, std::uint64_t seed, Clock& clock,
                simulation::EventLog* log);

  /// Runs the load and collects what was seen; `observation` lacks the primary's arrivals. The
  /// fault's times count from `start`.
  CampaignRun Run(const CampaignTiming& timing, const FaultScenario& scenario, TimePoint start);

 private:
  const std::uint64_t seed_;
  Clock& clock_;
  std::shared_ptr<CircuitBreaker> primary_breaker_;
  std::shared_ptr<CircuitBreaker> fallback_breaker_;
  std::shared_ptr<RetryBudget> budget_;
  std::shared_ptr<RecordingProvider> recorder_;
  std::shared_ptr<Provider> top_;
};

/// A bound that was not kept.
struct Violation {
  std::string what;
  TimePoint at{};  ///< where on the time line to look
};

/// Compares a run with its scenario's bounds and with what holds in every run.
std::vector<Violation> CheckRun(const FaultScenario& scenario, const CampaignTiming& timing,
                                const CampaignRun& run);

/// One report over the runs of a scenario, under the name of the test, judged by the scenario's
/// bounds.
RunReport ReportCampaign(const std::string& name, const FaultScenario& scenario,
                         const CampaignTiming& timing, const std::vector<CampaignRun>& runs);

}  // namespace llmload

#endif  // LLMLOAD_TESTS_SUPPORT_FAULT_CAMPAIGN_H_
