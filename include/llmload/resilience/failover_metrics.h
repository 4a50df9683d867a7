// The figures of a failover, computed from the records of a run.
#ifndef LLMLOAD_RESILIENCE_FAILOVER_METRICS_H_
#define LLMLOAD_RESILIENCE_FAILOVER_METRICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/provider/error.h"
#include "llmload/resilience/circuit_breaker_events.h"

namespace llmload {

/// One request of the run, seen by its caller.
struct RequestRecord {
  TimePoint scheduled{};
  TimePoint completed{};  ///< answered or failed
  bool succeeded = false;
  std::vector<Attempt> attempts;  ///< of `Completion` or `Error`, oldest first
};

/// The records of a run in which one provider, the primary, failed for a while.
struct FailoverObservation {
  std::string primary;  ///< `ProviderIdentity::name`; every other name is a fallback
  std::optional<TimePoint> fault_onset;     ///< when the primary started to fail
  std::optional<TimePoint> fault_healed;    ///< when it worked again; empty: not in the run
  std::vector<RequestRecord> requests;      ///< in any order
  std::vector<StateChange> breaker;         ///< of the primary's breaker, oldest first
  std::vector<TimePoint> primary_arrivals;  ///< as the primary itself counted them, in any order

  /// "Back to normal" means at least `restored_share` of the requests that complete within
  /// `window`.
  Duration window = std::chrono::seconds(1);
  double restored_share = 0.99;
};

/// Arrivals at the primary, in its own count, after the breaker opened and while it was not closed.
struct LeakMetrics {
  std::uint64_t in_flight_at_trip = 0;    ///< handed over before the breaker opened, arrived after
  std::uint64_t probes = 0;               ///< admitted half open
  std::uint64_t admitted_after_trip = 0;  ///< all others: must be 0
};

/// Definitions and a picture of the time line: docs/resilience.md. A duration whose start or end
/// did not happen is empty. The distributions are sorted.
struct FailoverMetrics {
  /// Per request that failed over: the primary's attempt is known to have failed -> the fallback's
  /// attempt is dispatched.
  std::vector<Duration> failover_overhead;
  /// Per request that a fallback answered after the primary had failed: scheduled latency of the
  /// request - the fallback attempt's own service time.
  std::vector<Duration> added_latency;

  std::optional<Duration> detection_time;  ///< fault onset -> breaker open
  /// Failed primary attempts from the onset until the breaker opened.
  std::uint64_t failures_spent = 0;

  /// Dispatch of the first primary attempt that failed -> first success on a fallback.
  std::optional<Duration> failover_time;
  /// The same start -> start of the first window, from the first lost request on, in which the
  /// success rate is at least `restored_share`. Zero if no request was lost.
  std::optional<Duration> success_restored_time;

  LeakMetrics leak;

  std::optional<Duration> closed_time;  ///< primary healthy again -> breaker closed
  /// Primary healthy again -> breaker closed and start of the first window in which the primary
  /// answers at least `restored_share` of the requests.
  std::optional<Duration> traffic_restored_time;

  std::uint64_t requests = 0;
  std::uint64_t lost_requests = 0;  ///< failed for their caller
  std::uint64_t failed_over = 0;    ///< answered by a fallback after the primary had failed
  std::uint64_t attempts = 0;

  /// Amplification; 0 without requests.
  double attempts_per_request() const {
    return requests == 0 ? 0 : static_cast<double>(attempts) / static_cast<double>(requests);
  }
};

/// Pure. O(n log n) in requests, attempts and arrivals.
FailoverMetrics MeasureFailover(const FailoverObservation& observation);

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_FAILOVER_METRICS_H_
