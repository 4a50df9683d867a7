#include <gmock/gmock.h>

#include <chrono>

#include "llmload/resilience/failover_provider.h"
#include "tests/unit/resilience/test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

class FailoverStreamingTest : public VirtualTimeTest {
 protected:
  std::shared_ptr<ScriptedProvider> Provide(std::string name, std::vector<Step> steps) {
    return std::make_shared<ScriptedProvider>(clock_, std::move(name), std::move(steps));
  }
  FailoverProvider Chain(const std::vector<std::shared_ptr<ScriptedProvider>>& providers,
                         FailoverOptions options = {}, AttemptDeadlines deadlines = {}) {
    std::vector<FailoverTarget> targets;
    for (const auto& provider : providers) {
      targets.push_back({.provider = provider,
                         .breaker = std::make_shared<CircuitBreaker>(
                             provider->Identity().name, CircuitBreakerOptions{}, clock_),
                         .deadlines = deadlines});
    }
    return FailoverProvider(std::move(targets), std::move(options), clock_);
  }
  static Step Streams(std::vector<std::string> tokens) {
    return Step{.delay = 100ms, .tokens = std::move(tokens), .gap = 10ms};
  }
  static Step Breaks(std::vector<std::string> tokens,
                     ErrorKind kind = ErrorKind::kTruncatedStream) {
    Step step = Streams(std::move(tokens));
    step.error = MakeError(kind);
    return step;
  }
  const CompletionRequest request_{
      .model = "m", .messages = {{Role::kUser, "count"}}, .stream = true};
  TokenLog log_;
};

TEST_F(FailoverStreamingTest, BeforeTheFirstTokenSwitchingIsFree) {
  auto chain =
      Chain({Provide("first", {Breaks({})}), Provide("second", {Streams({"one ", "two"})})});
  const Answer answer = Ask(chain, request_, &log_);
  EXPECT_EQ(answer.completion().text, "one two");
  EXPECT_EQ(log_.text, "one two");
}

TEST_F(FailoverStreamingTest, AfterTheFirstTokenTheRequestFailsAndKeepsItsText) {
  const auto second = Provide("second", {Streams({"never"})});
  auto chain = Chain({Provide("first", {Breaks({"one ", "two "})}), second});
  const Answer answer = Ask(chain, request_, &log_);
  const Error error = answer.error();
  EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
  EXPECT_TRUE(error.after_first_token);
  EXPECT_EQ(error.partial_text, "one two ");
  EXPECT_EQ(error.partial_tokens, 2);
  EXPECT_EQ(error.provider, "first");
  EXPECT_NE(error.message.find("truncated_stream"), std::string::npos) << error.message;
  ASSERT_EQ(error.attempts.size(), 1u);
  EXPECT_EQ(error.attempts[0].error, ErrorKind::kTruncatedStream);
  EXPECT_EQ(error.attempts[0].output_tokens, 2);
  EXPECT_EQ(second->calls(), 0);
  EXPECT_EQ(log_.text, "one two ");
  EXPECT_EQ(chain.targets()[0].breaker->Snapshot().failures, 1u) << "it is its breaker's failure";
}

TEST_F(FailoverStreamingTest, AReasoningTokenIsAFirstTokenToo) {
  Step step = Breaks({"hmm"});
  step.kind = TokenKind::kReasoning;
  auto chain = Chain({Provide("first", {step}), Provide("second", {Streams({"x"})})});
  const Error error = Ask(chain, request_, &log_).error();
  EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
  EXPECT_EQ(error.partial_text, "") << "the answer had not begun";
  EXPECT_EQ(error.partial_tokens, 1);
}

TEST_F(FailoverStreamingTest, WithoutAnObserverTheRuleIsTheSame) {
  auto chain = Chain({Provide("first", {Breaks({"one"})}), Provide("second", {Streams({"x"})})});
  EXPECT_EQ(Ask(chain, request_).error().kind, ErrorKind::kStreamInterrupted);
}

TEST_F(FailoverStreamingTest, NoRetryAfterTheFirstTokenEither) {
  const auto first = Provide("first", {Breaks({"one"}), Streams({"x"})});
  auto chain = Chain({first}, {.retries_per_target = 3});
  EXPECT_EQ(Ask(chain, request_, &log_).error().kind, ErrorKind::kStreamInterrupted);
  EXPECT_EQ(first->calls(), 1);
}

TEST_F(FailoverStreamingTest, ARequestThatDoesNotStreamMaySwitchAnyTime) {
  Step step = Breaks({"one"});
  auto chain = Chain({Provide("first", {step}), Provide("second", {Answers()})});
  EXPECT_TRUE(Ask(chain, {.stream = false}).ok());
}

