#include "llmload/resilience/hedging_provider.h"

#include <chrono>

#include "llmload/core/environment.h"
#include "tests/unit/resilience/test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

class HedgingProviderTest : public VirtualTimeTest {
 protected:
  std::shared_ptr<ScriptedProvider> Provide(std::string name, std::vector<Step> steps) {
    return std::make_shared<ScriptedProvider>(clock_, std::move(name), std::move(steps));
  }
  HedgingProvider Hedge(std::shared_ptr<Provider> first, std::shared_ptr<Provider> second,
                        std::shared_ptr<RetryBudget> budget = nullptr) {
    return HedgingProvider(std::move(first), std::move(second),
                           {.delay = 1s, .budget = std::move(budget)}, clock_);
  }
  static Step Streams(Duration delay, std::vector<std::string> tokens) {
    return Step{.delay = delay, .tokens = std::move(tokens), .gap = 100ms};
  }
};

TEST_F(HedgingProviderTest, AnAnswerInTimeNeedsNoSecondAttempt) {
  const auto second = Provide("second", {Answers()});
  auto hedge = Hedge(Provide("first", {Answers(900ms)}), second);
  const Answer answer = Ask(hedge);
  EXPECT_EQ(answer.completion().provider, "first");
  EXPECT_EQ(answer.completion().attempts.size(), 1u);
  EXPECT_EQ(second->calls(), 0);
  EXPECT_EQ(Elapsed(), Duration(900ms)) << "the timer is cancelled, not waited for";
}

TEST_F(HedgingProviderTest, TheSecondAttemptStartsAfterTheDelayAndTheFasterWins) {
  const auto first = Provide("first", {Step{.hang = true}});
  auto hedge = Hedge(first, Provide("second", {Answers(300ms)}));
  const Answer answer = Ask(hedge);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.completion().provider, "second");
  EXPECT_EQ(Elapsed(), Duration(1300ms));
  EXPECT_EQ(first->running, 0);
  EXPECT_EQ(first->abandoned, 1) << "the loser is cancelled";
  const std::vector<Attempt> attempts = answer.completion().attempts;
  ASSERT_EQ(attempts.size(), 2u) << "the duplicate is counted";
  EXPECT_EQ(attempts[0].provider, "first");
  EXPECT_EQ(attempts[0].error, ErrorKind::kCancelled);
  EXPECT_EQ(attempts[0].finished, start_ + 1300ms);
  EXPECT_EQ(attempts[1].started, start_ + 1s);
  EXPECT_FALSE(attempts[1].error);
}

TEST_F(HedgingProviderTest, TheFirstAttemptMayStillWin) {
  const auto second = Provide("second", {Answers(5s)});
  auto hedge = Hedge(Provide("first", {Answers(2s)}), second);
  EXPECT_EQ(Ask(hedge).completion().provider, "first");
  EXPECT_EQ(second->abandoned, 1);
  EXPECT_EQ(Elapsed(), Duration(2s));
}

TEST_F(HedgingProviderTest, AnEarlyFailureIsNotHedged) {
  const auto second = Provide("second", {Answers()});
  auto hedge = Hedge(Provide("first", {Fails(ErrorKind::kServerError, 100ms)}), second);
  EXPECT_EQ(Ask(hedge).error().kind, ErrorKind::kServerError);
  EXPECT_EQ(second->calls(), 0);
  EXPECT_EQ(Elapsed(), Duration(100ms));
}

TEST_F(HedgingProviderTest, IfOneOfTwoFailsTheOtherDecides) {
  auto first_fails = Hedge(Provide("first", {Fails(ErrorKind::kServerError, 1100ms)}),
                           Provide("second", {Answers(3s)}));
  EXPECT_EQ(Ask(first_fails).completion().provider, "second");
  auto second_fails = Hedge(Provide("first", {Answers(3s)}),
                            Provide("second", {Fails(ErrorKind::kOverloaded, 100ms)}));
  const Answer answer = Ask(second_fails);
  EXPECT_EQ(answer.completion().provider, "first");
  EXPECT_EQ(answer.completion().attempts[1].error, ErrorKind::kOverloaded);
  auto both_fail = Hedge(Provide("first", {Fails(ErrorKind::kServerError, 3s)}),
                         Provide("second", {Fails(ErrorKind::kOverloaded, 100ms)}));
  EXPECT_EQ(Ask(both_fail).error().kind, ErrorKind::kServerError);
  auto both_fail_late = Hedge(Provide("first", {Fails(ErrorKind::kServerError, 1100ms)}),
                              Provide("second", {Fails(ErrorKind::kOverloaded, 3s)}));
  const Answer failed = Ask(both_fail_late);
  EXPECT_EQ(failed.error().kind, ErrorKind::kServerError);
  EXPECT_EQ(failed.error().attempts.size(), 2u);
}

TEST_F(HedgingProviderTest, TheBudgetPaysForEverySecondAttempt) {
  const auto budget = std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0, .reserve = 1});
  const auto second = Provide("second", {Answers(10ms)});
  auto hedge = Hedge(Provide("first", {Answers(3s)}), second, budget);
  EXPECT_EQ(Ask(hedge).completion().provider, "second");
  EXPECT_EQ(Ask(hedge).completion().provider, "first") << "no token left";
  EXPECT_EQ(second->calls(), 1);
  EXPECT_EQ(budget->requests(), 2u);
}

