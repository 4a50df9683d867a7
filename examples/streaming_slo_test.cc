// What the users of a chat notice: when the answer begins, and whether it flows.
#include <gtest/gtest.h>

#include <chrono>

#include "llmload/testing/open_loop_test.h"
#include "llmload/world/in_virtual_time.h"

namespace {

using namespace llmload;
using namespace llmload::simulation;
using namespace std::chrono_literals;

//! [streaming slo]
class Chat : public SustainedLoadTest {
 protected:
  void Configure(OpenLoopTestOptions& options) override {
    options.load = {.rate_per_second = 20,
                    .duration = 120s,
                    .pattern = ArrivalPattern::kPoisson,
                    .seed = Environment().seed};
    options.request = {.prompt = "Tell me a story.", .max_tokens = 64, .stream = true};
    // A good answer begins within 800 ms and never stops for longer than 150 ms.
    options.objectives = {.ttft = 800ms, .chunk_gap = 150ms};
    options.criteria = {GoodFraction() >= 0.95, P95(LatencyKind::kTtft) < 700ms,
                        P99(LatencyKind::kChunkGap) < 100ms};
  }
};
//! [streaming slo]

//! [slo in virtual time]
// One request in a hundred waits in a queue for three seconds: the objectives leave room for that.
class ChatWithAQueue : public InVirtualTime<Chat> {
  SimulationOptions Simulation() const override {
    return {.seed = Environment().seed,
            .faults = {{.kind = FaultKind::kSlowFirstToken, .probability = 0.01, .delay = 3s}}};
  }
};
TEST_F(ChatWithAQueue, KeepsTheObjectives) { RunAndJudge(); }

// Streams that stall in the middle are complete answers in the end, and still not good ones.
class ChatThatStutters : public InVirtualTime<Chat> {
  SimulationOptions Simulation() const override {
    return {.seed = Environment().seed, .latency = {.gap_median = 60ms, .gap_sigma = 0.6}};
  }
  void Enforce(const RunReport&) override {}
};
TEST_F(ChatThatStutters, MissesTheObjectivesThoughEveryRequestSucceeds) {
  RunAndJudge();
  EXPECT_EQ(Report().metrics.succeeded, Report().metrics.scheduled);
  EXPECT_EQ(Report().verdict, Verdict::kFail) << Explain(Report());
}
//! [slo in virtual time]

}  // namespace
