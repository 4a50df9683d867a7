// One provider behind one circuit breaker, as a provider.
#ifndef LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_PROVIDER_H_
#define LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_PROVIDER_H_

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "llmload/provider/provider.h"
#include "llmload/resilience/circuit_breaker.h"

namespace llmload {

/// Asks `provider` if `breaker` admits the call, and reports the outcome to the breaker.
/// `FailoverProvider` does this for its targets by itself; this class is for a provider without a
/// fallback, and for stacks with layers between.
///
/// A rejected request fails at once with `kCircuitOpen`, no attempts, and the remaining wait in
/// `Error::retry_after` (empty if forced open). An exception from the provider counts as a failure
/// and is rethrown; a cancelled call counts as neutral. Thread-safe.
class CircuitBreakerProvider final : public Provider {
 public:
  /// Throws `std::invalid_argument` if either is null.
  CircuitBreakerProvider(std::shared_ptr<Provider> provider,
                         std::shared_ptr<CircuitBreaker> breaker);

  /// The provider's.
  const ProviderIdentity& Identity() const noexcept override { return provider_->Identity(); }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;
  /// The provider's.
  ConnectionCounters Connections() const override { return provider_->Connections(); }
  ProviderSettings Settings() const override { return provider_->Settings(); }
  std::optional<std::string> AdaptTo(const Error& refusal) override {
    return provider_->AdaptTo(refusal);
  }

  CircuitBreaker& breaker() const noexcept { return *breaker_; }

 private:
  const std::shared_ptr<Provider> provider_;
  const std::shared_ptr<CircuitBreaker> breaker_;
};

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_PROVIDER_H_
