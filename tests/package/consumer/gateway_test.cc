// The consumer's tests in every pull request: mocks, virtual time, no socket.
#include <gmock/gmock.h>
#include <llmload/mocks/matchers.h>
#include <llmload/mocks/mock_provider.h>
#include <llmload/mocks/virtual_time.h>
#include <llmload/resilience/failover_provider.h>
#include <llmload/testing/open_loop_test.h>

#include <memory>

#include "gateway_provider.h"

namespace consumer {
namespace {

using namespace llmload;
using namespace llmload::mocks;
using namespace std::chrono_literals;

using Gateway = VirtualTimeTest;

TEST_F(Gateway, AnswersForAFailingPrimary) {
  auto primary = std::make_shared<MockProvider>("primary");
  auto gateway = std::make_shared<GatewayProvider>(clock(), 20ms);
  EXPECT_CALL(*primary, Complete).WillOnce(FailAfter(clock(), 50ms, ErrorKind::kOverloaded));
  FailoverProvider chain({{.provider = primary}, {.provider = gateway}}, {}, clock());
  const CompletionRequest request{.model = "m", .messages = {{.content = "hi"}}};
  EXPECT_THAT(Ask(chain, request), AnsweredBy("gateway"));
  EXPECT_EQ(elapsed(), Duration(70ms));
}

class GatewayInVirtualTime : public SustainedLoadTest {
  World MakeWorld() override {
    return VirtualWorld([](Clock& clock) {
      return Lane{.target = {.provider = std::make_shared<GatewayProvider>(clock, 300ms),
                             .url = "simulation in virtual time"}};
    });
  }
};
TEST_F(GatewayInVirtualTime, HoldsAThousandPerMinute) { RunAndJudge(); }

}  // namespace
}  // namespace consumer
