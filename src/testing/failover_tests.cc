#include "llmload/testing/failover_tests.h"

#include <utility>

namespace llmload {

std::shared_ptr<const FailoverPair> FailoverPairTest::MakePair(
    std::optional<CircuitBreakerOptions> breaker) {
  pair_ = std::make_shared<FailoverPair>(MakePrimary(), MakeFallback(), std::move(breaker),
                                         Environment().seed, TestClock());
  return pair_;
}

RunPlan CircuitBreakerTest::Plan() {
  const CircuitBreakerOptions breaker = BreakerOptions();
  return CircuitBreakerPlan(MakePair(breaker), breaker);
}

}  // namespace llmload
