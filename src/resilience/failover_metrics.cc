#include "llmload/resilience/failover_metrics.h"

#include <algorithm>
#include <utility>

namespace llmload {
namespace {

/// An instant, and whether the event at that instant was good.
using Event = std::pair<TimePoint, bool>;

/// The start of the first window, not before `from`, in which at least `share` of the events were
/// good. Only a window that was seen to its end, and holds an event, counts.
std::optional<TimePoint> FirstGoodWindow(std::vector<Event> events, TimePoint from, Duration window,
                                         double share) {
  std::sort(events.begin(), events.end());
  std::vector<std::size_t> good_before{0};
  for (const Event& event : events) {
    good_before.push_back(good_before.back() + (event.second ? 1 : 0));
  }
  const auto first_after = [&](TimePoint at) {
    return static_cast<std::size_t>(
        std::upper_bound(events.begin(), events.end(), Event(at, true)) - events.begin());
  };
  const auto first_at = [&](TimePoint at) {
    return static_cast<std::size_t>(
        std::lower_bound(events.begin(), events.end(), Event(at, false)) - events.begin());
  };
  const auto is_good = [&](TimePoint begin, std::size_t first) {
    if (events.empty() || begin + window > events.back().first) return false;
    const std::size_t end = first_after(begin + window);
    if (end <= first) return false;
    const auto good = static_cast<double>(good_before[end] - good_before[first]);
    return good / static_cast<double>(end - first) >= share;
  };
  // A window can only become good by leaving a bad event behind, or by reaching a first event.
  std::size_t next = first_at(from);
  if (is_good(from, next)) return from;
  for (; next < events.size(); ++next) {
    const TimePoint begin = events[next].first;
    if (is_good(begin, events[next].second ? next : first_after(begin))) return begin;
  }
  return std::nullopt;
}

/// Follows the breaker's state over time.
class StateTimeline {
 public:
  explicit StateTimeline(const std::vector<StateChange>& changes) : changes_(changes) {}

  /// Changes at `at` have happened.
  BreakerState At(TimePoint at) const {
    BreakerState state = changes_.empty() ? BreakerState::kClosed : changes_.front().from;
    for (const StateChange& change : changes_) {
      if (change.at > at) break;
      state = change.to;
    }
    return state;
  }
  std::optional<TimePoint> FirstChangeTo(BreakerState to, TimePoint from) const {
    for (const StateChange& change : changes_) {
      if (change.to == to && change.at >= from) return change.at;
    }
    return std::nullopt;
  }

 private:
  const std::vector<StateChange>& changes_;
};

struct Analysis {
  explicit Analysis(const FailoverObservation& from) : seen(from), states(from.breaker) {}

  bool IsPrimary(const Attempt& attempt) const { return attempt.provider == seen.primary; }

  void Requests();
  void Detection();
  void FailoverTime();
  void Leak();
  void Recovery();

