// What opens a breaker: behaviours 1 to 13 of docs/resilience-behaviours.md.
#include <chrono>

#include "tests/unit/resilience/breaker_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

CircuitBreakerOptions NoRules() {
  CircuitBreakerOptions options;
  options.consecutive_failures.reset();
  return options;
}

CircuitBreakerOptions OverCount(std::uint32_t size, std::uint32_t minimum, double threshold) {
  CircuitBreakerOptions options = NoRules();
  options.failure_ratio_over_count = {.window = {.size = size, .minimum_calls = minimum},
                                      .threshold = threshold};
  return options;
}

CircuitBreakerOptions OverTime(Duration span, std::uint32_t slices, std::uint32_t minimum,
                               double threshold) {
  CircuitBreakerOptions options = NoRules();
  options.failure_ratio_over_time = {
      .window = {.span = span, .slices = slices, .minimum_calls = minimum}, .threshold = threshold};
  return options;
}

class BreakerTrip : public BreakerTest {};

TEST_F(BreakerTrip, B01_StartsClosedAndTheInitialStateIsConfigurable) {
  Make({});
  EXPECT_EQ(state(), BreakerState::kClosed);
  for (const auto initial : {BreakerState::kOpen, BreakerState::kHalfOpen, BreakerState::kDisabled,
                             BreakerState::kForcedOpen, BreakerState::kMetricsOnly}) {
    Make({.initial_state = initial});
    EXPECT_EQ(state(), initial);
  }
  Make({.initial_state = BreakerState::kOpen, .open = {.base = 7s}});
  EXPECT_EQ(MustReject().remaining_wait, Duration(7s));
  Wait(7s);
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerTrip, B02_BelowTheMinimumNothingTrips) {
  Make(OverCount(10, 5, 0.1));
  Do("FFFF");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Make(OverTime(10s, 10, 5, 0.1));
  Do("FFFF");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Make({});
  Do("FFFF");
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerTrip, B03_TripsAtExactlyThresholdAndMinimum) {
  Make(OverCount(10, 5, 0.6));
  Do("FSFS");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(LastChange().cause, BreakerCause::kFailureRatioOverCount);

  Make(OverTime(10s, 10, 5, 0.6));
  Do("FSFS");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(LastChange().cause, BreakerCause::kFailureRatioOverTime);

  Make({});
  Do("FFFFF");
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(LastChange().cause, BreakerCause::kConsecutiveFailures);
}

TEST_F(BreakerTrip, B03_JustBelowTheThresholdStaysClosed) {
  Make(OverCount(10, 10, 0.6));
  Do("FSFSFSFSFS");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");  // the oldest failure leaves as this one comes: still 5 of 10
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");  // a success leaves: 6 of 10
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B03_ASuccessThatCompletesTheWindowTripsByPolicyOnly) {
  CircuitBreakerOptions options = OverCount(4, 4, 0.75);
  Make(options);
  Do("FFFS");
  EXPECT_EQ(state(), BreakerState::kOpen);
  options.success_may_trip = false;
  Make(options);
  Do("FFFS");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");  // of FFSF three failed
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B04_SlowCallRateTrips) {
  for (const std::variant<CountWindow, TimeWindow>& window :
       {std::variant<CountWindow, TimeWindow>(CountWindow{.size = 4, .minimum_calls = 4}),
        std::variant<CountWindow, TimeWindow>(
            TimeWindow{.span = 1min, .slices = 6, .minimum_calls = 4})}) {
    CircuitBreakerOptions options = NoRules();
    options.slow_call_ratio = SlowCallRatio{.slow_after = 2s, .threshold = 0.5, .window = window};
    Make(options);
    DoSlowly(1s, Outcome::kSuccess);
    DoSlowly(2s, Outcome::kSuccess);  // exactly slow_after is slow
    DoSlowly(2s - 1ns, Outcome::kSuccess);
    EXPECT_EQ(state(), BreakerState::kClosed);
    DoSlowly(3s, Outcome::kSuccess);
    EXPECT_EQ(state(), BreakerState::kOpen);
    EXPECT_EQ(LastChange().cause, BreakerCause::kSlowCallRatio);
  }
}

