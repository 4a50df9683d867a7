// What your service does when its provider fails, with mocks, in no time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "llmload/mocks/matchers.h"
#include "llmload/mocks/mock_provider.h"
#include "llmload/mocks/virtual_time.h"
#include "llmload/resilience/failover_provider.h"

namespace {

using namespace llmload;
using namespace llmload::mocks;
using namespace std::chrono_literals;

//! [failover]
class Failover : public VirtualTimeTest {};

TEST_F(Failover, AnswersFromTheLocalModelWhenAwsIsOverloaded) {
  auto aws = std::make_shared<MockProvider>("aws");
  auto local = std::make_shared<MockProvider>("local");
  EXPECT_CALL(*aws, Complete).WillOnce(FailAfter(clock(), 50ms, ErrorKind::kOverloaded));
  EXPECT_CALL(*local, Complete).WillOnce(RespondAfter(clock(), 20ms, "hello"));
  FailoverProvider chain({{.provider = aws}, {.provider = local}}, {}, clock());
  const auto answer = Ask(chain, {.model = "small", .messages = {{.content = "hi"}}});
  EXPECT_THAT(answer, AnsweredBy("local"));
  EXPECT_THAT(answer, HasAttempts(2u));
  EXPECT_EQ(elapsed(), Duration(70ms));
}
//! [failover]

//! [broken stream]
TEST_F(Failover, DoesNotSendAStreamTwiceOnceItHasBegun) {
  auto aws = std::make_shared<MockProvider>("aws");
  auto local = std::make_shared<MockProvider>("local");
  EXPECT_CALL(*aws, Complete).WillOnce(CutAfterTokens(clock(), {"Once ", "upon "}, 200ms, 20ms));
  EXPECT_CALL(*local, Complete).Times(0);
  FailoverProvider chain({{.provider = aws}, {.provider = local}}, {}, clock());
  const auto answer =
      Ask(chain, {.model = "small", .messages = {{.content = "hi"}}, .stream = true});
  EXPECT_THAT(answer, FailsWith(ErrorKind::kStreamInterrupted));
  EXPECT_EQ(answer.error().partial_text, "Once upon ");
}
//! [broken stream]

}  // namespace