  const FailoverObservation& seen;
  const StateTimeline states;
  FailoverMetrics metrics;
};

void Analysis::Requests() {
  for (const RequestRecord& request : seen.requests) {
    ++metrics.requests;
    metrics.attempts += request.attempts.size();
    if (!request.succeeded) ++metrics.lost_requests;
    const auto failed = std::find_if(
        request.attempts.begin(), request.attempts.end(),
        [&](const Attempt& attempt) { return IsPrimary(attempt) && attempt.error.has_value(); });
    if (failed == request.attempts.end()) continue;
    // From the primary's last failure: its retries are not the failover's overhead.
    const auto fallback = std::find_if(failed, request.attempts.end(),
                                       [&](const Attempt& attempt) { return !IsPrimary(attempt); });
    if (fallback == request.attempts.end()) continue;
    metrics.failover_overhead.push_back(fallback->started - std::prev(fallback)->finished);
    const Attempt& last = request.attempts.back();
    if (!request.succeeded || IsPrimary(last)) continue;
    ++metrics.failed_over;
    metrics.added_latency.push_back((request.completed - request.scheduled) -
                                    (last.finished - last.started));
  }
  std::sort(metrics.failover_overhead.begin(), metrics.failover_overhead.end());
  std::sort(metrics.added_latency.begin(), metrics.added_latency.end());
}

void Analysis::Detection() {
  if (!seen.fault_onset) return;
  const auto opened = states.FirstChangeTo(BreakerState::kOpen, *seen.fault_onset);
  if (opened) metrics.detection_time = *opened - *seen.fault_onset;
  for (const RequestRecord& request : seen.requests) {
    for (const Attempt& attempt : request.attempts) {
      if (IsPrimary(attempt) && attempt.error && attempt.finished >= *seen.fault_onset &&
          (!opened || attempt.finished <= *opened)) {
        ++metrics.failures_spent;
      }
    }
  }
}

void Analysis::FailoverTime() {
  const TimePoint onset = seen.fault_onset.value_or(TimePoint::min());
  std::optional<TimePoint> first_failure;
  for (const RequestRecord& request : seen.requests) {
    for (const Attempt& attempt : request.attempts) {
      if (!IsPrimary(attempt) || !attempt.error || attempt.finished < onset) continue;
      first_failure = std::min(first_failure.value_or(attempt.started), attempt.started);
    }
  }
  if (!first_failure) return;
  std::optional<TimePoint> first_success;
  std::vector<Event> completions;
  // A loss may show late (a stream that stalls): windows before the first loss are good, and
  // say nothing yet.
  std::optional<TimePoint> first_loss;
  for (const RequestRecord& request : seen.requests) {
    completions.emplace_back(request.completed, request.succeeded);
    if (!request.succeeded && request.completed >= *first_failure) {
      first_loss = std::min(first_loss.value_or(request.completed), request.completed);
    }
    for (const Attempt& attempt : request.attempts) {
      if (IsPrimary(attempt) || attempt.error || attempt.finished < *first_failure) continue;
      first_success = std::min(first_success.value_or(attempt.finished), attempt.finished);
    }
  }
  if (first_success) metrics.failover_time = *first_success - *first_failure;
  const auto restored = FirstGoodWindow(std::move(completions), first_loss.value_or(*first_failure),
                                        seen.window, seen.restored_share);
  if (restored) metrics.success_restored_time = *restored - *first_failure;
}

void Analysis::Leak() {
  std::vector<TimePoint> arrivals = seen.primary_arrivals;
  std::sort(arrivals.begin(), arrivals.end());
  std::vector<TimePoint> handed_over;
  for (const RequestRecord& request : seen.requests) {
    for (const Attempt& attempt : request.attempts) {
      if (IsPrimary(attempt)) handed_over.push_back(attempt.started);
    }
  }
  std::sort(handed_over.begin(), handed_over.end());
  const auto until = [](const std::vector<TimePoint>& instants, TimePoint at) {
    return static_cast<std::uint64_t>(std::upper_bound(instants.begin(), instants.end(), at) -
                                      instants.begin());
  };

  for (std::size_t i = 0; i < seen.breaker.size(); ++i) {
    const StateChange& change = seen.breaker[i];
    const TimePoint end = i + 1 < seen.breaker.size() ? seen.breaker[i + 1].at : TimePoint::max();
    // Arrivals at the very instant of a change belong to the state before it, but for half open:
    // the call that made the breaker half open is itself the first probe.
    if (change.to == BreakerState::kHalfOpen) {
      metrics.leak.probes += until(arrivals, end) - until(arrivals, change.at - Duration(1));
      continue;
    }
    if (change.to != BreakerState::kOpen && change.to != BreakerState::kForcedOpen) continue;
    const std::uint64_t seen_until_trip = until(arrivals, change.at);
    const std::uint64_t begun_until_trip = until(handed_over, change.at);
    const std::uint64_t under_way =
        begun_until_trip > seen_until_trip ? begun_until_trip - seen_until_trip : 0;
    const std::uint64_t arrived = until(arrivals, end - Duration(1)) - seen_until_trip;
    const std::uint64_t excused = std::min(arrived, under_way);
    metrics.leak.in_flight_at_trip += excused;
    metrics.leak.admitted_after_trip += arrived - excused;
  }
}

void Analysis::Recovery() {
  if (!seen.fault_healed) return;
  const TimePoint healed = *seen.fault_healed;
  std::optional<TimePoint> closed = healed;
  if (states.At(healed) != BreakerState::kClosed) {
    closed = states.FirstChangeTo(BreakerState::kClosed, healed);
  }
  if (!closed) return;
  metrics.closed_time = *closed - healed;
  std::vector<Event> answers;
  for (const RequestRecord& request : seen.requests) {
    const bool by_primary =
        request.succeeded && !request.attempts.empty() && IsPrimary(request.attempts.back());
    answers.emplace_back(request.completed, by_primary);
  }
  const auto restored =
      FirstGoodWindow(std::move(answers), *closed, seen.window, seen.restored_share);
  if (restored) metrics.traffic_restored_time = *restored - healed;
}

}  // namespace

FailoverMetrics MeasureFailover(const FailoverObservation& observation) {
  Analysis analysis(observation);
  analysis.Requests();
  analysis.Detection();
  analysis.FailoverTime();
  analysis.Leak();
  analysis.Recovery();
  return std::move(analysis.metrics);
}

}  // namespace llmload
