// Open, half open and the forced states: behaviours 14 to 31 of docs/resilience-behaviours.md.
#include <chrono>
#include <set>
#include <stdexcept>

#include "llmload/core/random.h"
#include "tests/unit/resilience/breaker_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

class BreakerStates : public BreakerTest {
 protected:
  void Trip() { Do("FFFFF"); }
  TimePoint OpenUntil() { return LastChange().open_until; }
};

TEST_F(BreakerStates, B14_OpenRejectsWithoutInvoking) {
  Make({});
  Trip();
  int invoked = 0;
  const auto result = breaker().Call([&] { return ++invoked; });
  EXPECT_TRUE(result.has_error());
  EXPECT_EQ(result.error().state, BreakerState::kOpen);
  EXPECT_EQ(invoked, 0);
  EXPECT_EQ(breaker().Snapshot().rejected, 1u);
}

TEST_F(BreakerStates, B15_RejectionCarriesTheRemainingWait) {
  Make({.open = {.base = 30s}});
  Trip();
  EXPECT_EQ(MustReject().remaining_wait, Duration(30s));
  Wait(12s);
  EXPECT_EQ(MustReject().remaining_wait, Duration(18s));
  EXPECT_EQ(breaker().Snapshot().remaining_wait, Duration(18s));
}

TEST_F(BreakerStates, B16_OpenPersistsUntilTheDeadline) {
  Make({.open = {.base = 30s}});
  Trip();
  Wait(30s - 1ns);
  EXPECT_EQ(MustReject().remaining_wait, Duration(1ns));
  EXPECT_EQ(state(), BreakerState::kOpen);
  Wait(1ns);
  EXPECT_EQ(state(), BreakerState::kOpen) << "until a call comes";
  EXPECT_TRUE(MustAdmit().probe());
}

TEST_F(BreakerStates, B17_HalfOpenAdmitsExactlyNProbes) {
  for (const std::uint32_t limit : {1u, 3u, 10u}) {
    Make({.half_open = {.max_concurrent_probes = limit,
                        .close = CloseOnSuccesses{.successes = 100},
                        .probe_deadline = 20s}});
    Trip();
    Wait(30s);
    std::vector<Permit> probes;
    for (int i = 0; i < 20; ++i) {
      Admission admission = breaker().Admit();
      if (admission) probes.push_back(std::move(admission).permit());
    }
    EXPECT_EQ(probes.size(), limit);
    EXPECT_EQ(breaker().Snapshot().probes_in_flight, limit);
    probes.clear();
  }
}

TEST_F(BreakerStates, B18_OneMoreIsRejectedWhileNAreInFlight) {
  Make({.half_open = {.max_concurrent_probes = 2,
                      .close = CloseOnSuccesses{.successes = 3},
                      .probe_deadline = 20s}});
  Trip();
  Wait(30s);
  Permit first = MustAdmit();
  Permit second = MustAdmit();
  const Rejection rejection = MustReject();
  EXPECT_EQ(rejection.state, BreakerState::kHalfOpen);
  EXPECT_EQ(rejection.remaining_wait, Duration(20s)) << "the probe deadline at the latest";
  first.Settle(Outcome::kSuccess);
  Permit third = MustAdmit();
  MustReject();
  second.Settle(Outcome::kSuccess);
  third.Settle(Outcome::kSuccess);
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerStates, B19_ProbeFailureReopensWithAFreshTimer) {
  Make({.open = {.base = 30s}});
  Trip();
  Wait(45s);
  Permit probe = MustAdmit();
  Wait(2s);
  probe.Settle(Outcome::kFailure);
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(LastChange().cause, BreakerCause::kProbeFailed);
  EXPECT_EQ(MustReject().remaining_wait, Duration(30s));
}

