// Whether a run of the campaign kept to its bounds, and to what holds in every run.
#include <algorithm>
#include <string>
#include <utility>

#include "tests/support/fault_campaign.h"

namespace llmload {
namespace {

std::string Text(Duration duration) {
  return std::to_string(std::chrono::duration<double, std::milli>(duration).count()) + " ms";
}
std::string Text(std::uint64_t count) { return std::to_string(count); }

class Checker {
 public:
  Checker(const FaultScenario& scenario, const CampaignTiming& timing, const CampaignRun& run)
      : scenario_(scenario), timing_(timing), run_(run) {
    trip_ = *run.observation.fault_onset;
    for (const StateChange& change : run.observation.breaker) {
      if (change.to != BreakerState::kOpen) continue;
      trip_ = change.at;
      opened_ = true;
      break;
    }
  }

  std::vector<Violation> Check() {
    Identities();
    Times();
    Counts();
    ClosesOnProbesAlone();
    NeverSwitchesSilently();
    if (scenario_.opens_on_streak_only) OpensAtTheStreak();
    return std::move(violations_);
  }

 private:
  void Fail(std::string what, TimePoint at) { violations_.push_back({std::move(what), at}); }

  void Holds(bool condition, std::string what) {
    if (!condition) Fail(std::move(what), trip_);
  }

  template <class Value>
  void AtMost(const char* name, Value observed, Value bound, TimePoint at) {
    if (observed <= bound) return;
    Fail(std::string(name) + ": " + Text(observed) + ", at most " + Text(bound), at);
  }

  void AtMost(const char* name, const std::optional<Duration>& observed, Duration bound,
              TimePoint at) {
    if (!observed) return Fail(std::string(name) + ": never, at most " + Text(bound), at);
    AtMost(name, *observed, bound, at);
  }

  // What holds whatever the fault.
  void Identities() {
    const MetricsSnapshot& summary = run_.record.metrics;
    Holds(run_.record.drained, "a provider call did not end");
    if (const auto broken = CheckAccounting(summary)) Fail(*broken, trip_);
    Holds(summary[Counter::kScheduled] == run_.record.configuration.planned_requests,
          "not every planned request was scheduled");
    Holds(summary[Counter::kUnfinished] == 0, "requests were left unfinished");
    Holds(summary[Counter::kDropped] == 0, "arrivals were dropped");
    Holds(run_.observation.requests.size() == summary[Counter::kSent],
          "requests and records differ");
    Holds(run_.in_flight_at_end == 0, "a provider still has requests at the end");
    std::uint64_t at_primary = 0;
    std::uint64_t at_fallback = 0;
    std::uint64_t asked = 0;
    for (const RequestRecord& request : run_.observation.requests) {
      if (!request.attempts.empty()) ++asked;
      for (const Attempt& attempt : request.attempts) {
        ++(IsPrimary(attempt) ? at_primary : at_fallback);
      }
    }
    if (run_.primary_arrivals) Same("arrivals at the primary", *run_.primary_arrivals, at_primary);
    if (run_.fallback_arrivals) {
      Same("arrivals at the fallback", *run_.fallback_arrivals, at_fallback);
    }
    for (const BreakerSnapshot* breaker : {&run_.primary_breaker, &run_.fallback_breaker}) {
      Same("permits in flight at the end", breaker->in_flight, 0);
      Same("events lost", breaker->events_lost + breaker->observer_errors, 0);
    }
    // A call that the budget refuses has been admitted before.
    Same("calls that the breakers admitted",
         run_.primary_breaker.admitted + run_.fallback_breaker.admitted,
         at_primary + at_fallback + run_.budget_refusals);
    // The promise of the retry budget, on the very budget that was used.
    Same("requests the budget saw", run_.budget_requests, run_.observation.requests.size());
    Same("tokens withdrawn", run_.budget_withdrawals, at_primary + at_fallback - asked);
    const double requests = static_cast<double>(run_.metrics.requests);
    const double allowed = requests * (1 + scenario_.budget.ratio) + scenario_.budget.reserve;
    Holds(static_cast<double>(run_.metrics.attempts) <= allowed,
          "amplification: " + Text(run_.metrics.attempts) + " attempts for " +
              Text(run_.metrics.requests) + " requests are beyond the budget");
    Same("attempts counted by the metrics", run_.metrics.attempts, at_primary + at_fallback);
  }

