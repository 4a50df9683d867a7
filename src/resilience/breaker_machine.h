// The circuit breaker's rules as a pure machine: no clock, no lock, no observers. `CircuitBreaker`
// runs it under its mutex; the explorer of tests/mock drives it exhaustively.
#ifndef LLMLOAD_SRC_RESILIENCE_BREAKER_MACHINE_H_
#define LLMLOAD_SRC_RESILIENCE_BREAKER_MACHINE_H_

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/resilience/circuit_breaker_events.h"
#include "llmload/resilience/circuit_breaker_options.h"
#include "src/resilience/breaker_windows.h"
#include "src/resilience/breaker_word.h"

namespace llmload::resilience {

/// The rules in force. A test derives from this and changes one rule, to show that its invariants
/// find the change.
struct StandardRules {
  static constexpr bool kIgnoreLateResults = true;
  static constexpr bool kNeutralReturnsItsSlot = true;
  static constexpr bool kLimitProbes = true;
  static constexpr bool kKeepProbeDeadline = true;
  static constexpr bool kWaitWhileOpen = true;
  static constexpr bool kNeutralClosesNothing = true;
};

/// `deadline`, or the end of time where the sum would overflow.
inline TimePoint AddClamped(TimePoint at, Duration wait) {
  return at >= TimePoint::max() - wait ? TimePoint::max() : at + wait;
}

/// `base * factor^(opening - 1)`, at most `cap`, without jitter.
inline Duration ExponentialOpenDuration(const OpenDuration& options, std::uint32_t opening) {
  if (options.factor == 1.0) return options.base;  // exact, where a double is not
  const double grown =
      static_cast<double>(options.base.count()) * std::pow(options.factor, opening - 1.0);
  // Not below the cap also if it is infinite.
  if (!(grown < static_cast<double>(options.cap.count()))) return options.cap;
  return Duration(static_cast<Duration::rep>(grown));
}

template <class Rules = StandardRules>
class BreakerMachine {
 public:
  struct Entry {
    bool admitted = false;
    bool probe = false;
    BreakerState state = BreakerState::kClosed;
    Duration remaining_wait{};
  };

  /// `options` are valid and outlive the machine.
  BreakerMachine(const CircuitBreakerOptions& options, TimePoint now)
      : options_(&options), random_(options.open.seed), state_(options.initial_state) {
    if (options.failure_ratio_over_count) {
      count_window_.emplace(options.failure_ratio_over_count->window);
    }
    if (options.failure_ratio_over_time) {
      time_window_.emplace(options.failure_ratio_over_time->window);
    }
    if (options.slow_call_ratio) slow_window_ = MakeWindow(options.slow_call_ratio->window);
    if (state_ == BreakerState::kOpen) StartWaiting(now, {});
    if (state_ == BreakerState::kHalfOpen) StartProbing(now);
  }

  /// Does what a timer would have done until `now`: leaves HALF_OPEN at the probe deadline. Every
  /// other function calls it first.
  void Tick(TimePoint now) {
    if (state_ != BreakerState::kHalfOpen || now < probe_deadline_) return;
    if (!Rules::kKeepProbeDeadline) return;
    Open(probe_deadline_, BreakerCause::kProbeDeadline, {});
  }

  Entry Admit(TimePoint now) {
    Tick(now);
    if (state_ == BreakerState::kOpen && (now >= open_until_ || !Rules::kWaitWhileOpen)) {
      StartProbing(now);
      Enter(BreakerState::kHalfOpen, now, BreakerCause::kOpenElapsed);
    }
    switch (state_) {
      case BreakerState::kClosed:
      case BreakerState::kDisabled:
      case BreakerState::kMetricsOnly:
        return {.admitted = true, .state = state_};
      case BreakerState::kOpen:
        return {.state = state_, .remaining_wait = open_until_ - now};
      case BreakerState::kForcedOpen:
        return {.state = state_, .remaining_wait = Duration::max()};
      case BreakerState::kHalfOpen:
        break;
    }
    if (Rules::kLimitProbes && probes_in_flight_ >= options_->half_open.max_concurrent_probes) {
      return {.state = state_, .remaining_wait = probe_deadline_ - now};
    }
    ++probes_in_flight_;
    return {.admitted = true, .probe = true, .state = state_};
  }

  /// Takes the outcome of a call that was admitted in `epoch`. False if it came late and had no
  /// effect.
  bool Settle(std::uint64_t epoch, Outcome outcome, bool slow, std::optional<Duration> retry_after,
              TimePoint now) {
    Tick(now);
    const bool late = epoch != epoch_;
    if (late && Rules::kIgnoreLateResults) return false;
    switch (state_) {
      case BreakerState::kClosed:
      case BreakerState::kMetricsOnly:
        if (outcome != Outcome::kNeutral)
          Record(outcome == Outcome::kFailure, slow, retry_after, now);
        break;
      case BreakerState::kHalfOpen:
        SettleProbe(outcome, slow, retry_after, now);
        break;
      case BreakerState::kOpen:
      case BreakerState::kForcedOpen:
      case BreakerState::kDisabled:
        break;
    }
    return !late;
  }

