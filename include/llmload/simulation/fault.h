// What a fake LLM server can do wrong, and when.
#ifndef LLMLOAD_SIMULATION_FAULT_H_
#define LLMLOAD_SIMULATION_FAULT_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"

namespace llmload::mocks {

/// The ways to fail. Unless said otherwise a fault replaces the answer and excludes the others: of
/// those that hit one request, the first in the list wins. The three *modifiers* add to whatever
/// the answer is.
enum class FaultKind : std::uint8_t {
  kHttpError,            ///< answer `status`, with the body the real service sends for it
  kHang,                 ///< read the request, never answer, keep the connection open
  kHangBeforeHandshake,  ///< accept the connection, never speak; drawn per connection
  kSlowDrip,         ///< the answer dribbles: `bytes` (default 8) every `delay` (default 100 ms)
  kSlowFirstToken,   ///< header and role chunk at once, first token `delay` late; unary: all late
  kStall,            ///< silence after `after_tokens` tokens, for `delay` (0: for ever)
  kReset,            ///< TCP reset in place of an answer
  kCut,              ///< end the connection, as `cut_mode` says, after `after_tokens` tokens
  kMalformedJson,    ///< unary: a body cut short; stream: one broken chunk after `after_tokens`
  kErrorEvent,       ///< status 200, then an `error` object after `after_tokens` tokens
  kMissingDone,      ///< stream only: a clean end without `[DONE]`
  kMissingFinish,    ///< stream only: a clean end with neither finish chunk nor `[DONE]`
  kGarbage,          ///< bytes that are not HTTP
  kOversizedHeader,  ///< a header field of `bytes` (default 256 KiB)
  kOversizedEvent,   ///< stream only: one event of `bytes` (default 2 MiB) after `after_tokens`
  kOversizedBody,    ///< `bytes` of body (default 32 MiB), well-formed
  kWrongContentLength,  ///< Content-Length is off by `length_error` (default +64)
  kRedirect,            ///< 307 to another path of this server
  kExtraLatency,        ///< modifier: `delay` before anything is answered
  kConnectionClose,     ///< modifier: answer, then close the connection
  kLeak,                ///< modifier: the server process keeps `bytes`, touched, for ever
};

inline constexpr int kFaultKindCount = static_cast<int>(FaultKind::kLeak) + 1;

/// The name in fault specs and in the counters ("status", "cut").
std::string_view ToString(FaultKind kind) noexcept;

/// How `FaultKind::kCut` ends the connection.
enum class CutMode : std::uint8_t {
  kAbrupt,       ///< TCP FIN without a TLS close_notify: what a crashed process leaves
  kCloseNotify,  ///< TLS close_notify, then FIN: what an impatient proxy does
  kReset,        ///< TCP RST
};

/// One fault and its conditions. All of them must hold for it to hit.
///
/// Times and arrival numbers count from the moment the list took effect: the start of the server
/// for `FakeLlmServerOptions::faults`, else the call of `SetFaults`. An arrival is a chat
/// completion request that has been read; `kHangBeforeHandshake` counts accepted connections
/// instead.
struct Fault {
  FaultKind kind = FaultKind::kHttpError;
  double probability = 1.0;             ///< per arrival, drawn from (seed, arrival number)
  int status = 500;                     ///< 400..599
  std::string code;                     ///< error code for `status`; empty: the usual one
  std::optional<Duration> retry_after;  ///< sent as Retry-After, in whole seconds, rounded up
  int after_tokens = 0;                 ///< clamped to the length of the answer
  Duration delay{0};                    ///< meaning and default: see the kind
  std::uint64_t bytes = 0;              ///< 0: the default of the kind
  std::int64_t length_error = 64;       ///< declared minus actual body length
  CutMode cut_mode = CutMode::kAbrupt;

  Duration from{0};                  ///< not before
  Duration until = Duration::max();  ///< not at or after
  std::uint64_t first_arrival = 1;   ///< from this arrival, counted from 1 ...
  std::uint64_t last_arrival =
      std::numeric_limits<std::uint64_t>::max();  ///< ... to this, inclusive
};

/// Throws `ConfigurationError`, naming the field, if `fault` makes no sense.
void Validate(const Fault& fault);

}  // namespace llmload::mocks

#endif  // LLMLOAD_SIMULATION_FAULT_H_