  void Same(const char* name, std::uint64_t observed, std::uint64_t expected) {
    if (observed == expected) return;
    Fail(std::string(name) + ": " + Text(observed) + ", expected " + Text(expected), trip_);
  }

  static bool IsPrimary(const Attempt& attempt) { return attempt.provider == "primary"; }

  void Times() {
    const FaultBounds& bounds = scenario_.bounds;
    const FailoverMetrics& metrics = run_.metrics;
    const TimePoint onset = *run_.observation.fault_onset;
    const TimePoint healed = *run_.observation.fault_healed;
    if (opened_ && trip_ < onset) Fail("the breaker opened before there was a fault", trip_);
    if (bounds.detection)
      AtMost("detection time", metrics.detection_time, *bounds.detection, onset);
    if (bounds.failover) AtMost("failover time", metrics.failover_time, *bounds.failover, onset);
    if (bounds.success_restored) {
      AtMost("success restored time", metrics.success_restored_time, *bounds.success_restored,
             onset);
    }
    AtMost("breaker closed time", metrics.closed_time, bounds.closed, healed);
    AtMost("recovery time", metrics.traffic_restored_time, bounds.recovery, healed);
    if (run_.primary_breaker.state != BreakerState::kClosed) {
      Fail("the primary's breaker is " + std::string(ToString(run_.primary_breaker.state)) +
               " at the end",
           healed);
    }
  }

  void Counts() {
    const FaultBounds& bounds = scenario_.bounds;
    const FailoverMetrics& metrics = run_.metrics;
    AtMost("failures spent", metrics.failures_spent, bounds.failures_spent, trip_);
    AtMost("in flight at the trip", metrics.leak.in_flight_at_trip, bounds.in_flight_at_trip,
           trip_);
    AtMost("probes", metrics.leak.probes, bounds.probes, trip_);
    AtMost("admitted after the trip", metrics.leak.admitted_after_trip, std::uint64_t{0}, trip_);
    AtMost("openings", run_.primary_breaker.openings, bounds.openings, trip_);
    if (scenario_.fallback_capacity == 0) {
      AtMost("openings of the fallback's breaker", run_.fallback_breaker.openings, std::uint64_t{0},
             trip_);
    }
    std::uint64_t outstanding = 0;
    std::uint64_t failures = 0;
    std::optional<TimePoint> first_loss;
    for (const RequestRecord& request : run_.observation.requests) {
      if (!request.succeeded) {
        first_loss = std::min(first_loss.value_or(request.completed), request.completed);
      }
      for (const Attempt& attempt : request.attempts) {
        if (!IsPrimary(attempt)) continue;
        if (attempt.error) ++failures;
        if (attempt.started <= trip_ && attempt.finished > trip_) ++outstanding;
      }
    }
    Kinds();
    AtMost("calls outstanding at the trip", outstanding, bounds.outstanding_at_trip, trip_);
    AtMost("failed calls of the primary", failures, bounds.primary_failures, trip_);
    AtMost("lost requests", metrics.lost_requests, bounds.lost_requests,
           first_loss.value_or(trip_));
    if (metrics.lost_requests < bounds.least_lost_requests) {
      Fail("lost requests: " + Text(metrics.lost_requests) + ", at least " +
               Text(bounds.least_lost_requests) + " for the fault to be one",
           trip_);
    }
    const std::uint64_t extra =
        metrics.attempts > metrics.requests ? metrics.attempts - metrics.requests : 0;
    AtMost("attempts beyond one per request", extra, bounds.extra_attempts, trip_);
  }

