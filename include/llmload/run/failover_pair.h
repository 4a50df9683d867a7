// A primary and a fallback under a `FailoverProvider`, as the target of a run that tests them.
#ifndef LLMLOAD_RUN_FAILOVER_PAIR_H_
#define LLMLOAD_RUN_FAILOVER_PAIR_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "llmload/core/clock.h"
#include "llmload/resilience/circuit_breaker.h"
#include "llmload/resilience/failover_provider.h"
#include "llmload/resilience/recording_provider.h"
#include "llmload/run/run_plan.h"

namespace llmload {

/// A chain of two providers, each recorded, on a retry budget of its own; the primary behind a
/// circuit breaker, if one is wanted. Thread-safe as its parts are.
class FailoverPair {
 public:
  /// `clock` must outlive the pair. Precondition: neither provider is null.
  FailoverPair(std::shared_ptr<Provider> primary, std::shared_ptr<Provider> fallback,
               std::optional<CircuitBreakerOptions> breaker, std::uint64_t seed, Clock& clock);

  /// The whole chain as a target.
  Lane AsLane() const;

  const RecordingProvider& primary() const noexcept { return *primary_; }
  const RecordingProvider& fallback() const noexcept { return *fallback_; }
  const RecordingProvider& chain() const noexcept { return *chain_; }
  /// The primary's breaker; null if it has none.
  CircuitBreaker* breaker() const noexcept { return breaker_.get(); }

 private:
  std::shared_ptr<RecordingProvider> primary_;
  std::shared_ptr<RecordingProvider> fallback_;
  std::shared_ptr<CircuitBreaker> breaker_;
  std::shared_ptr<RecordingProvider> chain_;
};

/// Measurements "breaker openings", "primary calls", "fallback calls" and "failures to open" (how
/// many calls of the primary had failed when the breaker opened for the first time; none if it did
/// not), and the breaker's state changes on the time line. Precondition: the pair has a breaker.
ExtraFigures BreakerFigures(std::shared_ptr<const FailoverPair> pair);

/// Distribution "failover time" of the requests that failed over (start of the first failed attempt
/// on the primary -> success elsewhere), and measurements "primary calls", "fallback calls" and
/// "failed over".
ExtraFigures FailoverTimeFigures(std::shared_ptr<const FailoverPair> pair);

}  // namespace llmload

#endif  // LLMLOAD_RUN_FAILOVER_PAIR_H_