TEST_F(BreakerStates, B20_ProbeSuccessClosesAndClearsTheWindow) {
  CircuitBreakerOptions options;
  options.consecutive_failures = 4;
  options.failure_ratio_over_count = {.window = {.size = 6, .minimum_calls = 4}, .threshold = 0.5};
  Make(options);
  Do("SFFF");
  EXPECT_EQ(state(), BreakerState::kOpen);
  Wait(30s);
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(breaker().Snapshot().consecutive_failures, 0u);
  Do("FFF");  // with the old window, or the old streak, any of these would trip
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerStates, B20_SeveralSuccessesMayBeNeededToClose) {
  Make({.half_open = {.close = CloseOnSuccesses{.successes = 3}}});
  Trip();
  Wait(30s);
  Do("SS");
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
  Wait(30s);
  Do("SS");
  EXPECT_EQ(state(), BreakerState::kHalfOpen)
      << "successes of an earlier half-open phase count not";
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerStates, B21_RatioBasedCloseWithMixedResults) {
  const CircuitBreakerOptions options{
      .half_open = {.max_concurrent_probes = 10,
                    .close = CloseOnRatio{.results = 10, .threshold = 0.5}}};
  Make(options);
  Trip();
  Wait(30s);
  Do("FSFSFSFSS");
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  Do("S");  // 4 of 10 failed
  EXPECT_EQ(state(), BreakerState::kClosed);

  Make(options);
  Trip();
  Wait(30s);
  Do("FSFSFSFSF");
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  Do("S");  // 5 of 10 failed: the threshold
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(LastChange().cause, BreakerCause::kProbeFailed);

  Make(options);
  Trip();
  Wait(30s);
  Do("SSSSSSSSSF");
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "only a success closes";
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerStates, B22_HalfOpenHasAMaximumWait) {
  Make({.open = {.base = 30s},
        .half_open = {.close = CloseOnSuccesses{.successes = 2}, .probe_deadline = 10s}});
  Trip();
  Wait(30s);
  Do("S");
  Wait(10s - 1ns);
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  Wait(1ns);
  EXPECT_EQ(state(), BreakerState::kOpen);
  const StateChange change = LastChange();
  EXPECT_EQ(change.cause, BreakerCause::kProbeDeadline);
  EXPECT_EQ(change.at, clock_.Now());
  EXPECT_EQ(MustReject().remaining_wait, Duration(30s));
}

TEST_F(BreakerStates, B23_OpenTimeGrowsPerAttemptAndIsResetOnClose) {
  Make({.open = {.base = 10s, .factor = 2, .cap = 60s}});
  Trip();
  for (const Duration expected : {10s, 20s, 40s, 60s, 60s}) {
    EXPECT_EQ(MustReject().remaining_wait, expected);
    Wait(expected);
    Do("F");
  }
  Wait(60s);
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Trip();
  EXPECT_EQ(MustReject().remaining_wait, Duration(10s));
}

TEST_F(BreakerStates, B23_JitterSpreadsFromASeed) {
  const auto waits = [&](std::uint64_t seed) {
    Make({.consecutive_failures = 1, .open = {.base = 10s, .jitter = 0.3, .seed = seed}});
    std::vector<Duration> drawn;
    for (int i = 0; i < 50; ++i) {
      Do("F");
      drawn.push_back(MustReject().remaining_wait);
      EXPECT_GE(drawn.back(), Duration(7s));
      EXPECT_LE(drawn.back(), Duration(13s));
      Wait(drawn.back());
    }
    EXPECT_GT(std::set<Duration>(drawn.begin(), drawn.end()).size(), 45u);
    return drawn;
  };
  EXPECT_EQ(waits(1), waits(1));
  EXPECT_NE(waits(1), waits(2));
}

TEST_F(BreakerStates, B23_RetryAfterOverridesUpwardsUpToItsCap) {
  const CircuitBreakerOptions options{.consecutive_failures = 1,
                                      .open = {.base = 30s, .retry_after_cap = 5min}};
  const std::vector<std::pair<Duration, Duration>> asked_and_granted = {
      {10s, 30s}, {90s, 90s}, {24h, 5min}};
  for (const auto& [asked, granted] : asked_and_granted) {
    Make(options);
    MustAdmit().Settle(Outcome::kFailure, ErrorKind::kRateLimited, asked);
    EXPECT_EQ(MustReject().remaining_wait, granted);
    Wait(granted);
    MustAdmit().Settle(Outcome::kFailure, ErrorKind::kRateLimited, asked);
    EXPECT_EQ(MustReject().remaining_wait, granted) << "of a probe too";
  }
}

TEST_F(BreakerStates, B24_DurationOverflowClamps) {
  Make({.consecutive_failures = 1,
        .open = {.base = 24h, .factor = 1000, .cap = Duration::max()},
        .half_open = {.probe_deadline = Duration::max()}});
  Do("F");
  EXPECT_EQ(MustReject().remaining_wait, Duration(24h));
  Wait(24h);
  Do("F");
  EXPECT_EQ(MustReject().remaining_wait, Duration(24000h));
  Wait(24000h);
  Do("F");  // 24 million hours would do, but they overflow the clock
  EXPECT_EQ(OpenUntil(), TimePoint::max());
  EXPECT_EQ(MustReject().remaining_wait, TimePoint::max() - clock_.Now());
  breaker().Reset();
  Do("S");
}

