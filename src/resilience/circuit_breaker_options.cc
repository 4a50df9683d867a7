#include "llmload/resilience/circuit_breaker_options.h"

#include <string>

#include "llmload/core/environment.h"

namespace llmload {

std::string_view ToString(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kOpen:
      return "open";
    case BreakerState::kHalfOpen:
      return "half_open";
    case BreakerState::kDisabled:
      return "disabled";
    case BreakerState::kForcedOpen:
      return "forced_open";
    case BreakerState::kMetricsOnly:
      return "metrics_only";
  }
  return "unknown";
}

std::string_view ToString(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kSuccess:
      return "success";
    case Outcome::kFailure:
      return "failure";
    case Outcome::kNeutral:
      return "neutral";
  }
  return "unknown";
}

Outcome ClassifyForBreaker(const Error& error) {
  if (error.kind == ErrorKind::kStaleConnection) return Outcome::kNeutral;
  ErrorKind kind = error.kind;
  if (kind == ErrorKind::kStreamError) kind = KindOfErrorName(error.provider_code).value_or(kind);
  switch (Classify(kind)) {
    case ErrorClass::kCallerFault:
    case ErrorClass::kLocal:
      return Outcome::kNeutral;
    case ErrorClass::kTransient:
    case ErrorClass::kRateLimited:
    case ErrorClass::kQuotaExhausted:
    case ErrorClass::kCredential:
    case ErrorClass::kModelUnavailable:
    case ErrorClass::kProtocolFault:
      return Outcome::kFailure;
  }
  return Outcome::kFailure;
}

namespace {

constexpr std::uint32_t kMaxCount = 1'000'000;

class Check {
 public:
  explicit Check(std::string prefix) : prefix_(std::move(prefix)) {}

  void Count(const char* field, std::uint64_t value, std::uint64_t min, std::uint64_t max) const {
    if (value >= min && value <= max) return;
    Fail(field, std::to_string(value), std::to_string(min) + " to " + std::to_string(max));
  }
  void Ratio(const char* field, double value) const {
    if (value > 0 && value <= 1) return;
    Fail(field, std::to_string(value), "above 0, at most 1");
  }
  void Positive(const char* field, Duration value) const {
    if (value <= Duration::zero()) Fail(field, Text(value), "above 0 ns");
  }
  void AtLeast(const char* field, Duration value, Duration min) const {
    if (value < min) Fail(field, Text(value), "at least " + Text(min));
  }
  void That(bool holds, const char* field, double value, const char* accepted) const {
    if (!holds) Fail(field, std::to_string(value), accepted);
  }
  Check Of(const char* field) const { return Check(prefix_ + field + '.'); }

 private:
  static std::string Text(Duration value) { return std::to_string(value.count()) + " ns"; }
  [[noreturn]] void Fail(const char* field, const std::string& value,
                         const std::string& accepted) const {
    throw ConfigurationError::Invalid(prefix_ + field, value, accepted);
  }

  std::string prefix_;
};

void CheckWindow(const Check& check, const CountWindow& window) {
  check.Count("size", window.size, 1, kMaxCount);
  check.Count("minimum_calls", window.minimum_calls, 1, window.size);
}

void CheckWindow(const Check& check, const TimeWindow& window) {
  check.Positive("span", window.span);
  check.Count("slices", window.slices, 1, 1000);
  check.Count("minimum_calls", window.minimum_calls, 1, UINT32_MAX);
}

}  // namespace

void Validate(const CircuitBreakerOptions& options) {
  const Check check("CircuitBreakerOptions.");
  if (options.consecutive_failures) {
    check.Count("consecutive_failures", *options.consecutive_failures, 1, kMaxCount);
  }
  if (const auto& rule = options.failure_ratio_over_count) {
    const Check inner = check.Of("failure_ratio_over_count");
    CheckWindow(inner.Of("window"), rule->window);
    inner.Ratio("threshold", rule->threshold);
  }
  if (const auto& rule = options.failure_ratio_over_time) {
    const Check inner = check.Of("failure_ratio_over_time");
    CheckWindow(inner.Of("window"), rule->window);
    inner.Ratio("threshold", rule->threshold);
  }
  if (const auto& rule = options.slow_call_ratio) {
    const Check inner = check.Of("slow_call_ratio");
    inner.Positive("slow_after", rule->slow_after);
    inner.Ratio("threshold", rule->threshold);
    std::visit([&](const auto& window) { CheckWindow(inner.Of("window"), window); }, rule->window);
  }

  const Check open = check.Of("open");
  open.Positive("base", options.open.base);
  open.That(options.open.factor >= 1 && options.open.factor <= 1000, "factor", options.open.factor,
            "1 to 1000");
  open.AtLeast("cap", options.open.cap, options.open.base);
  open.That(options.open.jitter >= 0 && options.open.jitter < 1, "jitter", options.open.jitter,
            "at least 0, below 1");
  open.AtLeast("retry_after_cap", options.open.retry_after_cap, Duration::zero());

  const Check half_open = check.Of("half_open");
  half_open.Count("max_concurrent_probes", options.half_open.max_concurrent_probes, 1, kMaxCount);
  half_open.Positive("probe_deadline", options.half_open.probe_deadline);
  if (const auto* rule = std::get_if<CloseOnSuccesses>(&options.half_open.close)) {
    half_open.Of("close").Count("successes", rule->successes, 1, kMaxCount);
  } else {
    const auto& ratio = std::get<CloseOnRatio>(options.half_open.close);
    half_open.Of("close").Count("results", ratio.results, 1, kMaxCount);
    half_open.Of("close").Ratio("threshold", ratio.threshold);
  }
}

}  // namespace llmload
