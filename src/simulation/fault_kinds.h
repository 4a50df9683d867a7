// The table of faults: what each kind is called, where it shows, and how a spec writes it.
#ifndef LLMLOAD_SRC_SIMULATION_FAULT_KINDS_H_
#define LLMLOAD_SRC_SIMULATION_FAULT_KINDS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "llmload/simulation/fault.h"

namespace llmload::simulation {

/// Where a kind of fault can show.
enum class Shows : std::uint8_t { kOnBothSides, kOnServer, kInSimulation };

/// What follows the "=" of a kind in a spec.
enum class SpecValue : std::uint8_t { kNone, kStatus, kDuration, kTokens, kSize, kSigned };

struct FaultKindRow {
  FaultKind kind;
  std::string_view name;
  Shows shows;
  SpecValue value;
  bool value_required;
  std::string_view usage;  ///< of the value, as the help writes it
  std::string_view help;
};

/// In the order of `FaultKind`.
inline constexpr std::array<FaultKindRow, kFaultKindCount> kFaultKinds = {{
    {FaultKind::kHttpError, "status", Shows::kOnBothSides, SpecValue::kStatus, true, "=N",
     "HTTP error 400..599 with the body that the real service sends;\n"
     "code=TEXT (insufficient_quota, context_length_exceeded ...), retry-after=TIME"},
    {FaultKind::kHang, "hang", Shows::kOnBothSides, SpecValue::kNone, false, "",
     "read the request, never answer"},
    {FaultKind::kHangBeforeHandshake, "tls-hang", Shows::kOnServer, SpecValue::kNone, false, "",
     "accept the connection, never speak (drawn per connection)"},
    {FaultKind::kSlowDrip, "drip", Shows::kOnServer, SpecValue::kSize, false, "[=BYTES]",
     "send the answer slowly, 8 bytes every 100ms; every=TIME"},
    {FaultKind::kSlowFirstToken, "slow-first-token", Shows::kOnBothSides, SpecValue::kDuration,
     true, "=TIME", "header in time, first token so much later"},
    {FaultKind::kStall, "stall", Shows::kOnBothSides, SpecValue::kTokens, false, "[=TOKENS]",
     "silence after so many tokens; for=TIME (default: for ever)"},
    {FaultKind::kReset, "reset", Shows::kOnBothSides, SpecValue::kNone, false, "",
     "TCP reset in place of an answer"},
    {FaultKind::kCut, "cut", Shows::kOnBothSides, SpecValue::kTokens, false, "[=TOKENS]",
     "end the connection after so many tokens; close=abrupt|notify|reset"},
    {FaultKind::kMalformedJson, "malformed", Shows::kOnBothSides, SpecValue::kTokens, false,
     "[=TOKENS]", "broken JSON: the body, or one chunk after so many tokens"},
    {FaultKind::kErrorEvent, "error-event", Shows::kOnBothSides, SpecValue::kTokens, false,
     "[=TOKENS]",
     "an error object inside a 200 answer, after so many tokens;\n"
     "code=TEXT (overloaded_error, throttlingException ...)"},
    {FaultKind::kMissingDone, "no-done", Shows::kOnServer, SpecValue::kNone, false, "",
     "a stream that ends without [DONE]"},
    {FaultKind::kMissingFinish, "no-finish", Shows::kOnServer, SpecValue::kNone, false, "",
     "a stream that ends without finish chunk and [DONE]"},
    {FaultKind::kGarbage, "garbage", Shows::kOnServer, SpecValue::kNone, false, "",
     "bytes that are not HTTP"},
    {FaultKind::kOversizedHeader, "big-header", Shows::kOnServer, SpecValue::kSize, false,
     "[=SIZE]", "oversized header field (256KB)"},
    {FaultKind::kOversizedEvent, "big-event", Shows::kOnServer, SpecValue::kSize, false, "[=SIZE]",
     "oversized stream event (2MB); after=TOKENS"},
    {FaultKind::kOversizedBody, "big-body", Shows::kOnServer, SpecValue::kSize, false, "[=SIZE]",
     "oversized body (32MB)"},
    {FaultKind::kWrongContentLength, "wrong-length", Shows::kOnServer, SpecValue::kSigned, false,
     "[=N]", "Content-Length off by N (64); negative: too small"},
    {FaultKind::kRedirect, "redirect", Shows::kOnServer, SpecValue::kNone, false, "",
     "307 to another path"},
    {FaultKind::kExtraLatency, "latency", Shows::kOnBothSides, SpecValue::kDuration, true, "=TIME",
     "everything so much later than usual"},
    {FaultKind::kConnectionClose, "connection-close", Shows::kOnServer, SpecValue::kNone, false, "",
     "answer, then close the connection"},
    {FaultKind::kLeak, "leak", Shows::kOnServer, SpecValue::kSize, true, "=SIZE",
     "keep so much memory per request"},
    {FaultKind::kConnectionRefused, "refused", Shows::kInSimulation, SpecValue::kNone, false, "",
     "accept no connection"},
    {FaultKind::kNeverReturns, "never-returns", Shows::kInSimulation, SpecValue::kNone, false, "",
     "ignore every deadline: only cancellation ends the call"},
}};

constexpr const FaultKindRow& RowOf(FaultKind kind) {
  return kFaultKinds[static_cast<std::size_t>(kind)];
}

consteval bool IsInOrder() {
  for (std::size_t i = 0; i < kFaultKinds.size(); ++i) {
    if (kFaultKinds[i].kind != static_cast<FaultKind>(i)) return false;
  }
  return true;
}
static_assert(IsInOrder());

}  // namespace llmload::simulation

#endif  // LLMLOAD_SRC_SIMULATION_FAULT_KINDS_H_
