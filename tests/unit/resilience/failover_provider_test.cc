#include "llmload/resilience/failover_provider.h"

#include <chrono>

#include "llmload/core/environment.h"
#include "tests/unit/resilience/failover_test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

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
      case ErrorKind::kSpendLimit:
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
