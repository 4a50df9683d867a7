#include "llmload/simulation/fault.h"

#include <string>

#include "llmload/core/environment.h"
#include "src/simulation/fault_kinds.h"

namespace llmload::simulation {
namespace {

constexpr std::uint64_t kMaxBytes = 256U << 20;

std::string Nanoseconds(Duration value) { return std::to_string(value.count()) + " ns"; }

void RequireRange(const char* field, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value >= min && value <= max) return;
  throw ConfigurationError::Invalid(
      field, std::to_string(value),
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
}

}  // namespace

std::string_view ToString(FaultKind kind) noexcept { return RowOf(kind).name; }

bool CanShow(FaultSide side, FaultKind kind) noexcept {
  const Shows shows = RowOf(kind).shows;
  return shows == Shows::kOnBothSides ||
         (shows == Shows::kOnServer) == (side == FaultSide::kFakeServer);
}

void Validate(const Fault& fault) {
  if (!(fault.probability >= 0 && fault.probability <= 1)) {
    throw ConfigurationError::Invalid("fault.probability", std::to_string(fault.probability),
                                      "a number from 0 to 1");
  }
  RequireRange("fault.status", fault.status, 400, 599);
  RequireRange("fault.after_tokens", fault.after_tokens, 0, 1'000'000);
  RequireRange("fault.length_error", fault.length_error, -1'000'000, 1'000'000'000);
  if (fault.kind == FaultKind::kWrongContentLength && fault.length_error == 0) {
    throw ConfigurationError::Invalid("fault.length_error", "0", "anything but 0");
  }
  if (fault.bytes > kMaxBytes) {
    throw ConfigurationError::Invalid("fault.bytes", std::to_string(fault.bytes),
                                      "at most " + std::to_string(kMaxBytes));
  }
  if (fault.kind == FaultKind::kLeak && fault.bytes == 0) {
    throw ConfigurationError::Invalid("fault.bytes", "0", "the size of a leak, at least 1");
  }
  if (fault.delay < Duration::zero() || fault.delay > std::chrono::hours(24)) {
    throw ConfigurationError::Invalid("fault.delay", Nanoseconds(fault.delay), "0 to 24 hours");
  }
  const bool needs_delay =
      fault.kind == FaultKind::kExtraLatency || fault.kind == FaultKind::kSlowFirstToken;
  if (needs_delay && fault.delay == Duration::zero()) {
    throw ConfigurationError::Invalid("fault.delay", "0", "a duration above 0 for this kind");
  }
  if (fault.retry_after && (*fault.retry_after < Duration::zero() ||
                            *fault.retry_after > std::chrono::hours(24 * 365))) {
    throw ConfigurationError::Invalid("fault.retry_after", Nanoseconds(*fault.retry_after),
                                      "0 to one year");
  }
  if (fault.from < Duration::zero() || fault.from >= fault.until) {
    throw ConfigurationError::Invalid("fault.from", Nanoseconds(fault.from),
                                      "a duration from 0 on and before fault.until");
  }
  if (fault.period < Duration::zero()) {
    throw ConfigurationError::Invalid("fault.period", Nanoseconds(fault.period),
                                      "0, or a duration above 0");
  }
  if (fault.period == Duration::zero() ? fault.active != Duration::zero()
                                       : fault.active <= Duration::zero()) {
    throw ConfigurationError::Invalid("fault.active", Nanoseconds(fault.active),
                                      "a duration above 0 with a fault.period, and 0 without one");
  }
  if (fault.active > fault.period) {
    throw ConfigurationError::Invalid("fault.active", Nanoseconds(fault.active),
                                      "a duration of at most fault.period");
  }
  if (fault.kind == FaultKind::kHangBeforeHandshake && !fault.model.empty()) {
    throw ConfigurationError::Invalid("fault.model", fault.model,
                                      "no model with tls-hang, which is drawn per connection");
  }
  if (fault.first_arrival < 1 || fault.first_arrival > fault.last_arrival) {
    throw ConfigurationError::Invalid("fault.first_arrival", std::to_string(fault.first_arrival),
                                      "1 or more and at most fault.last_arrival");
  }
}

void Validate(const Fault& fault, FaultSide side) {
  if (!CanShow(side, fault.kind)) {
    const bool server = side == FaultSide::kFakeServer;
    throw ConfigurationError::Invalid(
        "fault.kind", ToString(fault.kind),
        server ? "a kind that the fake server can show; only a simulated provider shows this one"
               : "a kind that a simulated provider can show; only the fake server shows this one");
  }
  Validate(fault);
}

}  // namespace llmload::simulation
