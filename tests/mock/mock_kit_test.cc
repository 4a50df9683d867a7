// The gmock kit: what a user's own failover test looks like, and that the kit does what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "llmload/core/deadline.h"
#include "llmload/mocks/matchers.h"
#include "llmload/mocks/mock_provider.h"
#include "llmload/mocks/virtual_time.h"
#include "llmload/resilience/failover_provider.h"

namespace llmload::mocks {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::NiceMock;
using ::testing::Not;
using namespace std::chrono_literals;

using MockKit = VirtualTimeTest;

const CompletionRequest kRequest{.model = "m", .messages = {{.content = "hi"}}};
const CompletionRequest kStream{.model = "m", .messages = {{.content = "hi"}}, .stream = true};

TEST_F(MockKit, FailoverTestInTenLines) {
  auto aws = std::make_shared<MockProvider>("aws");
  auto local = std::make_shared<MockProvider>("local");
  EXPECT_CALL(*aws, Complete).WillOnce(FailAfter(clock(), 50ms, ErrorKind::kOverloaded));
  EXPECT_CALL(*local, Complete).WillOnce(RespondAfter(clock(), 20ms, "hello"));
  FailoverProvider chain({{.provider = aws}, {.provider = local}}, {}, clock());
  const auto answer = Ask(chain, kRequest);
  EXPECT_THAT(answer, AnsweredBy("local"));
  EXPECT_THAT(answer, HasAttempts(2u));
  EXPECT_EQ(elapsed(), Duration(70ms));
}

class Listener : public StreamObserver {
 public:
  void OnToken(const TokenEvent& event) override {
    tokens.emplace_back(event.text);
    instants.push_back(event.at);
  }
  std::vector<std::string> tokens;
  std::vector<TimePoint> instants;
};

TEST_F(MockKit, StreamTokensReachTheObserverAtTheirInstants) {
  MockProvider provider;
  EXPECT_CALL(provider, Complete).WillOnce(StreamTokens(clock(), {"a", "b", "c"}, 100ms, 10ms));
  Listener listener;
  const TimePoint start = clock().Now();
  const auto answer = Ask(provider, kStream, &listener);
  EXPECT_THAT(answer, Succeeds(Field(&Completion::text, "abc")));
  EXPECT_THAT(listener.tokens, ElementsAre("a", "b", "c"));
  EXPECT_THAT(listener.instants, ElementsAre(start + 100ms, start + 110ms, start + 120ms));
  EXPECT_EQ(answer->timings.first_token, start + 100ms);
  EXPECT_EQ(answer->timings.last_token, start + 120ms);
}

TEST_F(MockKit, CutAfterTokensFailsAfterTheFirstTokenAndKeepsWhatCame) {
  MockProvider provider;
  EXPECT_CALL(provider, Complete).WillOnce(CutAfterTokens(clock(), {"a", "b"}, 100ms, 10ms));
  const auto answer = Ask(provider, kStream);
  EXPECT_THAT(answer, FailsWith(ErrorKind::kTruncatedStream));
  EXPECT_TRUE(answer.error().after_first_token);
  EXPECT_EQ(answer.error().partial_text, "ab");
}

TEST_F(MockKit, UnaryAnswersTakeNoTokenInstants) {
  MockProvider provider;
  EXPECT_CALL(provider, Complete).WillOnce(RespondAfter(clock(), 30ms));
  const auto answer = Ask(provider, kRequest);
  EXPECT_FALSE(answer->timings.first_token);
  EXPECT_EQ(answer->token_events, 0);
}

TEST_F(MockKit, HangEndsOnlyByCancellation) {
  MockProvider provider;
  EXPECT_CALL(provider, Complete).WillOnce(Hang(clock()));
  const auto answer =
      Run(RunUntilDeadline(clock(), clock().Now() + 5s, provider.Complete(kRequest, nullptr)));
  EXPECT_FALSE(answer.has_value());
  EXPECT_EQ(elapsed(), Duration(5s));
  EXPECT_EQ(clock().SleeperCount(), 0u);
}

TEST_F(MockKit, StallAfterTokensGoesSilent) {
  MockProvider provider;
  EXPECT_CALL(provider, Complete).WillOnce(StallAfterTokens(clock(), {"a"}, 10ms, 10ms));
  Listener listener;
  const auto answer =
      Run(RunUntilDeadline(clock(), clock().Now() + 5s, provider.Complete(kStream, &listener)));
  EXPECT_FALSE(answer.has_value());
  EXPECT_THAT(listener.tokens, ElementsAre("a"));
}

TEST_F(MockKit, OneScriptCanBePlayedManyTimes) {
  MockProvider provider;
  EXPECT_CALL(provider, Complete(RequestFor("m"), _))
      .Times(3)
      .WillRepeatedly(RespondAfter(clock(), 1s, "again"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Ask(provider, kRequest), Succeeds(Field(&Completion::text, "again")));
  }
  EXPECT_EQ(elapsed(), Duration(3s));
}

template <class T, class M>
std::string Explanation(const T& value, const M& matcher) {
  ::testing::StringMatchResultListener listener;
  ::testing::ExplainMatchResult(matcher, value, &listener);
  return listener.str();
}

TEST_F(MockKit, MatchersExplainWhatTheySaw) {
  const Result<Completion> failed =
      Error{.kind = ErrorKind::kRateLimited, .message = "slow down", .provider = "aws"};
  EXPECT_THAT(failed, Not(AnsweredBy("aws")));
  EXPECT_EQ(Explanation(failed, AnsweredBy("local")),
            "which failed: rate_limited from aws: slow down");
  EXPECT_EQ(Explanation(failed, FailsWith(ErrorKind::kOverloaded)),
            "which failed: rate_limited from aws: slow down");
  Completion completion;
  completion.provider = "local";
  const Result<Completion> answered = completion;
  EXPECT_EQ(Explanation(answered, AnsweredBy("aws")), "which was answered by local");
  EXPECT_EQ(Explanation(answered, FailsWith(ErrorKind::kOverloaded)), "which succeeded");
}

}  // namespace
}  // namespace llmload::mocks
