// What the users of a chat notice: when the answer begins, and whether it flows.
#include <gtest/gtest.h>

#include <chrono>

#include "llmload/testing/open_loop_test.h"

namespace {

using namespace llmload;
using namespace std::chrono_literals;

//! [streaming slo]
class Chat : public SustainedLoadTest {
 protected:
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.load =
        OpenLoop{.rate_per_second = 20, .duration = 120s, .pattern = ArrivalPattern::kPoisson};
    plan.prompts = FixedPrompt{"Tell me a story."};
    plan.request.max_tokens = 64;
    // A good answer begins within 800 ms and never stops for longer than 150 ms.
    plan.objectives = {.ttft = 800ms, .chunk_gap = 150ms};
    plan.criteria = {GoodFraction() >= 0.95, P95(Figure::kTtft) < 700ms,
                     P99(Figure::kChunkGap) < 100ms};
    return plan;
  }
};
//! [streaming slo]

//! [slo in virtual time]
// One request in a hundred waits in a queue for three seconds: the objectives leave room for that.
class ChatWithAQueue : public Chat {
  World MakeWorld() override {
    return VirtualWorld(
        {.seed = Environment().seed,
         .faults = {
             {.kind = simulation::FaultKind::kSlowFirstToken, .probability = 0.01, .delay = 3s}}});
  }
};
TEST_F(ChatWithAQueue, KeepsTheObjectives) { RunAndJudge(); }

// Streams that stall in the middle are complete answers in the end, and still not good ones.
class ChatThatStutters : public Chat {
  World MakeWorld() override {
    return VirtualWorld(
        {.seed = Environment().seed, .latency = {.gap_median = 60ms, .gap_sigma = 0.6}});
  }
  void Enforce(const RunReport&) override {}
};
TEST_F(ChatThatStutters, MissesTheObjectivesThoughEveryRequestSucceeds) {
  RunAndJudge();
  EXPECT_EQ(Report().record.metrics.SuccessRate(), 1.0);
  EXPECT_EQ(Report().judgement.verdict, Verdict::kFail) << Explain(Report().judgement);
}
//! [slo in virtual time]

}  // namespace
