// The circuit breaker: stops calls to a provider that keeps failing, and probes whether it works
// again.
#ifndef LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_H_
#define LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_H_

#include <atomic>
#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/error.h"
#include "llmload/resilience/circuit_breaker_events.h"
#include "llmload/resilience/circuit_breaker_options.h"

namespace llmload {

class CircuitBreaker;

/// Why a call was not admitted.
struct Rejection {
  /// Until a call can be admitted. Open: until the waiting time is over. Half open: until the probe
  /// deadline at the latest. Forced open: `Duration::max()`.
  Duration remaining_wait{};
  BreakerState state = BreakerState::kOpen;
};

/// Throws `std::logic_error`: what `value()` of the result of `CircuitBreaker::Call` does for a
/// rejected call.
[[noreturn]] void throw_exception_from_error(const Rejection& rejection,
                                             const boost::source_location& location);

/// The right to make one call, to be settled with the call's outcome. A permit that is destroyed
/// unsettled settles as neutral and gives its half-open slot back. Move-only; the breaker must
/// outlive it. A permit is used by one thread at a time, not always the same.
class [[nodiscard]] Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept
      : breaker_(std::exchange(other.breaker_, nullptr)),
        epoch_(other.epoch_),
        started_(other.started_),
        probe_(other.probe_) {}
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() {
    if (breaker_ != nullptr) Drop();
  }

  /// True until settled or moved from.
  bool valid() const noexcept { return breaker_ != nullptr; }
  /// The breaker's epoch at admission. The epoch grows with every state change; an outcome that
  /// arrives in a later epoch has no effect.
  std::uint64_t epoch() const noexcept { return epoch_; }
  /// True if it holds a half-open slot.
  bool probe() const noexcept { return probe_; }

  /// Reports the call's outcome, once. Throws `std::logic_error` if already settled.
  void Settle(Outcome outcome);
  /// @param error        kind of the error, for events
  /// @param retry_after  the wait that the service asked for; it lengthens the waiting time if this
  /// failure opens the breaker
  void Settle(Outcome outcome, std::optional<ErrorKind> error,
              std::optional<Duration> retry_after = {});

  /// Reports an error or an answer, judged by the breaker's classification policy.
  void Settle(const Error& error);
  void Settle(const Completion& completion);

 private:
  friend class CircuitBreaker;
  static constexpr TimePoint kUnknown = TimePoint::min();

  Permit(CircuitBreaker* breaker, std::uint64_t epoch, TimePoint started, bool probe)
      : breaker_(breaker), epoch_(epoch), started_(started), probe_(probe) {}
  void Drop() noexcept;

  CircuitBreaker* breaker_ = nullptr;
  std::uint64_t epoch_ = 0;
  TimePoint started_ = kUnknown;  // stays unknown if it is not needed: reading the clock costs time
  bool probe_ = false;
};

/// Either a permit or a rejection.
class [[nodiscard]] Admission {
 public:
  explicit Admission(Permit permit) : permit_(std::move(permit)), admitted_(true) {}
  explicit Admission(const Rejection& rejection) : rejection_(rejection), admitted_(false) {}

  bool admitted() const noexcept { return admitted_; }
  explicit operator bool() const noexcept { return admitted_; }
  /// Precondition: admitted.
  Permit& permit() & noexcept { return permit_; }
  Permit&& permit() && noexcept { return std::move(permit_); }
  /// Precondition: not admitted.
  const Rejection& rejection() const noexcept { return rejection_; }

 private:
  Permit permit_;
  Rejection rejection_;
  bool admitted_;
};

/// A breaker at one instant. Totals count since construction;
/// `admitted == successes + failures + neutrals + late + in_flight`.
struct BreakerSnapshot {
  BreakerState state = BreakerState::kClosed;
  std::uint64_t epoch = 0;
  std::uint32_t consecutive_failures = 0;  ///< while closed or metrics-only
  std::uint32_t probes_in_flight = 0;
  std::uint32_t openings_since_closed = 0;
  std::uint64_t openings = 0;
  std::optional<Duration> remaining_wait;  ///< while open, never below zero

  std::uint64_t admitted = 0;
  std::uint64_t rejected = 0;
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;
  std::uint64_t neutrals = 0;   ///< settled as such or dropped
  std::uint64_t late = 0;       ///< settled in a later epoch than admitted
  std::uint64_t in_flight = 0;  ///< permits not settled yet

