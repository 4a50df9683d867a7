// Retries, rate limits and the budget of a failover chain.
#include <chrono>

#include "llmload/resilience/circuit_breaker_provider.h"
#include "tests/unit/resilience/failover_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

TEST_F(FailoverProviderTest, ForcedOpenEverywhereHasNoRetryAfter) {
  const auto chain = Chain({Provide("first", {Answers()})});
  BreakerOf(*chain, 0).ForceOpen();
  const Answer answer = Ask(*chain);
  EXPECT_EQ(answer.error().kind, ErrorKind::kCircuitOpen);
  EXPECT_FALSE(answer.error().retry_after);
}

TEST_F(FailoverProviderTest, RetriesOnTheSameTargetAfterABackoff) {
  const auto first = Provide("first", {Fails(ErrorKind::kServerError, 0ms),
                                       Fails(ErrorKind::kTruncatedStream, 0ms), Answers(0ms)});
  const auto second = Provide("second", {Answers()});
  const auto chain =
      Chain({first, second}, {.retries_per_target = 2, .backoff = {.base = 1s, .cap = 4s}});
  const Answer answer = Ask(*chain);
  EXPECT_EQ(answer.completion().provider, "first");
  EXPECT_EQ(first->calls(), 3);
  const Duration first_wait = first->arrivals[1] - first->arrivals[0];
  const Duration second_wait = first->arrivals[2] - first->arrivals[1];
  EXPECT_GE(first_wait, Duration(1s));
  EXPECT_LE(first_wait, Duration(3s));
  EXPECT_GE(second_wait, Duration(1s));
  EXPECT_LE(second_wait, Duration(4s));
}

TEST_F(FailoverProviderTest, NoRetryWhereItCannotHelp) {
  for (const ErrorKind kind :
       {ErrorKind::kQuotaExhausted, ErrorKind::kCredential, ErrorKind::kModelUnavailable,
        ErrorKind::kRateLimited, ErrorKind::kUnexpectedRedirect, ErrorKind::kInternal}) {
    const auto first = Provide("first", {Fails(kind)});
    const auto chain = Chain({first, Provide("second", {Answers()})}, {.retries_per_target = 3});
    EXPECT_TRUE(Ask(*chain).ok());
    EXPECT_EQ(first->calls(), 1) << ToString(kind);
  }
}

TEST_F(FailoverProviderTest, RetryAfterIsHonouredByRetriesAndBeyondItsCapEndsThem) {
  Step overloaded = Fails(ErrorKind::kOverloaded, 0ms);
  overloaded.error->retry_after = 7s;
  const auto first = Provide("first", {overloaded, Answers(0ms)});
  const auto chain = Chain({first}, {.retries_per_target = 1, .backoff = {.cap = 1s}});
  EXPECT_TRUE(Ask(*chain).ok());
  EXPECT_EQ(first->arrivals[1] - first->arrivals[0], Duration(7s));

  overloaded.error->retry_after = 31s;
  const auto other = Provide("other", {overloaded, Answers(0ms)});
  const auto second = Provide("second", {Answers(0ms)});
  const TimePoint before = clock_.Now();
  EXPECT_TRUE(Ask(*Chain({other, second}, {.retries_per_target = 1})).ok());
  EXPECT_EQ(other->calls(), 1);
  EXPECT_EQ(clock_.Now(), before);
}

TEST_F(FailoverProviderTest, ABackoffBeyondTheDeadlineGivesWayToTheNextTarget) {
  const auto first = Provide("first", {Fails(ErrorKind::kServerError, 0ms)});
  const auto chain =
      Chain({first, Provide("second", {Answers(20ms)})},
            {.retries_per_target = 1, .backoff = {.base = 10s, .cap = 10s}, .total_deadline = 5s});
  EXPECT_EQ(Ask(*chain).completion().provider, "second");
  EXPECT_EQ(Elapsed(), Duration(20ms));
}

TEST_F(FailoverProviderTest, ARetryThatFindsTheBreakerOpenGoesOnToTheNextTarget) {
  const auto first = Provide("first", {Fails(ErrorKind::kServerError, 0ms)});
  FailoverProvider chain({{.provider = first, .breaker = Breaker({.consecutive_failures = 2})},
                          {.provider = Provide("second", {Answers()})}},
                         {.retries_per_target = 10, .backoff = {.base = 1ms}}, clock_);
  EXPECT_EQ(Ask(chain).completion().provider, "second");
  EXPECT_EQ(first->calls(), 2);
}