TEST_F(BreakerStates, B24_GrowthStopsAtTheCapAfterManyOpenings) {
  Make({.consecutive_failures = 1, .open = {.base = 1s, .factor = 10, .cap = 1h}});
  for (int i = 0; i < 2000; ++i) {
    Do("F");
    Wait(OpenUntil() - clock_.Now());
  }
  Do("F");
  EXPECT_EQ(MustReject().remaining_wait, Duration(1h));
}

TEST_F(BreakerStates, B25_NeverFromClosedToHalfOpen) {
  const auto log = std::make_shared<EventLog>();
  Make({.consecutive_failures = 2, .open = {.base = 3s}, .half_open = {.probe_deadline = 2s}});
  breaker().AddObserver(log);
  Random random(11);
  for (int i = 0; i < 20000; ++i) {
    Admission admission = breaker().Admit();
    if (admission) {
      admission.permit().Settle(random.Chance(0.5) ? Outcome::kSuccess : Outcome::kFailure);
    }
    if (random.Chance(0.02)) breaker().Reset();
    Wait(Duration(random.Below(3'000'000'000)));
  }
  EXPECT_GT(log->events.size(), 1000u);
  for (const std::string& event : log->events) EXPECT_NE(event.find("closed>half"), 0u) << event;
}

TEST_F(BreakerStates, B26_ForcedOpenIgnoresTimeAndResetRecovers) {
  Make({});
  breaker().ForceOpen();
  EXPECT_EQ(MustReject().remaining_wait, Duration::max());
  Wait(1000h);
  EXPECT_EQ(MustReject().state, BreakerState::kForcedOpen);
  breaker().Reset();
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("S");
}

TEST_F(BreakerStates, B27_DisabledAdmitsAllAndPublishesNothing) {
  const auto log = std::make_shared<EventLog>();
  Make({.consecutive_failures = 2});
  breaker().AddObserver(log);
  breaker().Disable();
  EXPECT_EQ(log->events, std::vector<std::string>{"closed>disabled(manual)"});
  Permit across = MustAdmit();
  Do("FFFFFFSN");
  EXPECT_EQ(log->events.size(), 1u);
  EXPECT_EQ(state(), BreakerState::kDisabled);
  breaker().Reset();
  Do("F");
  across.Settle(Outcome::kFailure);
  EXPECT_EQ(log->events,
            (std::vector<std::string>{"closed>disabled(manual)", "disabled>closed(manual)",
                                      "failure", "late failure"}));
  EXPECT_EQ(state(), BreakerState::kClosed) << "nothing of the disabled time counts";
}

TEST_F(BreakerStates, B28_MetricsOnlyReportsEachThresholdOnce) {
  const auto log = std::make_shared<EventLog>();
  CircuitBreakerOptions options{.initial_state = BreakerState::kMetricsOnly,
                                .consecutive_failures = 3};
  options.failure_ratio_over_count = {.window = {.size = 5, .minimum_calls = 5}, .threshold = 0.6};
  Make(options);
  breaker().AddObserver(log, ObservedEvents::kStateChanges);
  Do("FFFFFFFSFFFF");
  EXPECT_EQ(log->events, (std::vector<std::string>{"would(consecutive_failures)",
                                                   "would(failure_ratio_over_count)"}));
  EXPECT_EQ(state(), BreakerState::kMetricsOnly);
  EXPECT_EQ(breaker().Snapshot().failures, 11u);
  breaker().Reset();
  breaker().SetMetricsOnly();
  log->events.clear();
  Do("FFF");
  EXPECT_EQ(log->events, std::vector<std::string>{"would(consecutive_failures)"})
      << "a new metrics-only phase reports again";
}

TEST_F(BreakerStates, B29_LateFailureInOpenIsNoSecondEventAndNoLongerTimer) {
  const auto log = std::make_shared<EventLog>();
  Make({.open = {.base = 30s}});
  std::vector<Permit> in_flight;
  for (int i = 0; i < 3; ++i) in_flight.push_back(MustAdmit());
  Trip();
  breaker().AddObserver(log);
  const TimePoint until = OpenUntil();
  Wait(10s);
  for (Permit& permit : in_flight) permit.Settle(Outcome::kFailure, ErrorKind::kServerError, 1h);
  EXPECT_EQ(log->events,
            (std::vector<std::string>{"late failure", "late failure", "late failure"}));
  EXPECT_EQ(OpenUntil(), until);
  EXPECT_EQ(MustReject().remaining_wait, Duration(20s));
  EXPECT_EQ(breaker().Snapshot().late, 3u);
  EXPECT_EQ(breaker().Snapshot().openings, 1u);
}

TEST_F(BreakerStates, B30_LateResultsAreIgnoredInHalfOpen) {
  Make({});
  std::vector<Permit> in_flight;
  for (int i = 0; i < 3; ++i) in_flight.push_back(MustAdmit());
  Trip();
  Wait(30s);
  Permit probe = MustAdmit();
  in_flight[0].Settle(Outcome::kSuccess);
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "closes nothing";
  in_flight[1].Settle(Outcome::kFailure);
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "opens nothing";
  in_flight[2].Settle(Outcome::kNeutral);
  MustReject();  // and none of them gave a slot back that it did not hold
  probe.Settle(Outcome::kSuccess);
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerStates, B30_ALateProbeIsIgnoredInTheNextHalfOpenPhase) {
  Make({.open = {.base = 30s}, .half_open = {.max_concurrent_probes = 1, .probe_deadline = 10s}});
  Trip();
  Wait(30s);
  Permit hung = MustAdmit();
  Wait(40s);
  Permit probe = MustAdmit();
  hung.Settle(Outcome::kSuccess);
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  MustReject();
  probe.Settle(Outcome::kFailure);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerStates, B31_AManualTransitionCancelsTheWaitingTime) {
  Make({.open = {.base = 30s}});
  Trip();
  breaker().Reset();
  Wait(30s);
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Trip();
  breaker().ForceOpen();
  Wait(1h);
  MustReject();
  EXPECT_EQ(state(), BreakerState::kForcedOpen);
  breaker().Reset();
  Trip();
  breaker().Disable();
  Wait(1h);
  EXPECT_EQ(state(), BreakerState::kDisabled);
  breaker().Reset();
  Do("S");
}

TEST_F(BreakerStates, B31_AManualTransitionCancelsTheProbeDeadline) {
  Make({.half_open = {.probe_deadline = 10s}});
  Trip();
  Wait(30s);
  Permit probe = MustAdmit();
  breaker().Reset();
  Wait(1h);
  EXPECT_EQ(state(), BreakerState::kClosed);
  probe.Settle(Outcome::kFailure);
  EXPECT_EQ(breaker().Snapshot().consecutive_failures, 0u);
}

TEST_F(BreakerStates, ResetWhileClosedForgetsTheStreakAndWhatIsInFlight) {
  Make({});
  Permit before = MustAdmit();
  Do("FFFF");
  breaker().Reset();
  before.Settle(Outcome::kFailure);
  Do("FFFF");
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_TRUE(breaker().History().empty());
}

TEST_F(BreakerStates, ASlowProbeIsAFailedProbe) {
  CircuitBreakerOptions options;
  options.slow_call_ratio = SlowCallRatio{.slow_after = 2s, .threshold = 1.0, .window = {}};
  Make(options);
  Trip();
  Wait(30s);
  DoSlowly(2s, Outcome::kSuccess);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerStates, HistoryIsBoundedAndKeepsTheLatest) {
  Make({.consecutive_failures = 1, .open = {.base = 1s}, .history = 3});
  for (int i = 0; i < 10; ++i) {
    Do("F");
    Wait(1s);
    Do("S");
  }
  const std::vector<StateChange> history = breaker().History();
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[0].to, BreakerState::kOpen);
  EXPECT_EQ(history[2].to, BreakerState::kClosed);
  EXPECT_EQ(history[2].epoch, breaker().Snapshot().epoch);
}

TEST_F(BreakerStates, APermitIsSettledOnce) {
  Make({});
  Permit permit = MustAdmit();
  permit.Settle(Outcome::kSuccess);
  EXPECT_FALSE(permit.valid());
  EXPECT_THROW(permit.Settle(Outcome::kSuccess), std::logic_error);
  EXPECT_THROW(permit.Settle(Error{}), std::logic_error);
  Permit moved = MustAdmit();
  Permit target = std::move(moved);
  EXPECT_THROW(moved.Settle(Outcome::kSuccess), std::logic_error);
  target = MustAdmit();  // drops the one it held
  EXPECT_EQ(breaker().Snapshot().neutrals, 1u);
  target.Settle(Outcome::kSuccess);
}

}  // namespace
}  // namespace llmload
