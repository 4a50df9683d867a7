// The five documented load tests as plans. Fixtures start from them, and so may everyone else.
#ifndef LLMLOAD_RUN_DOCUMENTED_PLANS_H_
#define LLMLOAD_RUN_DOCUMENTED_PLANS_H_

#include <cstdint>
#include <memory>

#include "llmload/core/time.h"
#include "llmload/run/failover_pair.h"
#include "llmload/run/run_plan.h"

namespace llmload {

// A plan without lanes: it gets its target from the world that it runs in.

/// Does the target hold 1000 requests a minute for a minute? Passes with >= 900 completed, success
/// >= 70 %, throughput >= 13.3/s (80 % of the rate), p95 < 10 s.
RunPlan SustainedLoadPlan();

/// Do all production criteria hold together, for two minutes at 10 requests/s? Passes with success
/// >= 95 %, throughput >= 9/s, p95 < 5 s, p99 < 10 s.
RunPlan ProductionReadinessPlan();

/// Does memory stay flat under load? 500 requests, 50 at a time, after 100 that warm connections
/// and buffers up. Passes with increase < 100 %, peak < 2 x initial, growth < 50 % for each sampled
/// process (definitions: `ResourceSummary`), and less than `kMaxLeakBytesPerRequest` left behind by
/// each request (`MemoryLeakPerRequest`).
///
/// 500 requests to a fast server are over before memory can be sampled often enough to judge it. On
/// a target that costs nothing the load goes on until there are `kMemorySamples`, or twice the
/// initial memory is in use, and for 60 s at most.
RunPlan MemoryUsagePlan(bool costs_nothing = false);

/// Six seconds of them tell a leak from its noise (docs/verdicts.md).
inline constexpr std::uint64_t kMemorySamples = 120;

/// Does the circuit breaker open under a high error rate, and keep load off a failing primary? 20
/// requests, one after the other. Passes if the breaker opens at exactly the failure that its
/// options name, the primary sees exactly that many calls, and every request is answered.
/// @param breaker  the options of the pair's breaker
RunPlan CircuitBreakerPlan(const std::shared_ptr<const FailoverPair>& pair,
                           const CircuitBreakerOptions& breaker, std::uint64_t requests = 20);

/// What `FailoverTimePlan` asks for.
struct FailoverTimeBounds {
  std::uint64_t attempts = 10;
  std::uint64_t min_failed_over = 8;
  Duration max_mean = std::chrono::seconds(5);
  Duration max_single = std::chrono::seconds(10);
};

/// How long does failover from the primary to the fallback take?
///
/// Without a breaker each of the attempts meets the failing primary, as the first request after the
/// start of an outage does. The failover time of a request runs from the start of its first failed
/// primary attempt to the fallback's success; the overhead (primary known to have failed to
/// fallback dispatched) is reported apart.
RunPlan FailoverTimePlan(const std::shared_ptr<const FailoverPair>& pair,
                         const FailoverTimeBounds& bounds = {});

}  // namespace llmload

#endif  // LLMLOAD_RUN_DOCUMENTED_PLANS_H_