TEST_F(HedgingProviderTest, AHedgeWithinAChainLeavesTheDepositToIt) {
  for (const bool deposits : {true, false}) {
    const auto budget =
        std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0.5, .reserve = 0});
    HedgingProvider hedge(Provide("first", {Answers()}), Provide("second", {Answers()}),
                          {.delay = 1s, .budget = budget, .deposit_per_request = deposits}, clock_);
    for (int i = 0; i < 4; ++i) Ask(hedge);
    EXPECT_EQ(budget->requests(), deposits ? 4u : 0u);
    EXPECT_EQ(budget->TryWithdraw(), deposits);
  }
}

TEST_F(HedgingProviderTest, TheFirstTokenDecidesAStream) {
  TokenLog log;
  const auto first = Provide("first", {Streams(1500ms, {"a", "b", "c"})});
  const auto second = Provide("second", {Streams(400ms, {"x", "y", "z"})});
  auto hedge = Hedge(first, second);
  const Answer answer = Ask(hedge, {.stream = true}, &log);
  EXPECT_EQ(answer.completion().text, "xyz");
  EXPECT_EQ(log.text, "xyz") << "no token of the other one";
  EXPECT_EQ(first->abandoned, 1);
  EXPECT_EQ(answer.completion().attempts[0].error, ErrorKind::kCancelled);
  EXPECT_EQ(answer.completion().attempts[0].finished, start_ + 1400ms) << "at once";
  EXPECT_EQ(answer.completion().attempts[1].finished, start_ + 1700ms);
  EXPECT_EQ(answer.completion().attempts[0].output_tokens, 0) << "cancelled before its first token";
}

TEST_F(HedgingProviderTest, AStreamThatHasBegunIsNotHedged) {
  TokenLog log;
  Step slow = Streams(500ms, {"a", "b", "c"});
  slow.gap = 10s;
  const auto second = Provide("second", {Streams(1ms, {"x"})});
  auto hedge = Hedge(Provide("first", {slow}), second);
  EXPECT_EQ(Ask(hedge, {.stream = true}, &log).completion().text, "abc");
  EXPECT_EQ(second->calls(), 0);
}

TEST_F(HedgingProviderTest, AfterTheFirstTokenTheOtherAttemptIsNoHelp) {
  TokenLog log;
  Step breaks = Streams(400ms, {"x"});
  breaks.error = MakeError(ErrorKind::kTruncatedStream);
  const auto first = Provide("first", {Streams(2s, {"a"})});
  auto hedge = Hedge(first, Provide("second", {breaks}));
  const Error error = Ask(hedge, {.stream = true}, &log).error();
  EXPECT_EQ(error.kind, ErrorKind::kTruncatedStream);
  EXPECT_EQ(error.partial_text, "x");
  EXPECT_EQ(log.text, "x");
  EXPECT_EQ(first->abandoned, 1);
}

TEST_F(HedgingProviderTest, ProvidersThatAnswerAtTheSameInstantCannotBothWin) {
  TokenLog log;
  auto hedge = Hedge(Provide("first", {Streams(1200ms, {"a", "b"})}),
                     Provide("second", {Streams(200ms, {"x", "y"})}));
  const Answer answer = Ask(hedge, {.stream = true}, &log);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.completion().text, log.text);
}

TEST_F(HedgingProviderTest, CancellationEndsBothAttempts) {
  for (const bool stream : {false, true}) {
    const auto first = Provide("first", {Step{.hang = true}});
    const auto second = Provide("second", {Step{.hang = true}});
    auto hedge = Hedge(first, second);
    boost::asio::cancellation_signal signal;
    const auto answer = Start(hedge, {.stream = stream}, nullptr, &signal);
    CancelAfter(2s, signal);
    const TimePoint before = clock_.Now();
    Run();
    EXPECT_TRUE(answer->aborted());
    EXPECT_EQ(clock_.Now() - before, Duration(2s));
    EXPECT_EQ(first->running + second->running, 0);
    EXPECT_EQ(second->abandoned, 1);
  }
}

TEST_F(HedgingProviderTest, AnExceptionIsAFailedAttempt) {
  auto hedge = Hedge(Provide("first", {Step{.delay = 2s, .throws = true}}),
                     Provide("second", {Answers(5s)}));
  const Answer answer = Ask(hedge);
  EXPECT_EQ(answer.completion().provider, "second");
  EXPECT_EQ(answer.completion().attempts[0].error, ErrorKind::kInternal);
}

TEST_F(HedgingProviderTest, InvalidConfigurationIsRejectedWithTheFieldsName) {
  const auto provider = Provide("first", {Answers()});
  EXPECT_THROW(HedgingProvider(nullptr, provider, {}, clock_), ConfigurationError);
  EXPECT_THROW(HedgingProvider(provider, nullptr, {}, clock_), ConfigurationError);
  EXPECT_THROW(HedgingProvider(provider, provider, {.delay = 0s}, clock_), ConfigurationError);
}

}  // namespace
}  // namespace llmload
