#include "llmload/run/documented_plans.h"

#include <string>

namespace llmload {

using namespace std::chrono_literals;

namespace {

// Requests to a pair of which one provider fails on purpose, one after the other.
RunPlan OneByOne(const std::shared_ptr<const FailoverPair>& pair, std::uint64_t requests) {
  RunPlan plan;
  plan.lanes = {pair->AsLane()};
  plan.load = ClosedLoop{.concurrency = 1, .requests = requests};
  plan.request = {.max_tokens = 16, .stream = false};
  plan.workers = 1;
  plan.checks_targets = false;  // a failing primary is the subject, not a misconfiguration
  return plan;
}

}  // namespace

RunPlan SustainedLoadPlan() {
  RunPlan plan;
  plan.name = "sustained load";
  plan.load = OpenLoop{.rate_per_second = 1000.0 / 60.0, .duration = 60s};
  plan.request = {.max_tokens = 16, .stream = true};
  plan.criteria = {CompletedRequests() >= 900, (SuccessRate() >= 0.70).AsObserved(),
                   (CompletedThroughput() >= 13.3).AsObserved(),
                   (P95() < Duration(10s)).AsObserved()};
  return plan;
}

RunPlan ProductionReadinessPlan() {
  RunPlan plan;
  plan.name = "production readiness";
  plan.load = OpenLoop{.rate_per_second = 10, .duration = 120s};
  plan.request = {.max_tokens = 16, .stream = true};
  plan.criteria = {(SuccessRate() >= 0.95).AsObserved(),
                   (CompletedThroughput() >= 9.0).AsObserved(), (P95() < Duration(5s)).AsObserved(),
                   (P99() < Duration(10s)).AsObserved()};
  return plan;
}

RunPlan MemoryUsagePlan(bool costs_nothing) {
  constexpr std::uint64_t kRequests = 600;
  constexpr std::uint64_t kFewestSamples = 24;  // that a slope rests on
  ClosedLoop load{.concurrency = 50, .requests = kRequests, .warm_up_requests = 100};
  RunPlan plan;
  plan.name = "memory usage";
  if (costs_nothing) {
    load.requests = ClosedLoop::kUnlimited;
    load.duration = 1h;  // a slow server needs its time for the requests that are always sent
    plan.details.push_back({.name = "length",
                            .value = "500 requests, and on until memory has " +
                                     std::to_string(kMemorySamples) +
                                     " samples, for 60 s at most"});
    plan.stop.enough = [](const RunSnapshot& now) {
      const bool leaks = now.peak_memory_ratio >= 2 && now.resource_samples >= kFewestSamples;
      const bool sampled = now.resource_samples >= kMemorySamples || now.elapsed >= 60s;
      return now.counters.sent >= kRequests && (leaks || sampled);
    };
  }
  plan.load = load;
  plan.request = {.max_tokens = 16, .stream = false};
  plan.sample_interval = 50ms;
  // Memory does not depend on how fast the closed loop goes.
  plan.validity.max_loop_delay_p99 = Duration::max();
  plan.criteria = {MemoryIncrease() < 1.0, PeakMemoryRatio() < 2.0, MemoryGrowth() < 0.5,
                   MemoryLeakPerRequest() < kMaxLeakBytesPerRequest};
  return plan;
}

RunPlan CircuitBreakerPlan(const std::shared_ptr<const FailoverPair>& pair,
                           const CircuitBreakerOptions& breaker, std::uint64_t requests) {
  RunPlan plan = OneByOne(pair, requests);
  plan.name = "circuit breaker";
  plan.extra_figures = {BreakerFigures(pair)};
  plan.criteria = {Measurement("breaker openings") >= 1,
                   SuccessfulRequests() >= static_cast<double>(requests)};
  // Other trip rules open at a ratio, not at a count that is known in advance.
  if (breaker.consecutive_failures) {
    const double threshold = *breaker.consecutive_failures;
    plan.criteria.push_back(Measurement("failures to open") == threshold);
    plan.criteria.push_back(Measurement("primary calls") == threshold);
    plan.details.push_back(
        {.name = "breaker",
         .value = "opens at consecutive failure " + std::to_string(*breaker.consecutive_failures)});
  }
  return plan;
}

RunPlan FailoverTimePlan(const std::shared_ptr<const FailoverPair>& pair,
                         const FailoverTimeBounds& bounds) {
  RunPlan plan = OneByOne(pair, bounds.attempts);
  plan.name = "failover time";
  plan.extra_figures = {FailoverTimeFigures(pair)};
  plan.criteria = {Measurement("failed over") >= static_cast<double>(bounds.min_failed_over),
                   MeanOf("failover time") < bounds.max_mean,
                   MaxOf("failover time") < bounds.max_single};
  return plan;
}

}  // namespace llmload
