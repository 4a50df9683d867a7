#include "src/resilience/breaker_events.h"

#include <algorithm>
#include <utility>

namespace llmload {

void BreakerObserver::OnStateChange(std::string_view /*breaker*/, const StateChange& /*event*/) {}
void BreakerObserver::OnCallRecorded(std::string_view /*breaker*/, const CallRecorded& /*event*/) {}
void BreakerObserver::OnCallRejected(std::string_view /*breaker*/, const CallRejected& /*event*/) {}
void BreakerObserver::OnLateResult(std::string_view /*breaker*/, const LateResult& /*event*/) {}
void BreakerObserver::OnThresholdWouldTrip(std::string_view /*breaker*/,
                                           const ThresholdWouldTrip& /*event*/) {}

std::string_view ToString(BreakerCause cause) noexcept {
  switch (cause) {
    case BreakerCause::kConsecutiveFailures:
      return "consecutive_failures";
    case BreakerCause::kFailureRatioOverCount:
      return "failure_ratio_over_count";
    case BreakerCause::kFailureRatioOverTime:
      return "failure_ratio_over_time";
    case BreakerCause::kSlowCallRatio:
      return "slow_call_ratio";
    case BreakerCause::kOpenElapsed:
      return "open_elapsed";
    case BreakerCause::kProbeFailed:
      return "probe_failed";
    case BreakerCause::kProbesSucceeded:
      return "probes_succeeded";
    case BreakerCause::kProbeDeadline:
      return "probe_deadline";
    case BreakerCause::kManual:
      return "manual";
  }
  return "unknown";
}

namespace resilience {
namespace {

bool IsCallEvent(const BreakerEvent& event) {
  return !std::holds_alternative<StateChange>(event) &&
         !std::holds_alternative<ThresholdWouldTrip>(event);
}

class Dispatch {
 public:
  Dispatch(BreakerObserver& observer, std::string_view breaker)
      : observer_(observer), breaker_(breaker) {}
  void operator()(const StateChange& event) const { observer_.OnStateChange(breaker_, event); }
  void operator()(const CallRecorded& event) const { observer_.OnCallRecorded(breaker_, event); }
  void operator()(const CallRejected& event) const { observer_.OnCallRejected(breaker_, event); }
  void operator()(const LateResult& event) const { observer_.OnLateResult(breaker_, event); }
  void operator()(const ThresholdWouldTrip& event) const {
    observer_.OnThresholdWouldTrip(breaker_, event);
  }

 private:
  BreakerObserver& observer_;
  std::string_view breaker_;
};

}  // namespace

void EventQueue::Add(std::shared_ptr<BreakerObserver> observer, ObservedEvents events) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back({std::move(observer), events});
}

void EventQueue::Remove(const BreakerObserver* observer) {
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_,
                [observer](const Listener& known) { return known.observer.get() == observer; });
}

bool EventQueue::CallsWanted() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(listeners_.begin(), listeners_.end(),
                     [](const Listener& known) { return known.events == ObservedEvents::kAll; });
}

void EventQueue::Push(const BreakerEvent& event) {
  const std::lock_guard lock(mutex_);
  if (listeners_.empty()) return;
  if (IsCallEvent(event) && pending_.size() >= kMaxPending) {
    lost_.fetch_add(1);
    return;
  }
  pending_.push_back(event);
  any_pending_.store(true);
}

void EventQueue::Deliver(std::string_view breaker) {
  if (!any_pending_.load()) return;
  std::unique_lock lock(mutex_);
  if (delivering_) return;
  delivering_ = true;
  while (!pending_.empty()) {
    const BreakerEvent event = pending_.front();
    pending_.pop_front();
    if (pending_.empty()) any_pending_.store(false);
    const std::vector<Listener> listeners = listeners_;
    lock.unlock();
    for (const Listener& known : listeners) {
      if (IsCallEvent(event) && known.events != ObservedEvents::kAll) continue;
      try {
        std::visit(Dispatch(*known.observer, breaker), event);
      } catch (...) {
        errors_.fetch_add(1);
      }
    }
    lock.lock();
  }
  delivering_ = false;
}

}  // namespace resilience
}  // namespace llmload
