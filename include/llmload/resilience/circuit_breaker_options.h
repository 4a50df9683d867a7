// How a circuit breaker decides: states, outcomes, trip rules and waiting times.
#ifndef LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_OPTIONS_H_
#define LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <variant>

#include "llmload/core/time.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"

namespace llmload {

/// Only an operator sets and leaves the last three.
enum class BreakerState : std::uint8_t {
  kClosed,       ///< admits everything, watches the outcomes
  kOpen,         ///< rejects everything until its waiting time is over
  kHalfOpen,     ///< admits a few probes and decides by their outcomes
  kDisabled,     ///< admits everything, evaluates and publishes nothing
  kForcedOpen,   ///< rejects everything
  kMetricsOnly,  ///< admits everything, records, and reports when it would have opened
};

/// Stable snake_case name ("half_open").
std::string_view ToString(BreakerState state) noexcept;

/// What a call says about the health of the provider that served it.
enum class Outcome : std::uint8_t {
  kSuccess,
  kFailure,
  kNeutral,  ///< says nothing: the caller's fault, cancelled, rejected locally
};

std::string_view ToString(Outcome outcome) noexcept;

/// The default judgement of an error. Neutral are the caller's fault (`ErrorClass::kCallerFault`),
/// llmload's own decisions (`ErrorClass::kLocal`), and a stale pooled connection, on which no
/// service answered. A stream that was interrupted is judged by the cause that it names: a prompt
/// that outgrew the context is the caller's fault there too. Every other error is a failure, among
/// them 429, quota, credential and unavailable model: these concern the key of the breaker
/// (provider, region, model, credential), not the whole host.
Outcome ClassifyForBreaker(const Error& error);

/// The last `size` successes and failures.
struct CountWindow {
  std::uint32_t size = 100;          ///< calls, 1 to 1000000
  std::uint32_t minimum_calls = 50;  ///< no ratio is formed of fewer; 1 to `size`
};

/// The successes and failures of the last `span`, kept in `slices` slices that expire one by one.
///
/// The slices lie on a grid that starts at the first sample of an empty window. A sample expires
/// with its slice, exactly `span` after the start of the slice: up to `span / slices` early, and
/// never late.
struct TimeWindow {
  Duration span = std::chrono::seconds(10);  ///< above zero
  std::uint32_t slices = 10;                 ///< 1 to 1000
  std::uint32_t minimum_calls = 20;          ///< no ratio is formed of fewer; at least 1
};

/// Opens when this share of the last calls failed.
struct FailureRatioOverCount {
  CountWindow window;
  double threshold = 0.5;  ///< trips at failures / calls >= threshold; in (0, 1]
};

/// Opens when this share of the calls of the last seconds failed.
struct FailureRatioOverTime {
  TimeWindow window;
  double threshold = 0.5;  ///< trips at failures / calls >= threshold; in (0, 1]
};

/// Calls that take `slow_after` or longer, successful or not, are slow. With this rule a slow probe
/// counts as a failed one.
struct SlowCallRatio {
  Duration slow_after = std::chrono::seconds(60);  ///< above zero
  double threshold = 1.0;  ///< trips at slow / calls >= threshold; in (0, 1]
  std::variant<CountWindow, TimeWindow> window;
};

/// How long the breaker stays open: `base * factor^(n-1)` at the n-th opening since it was last
/// closed, at most `cap`, then spread by `jitter`; never shorter than the Retry-After of the
/// failure that opened it.
struct OpenDuration {
  Duration base = std::chrono::seconds(30);  ///< above zero
  double factor = 1.0;                       ///< 1: fixed; above 1: exponential
  Duration cap = std::chrono::minutes(10);   ///< at least `base`; also bounds the jitter
  double jitter = 0.0;                       ///< j: times a uniform draw from [1-j, 1+j]; in [0, 1)
  std::uint64_t seed = 0;                    ///< of the jitter
  /// The longest wait that a Retry-After can ask for; 0 ignores it.
  Duration retry_after_cap = std::chrono::minutes(10);
};

/// Closes on `successes_to_close` successes; any failure opens again.
struct CloseOnSuccesses {
  std::uint32_t successes = 1;  ///< at least 1
};

/// Waits for `results` successes and failures. From then on opens again at failures / results >=
/// `threshold`, and otherwise closes, but only on a success: below the threshold, a failure waits
/// for one more result.
struct CloseOnRatio {
  std::uint32_t results = 10;  ///< at least 1
  double threshold = 0.5;      ///< in (0, 1]
};

/// How a breaker that was open finds out whether the service is well again.
struct HalfOpenOptions {
  std::uint32_t max_concurrent_probes = 1;  ///< 1 to 1000000
  std::variant<CloseOnSuccesses, CloseOnRatio> close;
  /// A half-open breaker that has not decided this long after it became half open, opens again:
  /// hung or neutral probes cannot wedge it. Above zero.
  Duration probe_deadline = std::chrono::seconds(60);
};

/// When a breaker opens, for how long, and when it closes again. docs/resilience.md says how to
/// choose.
struct CircuitBreakerOptions {
  BreakerState initial_state = BreakerState::kClosed;

  // Trip rules. Each is optional, any of them trips.
  std::optional<std::uint32_t> consecutive_failures = 5;  ///< 1 to 1000000
  std::optional<FailureRatioOverCount> failure_ratio_over_count;
  std::optional<FailureRatioOverTime> failure_ratio_over_time;
  std::optional<SlowCallRatio> slow_call_ratio;

  /// Whether a success that completes a window (or that leaves the ratio above the threshold) may
  /// trip. MicroProfile and resilience4j say yes, Polly and gobreaker say no. A slow success may
  /// always trip the slow-call rule.
  bool success_may_trip = true;

  OpenDuration open;
  HalfOpenOptions half_open;

  /// Judges an error; `ClassifyForBreaker` if empty. Called without a lock, from any thread.
  std::function<Outcome(const Error&)> classify_error;
  /// Judges an answer: an answer can be a failure too. Success if empty. Called without a lock,
  /// from any thread.
  std::function<Outcome(const Completion&)> classify_completion;

  /// State changes kept by `CircuitBreaker::History`; the oldest go first.
  std::size_t history = 256;
};

/// Throws `ConfigurationError` that names the field, its value and what is accepted.
void Validate(const CircuitBreakerOptions& options);

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_CIRCUIT_BREAKER_OPTIONS_H_
