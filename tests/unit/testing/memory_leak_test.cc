// The memory test against a real process that leaks: this one, with the embedded server in it.
#include <gmock/gmock.h>

#include "llmload/testing/memory_usage_test.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Answers in a millisecond: 500 requests would be over before memory could be sampled.
class FastServer : public MemoryUsageTest {
 protected:
  bool IsGated() const override { return false; }
  World MakeWorld() override {
    return EmbeddedServerWorld(
        {.latency = {.ttft_median = 1ms, .gap_median = 0ms}, .seed = Environment().seed});
  }
  RunPlan Plan() override {
    RunPlan plan = MemoryUsageTest::Plan();
    plan.sample_interval = 10ms;
    return plan;
  }
  // Under a sanitizer memory grows without a leak.
  void Enforce(const RunReport& report) override {
    if (!test_support::kSanitized) MemoryUsageTest::Enforce(report);
  }
};

TEST_F(FastServer, IsJudgedByAsManySamplesAsItTakes) {
  RunAndJudge();
  EXPECT_GE(Report().record.metrics[Counter::kSucceeded], 500u);
  EXPECT_GE(Report().record.resources[0].samples, kMemorySamples);
  const auto& details = Report().record.configuration.details;
  ASSERT_EQ(details.size(), 2u);
  EXPECT_EQ(details[0].name, "length");
  EXPECT_EQ(details[1].name, "memory of");
  EXPECT_THAT(details[1].value, HasSubstr("the generator and the embedded server together"));
}

class LeakingServer : public MemoryUsageTest {
 protected:
  bool IsGated() const override { return false; }
  void Enforce(const RunReport&) override {}

  World MakeWorld() override {
    return EmbeddedServerWorld({.latency = {.ttft_median = 1ms, .gap_median = 0ms},
                                .faults = {{.kind = simulation::FaultKind::kLeak, .bytes = 20'000}},
                                .seed = Environment().seed});
  }
  RunPlan Plan() override {
    RunPlan plan = MemoryUsageTest::Plan();
    plan.sample_interval = 2ms;  // answers come ten times as fast as in the documented test
    return plan;
  }
};

TEST_F(LeakingServer, FailsNamingWhatEachRequestLeft) {
  RunAndJudge();
  EXPECT_GE(Report().record.metrics[Counter::kSucceeded], 500u);
  const Judgement& judgement = Report().judgement;
  // A sanitizer keeps what is freed for a while: memory then grows without a leak as well, and how
  // much a request leaves is uncertain. But this server is never found to be in order.
  if (test_support::kSanitized) {
    EXPECT_NE(judgement.verdict, Verdict::kPass) << Explain(judgement);
  } else {
    EXPECT_EQ(judgement.verdict, Verdict::kFail) << Explain(judgement);
  }
  EXPECT_THAT(Explain(judgement), HasSubstr("memory left per request is"));
}

}  // namespace
}  // namespace llmload
