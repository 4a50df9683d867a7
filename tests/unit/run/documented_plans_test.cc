#include "llmload/run/documented_plans.h"

#include <gtest/gtest.h>

#include "llmload/run/runner.h"
#include "llmload/world/world.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

RunReport RunVirtually(const RunPlan& plan) {
  const World world = VirtualWorld(simulation::SimulationOptions{});
  return Runner(world.clock()).Run(world.Furnish(plan));
}

TEST(DocumentedPlans, OfAServicePassInVirtualTime) {
  const RunReport sustained = RunVirtually(SustainedLoadPlan());
  EXPECT_EQ(sustained.judgement.verdict, Verdict::kPass) << Explain(sustained.judgement);
  EXPECT_EQ(sustained.record.metrics[Counter::kScheduled], 1000u);
  const RunReport readiness = RunVirtually(ProductionReadinessPlan());
  EXPECT_EQ(readiness.judgement.verdict, Verdict::kPass) << Explain(readiness.judgement);
  EXPECT_EQ(readiness.record.metrics[Counter::kScheduled], 1200u);
  const RunReport memory = RunVirtually(MemoryUsagePlan());
  EXPECT_EQ(memory.judgement.verdict, Verdict::kPass) << Explain(memory.judgement);
  EXPECT_EQ(memory.record.metrics[Counter::kSucceeded], 500u);
  EXPECT_EQ(memory.record.unmeasured[Counter::kSucceeded], 100u);
}

TEST(DocumentedPlans, OfTheResilienceLayerPassWithoutAFixture) {
  World world = VirtualWorld();
  const auto make = [&](const char* name, bool fails) {
    simulation::SimulationOptions options{.identity = {.name = name}};
    if (fails) options.faults = {{.kind = simulation::FaultKind::kHttpError, .status = 500}};
    return std::make_shared<simulation::SimulatedProvider>(options, world.clock());
  };
  const CircuitBreakerOptions breaker;
  const auto guarded = std::make_shared<FailoverPair>(make("primary", true), make("local", false),
                                                      breaker, 1, world.clock());
  const RunReport opened =
      Runner(world.clock()).Run(world.Furnish(CircuitBreakerPlan(guarded, breaker)));
  EXPECT_EQ(opened.judgement.verdict, Verdict::kPass) << Explain(opened.judgement);
  ASSERT_FALSE(opened.record.timeline.empty());
  EXPECT_EQ(guarded->primary().Calls().size(), 5u);

  const auto bare = std::make_shared<FailoverPair>(make("aws", true), make("local", false),
                                                   std::nullopt, 1, world.clock());
  const RunReport timed = Runner(world.clock()).Run(world.Furnish(FailoverTimePlan(bare)));
  EXPECT_EQ(timed.judgement.verdict, Verdict::kPass) << Explain(timed.judgement);
  ASSERT_NE(timed.record.FindDistribution("failover time"), nullptr);
  EXPECT_EQ(timed.record.FindDistribution("failover time")->values.count(), 10u);
}

}  // namespace
}  // namespace llmload