TEST_F(FailoverProviderTest, AStaleConnectionIsTriedOnceMoreAtOnceAndCountsAgainstNoProvider) {
  const auto first = Provide("first", {Fails(ErrorKind::kStaleConnection, 0ms), Answers(0ms)});
  const auto chain = Chain({first, Provide("second", {Answers()})});
  const Answer answer = Ask(*chain);
  EXPECT_EQ(answer.completion().provider, "first");
  EXPECT_EQ(answer.completion().attempts.size(), 2u);
  EXPECT_EQ(Elapsed(), Duration(0s));
  EXPECT_EQ(BreakerOf(*chain, 0).Snapshot().failures, 0u);

  const auto always = Provide("always", {Fails(ErrorKind::kStaleConnection, 0ms)});
  EXPECT_EQ(Ask(*Chain({always, Provide("second", {Answers()})})).completion().provider, "second");
  EXPECT_EQ(always->calls(), 2);
}

TEST_F(FailoverProviderTest, ARateLimitGoesOnAtOnceWhereThereIsAnotherTarget) {
  Step limited = Fails(ErrorKind::kRateLimited, 0ms);
  limited.error->retry_after = 1s;
  const auto chain = Chain({Provide("first", {limited}), Provide("second", {Answers(0ms)})});
  EXPECT_TRUE(Ask(*chain).ok());
  EXPECT_EQ(Elapsed(), Duration(0s));
}

TEST_F(FailoverProviderTest, ARateLimitWithAShortRetryAfterIsWaitedForWhereThereIsNoOther) {
  Step limited = Fails(ErrorKind::kRateLimited, 0ms);
  limited.error->retry_after = 2s;
  const auto first = Provide("first", {limited, Answers(0ms)});
  const auto second = Provide("second", {Fails(ErrorKind::kOverloaded, 500ms)});
  const Answer answer = Ask(*Chain({first, second}));
  EXPECT_EQ(answer.completion().provider, "first");
  EXPECT_EQ(answer.completion().attempts.size(), 3u);
  EXPECT_EQ(first->arrivals[1] - first->arrivals[0], Duration(2s));
}

TEST_F(FailoverProviderTest, ARateLimitIsNotWaitedForTwiceNorTooLongNorBeyondTheDeadline) {
  Step limited = Fails(ErrorKind::kRateLimited, 0ms);
  limited.error->retry_after = 2s;
  const auto always = Provide("always", {limited});
  Answer answer = Ask(*Chain({always}));
  EXPECT_EQ(answer.error().kind, ErrorKind::kRateLimited);
  EXPECT_EQ(answer.error().retry_after, Duration(2s));
  EXPECT_EQ(always->calls(), 2);

  limited.error->retry_after = 6s;
  const auto longer = Provide("longer", {limited});
  answer = Ask(*Chain({longer}));
  EXPECT_EQ(answer.error().kind, ErrorKind::kRateLimited);
  EXPECT_EQ(longer->calls(), 1);

  limited.error->retry_after = 2s;
  const auto impatient = Provide("impatient", {limited});
  answer = Ask(*Chain({impatient}), {.deadline = clock_.Now() + 2s});
  EXPECT_EQ(answer.error().kind, ErrorKind::kRateLimited);
  EXPECT_EQ(impatient->calls(), 1);

  const auto off = Provide("off", {limited});
  EXPECT_FALSE(Ask(*Chain({off}, {.max_rate_limit_wait = 0s})).ok());
  EXPECT_EQ(off->calls(), 1);
}

TEST_F(FailoverProviderTest, EveryExtraInvocationIsPaidFromTheBudget) {
  const auto budget = std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0.2, .reserve = 3});
  const auto first = Provide("first", {Fails(ErrorKind::kServerError, 0ms)});
  const auto second = Provide("second", {Fails(ErrorKind::kServerError, 0ms)});
  FailoverProvider chain({{.provider = first}, {.provider = second}},
                         {.retries_per_target = 3, .backoff = {.base = 1ms}, .budget = budget},
                         clock_);
  int exhausted = 0;
  for (int requests = 1; requests <= 200; ++requests) {
    const Answer answer = Ask(chain);
    if (answer.error().kind == ErrorKind::kRetryBudgetExhausted) ++exhausted;
    ASSERT_LE(first->calls() + second->calls(), requests * 1.2 + 3) << requests;
  }
  EXPECT_GE(first->calls() + second->calls(), 240) << "the budget is used up";
  EXPECT_GT(exhausted, 150);
}