  /// Changes to CLOSED (`Reset`), FORCED_OPEN, DISABLED or METRICS_ONLY, whatever the state.
  void Force(BreakerState state, TimePoint now) {
    Tick(now);
    if (state == BreakerState::kClosed) {
      Close(now, BreakerCause::kManual);
    } else if (state != state_) {
      Enter(state, now, BreakerCause::kManual);
    }
  }

  BreakerState state() const { return state_; }
  std::uint64_t epoch() const { return epoch_; }
  std::uint32_t streak() const { return streak_; }
  void set_streak(std::uint32_t streak) { streak_ = streak; }
  std::uint32_t probes_in_flight() const { return probes_in_flight_; }
  std::uint32_t openings_since_closed() const { return openings_since_closed_; }
  std::uint64_t openings() const { return openings_; }
  TimePoint open_until() const { return open_until_; }
  TimePoint probe_deadline() const { return probe_deadline_; }

  /// The changes since they were last cleared, in order.
  const std::vector<StateChange>& changes() const { return changes_; }
  const std::vector<BreakerCause>& would_trip() const { return would_trip_; }
  void ClearChanges() { changes_.clear(); }
  void ClearWouldTrip() { would_trip_.clear(); }

  /// Equal for two machines of equal options exactly if they behave alike from `now` on, but for
  /// their epochs' numbers and jitter.
  std::string Fingerprint(TimePoint now) const {
    std::string text(1, static_cast<char>('0' + static_cast<int>(state_)));
    if (state_ == BreakerState::kOpen) {
      text += std::to_string(std::max(Duration(), open_until_ - now).count());
    }
    if (state_ == BreakerState::kHalfOpen) {
      text += std::to_string(std::max(Duration(), probe_deadline_ - now).count());
    }
    // Beyond the threshold (metrics-only) a streak's length makes no difference.
    const std::uint32_t streak = std::min(streak_, options_->consecutive_failures.value_or(0));
    for (const std::uint64_t number :
         {std::uint64_t{streak}, std::uint64_t{probes_in_flight_}, std::uint64_t{probe_successes_},
          std::uint64_t{probe_failures_}, std::uint64_t{reported_}}) {
      text += ',' + std::to_string(number);
    }
    if (options_->open.factor != 1.0) text += '^' + std::to_string(openings_since_closed_);
    text += '|';
    if (count_window_) count_window_->AppendTo(text, now);
    if (time_window_) time_window_->AppendTo(text, now);
    if (slow_window_) {
      std::visit([&](const auto& window) { window.AppendTo(text, now); }, *slow_window_);
    }
    return text;
  }

 private:
  void Enter(BreakerState to, TimePoint at, BreakerCause cause) {
    assert(!(state_ == BreakerState::kClosed && to == BreakerState::kHalfOpen));
    const BreakerState from = std::exchange(state_, to);
    ++epoch_;
    streak_ = 0;
    reported_ = 0;
    if (to != BreakerState::kHalfOpen) probes_in_flight_ = 0;
    if (count_window_) count_window_->Clear();
    if (time_window_) time_window_->Clear();
    if (slow_window_) std::visit([](auto& window) { window.Clear(); }, *slow_window_);
    if (from == to) return;
    StateChange change{.from = from, .to = to, .at = at, .cause = cause, .epoch = epoch_};
    if (to == BreakerState::kOpen) change.open_until = open_until_;
    changes_.push_back(change);
  }

  void Close(TimePoint now, BreakerCause cause) {
    openings_since_closed_ = 0;
    Enter(BreakerState::kClosed, now, cause);
  }

  void Open(TimePoint at, BreakerCause cause, std::optional<Duration> retry_after) {
    StartWaiting(at, retry_after);
    Enter(BreakerState::kOpen, at, cause);
  }

  void StartWaiting(TimePoint at, std::optional<Duration> retry_after) {
    ++openings_;
    if (openings_since_closed_ < UINT32_MAX) ++openings_since_closed_;
    const OpenDuration& options = options_->open;
    Duration wait = ExponentialOpenDuration(options, openings_since_closed_);
    if (options.jitter > 0) {
      const double spread = 1 + options.jitter * (2 * random_.Uniform() - 1);
      const double jittered = static_cast<double>(wait.count()) * spread;
      wait = jittered < static_cast<double>(options.cap.count())
                 ? Duration(static_cast<Duration::rep>(jittered))
                 : options.cap;
    }
    const Duration asked = retry_after.value_or(Duration::zero());
    wait = std::max(wait, std::min(asked, options.retry_after_cap));
    open_until_ = AddClamped(at, wait);
  }