  // Each time the breaker closes, enough probes of that half-open episode have succeeded.
  void ClosesOnProbesAlone() {
    const auto& close =
        std::get<CloseOnSuccesses>(scenario_.primary_breaker.half_open.close).successes;
    const std::vector<StateChange>& changes = run_.observation.breaker;
    for (std::size_t i = 1; i < changes.size(); ++i) {
      if (changes[i].to != BreakerState::kClosed) continue;
      const TimePoint begin = changes[i - 1].at;
      // Real time: the attempt's end is noted a moment before the breaker hears of it, its begin a
      // moment after the breaker admitted it.
      const TimePoint end = changes[i].at;
      std::uint64_t successes = 0;
      for (const RequestRecord& request : run_.observation.requests) {
        for (const Attempt& attempt : request.attempts) {
          if (IsPrimary(attempt) && !attempt.error && attempt.started >= begin &&
              attempt.finished <= end) {
            ++successes;
          }
        }
      }
      if (successes < close) {
        Fail("the breaker closed on " + Text(successes) + " successful probes, not " +
                 Text(std::uint64_t{close}),
             end);
      }
    }
  }

  // After output began, another provider may go on only if the chain was told so, and once.
  void NeverSwitchesSilently() {
    const std::uint64_t allowed =
        scenario_.failover.streaming == StreamingPolicy::kContinueOnce ? 1 : 0;
    for (const RequestRecord& request : run_.observation.requests) {
      std::uint64_t switches = 0;
      for (std::size_t i = 0; i + 1 < request.attempts.size(); ++i) {
        if (request.attempts[i].error && request.attempts[i].output_tokens > 0) ++switches;
      }
      if (switches > allowed) {
        return Fail("a stream went on elsewhere after its output had begun", request.completed);
      }
    }
  }

  // The primary failed in the way the scenario says.
  void Kinds() {
    const std::vector<ErrorKind>& kinds = scenario_.kinds;
    bool first_seen = kinds.empty();
    for (const RequestRecord& request : run_.observation.requests) {
      for (const Attempt& attempt : request.attempts) {
        if (!IsPrimary(attempt) || !attempt.error) continue;
        if (!kinds.empty() && *attempt.error == kinds.front()) first_seen = true;
        if (std::find(kinds.begin(), kinds.end(), *attempt.error) != kinds.end()) continue;
        return Fail("a call of the primary failed with " + std::string(ToString(*attempt.error)),
                    attempt.finished);
      }
    }
    if (!first_seen) {
      Fail("no call of the primary failed with " + std::string(ToString(kinds.front())), trip_);
    }
  }

  // By the rule alone: the breaker opens at the instant of the n-th failure in a row that the
  // primary's callers saw, neither later nor before.
  void OpensAtTheStreak() {
    std::vector<std::pair<TimePoint, std::optional<ErrorKind>>> outcomes;
    for (const RequestRecord& request : run_.observation.requests) {
      for (const Attempt& attempt : request.attempts) {
        if (IsPrimary(attempt)) outcomes.emplace_back(attempt.finished, attempt.error);
      }
    }
    std::stable_sort(outcomes.begin(), outcomes.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const std::uint32_t threshold = 5;
    std::uint32_t streak = 0;
    for (const auto& [at, error] : outcomes) {
      if (!error) {
        streak = 0;
      } else if (Error failed{.kind = *error}; ClassifyForBreaker(failed) == Outcome::kFailure) {
        ++streak;
      }
      if (streak < threshold) continue;
      if (!opened_) return Fail("the breaker stayed closed at failure 5 in a row", at);
      // Real time: the breaker reads the clock a moment after the attempt did.
      const Duration tolerance = std::min(timing_.slack, Duration(std::chrono::milliseconds(50)));
      const Duration off = trip_ > at ? trip_ - at : at - trip_;
      if (off > tolerance) {
        Fail("the breaker opened " + Text(off) + " off failure 5 in a row", at);
      }
      return;
    }
    if (opened_) Fail("the breaker opened without 5 failures in a row", trip_);
  }

  const FaultScenario& scenario_;
  const CampaignTiming& timing_;
  const CampaignRun& run_;
  TimePoint trip_{};
  bool opened_ = false;
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> CheckRun(const FaultScenario& scenario, const CampaignTiming& timing,
                                const CampaignRun& run) {
  return Checker(scenario, timing, run).Check();
}

}  // namespace llmload
