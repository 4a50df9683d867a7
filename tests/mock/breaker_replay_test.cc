// Other people's rules: call sequences with the outcome that MicroProfile Fault Tolerance, Polly
// and gobreaker publish for them, replayed on the breaker.
#include <gtest/gtest.h>

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/resilience/circuit_breaker.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

/// Calls, in order: S success, F failure, O rejected as open, '|' time passes beyond the delay, and
/// blanks.
struct Trace {
  std::string name;
  CircuitBreakerOptions options;
  std::string calls;
  int invocations;  ///< calls that reach the backend
  BreakerState end;
};

void PrintTo(const Trace& trace, std::ostream* out) { *out << trace.name << ": " << trace.calls; }

std::string NameOf(const ::testing::TestParamInfo<Trace>& info) { return info.param.name; }

class BreakerReplay : public ::testing::TestWithParam<Trace> {};

TEST_P(BreakerReplay, GivesTheRuleSetsOutcome) {
  const Trace& trace = GetParam();
  VirtualClock clock;
  CircuitBreaker breaker(trace.name, trace.options, clock);
  int invocations = 0;
  std::string seen;
  for (const char call : trace.calls) {
    if (call == ' ') {
      seen += ' ';
    } else if (call == '|') {
      clock.AdvanceBy(trace.options.open.base);
      seen += '|';
    } else {
      const auto result = breaker.Call(
          [&] {
            ++invocations;
            return call == 'F' ? Outcome::kFailure : Outcome::kSuccess;
          },
          [](Outcome outcome) { return outcome; });
      seen += result.has_error() ? 'O' : call;
    }
  }
  EXPECT_EQ(seen, trace.calls);
  EXPECT_EQ(invocations, trace.invocations);
  EXPECT_EQ(breaker.state(), trace.end) << ToString(breaker.state());
}

/// MicroProfile: the window is the last v calls and must be full; half open admits as many trial
/// calls as successes are needed, and a success may complete a window that trips.
CircuitBreakerOptions MicroProfile(std::uint32_t v, double r, std::uint32_t s, Duration d) {
  CircuitBreakerOptions options;
  options.consecutive_failures.reset();
  options.failure_ratio_over_count = {.window = {.size = v, .minimum_calls = v}, .threshold = r};
  options.open.base = d;
  options.half_open = {.max_concurrent_probes = s, .close = CloseOnSuccesses{.successes = s}};
  return options;
}

constexpr auto kClosed = BreakerState::kClosed;
constexpr auto kOpen = BreakerState::kOpen;

INSTANTIATE_TEST_SUITE_P(
    MicroProfile, BreakerReplay,
    ::testing::Values(
        Trace{"ClosedThenOpen", MicroProfile(4, .75, 2, 50s), "FFFF OOO", 4, kOpen},
        Trace{"ReClose", MicroProfile(4, .75, 2, 1ms), "FFFF|SSS", 7, kClosed},
        Trace{"DefaultSuccessThreshold", MicroProfile(4, .75, 1, 1s), "FFFF O|S FFFF O", 9, kOpen},
        Trace{"HighSuccessThreshold", MicroProfile(4, .75, 3, 1s), "FFFF O|SSF O", 7, kOpen},
        Trace{"InitialSuccess", MicroProfile(4, .75, 1, 1s), "SFFF O|S SFFF O", 9, kOpen},
        Trace{"LateSuccess", MicroProfile(4, .75, 1, 1s), "FFFS O|S FFFS O", 9, kOpen},
        Trace{"RollingWindowOpen", MicroProfile(4, .5, 2, 5s), "SFFS O", 4, kOpen},
        Trace{"RollingWindowOpen2", MicroProfile(4, .5, 2, 5s), "SFSSF O", 5, kOpen},
        Trace{"FailureRatio", MicroProfile(10, .8, 1, 5s), "FFSFFFSFFF O", 10, kOpen},
        Trace{"SuccessThreshold", MicroProfile(10, .5, 2, 1s), "FFFFFFFFFF O|SS FFFFFFFFFF O|SF O",
              24, kOpen}),
    NameOf);

/// Polly v8: failure ratio over a sampling duration with a minimum throughput; only a handled
/// failure opens; one probe decides.
CircuitBreakerOptions Polly(double ratio, std::uint32_t throughput, Duration sampling,
                            Duration break_duration) {
  CircuitBreakerOptions options;
  options.consecutive_failures.reset();
  options.failure_ratio_over_time = {
      .window = {.span = sampling, .slices = 10, .minimum_calls = throughput}, .threshold = ratio};
  options.success_may_trip = false;
  options.open.base = break_duration;
  return options;
}

