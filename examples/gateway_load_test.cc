// Your own gateway under load. Here a fake server on the loopback interface stands in for it.
#include <chrono>
#include <memory>
#include <utility>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/service/openai_provider.h"
#include "llmload/testing/open_loop_test.h"

namespace {

using namespace llmload;
using namespace std::chrono_literals;

// The stand-in: TLS with an authority of its own, one key, 20 ms to the first token.
fake_server::FakeLlmServer& StandIn() {
  static fake_server::FakeLlmServer server([] {
    fake_server::FakeLlmServerOptions options;
    options.api_keys = {Secret("stand-in-for-a-key")};
    options.latency = {.ttft_median = 20ms, .gap_median = 2ms, .tokens_min = 8, .tokens_max = 8};
    return options;
  }());
  return server;
}
std::string GatewayUrl() { return StandIn().base_url(); }
std::string GatewayAuthority() { return StandIn().ca_pem(); }
Secret GatewayKey() { return Secret("stand-in-for-a-key"); }

//! [gateway]
class Gateway : public SustainedLoadTest {
  World MakeWorld() override {
    OpenAiOptions options;
    options.name = "gateway";
    options.base_url = GatewayUrl();  // "https://llm-gateway.example.com/v1"
    options.http.ca_pem = GatewayAuthority();
    options.api_key = GatewayKey();
    return RealWorld({.provider = std::make_shared<OpenAiProvider>(options),
                      .url = options.base_url,
                      .credential_help = "the gateway's key"});
  }

  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.load = OpenLoop{.rate_per_second = 100, .duration = 2s};
    plan.criteria = {SuccessRate() >= 1, Throughput() >= 90, P95(Figure::kTtft) < 500ms,
                     P95() < 1s};
    return plan;
  }
};

TEST_F(Gateway, DISABLED_HoldsAHundredPerSecond) { RunAndJudge(); }
//! [gateway]

}  // namespace