TEST_F(BreakerTrip, B05_ASlowFailureCountsInBothRates) {
  CircuitBreakerOptions options = OverCount(4, 4, 1.0);
  options.slow_call_ratio = SlowCallRatio{
      .slow_after = 1s, .threshold = 0.75, .window = CountWindow{.size = 4, .minimum_calls = 4}};
  Make(options);
  DoSlowly(1s, Outcome::kFailure);
  DoSlowly(1s, Outcome::kFailure);
  Do("S");
  DoSlowly(1s, Outcome::kFailure);
  EXPECT_EQ(LastChange().cause, BreakerCause::kSlowCallRatio);

  options.slow_call_ratio->window = CountWindow{.size = 100, .minimum_calls = 100};
  Make(options);
  for (int i = 0; i < 4; ++i) DoSlowly(1s, Outcome::kFailure);
  EXPECT_EQ(LastChange().cause, BreakerCause::kFailureRatioOverCount);
}

TEST_F(BreakerTrip, B06_FailuresThatSpanTwoSlicesCombine) {
  Make(OverTime(10s, 10, 4, 1.0));
  Do("FF");
  Wait(1500ms);  // two slices on
  Do("F");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B07_SamplesExpireExactlyAtTheWindowsEnd) {
  Make(OverTime(10s, 10, 2, 1.0));
  Do("F");
  Wait(10s);
  Do("F");  // alone in its window
  EXPECT_EQ(state(), BreakerState::kClosed);
  Wait(10s - 1ns);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B08_JustInsideTheWindowStillCounts) {
  Make(OverTime(10s, 10, 2, 1.0));
  Do("F");
  Wait(10s - 1ns);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B08_ASampleExpiresWithItsSliceAndLeavesTheLaterOnes) {
  Make(OverTime(10s, 10, 3, 1.0));
  Do("F");  // slice 0
  Wait(1s);
  Do("F");   // slice 1
  Wait(9s);  // slice 0 expires
  Do("F");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("F");  // slices 1 and 10
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B08_RatiosForgetOldSuccesses) {
  Make(OverTime(10s, 5, 4, 0.9));
  Do("SSSSSSSS");
  Wait(8s);
  Do("FFFF");
  EXPECT_EQ(state(), BreakerState::kClosed) << "4 of 12";
  Wait(2s);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen) << "5 of 5";
}

TEST_F(BreakerTrip, B09_WindowsBelowTheSliceResolutionWork) {
  Make(OverTime(3ns, 10, 2, 1.0));
  Do("F");
  Wait(3ns);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Wait(2ns);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);

  Make(OverTime(10s, 1, 2, 1.0));  // one slice: a window that starts again with the first sample
  Do("F");
  Wait(10s - 1ns);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B09_AGapOfYearsEmptiesTheWindow) {
  Make(OverTime(1ns, 1000, 2, 1.0));
  Do("F");
  Wait(std::chrono::hours(24 * 365 * 100));
  Do("F");
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerTrip, B10_SuccessResetsTheConsecutiveStreak) {
  Make({});
  Do("FFFFSFFFF");
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(breaker().Snapshot().consecutive_failures, 4u);
  Do("F");
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B11_NeutralReturnsItsPermitAndTouchesNoStreak) {
  Make({});
  Do("FFFFNNN");
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(breaker().Snapshot().in_flight, 0u);
  Do("F");  // the streak went on
  EXPECT_EQ(state(), BreakerState::kOpen);

  Wait(30s);
  Do("NNN");  // each gets the one half-open slot and gives it back
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker().Snapshot().probes_in_flight, 0u);
  Do("S");
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerTrip, B11_NeutralIsNoSampleOfAWindow) {
  Make(OverCount(4, 4, 0.5));
  Do("FFSNNNNNN");
  EXPECT_EQ(state(), BreakerState::kClosed);
  Do("S");
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B12_AnInterruptedStreamIsJudgedByTheCauseThatItNames) {
  CircuitBreaker& circuit = Make({.consecutive_failures = 1});
  const auto outcome = [&](const char* cause) {
    return circuit.Classify(Error{.kind = ErrorKind::kStreamError, .provider_code = cause});
  };
  for (const char* cause : {"exceed_context_size_error", "context_length_exceeded",
                            "invalid_request_error", "content_filter", "validationException"}) {
    EXPECT_EQ(outcome(cause), Outcome::kNeutral) << cause;
  }
  for (const char* cause : {"", "abort", "server_error", "overloaded_error", "throttlingException",
                            "rate_limit_error", "500"}) {
    EXPECT_EQ(outcome(cause), Outcome::kFailure) << cause;
  }
}

