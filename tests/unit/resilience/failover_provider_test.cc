#include "llmload/resilience/failover_provider.h"

#include <chrono>

#include "llmload/core/environment.h"
#include "llmload/resilience/circuit_breaker_provider.h"
#include "tests/unit/resilience/test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

class FailoverProviderTest : public VirtualTimeTest {
 protected:
  std::shared_ptr<ScriptedProvider> Provide(std::string name, std::vector<Step> steps) {
    return std::make_shared<ScriptedProvider>(clock_, std::move(name), std::move(steps));
  }
  std::shared_ptr<CircuitBreaker> Breaker(CircuitBreakerOptions options = {}) {
    return std::make_shared<CircuitBreaker>("b", std::move(options), clock_);
  }
  /// A chain of providers, each behind a breaker with the default rules.
  std::unique_ptr<FailoverProvider> Chain(
      const std::vector<std::shared_ptr<ScriptedProvider>>& providers,
      FailoverOptions options = {}) {
    std::vector<FailoverTarget> targets;
    for (const auto& provider : providers)
      targets.push_back({.provider = provider, .breaker = Breaker()});
    return std::make_unique<FailoverProvider>(std::move(targets), std::move(options), clock_);
  }
  static CircuitBreaker& BreakerOf(const FailoverProvider& chain, std::size_t target) {
    return *chain.targets()[target].breaker;
  }
};

TEST_F(FailoverProviderTest, TheFirstTargetAnswersAlone) {
  const auto first = Provide("first", {Answers()});
  const auto second = Provide("second", {Answers()});
  const auto chain = Chain({first, second});
  const Answer answer = Ask(*chain);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.completion().text, "first answers");
  EXPECT_EQ(answer.completion().attempts.size(), 1u);
  EXPECT_EQ(second->calls(), 0);
  EXPECT_EQ(BreakerOf(*chain, 0).Snapshot().successes, 1u);
}

TEST_F(FailoverProviderTest, AFailureGoesOnToTheNextTargetAndLeavesARecordOfEachAttempt) {
  const auto first = Provide("first", {Fails(ErrorKind::kServerError, 50ms)});
  const auto second = Provide("second", {Answers(20ms)});
  const auto chain = Chain({first, second});
  const Answer answer = Ask(*chain);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.completion().provider, "second");
  const std::vector<Attempt> attempts = answer.completion().attempts;
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_EQ(attempts[0].provider, "first");
  EXPECT_EQ(attempts[0].error, ErrorKind::kServerError);
  EXPECT_EQ(attempts[0].started, start_);
  EXPECT_EQ(attempts[0].finished, start_ + 50ms);
  EXPECT_EQ(attempts[1].provider, "second");
  EXPECT_FALSE(attempts[1].error);
  EXPECT_EQ(attempts[1].started, start_ + 50ms) << "at once";
  EXPECT_EQ(attempts[1].finished, start_ + 70ms);
  EXPECT_EQ(attempts[1].output_tokens, 3);
}

TEST_F(FailoverProviderTest, WhatEachErrorLeadsTo) {
  const auto goes_on = [](ErrorKind kind) {
    switch (kind) {
      case ErrorKind::kInvalidRequest:
      case ErrorKind::kContentFilter:
      case ErrorKind::kContextLength:  // no target with a larger context here
      case ErrorKind::kCancelled:
      case ErrorKind::kStreamInterrupted:
        return false;
      default:
        return true;
    }
  };
  for (int i = 0; i < kErrorKindCount; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    const auto second = Provide("second", {Answers()});
    const auto chain = Chain({Provide("first", {Fails(kind)}), second});
    const Answer answer = Ask(*chain);
    EXPECT_EQ(second->calls(), goes_on(kind) ? 1 : 0) << ToString(kind);
    EXPECT_EQ(answer.ok(), goes_on(kind)) << ToString(kind);
    if (!goes_on(kind)) {
      EXPECT_EQ(answer.error().kind, kind);
    }
  }
}

TEST_F(FailoverProviderTest, AllFailedIsTheLastErrorWithEveryAttempt) {
  const auto chain = Chain({Provide("first", {Fails(ErrorKind::kServerError)}),
                            Provide("second", {Fails(ErrorKind::kQuotaExhausted)}),
                            Provide("third", {Fails(ErrorKind::kOverloaded)})});
  const Answer answer = Ask(*chain);
  EXPECT_EQ(answer.error().kind, ErrorKind::kOverloaded);
  EXPECT_EQ(answer.error().provider, "third");
  ASSERT_EQ(answer.error().attempts.size(), 3u);
  EXPECT_EQ(answer.error().attempts[1].error, ErrorKind::kQuotaExhausted);
}

