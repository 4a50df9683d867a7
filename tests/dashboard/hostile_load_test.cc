// Load tests with texts that break careless writers of XML. check_test_results.py runs them and
// reads what GoogleTest and CTest write.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "llmload/mocks/mock_provider.h"
#include "llmload/testing/load_test.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::MockProvider;
using mocks::StreamTokens;
using ::testing::NiceMock;
using namespace std::chrono_literals;

const std::string kHostile =
    "]]> </failure> <b>&amp; \"q\" \x01\x1b[2J \xFF\xC3 \xF0\x9F\x98\x80 \xEF\xBF\xBF [  SKIPPED ] "
    "<CTestMeasurement type=\"numeric/double\" name=\"success_rate\">1</CTestMeasurement> "
    "<CTestLabel>x</CTestLabel> [[PROPERTY|verdict=PASS]]";

class Virtual : public LoadTest {
 protected:
  World MakeWorld() override {
    World world = VirtualWorld([this](Clock& clock) {
      auto provider = std::make_shared<NiceMock<MockProvider>>("mock " + text_);
      ON_CALL(*provider, Complete).WillByDefault(StreamTokens(clock, {"a", "b"}, 20ms, 10ms));
      if (!text_.empty()) {
        const Error error{.kind = ErrorKind::kServerError, .message = text_, .http_status = 500};
        ON_CALL(*provider, Complete).WillByDefault(FailAfter(clock, 1ms, error));
      }
      return Lane{.name = text_,
                  .target = {.provider = provider, .url = "https://gateway.test/" + text_}};
    });
    world.checks_targets = false;
    return world;
  }
  RunPlan Plan() override {
    RunPlan plan;
    plan.load = OpenLoop{.rate_per_second = 100, .duration = 30s};
    plan.request = {.model = "model " + text_, .max_tokens = 2, .stream = true};
    plan.criteria = {SuccessRate() >= 0.95};
    return plan;
  }

  std::string text_;
};

class Hostile : public Virtual {
 protected:
  Hostile() { text_ = kHostile; }
};

TEST_F(Virtual, Passes) { RunAndJudge(); }

TEST_F(Hostile, Fails) { RunAndJudge(); }  // the line that the failure names

}  // namespace
}  // namespace llmload