TEST_F(BreakerTrip, B12_AnUnlistedErrorIsAFailureByDefaultAndThePolicyCanSayOtherwise) {
  CircuitBreaker& by_default = Make({.consecutive_failures = 1});
  EXPECT_EQ(by_default.Classify(Error{.kind = ErrorKind::kInternal}), Outcome::kFailure);
  EXPECT_EQ(by_default.Classify(Error{.kind = static_cast<ErrorKind>(250)}), Outcome::kNeutral)
      << "not a kind at all: Classify(ErrorKind) calls it local";
  MustAdmit().Settle(Error{.kind = ErrorKind::kStreamError});
  EXPECT_EQ(state(), BreakerState::kOpen);

  CircuitBreakerOptions lenient{.consecutive_failures = 1};
  lenient.classify_error = [](const Error& error) {
    return error.kind == ErrorKind::kStreamError ? Outcome::kSuccess : ClassifyForBreaker(error);
  };
  Make(lenient);
  MustAdmit().Settle(Error{.kind = ErrorKind::kStreamError});
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(breaker().Snapshot().successes, 1u);
  MustAdmit().Settle(Error{.kind = ErrorKind::kServerError});
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, B12_EveryErrorKindHasItsDefault) {
  const auto neutral = [](ErrorKind kind) {
    switch (kind) {
      case ErrorKind::kInvalidRequest:
      case ErrorKind::kContextLength:
      case ErrorKind::kContentFilter:
      case ErrorKind::kStaleConnection:
      case ErrorKind::kWrongAnswer:
      case ErrorKind::kCircuitOpen:
      case ErrorKind::kStreamInterrupted:
      case ErrorKind::kRetryBudgetExhausted:
      case ErrorKind::kSpendLimit:
      case ErrorKind::kCancelled:
        return true;
      default:
        return false;
    }
  };
  for (int i = 0; i < kErrorKindCount; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    EXPECT_EQ(ClassifyForBreaker(Error{.kind = kind}),
              neutral(kind) ? Outcome::kNeutral : Outcome::kFailure)
        << ToString(kind);
  }
}

TEST_F(BreakerTrip, B13_AResultValueCanBeAFailure) {
  CircuitBreakerOptions options{.consecutive_failures = 1};
  options.classify_completion = [](const Completion& completion) {
    return completion.text.empty() ? Outcome::kFailure : Outcome::kSuccess;
  };
  Make(options);
  MustAdmit().Settle(Completion{.text = "hello"});
  EXPECT_EQ(state(), BreakerState::kClosed);
  MustAdmit().Settle(Completion{});
  EXPECT_EQ(state(), BreakerState::kOpen);

  Make({.consecutive_failures = 1});
  const auto result = breaker().Call(
      [] { return 503; },
      [](int status) { return status >= 500 ? Outcome::kFailure : Outcome::kSuccess; });
  EXPECT_EQ(result.value(), 503);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerTrip, AnyOfSeveralRulesTrips) {
  CircuitBreakerOptions options = OverCount(100, 100, 0.5);
  options.consecutive_failures = 3;
  options.failure_ratio_over_time = {.window = {.span = 10s, .slices = 10, .minimum_calls = 6},
                                     .threshold = 0.5};
  Make(options);
  Do("FFF");
  EXPECT_EQ(LastChange().cause, BreakerCause::kConsecutiveFailures);
  Make(options);
  Do("FSFSFS");
  EXPECT_EQ(LastChange().cause, BreakerCause::kFailureRatioOverTime);
}

TEST_F(BreakerTrip, WithoutARuleNothingTrips) {
  Make(NoRules());
  Do(std::string(1000, 'F'));
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(breaker().Snapshot().failures, 1000u);
}

}  // namespace
}  // namespace llmload