CircuitBreakerOptions PollyByResilience4jPolicy() {
  CircuitBreakerOptions options = Polly(.5, 4, 30s, 5s);
  options.success_may_trip = true;
  return options;
}

INSTANTIATE_TEST_SUITE_P(
    Polly, BreakerReplay,
    ::testing::Values(
        // The throughput is reached by a success: no trip, whatever the ratio; the next failure
        // trips.
        Trace{"SuccessThatCompletesTheWindowDoesNotTrip", Polly(.5, 4, 30s, 5s), "FFFS", 4,
              kClosed},
        Trace{"TheNextFailureTrips", Polly(.5, 4, 30s, 5s), "FFFSF O", 5, kOpen},
        Trace{"TheSameCallsUnderTheOtherPolicyTrip", PollyByResilience4jPolicy(), "FFFS O", 4,
              kOpen},
        Trace{"BelowTheMinimumThroughput", Polly(.5, 4, 30s, 5s), "FFF", 3, kClosed},
        Trace{"AtTheThreshold", Polly(.5, 4, 30s, 5s), "SSFF O", 4, kOpen},
        Trace{"BelowTheThreshold", Polly(.5, 4, 30s, 5s), "SSSF", 4, kClosed},
        Trace{"ProbeSucceeds", Polly(.5, 4, 30s, 5s), "FFFF O|S FFF", 8, kClosed},
        Trace{"ProbeFails", Polly(.5, 4, 30s, 5s), "FFFF O|F O|S", 6, kClosed},
        // The break is as long as the sampling: what was sampled before it is gone.
        Trace{"OldSamplesExpire", Polly(.5, 4, 5s, 5s), "FFF|FFF", 6, kClosed}),
    NameOf);

/// gobreaker's defaults: more than five consecutive failures, so six, trip; half open admits one
/// request and one success closes. With MaxRequests n it admits n and needs n consecutive
/// successes.
CircuitBreakerOptions GoBreaker(std::uint32_t max_requests) {
  CircuitBreakerOptions options;
  options.consecutive_failures = 6;
  options.success_may_trip = false;
  options.open.base = 60s;
  options.half_open = {.max_concurrent_probes = max_requests,
                       .close = CloseOnSuccesses{.successes = max_requests}};
  return options;
}

/// gobreaker's documented ReadyToTrip example: at least 3 requests, 60 % of them failed.
CircuitBreakerOptions GoBreakerRatio() {
  CircuitBreakerOptions options = GoBreaker(1);
  options.consecutive_failures.reset();
  options.failure_ratio_over_count = {.window = {.size = 1000, .minimum_calls = 3},
                                      .threshold = 0.6};
  return options;
}

INSTANTIATE_TEST_SUITE_P(
    GoBreaker, BreakerReplay,
    ::testing::Values(Trace{"FiveFailuresDoNot", GoBreaker(1), "FFFFF", 5, kClosed},
                      Trace{"SixFailuresTrip", GoBreaker(1), "FFFFFF O", 6, kOpen},
                      Trace{"ASuccessResetsTheStreak", GoBreaker(1), "FFFFFSFFFFF", 11, kClosed},
                      Trace{"OneSuccessCloses", GoBreaker(1), "FFFFFF O|S FFFFF", 12, kClosed},
                      Trace{"OneFailureReopens", GoBreaker(1), "FFFFFF O|F O", 7, kOpen},
                      Trace{"MaxRequestsSuccessesClose", GoBreaker(3), "FFFFFF|SS", 8,
                            BreakerState::kHalfOpen},
                      Trace{"MaxRequestsSuccessesClose3", GoBreaker(3), "FFFFFF|SSS", 9, kClosed},
                      Trace{"AnyProbeFailureReopens", GoBreaker(3), "FFFFFF|SSF O", 9, kOpen},
                      Trace{"RatioTripsOnAFailureOnly", GoBreakerRatio(), "FFS", 3, kClosed},
                      Trace{"RatioTrips", GoBreakerRatio(), "FFSF O", 4, kOpen},
                      Trace{"RatioNeedsThreeRequests", GoBreakerRatio(), "FF", 2, kClosed}),
    NameOf);

}  // namespace
}  // namespace llmload
