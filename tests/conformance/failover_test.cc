// The documented failover test over sockets: AWS Bedrock fails, a local model takes over.
#include <gtest/gtest.h>

#include <memory>
#include <ostream>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/service/aws_credentials.h"
#include "llmload/service/bedrock_provider.h"
#include "llmload/service/ollama_provider.h"
#include "llmload/service/openai_provider.h"
#include "llmload/testing/failover_tests.h"

namespace llmload {
namespace {

using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;
using simulation::Fault;
using simulation::FaultKind;
using namespace std::chrono_literals;

struct Outage {
  const char* name;
  Fault fault;
  bool suspended = false;  ///< nothing listens
  bool ollama = true;      ///< the local server speaks Ollama's API, else OpenAI's
};

void PrintTo(const Outage& outage, std::ostream* out) { *out << outage.name; }

/// Free and bounded, so that it is not gated.
class FailoverFromBedrock : public FailoverTimeTest, public ::testing::WithParamInterface<Outage> {
 protected:
  bool IsGated() const override { return false; }

  void SetUp() override {
    FakeLlmServerOptions options;
    options.latency = {.ttft_median = 3ms, .gap_median = 1ms, .tokens_min = 4, .tokens_max = 4};
    local_ = std::make_unique<FakeLlmServer>(options);
    options.aws_credentials = {
        {.access_key_id = "AKID", .secret_access_key = Secret("secret"), .session_token = {}}};
    options.faults = {GetParam().fault};
    aws_ = std::make_unique<FakeLlmServer>(options);
    if (GetParam().suspended) aws_->Suspend();
    FailoverTimeTest::SetUp();
  }

  // What counts is who answers, and not how quickly this machine lets them.
  RunPlan Plan() override {
    RunPlan plan = FailoverTimePlan(MakePair(std::nullopt), {.max_mean = 1h, .max_single = 1h});
    plan.validity.max_loop_delay_p99 = Duration::max();
    return plan;
  }

  std::shared_ptr<Provider> MakePrimary() override {
    BedrockOptions options;
    options.endpoint = aws_->origin();
    options.http.ca_pem = aws_->ca_pem();
    options.region = "us-east-1";
    options.credentials = FixedAwsCredentials({.access_key_id = "AKID",
                                               .secret_access_key = Secret("secret"),
                                               .session_token = {},
                                               .expires = {}});
    options.http.timeouts.total = 300ms;  // the requests are not streamed
    return std::make_shared<BedrockProvider>(std::move(options), TestClock());
  }

  std::shared_ptr<Provider> MakeFallback() override {
    if (GetParam().ollama) {
      OllamaOptions options;
      options.base_url = local_->origin();
      options.http.ca_pem = local_->ca_pem();
      return std::make_shared<OllamaProvider>(std::move(options), TestClock());
    }
    OpenAiOptions options;
    options.name = "local";
    options.base_url = local_->base_url();
    options.http.ca_pem = local_->ca_pem();
    return std::make_shared<OpenAiProvider>(std::move(options), TestClock());
  }

  std::unique_ptr<FakeLlmServer> aws_;
  std::unique_ptr<FakeLlmServer> local_;
};

TEST_P(FailoverFromBedrock, ReachesTheLocalModel) {
  RunAndJudge();
  EXPECT_EQ(Report().judgement.verdict, Verdict::kPass);
  // Every request was answered, by the local server.
  EXPECT_EQ(Report().record.metrics.SuccessRate(), 1.0);
  EXPECT_GT(local_->counters().arrivals, 0u);
  if (!GetParam().suspended && GetParam().fault.kind != FaultKind::kHangBeforeHandshake) {
    EXPECT_GT(aws_->counters().bedrock_requests, 0u);
  }
  EXPECT_EQ(local_->counters().validation_failures, 0u);
  EXPECT_EQ(aws_->counters().validation_failures, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    To, FailoverFromBedrock,
    ::testing::Values(
        Outage{"OllamaWhenThrottled", {.kind = FaultKind::kHttpError, .status = 429}},
        Outage{"OllamaWhenUnavailable", {.kind = FaultKind::kHttpError, .status = 503}},
        Outage{"OllamaWhenDown", {.kind = FaultKind::kHang}, true},
        Outage{"OllamaWhenTheAnswerIsAnError", {.kind = FaultKind::kErrorEvent}},
        Outage{"OpenAiCompatibleWhenReset", {.kind = FaultKind::kReset}, false, false},
        Outage{"OpenAiCompatibleWhenSilent", {.kind = FaultKind::kHang}, false, false}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace llmload
