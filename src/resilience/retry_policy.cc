#include "llmload/resilience/retry_policy.h"

#include <algorithm>
#include <string>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

std::string Text(Duration value) { return std::to_string(value.count()) + " ns"; }

}  // namespace

void Validate(const BackoffOptions& options, const char* prefix) {
  const std::string name = std::string(prefix) + '.';
  if (options.base <= Duration::zero()) {
    throw ConfigurationError::Invalid(name + "base", Text(options.base), "above 0 ns");
  }
  if (options.cap < options.base) {
    throw ConfigurationError::Invalid(name + "cap", Text(options.cap),
                                      "at least " + Text(options.base));
  }
  if (options.retry_after_cap < Duration::zero()) {
    throw ConfigurationError::Invalid(name + "retry_after_cap", Text(options.retry_after_cap),
                                      "at least 0 ns");
  }
}

Backoff::Backoff(const BackoffOptions& options, std::uint64_t seed, std::uint64_t stream)
    : options_(options), random_(Random::Stream(seed, stream)), previous_(options.base) {}

std::optional<Duration> Backoff::Next(std::optional<Duration> retry_after) {
  const double base = static_cast<double>(options_.base.count());
  const double upper = std::max(base, 3 * static_cast<double>(previous_.count()));
  const double drawn = base + (upper - base) * random_.Uniform();
  const bool capped = drawn >= static_cast<double>(options_.cap.count());
  previous_ = capped ? options_.cap : Duration(static_cast<Duration::rep>(drawn));
  if (!retry_after) return previous_;
  if (*retry_after > options_.retry_after_cap) return std::nullopt;
  return std::max(previous_, *retry_after);
}

bool IsRetryable(const Error& error) noexcept {
  return Classify(error.kind) != ErrorClass::kRateLimited && RetriabilityOf(error).retriable;
}

}  // namespace llmload
