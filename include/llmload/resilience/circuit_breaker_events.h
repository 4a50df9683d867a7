// The events of a circuit breaker.
#ifndef LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_EVENTS_H_
#define LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_EVENTS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "llmload/core/time.h"
#include "llmload/provider/error.h"
#include "llmload/resilience/circuit_breaker_options.h"

namespace llmload {

/// Why a breaker changed its state.
enum class BreakerCause : std::uint8_t {
  kConsecutiveFailures,
  kFailureRatioOverCount,
  kFailureRatioOverTime,
  kSlowCallRatio,
  kOpenElapsed,  ///< the waiting time was over when a call came
  kProbeFailed,  ///< one probe, or too many of them under `CloseOnRatio`
  kProbesSucceeded,
  kProbeDeadline,  ///< the probes gave no decision in time
  kManual,
};

std::string_view ToString(BreakerCause cause) noexcept;

/// The breaker went from one state to another.
struct StateChange {
  BreakerState from = BreakerState::kClosed;
  BreakerState to = BreakerState::kClosed;
  TimePoint at{};
  BreakerCause cause = BreakerCause::kManual;
  std::uint64_t epoch = 0;  ///< the new epoch
  TimePoint open_until{};   ///< only if `to` is open
};

/// An admitted call reported its outcome in the epoch that admitted it.
struct CallRecorded {
  TimePoint at{};
  Outcome outcome = Outcome::kNeutral;
  std::optional<ErrorKind> error;
  /// Since admission; empty if no observer listened at admission.
  std::optional<Duration> duration;
  BreakerState state = BreakerState::kClosed;  ///< at the time of the report, before what it causes
};

/// A call was refused without being made.
struct CallRejected {
  TimePoint at{};
  BreakerState state = BreakerState::kOpen;
  Duration remaining_wait{};
};

/// An admitted call reported its outcome after the state had changed. It is counted and has no
/// effect.
struct LateResult {
  TimePoint at{};
  Outcome outcome = Outcome::kNeutral;
  std::optional<ErrorKind> error;
  std::uint64_t admitted_epoch = 0;
  std::uint64_t epoch = 0;
};

/// In METRICS_ONLY, this rule would have opened the breaker. Sent once per rule until the state
/// changes.
struct ThresholdWouldTrip {
  TimePoint at{};
  BreakerCause cause = BreakerCause::kManual;
};

/// Receives a breaker's events: one at a time, in the order in which they happened, outside any
/// lock, on one of the threads that use the breaker. May call the breaker; events that this causes
/// are delivered afterwards. An exception is caught and counted
/// (`BreakerSnapshot::observer_errors`). Must not block, because a caller of the breaker would
/// wait.
class BreakerObserver {
 public:
  virtual ~BreakerObserver() = default;
  /// `breaker` is the breaker's name.
  virtual void OnStateChange(std::string_view breaker, const StateChange& event);
  virtual void OnCallRecorded(std::string_view breaker, const CallRecorded& event);
  virtual void OnCallRejected(std::string_view breaker, const CallRejected& event);
  virtual void OnLateResult(std::string_view breaker, const LateResult& event);
  virtual void OnThresholdWouldTrip(std::string_view breaker, const ThresholdWouldTrip& event);
};

/// The events that an observer receives. With `kAll` every call takes a lock and reads the clock.
enum class ObservedEvents : std::uint8_t {
  kStateChanges,  ///< `OnStateChange` and `OnThresholdWouldTrip`
  kAll,
};

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_EVENTS_H_
