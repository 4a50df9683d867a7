// One circuit breaker per provider, region, model and credential.
#ifndef LLMLOAD_RESILIENCE_BREAKER_REGISTRY_H_
#define LLMLOAD_RESILIENCE_BREAKER_REGISTRY_H_

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"
#include "llmload/resilience/circuit_breaker.h"

namespace llmload {

/// Calls that fail together. A 429 or a missing model opens the breaker of this key and no other.
struct BreakerKey {
  std::string provider;
  std::string region;
  std::string model;
  std::string credential;  ///< `Secret::Fingerprint`, never the secret

  /// The key of `provider` asked for `model`.
  static BreakerKey Of(const ProviderIdentity& provider, std::string_view model);
  /// "provider/region/model/credential" without the empty parts: the breaker's name.
  std::string ToString() const;

  auto operator<=>(const BreakerKey&) const = default;
};

/// Makes breakers on demand and keeps them. Thread-safe.
class BreakerRegistry {
 public:
  using OptionsForKey = std::function<CircuitBreakerOptions(const BreakerKey&)>;

  /// The same options for every key. Throws `ConfigurationError` if they are invalid. `clock` must
  /// outlive the registry and its breakers.
  BreakerRegistry(const CircuitBreakerOptions& options, const Clock& clock);
  /// `options` is called once per key, under the registry's lock; what it throws reaches the caller
  /// of `Get`.
  BreakerRegistry(OptionsForKey options, const Clock& clock);

  /// The breaker of `key`, made at the first call. Always the same for the same key.
  std::shared_ptr<CircuitBreaker> Get(const BreakerKey& key);
  /// The breaker of `key`, or null if there is none yet.
  std::shared_ptr<CircuitBreaker> Find(const BreakerKey& key) const;

  /// Observes all breakers of the registry, including those that it will make later.
  void AddObserver(std::shared_ptr<BreakerObserver> observer,
                   ObservedEvents events = ObservedEvents::kAll);

  /// One breaker of the registry and the key it was made for.
  struct Entry {
    BreakerKey key;
    std::shared_ptr<CircuitBreaker> breaker;
  };
  /// All breakers, in order of their keys.
  std::vector<Entry> Entries() const;

 private:
  struct Listener {
    std::shared_ptr<BreakerObserver> observer;
    ObservedEvents events;
  };

  const OptionsForKey options_;
  const Clock& clock_;
  mutable std::shared_mutex mutex_;
  std::map<BreakerKey, std::shared_ptr<CircuitBreaker>> breakers_;
  std::vector<Listener> observers_;
};

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_BREAKER_REGISTRY_H_
