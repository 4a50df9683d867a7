// Is the resilience layer itself ready? Load tests of the circuit breaker and of failover.
#ifndef LLMLOAD_TESTING_FAILOVER_TESTS_H_
#define LLMLOAD_TESTING_FAILOVER_TESTS_H_

#include <memory>
#include <optional>

#include "llmload/resilience/circuit_breaker.h"
#include "llmload/run/documented_plans.h"
#include "llmload/run/failover_pair.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// A primary and a fallback provider, each recorded, under a `FailoverProvider`. The world gives
/// the clock alone: override `MakeWorld` with `VirtualWorld()` for virtual time.
class FailoverPairTest : public LoadTest {
 protected:
  World MakeWorld() override { return {}; }

  // Called once, after `MakeWorld`.
  virtual std::shared_ptr<Provider> MakePrimary() = 0;
  virtual std::shared_ptr<Provider> MakeFallback() = 0;

  /// Makes the pair on the clock of the world.
  std::shared_ptr<const FailoverPair> MakePair(std::optional<CircuitBreakerOptions> breaker);

  /// Valid from the call of `Plan` on.
  const FailoverPair& Pair() const { return *pair_; }

 private:
  std::shared_ptr<const FailoverPair> pair_;
};

/// `CircuitBreakerPlan`: does the circuit breaker open under a high error rate, and keep load off a
/// failing primary?
class CircuitBreakerTest : public FailoverPairTest {
 protected:
  /// Configures the primary's breaker, which by default opens at the 5th consecutive failure.
  virtual CircuitBreakerOptions BreakerOptions() const { return {}; }
  RunPlan Plan() override;
};

/// `FailoverTimePlan`: how long does failover from the primary to the fallback take?
class FailoverTimeTest : public FailoverPairTest {
 protected:
  RunPlan Plan() override { return FailoverTimePlan(MakePair(std::nullopt)); }
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_FAILOVER_TESTS_H_