  std::uint64_t observer_errors = 0;  ///< exceptions thrown by observers
  std::uint64_t events_lost = 0;      ///< call events dropped because observers could not keep up
};

/// A circuit breaker. Semantics, defaults and how to choose them: docs/resilience.md.
///
/// There is no timer: the breaker becomes half open when a call comes after its waiting time, and
/// leaves half open as if a timer had fired at the probe deadline.
///
/// All functions are thread-safe. While closed under the consecutive-failures rule alone, admission
/// is one atomic load and an outcome one or two atomic operations; windows and state changes take a
/// mutex.
class CircuitBreaker {
 public:
  /// @param name     for events and messages
  /// @param options  checked: throws `ConfigurationError`
  /// @param clock    must outlive the breaker
  CircuitBreaker(std::string name, CircuitBreakerOptions options, const Clock& clock);
  ~CircuitBreaker();
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  const std::string& name() const noexcept { return name_; }
  const CircuitBreakerOptions& options() const noexcept { return options_; }

  /// Asks for the right to make one call.
  Admission Admit();

  /// Runs `function()` if admitted and settles by its result: success unless `judge(result)`
  /// says otherwise. An exception from it counts as a failure and is rethrown.
  template <class Function, class Judge>
  auto Call(Function&& function, Judge&& judge)
      -> boost::system::result<std::invoke_result_t<Function>, Rejection>;
  template <class Function>
  auto Call(Function&& function) {
    return Call(std::forward<Function>(function), [](const auto&) { return Outcome::kSuccess; });
  }

  /// The judgement of the options' policy, or the default judgement.
  Outcome Classify(const Error& error) const;
  Outcome Classify(const Completion& completion) const;

  /// The state now.
  BreakerState state() const;
  BreakerSnapshot Snapshot() const;
  /// The latest state changes, oldest first, at most `options().history`.
  std::vector<StateChange> History() const;

  /// Changes to CLOSED from any state, with empty windows. Outcomes of calls admitted before have
  /// no effect.
  void Reset();
  /// Change to FORCED_OPEN, DISABLED or METRICS_ONLY from any state; only another of these
  /// functions or `Reset` leaves it.
  void ForceOpen();
  void Disable();
  void SetMetricsOnly();

  /// From now on `observer` receives events. An event that is being delivered may still reach an
  /// observer that has just been removed.
  void AddObserver(std::shared_ptr<BreakerObserver> observer,
                   ObservedEvents events = ObservedEvents::kAll);
  void RemoveObserver(const BreakerObserver* observer);

 private:
  friend class Permit;
  struct Slow;          // what the mutex guards
  struct CounterTable;  // totals, one row per thread

  TimePoint StartTime() const;
  [[gnu::noinline]] Admission AdmitSlowly();
  bool SettleFast(std::uint64_t epoch, Outcome outcome);
  [[gnu::noinline]] void SettleSlowly(const Permit& permit, Outcome outcome,
                                      std::optional<ErrorKind> error,
                                      std::optional<Duration> retry_after);
  void Force(BreakerState state);
  template <class Step>
  auto Locked(Step step) const;

  const std::string name_;
  const CircuitBreakerOptions options_;
  const Clock& clock_;
  const bool streak_only_;  // the consecutive-failures rule is the only one
  const bool timed_;        // permits need the instant of admission

  // State, epoch and streak in one word, which is all that the closed path reads and writes.
  alignas(64) mutable std::atomic<std::uint64_t> word_;
  mutable std::atomic<Duration::rep> open_until_;
  mutable std::atomic<bool> calls_observed_{false};
  std::unique_ptr<Slow> slow_;
  std::unique_ptr<CounterTable> counters_;
};

template <class Function, class Judge>
auto CircuitBreaker::Call(Function&& function, Judge&& judge)
    -> boost::system::result<std::invoke_result_t<Function>, Rejection> {
  Admission admission = Admit();
  if (!admission) return admission.rejection();
  Permit& permit = admission.permit();
  try {
    auto result = std::forward<Function>(function)();
    permit.Settle(std::forward<Judge>(judge)(std::as_const(result)));
    return result;
  } catch (...) {
    if (permit.valid()) permit.Settle(Outcome::kFailure, ErrorKind::kInternal);
    throw;
  }
}

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_H_
