// Delivery of a breaker's events: in order, one at a time, outside any lock.
#ifndef LLMLOAD_SRC_RESILIENCE_BREAKER_EVENTS_H_
#define LLMLOAD_SRC_RESILIENCE_BREAKER_EVENTS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <variant>
#include <vector>

#include "llmload/resilience/circuit_breaker_events.h"

namespace llmload::resilience {

using BreakerEvent =
    std::variant<StateChange, ThresholdWouldTrip, CallRecorded, CallRejected, LateResult>;

/// Thread-safe. `Push` under the lock that orders the events, `Deliver` outside it: one thread at a
/// time delivers, and also delivers what other threads push meanwhile.
class EventQueue {
 public:
  /// Call events beyond this many undelivered ones are dropped and counted. State changes never
  /// are.
  static constexpr std::size_t kMaxPending = 65536;

  void Add(std::shared_ptr<BreakerObserver> observer, ObservedEvents events);
  void Remove(const BreakerObserver* observer);
  bool CallsWanted() const;

  /// Keeps the event if an observer wants it.
  void Push(const BreakerEvent& event);
  void Deliver(std::string_view breaker);

  std::uint64_t errors() const { return errors_.load(); }
  std::uint64_t lost() const { return lost_.load(); }

 private:
  struct Listener {
    std::shared_ptr<BreakerObserver> observer;
    ObservedEvents events;
  };

  mutable std::mutex mutex_;
  std::vector<Listener> listeners_;
  std::deque<BreakerEvent> pending_;
  bool delivering_ = false;
  std::atomic<bool> any_pending_{false};
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace llmload::resilience

#endif  // LLMLOAD_SRC_RESILIENCE_BREAKER_EVENTS_H_
