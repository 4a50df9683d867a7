#include "llmload/resilience/breaker_registry.h"

#include <mutex>
#include <utility>

namespace llmload {

BreakerKey BreakerKey::Of(const ProviderIdentity& provider, std::string_view model) {
  return {.provider = provider.name,
          .region = provider.region,
          .model = std::string(model),
          .credential = provider.credential};
}

std::string BreakerKey::ToString() const {
  std::string text;
  for (const std::string* part : {&provider, &region, &model, &credential}) {
    if (part->empty()) continue;
    if (!text.empty()) text += '/';
    text += *part;
  }
  return text;
}

BreakerRegistry::BreakerRegistry(const CircuitBreakerOptions& options, const Clock& clock)
    : BreakerRegistry([options](const BreakerKey&) { return options; }, clock) {
  Validate(options);
}

BreakerRegistry::BreakerRegistry(OptionsForKey options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

std::shared_ptr<CircuitBreaker> BreakerRegistry::Find(const BreakerKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto known = breakers_.find(key);
  return known == breakers_.end() ? nullptr : known->second;
}

std::shared_ptr<CircuitBreaker> BreakerRegistry::Get(const BreakerKey& key) {
  if (auto known = Find(key)) return known;
  const std::unique_lock lock(mutex_);
  if (const auto known = breakers_.find(key); known != breakers_.end()) return known->second;
  auto breaker = std::make_shared<CircuitBreaker>(key.ToString(), options_(key), clock_);
  for (const Listener& listener : observers_) {
    breaker->AddObserver(listener.observer, listener.events);
  }
  breakers_.emplace(key, breaker);
  return breaker;
}

void BreakerRegistry::AddObserver(std::shared_ptr<BreakerObserver> observer,
                                  ObservedEvents events) {
  const std::unique_lock lock(mutex_);
  for (const auto& [key, breaker] : breakers_) breaker->AddObserver(observer, events);
  observers_.push_back({std::move(observer), events});
}

std::vector<BreakerRegistry::Entry> BreakerRegistry::Entries() const {
  const std::shared_lock lock(mutex_);
  std::vector<Entry> entries;
  entries.reserve(breakers_.size());
  for (const auto& [key, breaker] : breakers_) entries.push_back({key, breaker});
  return entries;
}

}  // namespace llmload