TEST_F(FailoverStreamingTest, AContentFilterInTheStreamIsTheCallersFaultStill) {
  auto chain = Chain({Provide("first", {Breaks({"one "}, ErrorKind::kContentFilter)}),
                      Provide("second", {Streams({"x"})})},
                     {.streaming = StreamingPolicy::kContinueOnce});
  const Error error = Ask(chain, request_, &log_).error();
  EXPECT_EQ(error.kind, ErrorKind::kContentFilter);
  EXPECT_EQ(error.partial_text, "one ");
  EXPECT_EQ(error.attempts.size(), 1u);
}

TEST_F(FailoverStreamingTest, AnExceptionAfterTheFirstTokenInterruptsToo) {
  Step step = Streams({"one "});
  step.throws = true;
  auto chain = Chain({Provide("first", {step}), Provide("second", {Streams({"x"})})});
  const Error error = Ask(chain, request_, &log_).error();
  EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
  EXPECT_EQ(error.partial_text, "one ");
  EXPECT_EQ(error.attempts[0].error, ErrorKind::kInternal);
}

TEST_F(FailoverStreamingTest, ContinueAsksTheNextTargetToGoOnFromTheText) {
  const auto second = Provide("second", {Streams({"three ", "four"})});
  auto chain = Chain({Provide("first", {Breaks({"one ", "two "})}), second},
                     {.streaming = StreamingPolicy::kContinueOnce});
  const Answer answer = Ask(chain, request_, &log_);
  ASSERT_TRUE(answer.ok());
  const Completion completion = answer.completion();
  EXPECT_EQ(completion.text, "one two three four");
  EXPECT_EQ(log_.text, "one two three four") << "each token once";
  EXPECT_EQ(log_.tokens, 4);
  EXPECT_EQ(completion.token_events, 4);
  EXPECT_EQ(completion.usage.output, 4);
  EXPECT_EQ(completion.token_source, TokenSource::kCountedEvents);
  EXPECT_EQ(completion.timings.first_token, start_ + 100ms) << "the user's first token";
  EXPECT_EQ(completion.attempts.size(), 2u);
  const CompletionRequest asked = second->requests[0];
  ASSERT_EQ(asked.messages.size(), 2u);
  EXPECT_EQ(asked.messages[1].role, Role::kAssistant);
  EXPECT_EQ(asked.messages[1].content, "one two ");
  EXPECT_TRUE(asked.stream);
}

TEST_F(FailoverStreamingTest, ContinueHappensAtMostOnce) {
  for (const std::vector<std::string>& tokens :
       {std::vector<std::string>{"three "}, std::vector<std::string>{}}) {
    const auto third = Provide("third", {Streams({"x"})});
    log_ = {};
    auto chain = Chain(
        {Provide("first", {Breaks({"one ", "two "})}), Provide("second", {Breaks(tokens)}), third},
        {.streaming = StreamingPolicy::kContinueOnce});
    const Error error = Ask(chain, request_, &log_).error();
    EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
    EXPECT_EQ(error.partial_text, log_.text);
    EXPECT_EQ(error.partial_tokens, log_.tokens);
    EXPECT_EQ(error.attempts.size(), 2u);
    EXPECT_EQ(third->calls(), 0);
  }
}

TEST_F(FailoverStreamingTest, ContinueSkipsAnOpenBreaker) {
  const auto third = Provide("third", {Streams({"two"})});
  auto chain =
      Chain({Provide("first", {Breaks({"one "})}), Provide("second", {Streams({"x"})}), third},
            {.streaming = StreamingPolicy::kContinueOnce});
  chain.targets()[1].breaker->ForceOpen();
  EXPECT_EQ(Ask(chain, request_, &log_).completion().text, "one two");
}

TEST_F(FailoverStreamingTest, ContinueWithoutAnyoneLeftIsAnInterruption) {
  auto chain =
      Chain({Provide("first", {Breaks({"one "})})}, {.streaming = StreamingPolicy::kContinueOnce});
  const Error error = Ask(chain, request_, &log_).error();
  EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
  EXPECT_EQ(error.partial_text, "one ");
}

TEST_F(FailoverStreamingTest, ContinueNeverAfterAToolCall) {
  Step step = Breaks({"{\"a\":"});
  step.kind = TokenKind::kToolCall;
  const auto second = Provide("second", {Streams({"x"})});
  auto chain =
      Chain({Provide("first", {step}), second}, {.streaming = StreamingPolicy::kContinueOnce});
  EXPECT_EQ(Ask(chain, request_, &log_).error().kind, ErrorKind::kStreamInterrupted);
  EXPECT_EQ(second->calls(), 0);
}

TEST_F(FailoverStreamingTest, ContinueAfterReasoningOnlyHasNoAssistantText) {
  Step step = Breaks({"hmm"});
  step.kind = TokenKind::kReasoning;
  const auto second = Provide("second", {Streams({"answer"})});
  auto chain =
      Chain({Provide("first", {step}), second}, {.streaming = StreamingPolicy::kContinueOnce});
  EXPECT_EQ(Ask(chain, request_, &log_).completion().text, "answer");
  EXPECT_EQ(second->requests[0].messages.size(), 1u);
}