  void StartProbing(TimePoint at) {
    probes_in_flight_ = probe_successes_ = probe_failures_ = 0;
    probe_deadline_ = AddClamped(at, options_->half_open.probe_deadline);
  }

  void Record(bool failure, bool slow, std::optional<Duration> retry_after, TimePoint now) {
    streak_ = failure ? std::min(streak_ + 1, BreakerWord::kMaxStreak) : 0;
    if (!failure) retry_after.reset();
    if (count_window_) count_window_->Add(failure, now);
    if (time_window_) time_window_->Add(failure, now);
    if (slow_window_) {
      std::visit([&](auto& window) { window.Add(slow, now); }, *slow_window_);
    }
    const std::array<std::pair<bool, BreakerCause>, 4> rules{{
        {failure && options_->consecutive_failures && streak_ >= *options_->consecutive_failures,
         BreakerCause::kConsecutiveFailures},
        {count_window_ && MayTrip(failure) &&
             Reached(*count_window_, options_->failure_ratio_over_count->threshold),
         BreakerCause::kFailureRatioOverCount},
        {time_window_ && MayTrip(failure) &&
             Reached(*time_window_, options_->failure_ratio_over_time->threshold),
         BreakerCause::kFailureRatioOverTime},
        {slow_window_ && MayTrip(slow) && SlowRatioReached(), BreakerCause::kSlowCallRatio},
    }};
    for (const auto& [tripped, cause] : rules) {
      if (!tripped) continue;
      if (state_ == BreakerState::kClosed) {
        Open(now, cause, retry_after);
        return;
      }
      const auto bit = static_cast<std::uint8_t>(1U << static_cast<unsigned>(cause));
      if ((reported_ & bit) == 0) would_trip_.push_back(cause);
      reported_ |= bit;
    }
  }

  bool MayTrip(bool flagged) const { return flagged || options_->success_may_trip; }

  template <class Window>
  static bool Reached(const Window& window, double threshold) {
    const WindowSum sum = window.Sum();
    return sum.calls >= window.minimum_calls() &&
           static_cast<double>(sum.flagged) / static_cast<double>(sum.calls) >= threshold;
  }

  bool SlowRatioReached() const {
    const double threshold = options_->slow_call_ratio->threshold;
    return std::visit([&](const auto& window) { return Reached(window, threshold); },
                      *slow_window_);
  }

  void SettleProbe(Outcome outcome, bool slow, std::optional<Duration> retry_after, TimePoint now) {
    if (outcome != Outcome::kNeutral || Rules::kNeutralReturnsItsSlot) {
      if (probes_in_flight_ > 0) --probes_in_flight_;
    }
    if (outcome == Outcome::kNeutral && Rules::kNeutralClosesNothing) return;
    const bool failed = outcome == Outcome::kFailure || slow;
    ++(failed ? probe_failures_ : probe_successes_);
    if (const auto* on_successes = std::get_if<CloseOnSuccesses>(&options_->half_open.close)) {
      if (failed) {
        Open(now, BreakerCause::kProbeFailed, retry_after);
      } else if (probe_successes_ >= on_successes->successes) {
        Close(now, BreakerCause::kProbesSucceeded);
      }
      return;
    }
    const auto& on_ratio = std::get<CloseOnRatio>(options_->half_open.close);
    const std::uint32_t results = probe_successes_ + probe_failures_;
    if (results < on_ratio.results) return;
    if (static_cast<double>(probe_failures_) / results >= on_ratio.threshold) {
      Open(now, BreakerCause::kProbeFailed, failed ? retry_after : std::nullopt);
    } else if (!failed) {
      Close(now, BreakerCause::kProbesSucceeded);
    }
  }

  const CircuitBreakerOptions* options_;
  Random random_;
  BreakerState state_;
  std::uint64_t epoch_ = 1;
  std::uint32_t streak_ = 0;
  std::optional<CountRing> count_window_;
  std::optional<SliceWindow> time_window_;
  std::optional<AnyWindow> slow_window_;
  std::uint8_t reported_ = 0;  // rules whose ThresholdWouldTrip has been sent, by bit

  TimePoint open_until_{};
  std::uint32_t openings_since_closed_ = 0;
  std::uint64_t openings_ = 0;

  TimePoint probe_deadline_{};
  std::uint32_t probes_in_flight_ = 0;
  std::uint32_t probe_successes_ = 0;
  std::uint32_t probe_failures_ = 0;

  std::vector<StateChange> changes_;
  std::vector<BreakerCause> would_trip_;
};

}  // namespace llmload::resilience

#endif  // LLMLOAD_SRC_RESILIENCE_BREAKER_MACHINE_H_
