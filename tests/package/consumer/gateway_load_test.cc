// The consumer's load tests: of its own provider, and of one of llmload's over TLS.
#include <llmload/testing/open_loop_test.h>
#include <llmload/world/with_embedded_server.h>

#include <memory>

#include "gateway_provider.h"

namespace consumer {
namespace {

using namespace llmload;
using namespace std::chrono_literals;

class GatewayLoad : public SustainedLoadTest {
  Target MakeTarget() override {
    return {.provider = std::make_shared<GatewayProvider>(TestClock(), 5ms),
            .url = "in this process"};
  }
  void Configure(OpenLoopTestOptions& options) override {
    options.load = {.rate_per_second = 200, .duration = 1s};
    options.criteria = {SuccessRate() >= 0.9, P95(LatencyKind::kScheduled) < 5s};
  }
};
TEST_F(GatewayLoad, DISABLED_HoldsTwoHundredPerSecond) { RunAndJudge(); }

class EmbeddedLoad : public WithEmbeddedServer<SustainedLoadTest> {
  void Configure(OpenLoopTestOptions& options) override {
    options.load = {.rate_per_second = 100, .duration = 1s};
    options.criteria = {SuccessRate() >= 0.9};
  }
};
TEST_F(EmbeddedLoad, DISABLED_HoldsAHundredPerSecond) { RunAndJudge(); }

}  // namespace
}  // namespace consumer