TEST_F(FailoverStreamingTest, ContinueIsPaidFromTheBudget) {
  const auto budget = std::make_shared<RetryBudget>(RetryBudgetOptions{.ratio = 0, .reserve = 0});
  auto chain = Chain({Provide("first", {Breaks({"one "})}), Provide("second", {Streams({"x"})})},
                     {.budget = budget, .streaming = StreamingPolicy::kContinueOnce});
  const Error error = Ask(chain, request_, &log_).error();
  EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
  EXPECT_NE(error.message.find("retry budget"), std::string::npos) << error.message;
  EXPECT_EQ(budget->refusals(), 1u);
}

TEST_F(FailoverStreamingTest, TheFirstTokenDeadlineSwitchesForFree) {
  Step slow = Streams({"late"});
  slow.delay = 1h;
  const auto first = Provide("first", {slow});
  auto chain = Chain({first, Provide("second", {Streams({"x"})})}, {}, {.first_token = 2s});
  const Answer answer = Ask(chain, request_, &log_);
  EXPECT_EQ(answer.completion().text, "x");
  EXPECT_EQ(answer.completion().attempts[0].error, ErrorKind::kFirstTokenTimeout);
  EXPECT_EQ(answer.completion().attempts[0].finished, start_ + 2s);
  EXPECT_EQ(first->abandoned, 1);
}

TEST_F(FailoverStreamingTest, TheFirstTokenDeadlineDoesNotEndAStreamThatHasBegun) {
  Step step = Streams({"a", "b", "c"});
  step.gap = 10s;
  auto chain = Chain({Provide("first", {step})}, {}, {.first_token = 2s});
  EXPECT_EQ(Ask(chain, request_, &log_).completion().text, "abc");
  EXPECT_EQ(Elapsed(), Duration(30s) + 100ms);
}

TEST_F(FailoverStreamingTest, TheIdleDeadlineEndsAStallAndOnlyAStall) {
  Step stall = Streams({"a", "b"});
  stall.hang = true;
  auto chain =
      Chain({Provide("first", {stall}), Provide("second", {Streams({"x"})})}, {}, {.idle = 3s});
  const Error error = Ask(chain, request_, &log_).error();
  EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
  EXPECT_EQ(error.partial_text, "ab");
  EXPECT_EQ(error.attempts[0].error, ErrorKind::kIdleTimeout);
  EXPECT_EQ(Elapsed(), 110ms + 3s) << "since the last token";

  Step steady = Streams(std::vector<std::string>(20, "t"));
  steady.gap = 2900ms;
  steady.delay = 10s;
  auto other = Chain({Provide("first", {steady})}, {}, {.idle = 3s});
  EXPECT_TRUE(Ask(other, request_, &log_).ok());
}

TEST_F(FailoverStreamingTest, TheTotalDeadlineOfAnAttemptEndsAStreamThatDrips) {
  Step drip = Streams(std::vector<std::string>(1000, "t"));
  drip.gap = 1s;
  auto chain = Chain({Provide("first", {drip})}, {}, {.first_token = 2s, .idle = 2s, .total = 30s});
  const Error error = Ask(chain, request_, &log_).error();
  EXPECT_EQ(error.kind, ErrorKind::kStreamInterrupted);
  EXPECT_EQ(error.attempts[0].error, ErrorKind::kTotalTimeout);
  EXPECT_EQ(error.partial_tokens, 30);
  EXPECT_EQ(Elapsed(), Duration(30s));
}

TEST_F(FailoverStreamingTest, DeadlinesOfTokensAreRefusedForAWholeAnswerThatHasNoOther) {
  CompletionRequest request = request_;
  request.stream = false;
  for (const AttemptDeadlines& deadlines :
       {AttemptDeadlines{.first_token = 2s}, AttemptDeadlines{.idle = 2s}}) {
    auto chain = Chain({Provide("first", {Streams({"x"})})}, {}, deadlines);
    const Error error = Ask(chain, request, &log_).error();
    EXPECT_EQ(error.kind, ErrorKind::kInvalidRequest);
    EXPECT_THAT(error.message,
                ::testing::HasSubstr(deadlines.first_token
                                         ? "FailoverTarget[0].deadlines.first_token is about"
                                         : "FailoverTarget[0].deadlines.idle is about"));
    EXPECT_TRUE(error.attempts.empty());
  }
  auto chain = Chain({Provide("first", {Streams({"x"})})}, {}, {.first_token = 2s, .total = 30s});
  EXPECT_TRUE(Ask(chain, request, &log_).ok());
}

}  // namespace
}  // namespace llmload