TEST_F(FailoverProviderTest, AChainWithinAnotherLeavesTheDepositToIt) {
  for (const bool deposits : {true, false}) {
    const auto budget =
        std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0.5, .reserve = 0});
    FailoverProvider chain({{.provider = Provide("first", {Answers()})}},
                           {.budget = budget, .deposit_per_request = deposits}, clock_);
    for (int i = 0; i < 4; ++i) Ask(chain);
    EXPECT_EQ(budget->requests(), deposits ? 4u : 0u);
    EXPECT_EQ(budget->TryWithdraw(), deposits);
  }
}

TEST_F(FailoverProviderTest, AnExhaustedBudgetSaysWhyAndReturnsTheProbesSlot) {
  const auto budget = std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0, .reserve = 0});
  const auto breaker = Breaker({.initial_state = BreakerState::kHalfOpen});
  FailoverProvider chain({{.provider = Provide("first", {Fails(ErrorKind::kOverloaded)})},
                          {.provider = Provide("second", {Answers()}), .breaker = breaker}},
                         {.budget = budget}, clock_);
  const Answer answer = Ask(chain);
  EXPECT_EQ(answer.error().kind, ErrorKind::kRetryBudgetExhausted);
  EXPECT_NE(answer.error().message.find("overloaded from first"), std::string::npos)
      << answer.error().message;
  EXPECT_EQ(answer.error().attempts.size(), 1u);
  EXPECT_EQ(breaker->Snapshot().probes_in_flight, 0u);
  EXPECT_EQ(breaker->Snapshot().neutrals, 1u);
}

TEST_F(FailoverProviderTest, SkippingAnOpenBreakerCostsNothing) {
  const auto budget = std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0, .reserve = 0});
  const auto open = Breaker({.initial_state = BreakerState::kForcedOpen});
  FailoverProvider chain({{.provider = Provide("first", {Answers()}), .breaker = open},
                          {.provider = Provide("second", {Answers()})}},
                         {.budget = budget}, clock_);
  EXPECT_EQ(Ask(chain).completion().provider, "second");
  EXPECT_EQ(budget->withdrawals(), 0u);
}

TEST_F(FailoverProviderTest, ANestedRejectionIsNoAttemptAndCostsNothing) {
  const auto budget = std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0, .reserve = 1});
  const auto wrapped = [&](const char* name, Duration wait) {
    return std::make_shared<CircuitBreakerProvider>(
        Provide(name, {Answers()}),
        Breaker({.initial_state = BreakerState::kOpen, .open = {.base = wait}}));
  };
  FailoverProvider chain({{.provider = Provide("first", {Fails(ErrorKind::kServerError, 0ms)})},
                          {.provider = wrapped("a", 9s)},
                          {.provider = wrapped("b", 8s)},
                          {.provider = Provide("last", {Answers()})}},
                         {.budget = budget}, clock_);
  const Answer answer = Ask(chain);
  EXPECT_EQ(answer.completion().provider, "last");
  EXPECT_EQ(answer.completion().attempts.size(), 2u);
  EXPECT_EQ(budget->withdrawals(), 1u);

  FailoverProvider all_open({{.provider = wrapped("a", 9s)}, {.provider = wrapped("b", 8s)}}, {},
                            clock_);
  const Answer rejected = Ask(all_open);
  EXPECT_EQ(rejected.error().kind, ErrorKind::kCircuitOpen);
  EXPECT_EQ(rejected.error().retry_after, Duration(8s));
}

TEST_F(FailoverProviderTest, EqualSeedsGiveEqualRuns) {
  const auto run = [&](std::uint64_t seed) {
    const TimePoint before = clock_.Now();
    const auto first = Provide("first", {Fails(ErrorKind::kServerError)});
    const auto chain = Chain({first}, {.retries_per_target = 4, .seed = seed});
    std::vector<Duration> instants;
    for (int i = 0; i < 3; ++i) {
      Ask(*chain);
      BreakerOf(*chain, 0).Reset();
    }
    for (const TimePoint at : first->arrivals) instants.push_back(at - before);
    return instants;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

}  // namespace
}  // namespace llmload
