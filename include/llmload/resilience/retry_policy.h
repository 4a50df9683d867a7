// How long to wait before a retry.
#ifndef LLMLOAD_RESILIENCE_RETRY_POLICY_H_
#define LLMLOAD_RESILIENCE_RETRY_POLICY_H_

#include <cstdint>
#include <optional>

#include "llmload/core/random.h"
#include "llmload/core/time.h"
#include "llmload/provider/error.h"

namespace llmload {

/// The waits before retries: exponential, with a bound.
struct BackoffOptions {
  Duration base = std::chrono::milliseconds(100);  ///< shortest wait; above zero
  Duration cap = std::chrono::seconds(10);         ///< longest wait; at least `base`
  /// The longest Retry-After that is waited for. A service that asks for more is not retried.
  Duration retry_after_cap = std::chrono::seconds(30);
};

/// Throws `ConfigurationError` that names the field; `prefix` goes before the field's name.
void Validate(const BackoffOptions& options, const char* prefix = "backoff");

/// The waits of one request, by decorrelated jitter (M. Brooker, "Exponential Backoff And Jitter",
/// AWS Architecture Blog, 2015): `min(cap, uniform(base, 3 * previous))`. Not thread-safe: one per
/// request.
class Backoff {
 public:
  /// The options must outlive it. Equal seeds and streams give equal waits.
  Backoff(const BackoffOptions& options, std::uint64_t seed, std::uint64_t stream);

  /// The next wait: at least `retry_after` if the service gave one. Nullopt if that is beyond
  /// `retry_after_cap`: then do not retry with this service.
  std::optional<Duration> Next(std::optional<Duration> retry_after);

 private:
  const BackoffOptions& options_;
  Random random_;
  Duration previous_;
};

/// Whether the same service may answer if the same request is sent again soon: true for what
/// `RetriabilityOf` calls retriable, except a rate limit, which says how long to wait.
bool IsRetryable(const Error& error) noexcept;

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_RETRY_POLICY_H_
