// Chains of scripted providers behind breakers.
#ifndef LLMLOAD_TESTS_UNIT_RESILIENCE_FAILOVER_TEST_SUPPORT_H_
#define LLMLOAD_TESTS_UNIT_RESILIENCE_FAILOVER_TEST_SUPPORT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/resilience/failover_provider.h"
#include "tests/unit/resilience/test_support.h"

namespace llmload {

class FailoverProviderTest : public VirtualTimeTest {
 protected:
  std::shared_ptr<ScriptedProvider> Provide(std::string name, std::vector<Step> steps) {
    return std::make_shared<ScriptedProvider>(clock_, std::move(name), std::move(steps));
  }
  std::shared_ptr<CircuitBreaker> Breaker(CircuitBreakerOptions options = {}) {
    return std::make_shared<CircuitBreaker>("b", std::move(options), clock_);
  }
  /// A chain of providers, each behind a breaker with the default rules.
  std::unique_ptr<FailoverProvider> Chain(
      const std::vector<std::shared_ptr<ScriptedProvider>>& providers,
      FailoverOptions options = {}) {
    std::vector<FailoverTarget> targets;
    for (const auto& provider : providers)
      targets.push_back({.provider = provider, .breaker = Breaker()});
    return std::make_unique<FailoverProvider>(std::move(targets), std::move(options), clock_);
  }
  static CircuitBreaker& BreakerOf(const FailoverProvider& chain, std::size_t target) {
    return *chain.targets()[target].breaker;
  }
};

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_RESILIENCE_FAILOVER_TEST_SUPPORT_H_