TEST_F(FailoverProviderTest, TooLargeAPromptGoesOnToALargerContextOnly) {
  for (const bool by_status : {false, true}) {
    Step step = Fails(by_status ? ErrorKind::kInvalidRequest : ErrorKind::kContextLength);
    if (by_status) step.error->http_status = 413;
    const auto small = Provide("small", {Answers()});
    const auto large = Provide("large", {Answers()});
    FailoverProvider chain({{.provider = Provide("first", {step})},
                            {.provider = small},
                            {.provider = large, .larger_context = true}},
                           {}, clock_);
    EXPECT_EQ(Ask(chain).completion().provider, "large");
    EXPECT_EQ(small->calls(), 0);
  }
}

TEST_F(FailoverProviderTest, ATargetsModelReplacesTheRequests) {
  const auto first = Provide("first", {Fails(ErrorKind::kModelUnavailable)});
  const auto second = Provide("second", {Answers()});
  FailoverProvider chain({{.provider = first}, {.provider = second, .model = "llama3"}}, {},
                         clock_);
  EXPECT_TRUE(Ask(chain, {.model = "gpt", .messages = {{Role::kUser, "hi"}}}).ok());
  EXPECT_EQ(first->requests[0].model, "gpt");
  EXPECT_EQ(second->requests[0].model, "llama3");
  EXPECT_EQ(second->requests[0].messages[0].content, "hi");
}

TEST_F(FailoverProviderTest, AnOpenBreakerIsSkippedWithoutAnAttempt) {
  const auto first = Provide("first", {Fails(ErrorKind::kServerError)});
  const auto second = Provide("second", {Answers()});
  const auto chain = Chain({first, second});
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Ask(*chain).ok());
  EXPECT_EQ(first->calls(), 5);
  EXPECT_EQ(second->calls(), 20);
  const Answer answer = Ask(*chain);
  EXPECT_EQ(answer.completion().attempts.size(), 1u);
}

TEST_F(FailoverProviderTest, AllOpenFailsAtOnceWithTheShortestRemainingWait) {
  const auto first = Provide("first", {Fails(ErrorKind::kServerError, 0ms)});
  const auto second = Provide("second", {Fails(ErrorKind::kServerError, 0ms)});
  FailoverProvider chain(
      {{.provider = first, .breaker = Breaker({.consecutive_failures = 1, .open = {.base = 30s}})},
       {.provider = second,
        .breaker = Breaker({.consecutive_failures = 1, .open = {.base = 20s}})}},
      {}, clock_);
  EXPECT_EQ(Ask(chain).error().kind, ErrorKind::kServerError);
  clock_.AdvanceBy(5s);
  const TimePoint before = clock_.Now();
  const Answer answer = Ask(chain);
  EXPECT_EQ(answer.error().kind, ErrorKind::kCircuitOpen);
  EXPECT_EQ(answer.error().retry_after, Duration(15s));
  EXPECT_TRUE(answer.error().attempts.empty());
  EXPECT_EQ(clock_.Now(), before) << "no waiting";
  EXPECT_EQ(first->calls() + second->calls(), 2) << "no spinning";
}

TEST_F(FailoverProviderTest, ForcedOpenEverywhereHasNoRetryAfter) {
  const auto chain = Chain({Provide("first", {Answers()})});
  BreakerOf(*chain, 0).ForceOpen();
  const Answer answer = Ask(*chain);
  EXPECT_EQ(answer.error().kind, ErrorKind::kCircuitOpen);
  EXPECT_FALSE(answer.error().retry_after);
}

TEST_F(FailoverProviderTest, BreakersComeFromTheRegistryPerModel) {
  const auto registry =
      std::make_shared<BreakerRegistry>(CircuitBreakerOptions{.consecutive_failures = 1}, clock_);
  const auto first = Provide("first", {Fails(ErrorKind::kModelUnavailable), Answers()});
  const auto second = Provide("second", {Answers()});
  FailoverProvider chain({{.provider = first}, {.provider = second}}, {.breakers = registry},
                         clock_);
  EXPECT_EQ(Ask(chain, {.model = "bad"}).completion().provider, "second");
  EXPECT_EQ(Ask(chain, {.model = "good"}).completion().provider, "first");
  EXPECT_EQ(Ask(chain, {.model = "bad"}).completion().provider, "second");
  EXPECT_EQ(first->calls(), 2);
  EXPECT_EQ(registry->Find({"first", "", "bad", ""})->state(), BreakerState::kOpen);
  EXPECT_EQ(registry->Find({"first", "", "good", ""})->state(), BreakerState::kClosed);
}

