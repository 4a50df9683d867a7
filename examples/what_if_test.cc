// What if the primary falls silent for five minutes? Ten minutes of load on two simulated services,
// in virtual time: with patience alone, and with a limit to it and a circuit breaker.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "llmload/resilience/failover_provider.h"
#include "llmload/testing/open_loop_test.h"

namespace {

using namespace llmload;
using namespace llmload::simulation;
using namespace std::chrono_literals;

//! [what if]
class SilentPrimary : public SustainedLoadTest {
 protected:
  // What is to be found out: how the chain treats its primary.
  virtual FailoverTarget Primary(std::shared_ptr<Provider> provider, Clock&) {
    return {.provider = std::move(provider)};
  }

  World MakeWorld() override {
    SimulationOptions primary{.identity = {.name = "primary"}, .seed = Environment().seed};
    primary.faults = {{.kind = FaultKind::kHang, .from = 2min, .until = 7min}};
    SimulationOptions fallback{.identity = {.name = "fallback"}, .seed = Environment().seed + 1};
    fallback.latency.ttft_median = 600ms;  // further away
    return VirtualWorld([&](Clock& clock) {
      std::vector<FailoverTarget> targets{
          Primary(std::make_shared<SimulatedProvider>(primary, clock), clock),
          {.provider = std::make_shared<SimulatedProvider>(fallback, clock)}};
      return Lane{.target = {.provider = std::make_shared<FailoverProvider>(
                                 std::move(targets), FailoverOptions{}, clock),
                             .url = "two simulated services"}};
    });
  }

  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.load = OpenLoop{.rate_per_second = 12, .duration = 10min};
    plan.stop.drain_timeout = 2min;
    plan.criteria = {SuccessRate() >= 0.999, (P99() < 5s).AsObserved()};
    return plan;
  }

  // The verdict is the answer to the question, not a failure of the test.
  void Enforce(const RunReport&) override {}
};

TEST_F(SilentPrimary, MakesEverybodyWaitWithoutALimit) {
  RunAndJudge();
  EXPECT_EQ(Report().judgement.verdict, Verdict::kFail) << Explain(Report().judgement);
}

class SilentPrimaryBehindABreaker : public SilentPrimary {
  FailoverTarget Primary(std::shared_ptr<Provider> provider, Clock& clock) override {
    return {.provider = std::move(provider),
            .breaker = std::make_shared<CircuitBreaker>("primary", CircuitBreakerOptions{}, clock),
            .deadlines = {.first_token = 2s}};
  }
};

TEST_F(SilentPrimaryBehindABreaker, IsHardlyNoticed) {
  RunAndJudge();
  EXPECT_EQ(Report().judgement.verdict, Verdict::kPass) << Explain(Report().judgement);
}
//! [what if]

}  // namespace
