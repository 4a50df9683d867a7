#include "llmload/resilience/circuit_breaker_provider.h"

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include "src/resilience/attempt.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

Error Rejected(const Rejection& rejection, const CircuitBreaker& breaker,
               const std::string& provider) {
  Error error{.kind = ErrorKind::kCircuitOpen,
              .message = "circuit breaker " + breaker.name() + " is " +
                         std::string(ToString(rejection.state)),
              .provider = provider};
  if (rejection.remaining_wait != Duration::max()) error.retry_after = rejection.remaining_wait;
  return error;
}

// Holds provider and breaker in its frame, so that they outlive the call.
asio::awaitable<Result<Completion>> CallThrough(std::shared_ptr<Provider> provider,
                                                std::shared_ptr<CircuitBreaker> breaker,
                                                const CompletionRequest& request,
                                                StreamObserver* observer) {
  co_await resilience::ThrowIfCancelled();
  Admission admission = breaker->Admit();
  if (!admission) {
    co_return Rejected(admission.rejection(), *breaker, provider->Identity().name);
  }
  Permit permit = std::move(admission).permit();
  std::exception_ptr thrown;
  try {
    Result<Completion> result = co_await provider->Complete(request, observer);
    if (result.has_value()) {
      permit.Settle(*result);
    } else {
      permit.Settle(result.error());
    }
    co_return result;
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await resilience::ThrowIfCancelled();  // then the permit is dropped: neutral
  if (permit.valid()) permit.Settle(Outcome::kFailure, ErrorKind::kInternal);
  std::rethrow_exception(thrown);
}

}  // namespace

CircuitBreakerProvider::CircuitBreakerProvider(std::shared_ptr<Provider> provider,
                                               std::shared_ptr<CircuitBreaker> breaker)
    : provider_(std::move(provider)), breaker_(std::move(breaker)) {
  if (provider_ == nullptr) {
    throw std::invalid_argument("CircuitBreakerProvider: the provider is null");
  }
  if (breaker_ == nullptr) {
    throw std::invalid_argument("CircuitBreakerProvider: the breaker is null");
  }
}

asio::awaitable<Result<Completion>> CircuitBreakerProvider::Complete(
    const CompletionRequest& request, StreamObserver* observer) {
  return CallThrough(provider_, breaker_, request, observer);
}

}  // namespace llmload