TEST_F(FailoverProviderTest, AProvidersExceptionIsAFailedAttempt) {
  const auto first = Provide("first", {Step{.throws = true}});
  const auto second = Provide("second", {Answers()});
  const auto chain = Chain({first, second});
  const Answer answer = Ask(*chain);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.completion().attempts[0].error, ErrorKind::kInternal);
  EXPECT_EQ(BreakerOf(*chain, 0).Snapshot().failures, 1u);

  const auto alone = Chain({Provide("only", {Step{.throws = true}})});
  const Answer failed = Ask(*alone);
  EXPECT_EQ(failed.error().kind, ErrorKind::kInternal);
  EXPECT_NE(failed.error().message.find("a bug"), std::string::npos);
  EXPECT_EQ(failed.error().provider, "only");
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

TEST_F(FailoverProviderTest, AStaleConnectionIsTriedOnceMoreAtOnceAndIsNobodysFault) {
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

TEST_F(FailoverProviderTest, AttemptDeadlinesCutABlackHole) {
  const auto hole = Provide("hole", {Step{.hang = true}});
  const auto second = Provide("second", {Answers(20ms)});
  const auto breaker = Breaker();
  FailoverProvider chain(
      {{.provider = hole, .breaker = breaker, .deadlines = {.total = 3s}}, {.provider = second}},
      {}, clock_);
  const Answer answer = Ask(chain);
  EXPECT_EQ(answer.completion().provider, "second");
  EXPECT_EQ(answer.completion().attempts[0].error, ErrorKind::kTotalTimeout);
  EXPECT_EQ(Elapsed(), Duration(3020ms));
  EXPECT_EQ(hole->running, 0);
  EXPECT_EQ(hole->abandoned, 1);
  EXPECT_EQ(breaker->Snapshot().failures, 1u);
  EXPECT_EQ(hole->requests[0].deadline, start_ + 3s) << "the provider knows its deadline";
}

TEST_F(FailoverProviderTest, TheTotalDeadlineBoundsTheWholeRequest) {
  const auto first = Provide("first", {Fails(ErrorKind::kServerError, 4s)});
  const auto hole = Provide("hole", {Step{.hang = true}});
  const auto chain = Chain({first, hole, Provide("third", {Answers()})}, {.total_deadline = 10s});
  const Answer answer = Ask(*chain);
  EXPECT_EQ(answer.error().kind, ErrorKind::kTotalTimeout);
  EXPECT_EQ(Elapsed(), Duration(10s));
  EXPECT_EQ(answer.error().attempts.size(), 2u);
  EXPECT_EQ(BreakerOf(*chain, 1).Snapshot().failures, 0u) << "had only what was left";
  EXPECT_EQ(BreakerOf(*chain, 1).Snapshot().neutrals, 1u);

  const auto alone = Chain({Provide("hole", {Step{.hang = true}})}, {.total_deadline = 10s});
  EXPECT_EQ(Ask(*alone, {.deadline = clock_.Now() + 2s}).error().kind, ErrorKind::kTotalTimeout);
  EXPECT_EQ(Elapsed(), Duration(12s)) << "the request's own deadline is the shorter one";
  EXPECT_EQ(BreakerOf(*alone, 0).Snapshot().failures, 1u);
}

TEST_F(FailoverProviderTest, ADeadlineThatHasPassedInvokesNobody) {
  const auto first = Provide("first", {Answers()});
  const Answer answer = Ask(*Chain({first}), {.deadline = clock_.Now()});
  EXPECT_EQ(answer.error().kind, ErrorKind::kTotalTimeout);
  EXPECT_EQ(first->calls(), 0);
}

TEST_F(FailoverProviderTest, NestedChainsMergeTheirAttempts) {
  const std::shared_ptr<FailoverProvider> inner =
      Chain({Provide("a", {Fails(ErrorKind::kServerError)}),
             Provide("b", {Fails(ErrorKind::kOverloaded)})});
  FailoverProvider outer({{.provider = inner}, {.provider = Provide("c", {Answers()})}}, {},
                         clock_);
  const Answer answer = Ask(outer);
  ASSERT_EQ(answer.completion().attempts.size(), 3u);
  EXPECT_EQ(answer.completion().attempts[0].provider, "a");
  EXPECT_EQ(answer.completion().attempts[1].provider, "b");
  EXPECT_EQ(answer.completion().attempts[2].provider, "c");
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

TEST_F(FailoverProviderTest, B34_CancelledBeforeStartIsNotRun) {
  const auto first = Provide("first", {Answers()});
  const auto chain = Chain({first});
  boost::asio::cancellation_signal signal;
  late_start_ = true;
  const auto answer = Start(*chain, {}, nullptr, &signal);
  signal.emit(boost::asio::cancellation_type::terminal);
  Run();
  EXPECT_TRUE(answer->aborted());
  EXPECT_EQ(first->calls(), 0);
  EXPECT_EQ(BreakerOf(*chain, 0).Snapshot().admitted, 0u);
}

TEST_F(FailoverProviderTest, CancellationSettlesNeutralAndPropagatesWherever) {
  // During an attempt with and without limits, a backoff, and the wait for a rate limit.
  Step limited = Fails(ErrorKind::kRateLimited, 0ms);
  limited.error->retry_after = 3s;
  struct Case {
    Step step;
    AttemptDeadlines deadlines;
    FailoverOptions options;
    std::uint64_t failures;
    std::uint64_t neutrals;
  };
  const std::vector<Case> cases = {
      {Step{.hang = true}, {}, {}, 0, 1},
      {Step{.hang = true}, {.total = 10s}, {}, 0, 1},
      {Step{.tokens = {"a"}, .hang = true}, {.first_token = 5s, .idle = 5s}, {}, 0, 1},
      {Fails(ErrorKind::kServerError, 0ms),
       {},
       {.retries_per_target = 1, .backoff = {.base = 5s}},
       1,
       0},
      {limited, {}, {}, 1, 0},
  };
  for (const Case& c : cases) {
    const auto provider = Provide("first", {c.step});
    const auto breaker = Breaker();
    FailoverProvider chain({{.provider = provider, .breaker = breaker, .deadlines = c.deadlines}},
                           c.options, clock_);
    boost::asio::cancellation_signal signal;
    const auto answer = Start(chain, {.stream = true}, nullptr, &signal);
    CancelAfter(1s, signal);
    const TimePoint before = clock_.Now();
    Run();
    EXPECT_TRUE(answer->aborted());
    EXPECT_EQ(clock_.Now() - before, Duration(1s)) << "promptly";
    EXPECT_EQ(provider->running, 0);
    EXPECT_EQ(breaker->Snapshot().failures, c.failures);
    EXPECT_EQ(breaker->Snapshot().neutrals, c.neutrals);
    EXPECT_EQ(breaker->Snapshot().in_flight, 0u);
  }
}

TEST_F(FailoverProviderTest, AfterCancellationNobodyElseIsAskedWhateverTheProviderAnswers) {
  class Swallower : public ScriptedProvider {
   public:
    using ScriptedProvider::ScriptedProvider;
    boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                        StreamObserver* observer) override {
      auto call = ScriptedProvider::Complete(request, observer);
      try {
        co_return co_await std::move(call);
      } catch (const boost::system::system_error&) {
        co_return MakeError(ErrorKind::kConnectionReset);
      }
    }
  };
  const auto second = Provide("second", {Answers()});
  FailoverProvider chain(
      {{.provider = std::make_shared<Swallower>(clock_, "first", std::vector{Step{.hang = true}})},
       {.provider = second}},
      {}, clock_);
  late_start_ = true;
  boost::asio::cancellation_signal signal;
  const auto answer = Start(chain, {}, nullptr, &signal);
  CancelAfter(1s, signal);
  Run();
  EXPECT_TRUE(answer->aborted());
  EXPECT_EQ(second->calls(), 0);
}

TEST_F(FailoverProviderTest, AnAbandonedCallDiesWithItsContextEvenAfterTheProvider) {
  const auto breaker = Breaker();
  const auto hole = Provide("hole", {Step{.hang = true}});
  {
    boost::asio::io_context context;
    auto chain = std::make_unique<FailoverProvider>(
        std::vector<FailoverTarget>{
            {.provider = hole, .breaker = breaker, .deadlines = {.total = 1h}}},
        FailoverOptions{}, clock_);
    auto call = [](Provider& provider) -> boost::asio::awaitable<void> {
      const CompletionRequest request;
      co_await provider.Complete(request, nullptr);
    };
    boost::asio::co_spawn(context, call(*chain), [](std::exception_ptr) {});
    EXPECT_FALSE(clock_.RunUntil(context, clock_.Now() + 1s));
    chain.reset();
    EXPECT_EQ(hole->running, 1);
  }
  EXPECT_EQ(hole->running, 0);
  EXPECT_EQ(breaker->Snapshot().neutrals, 1u);
  EXPECT_EQ(clock_.SleeperCount(), 0u);
}

TEST_F(FailoverProviderTest, B33_AnExceptionBehindABreakerProviderCountsAndIsRethrown) {
  const auto breaker = Breaker();
  CircuitBreakerProvider provider(Provide("first", {Step{.throws = true}}), breaker);
  const Answer answer = Ask(provider);
  ASSERT_TRUE(answer.thrown);
  EXPECT_THROW(std::rethrow_exception(answer.thrown), std::runtime_error);
  EXPECT_EQ(breaker->Snapshot().failures, 1u);
}

TEST_F(FailoverProviderTest, ABreakerProviderRejectsSettlesAndCancels) {
  const auto breaker = Breaker({.consecutive_failures = 1, .open = {.base = 9s}});
  const auto inner =
      Provide("first", {Answers(), Step{.hang = true}, Fails(ErrorKind::kOverloaded)});
  CircuitBreakerProvider provider(inner, breaker);
  EXPECT_TRUE(Ask(provider).ok());
  boost::asio::cancellation_signal signal;
  const auto hung = Start(provider, {}, nullptr, &signal);
  CancelAfter(1s, signal);
  Run();
  EXPECT_TRUE(hung->aborted());
  EXPECT_EQ(breaker->Snapshot().neutrals, 1u);
  EXPECT_EQ(Ask(provider).error().kind, ErrorKind::kOverloaded);
  const Answer rejected = Ask(provider);
  EXPECT_EQ(rejected.error().kind, ErrorKind::kCircuitOpen);
  EXPECT_EQ(rejected.error().retry_after, Duration(9s));
  EXPECT_EQ(rejected.error().provider, "first");
  EXPECT_EQ(inner->calls(), 3);
  EXPECT_EQ(provider.Identity().name, "first");

  boost::asio::cancellation_signal early;
  late_start_ = true;
  const auto never = Start(provider, {}, nullptr, &early);
  early.emit(boost::asio::cancellation_type::terminal);
  Run();
  EXPECT_TRUE(never->aborted());
  EXPECT_EQ(breaker->Snapshot().rejected, 1u) << "not even asked";
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

TEST_F(FailoverProviderTest, InvalidConfigurationIsRejectedWithTheFieldsName) {
  const auto provider = Provide("first", {Answers()});
  struct Case {
    std::string field;
    std::vector<FailoverTarget> targets;
    FailoverOptions options;
  };
  const std::vector<Case> cases = {
      {"FailoverProvider.targets", {}, {}},
      {"FailoverTarget[1].provider", {{.provider = provider}, {.provider = nullptr}}, {}},
      {"FailoverTarget[0].deadlines.total",
       {{.provider = provider, .deadlines = {.total = 0s}}},
       {}},
      {"FailoverTarget[0].deadlines.idle",
       {{.provider = provider, .deadlines = {.idle = -1s}}},
       {}},
      {"FailoverTarget[0].deadlines.first_token",
       {{.provider = provider, .deadlines = {.first_token = 0s}}},
       {}},
      {"FailoverOptions.retries_per_target", {{.provider = provider}}, {.retries_per_target = -1}},
      {"FailoverOptions.backoff.base", {{.provider = provider}}, {.backoff = {.base = 0s}}},
      {"FailoverOptions.backoff.cap", {{.provider = provider}}, {.backoff = {.cap = 1ms}}},
      {"FailoverOptions.backoff.retry_after_cap",
       {{.provider = provider}},
       {.backoff = {.retry_after_cap = -1ms}}},
      {"FailoverOptions.total_deadline", {{.provider = provider}}, {.total_deadline = 0s}},
      {"FailoverOptions.max_rate_limit_wait",
       {{.provider = provider}},
       {.max_rate_limit_wait = -1s}},
  };
  for (const Case& c : cases) {
    try {
      FailoverProvider chain(c.targets, c.options, clock_);
      ADD_FAILURE() << c.field << " was accepted";
    } catch (const ConfigurationError& error) {
      EXPECT_NE(std::string(error.what()).find(c.field + ":"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace llmload
