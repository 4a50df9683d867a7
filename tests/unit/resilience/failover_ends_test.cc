// Deadlines, cancellation and exceptions in a failover chain and in a provider behind a breaker.
#include <chrono>

#include "llmload/resilience/circuit_breaker_provider.h"
#include "tests/unit/resilience/failover_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

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

TEST_F(FailoverProviderTest, ADeadlineThatHasPassedMakesNoCall) {
  const auto first = Provide("first", {Answers()});
  const Answer answer = Ask(*Chain({first}), {.deadline = clock_.Now()});
  EXPECT_EQ(answer.error().kind, ErrorKind::kTotalTimeout);
  EXPECT_EQ(first->calls(), 0);
}

TEST_F(FailoverProviderTest, B34_CancelledBeforeStartIsNotRun) {
  const auto first = Provide("first", {Answers()});
  const auto chain = Chain({first});
  boost::asio::cancellation_signal signal;
  late_start_ = true;
  const auto answer = Start(*chain, {}, nullptr, &signal);
  CancelAtStart(signal);
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

TEST_F(FailoverProviderTest, AfterCancellationNoOtherProviderIsAskedWhateverTheFirstAnswers) {
  class Uncancellable : public ScriptedProvider {
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
  FailoverProvider chain({{.provider = std::make_shared<Uncancellable>(
                               clock_, "first", std::vector{Step{.hang = true}})},
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
  CancelAtStart(early);
  Run();
  EXPECT_TRUE(never->aborted());
  EXPECT_EQ(breaker->Snapshot().rejected, 1u) << "not even asked";
}

}  // namespace
}  // namespace llmload
