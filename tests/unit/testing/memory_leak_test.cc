// The memory test against a real process that leaks: this one, with the embedded server in it.
#include <gmock/gmock.h>

#include "llmload/testing/memory_usage_test.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class LeakingServer : public MemoryUsageTest {
 protected:
  bool IsGated() const override { return false; }
  void Enforce(const RunReport&) override {}

  World MakeWorld() override {
    return EmbeddedServerWorld({.latency = {.ttft_median = 20ms, .gap_median = 0ms},
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
  EXPECT_EQ(Report().record.metrics[Counter::kSucceeded], 500u);
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
