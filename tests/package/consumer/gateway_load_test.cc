// The consumer's load tests: of its own provider, and of one of llmload's over TLS.
#include <llmload/testing/open_loop_test.h>

#include <memory>

#include "gateway_provider.h"

namespace consumer {
namespace {

using namespace llmload;
using namespace std::chrono_literals;

class GatewayLoad : public SustainedLoadTest {
  World MakeWorld() override {
    return RealWorld({.provider = std::make_shared<GatewayProvider>(SystemClock::Instance(), 5ms),
                      .url = "in this process"});
  }
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.load = OpenLoop{.rate_per_second = 200, .duration = 2s};
    plan.criteria = {SuccessRate() >= 0.9, P95() < 5s};
    return plan;
  }
};
TEST_F(GatewayLoad, DISABLED_HoldsTwoHundredPerSecond) { RunAndJudge(); }

class EmbeddedLoad : public SustainedLoadTest {
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.load = OpenLoop{.rate_per_second = 100, .duration = 2s};
    plan.criteria = {SuccessRate() >= 0.9};
    return plan;
  }
};
TEST_F(EmbeddedLoad, DISABLED_HoldsAHundredPerSecond) { RunAndJudge(); }

}  // namespace
}  // namespace consumer
