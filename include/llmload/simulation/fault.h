// What a fake or simulated service can do wrong, and when: one vocabulary for the fake LLM server
// and for simulated providers.
#ifndef LLMLOAD_SIMULATION_FAULT_H_
#define LLMLOAD_SIMULATION_FAULT_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"

namespace llmload::simulation {

/// What shows a fault.
enum class FaultSide : std::uint8_t {
  kFakeServer,         ///< `fake_server::FakeLlmServer`: real bytes on real connections
  kSimulatedProvider,  ///< `SimulatedProvider`: the errors and times that a client would report
};

/// The ways to fail. Unless said otherwise both sides show a fault, it replaces the answer, and it
/// excludes the others: of those that hit one request, the first in the list wins. *Modifiers* add
/// to whatever the answer is.
///
/// *Mid-stream* faults strike when the token after the first `after_tokens` is due, and when the
/// whole answer is due if the request is not streamed.
enum class FaultKind : std::uint8_t {
  /// The answer is the error `status`, with the body that the real service sends for it.
  kHttpError,
  /// The request is read and never answered; the connection stays open.
  kHang,
  /// Fake server only: accepts the connection and never speaks. Drawn per connection.
  kHangBeforeHandshake,
  /// Fake server only: sends the answer slowly, `bytes` (default 8) every `delay` (default 100 ms).
  kSlowDrip,
  /// Headers come in time, the first token comes `delay` late. Not streamed: all comes late.
  kSlowFirstToken,
  /// Mid-stream: silence for `delay` (0: for ever).
  kStall,
  /// The connection is reset in place of an answer.
  kReset,
  /// Mid-stream: the connection ends, as `cut_mode` says.
  kCut,
  /// Mid-stream: one broken chunk. Not streamed: a body that is cut short.
  kMalformedJson,
  /// Mid-stream: an error object inside an answer of status 200.
  kErrorEvent,
  /// Fake server only, streams only: a clean end without `[DONE]`.
  kMissingDone,
  /// Fake server only, streams only: a clean end with neither finish chunk nor `[DONE]`.
  kMissingFinish,
  /// Fake server only: bytes that are not HTTP.
  kGarbage,
  /// Fake server only: a header field of `bytes` (default 256 KiB).
  kOversizedHeader,
  /// Fake server only, streams only, mid-stream: one event of `bytes` (default 2 MiB).
  kOversizedEvent,
  /// Fake server only: `bytes` of body (default 32 MiB), well-formed.
  kOversizedBody,
  /// Fake server only: Content-Length is off by `length_error`.
  kWrongContentLength,
  /// Fake server only: status 307, to another path of the server.
  kRedirect,
  /// Modifier: everything comes `delay` late.
  kExtraLatency,
  /// Modifier, fake server only: the connection is closed after the answer.
  kConnectionClose,
  /// Modifier, fake server only: the server's process keeps `bytes`, touched, for ever.
  kLeak,
  /// Simulated provider only: no connection is accepted. A fake server shows this while it is
  /// suspended (`FakeLlmServer::Suspend`).
  kConnectionRefused,
  /// Simulated provider only: the call ignores all deadlines, and ends by cancellation only.
  kNeverReturns,
};

inline constexpr int kFaultKindCount = static_cast<int>(FaultKind::kNeverReturns) + 1;

/// The name in fault specs and in the counters ("status", "cut").
std::string_view ToString(FaultKind kind) noexcept;

/// True if `side` can show faults of `kind`.
bool CanShow(FaultSide side, FaultKind kind) noexcept;

/// How `FaultKind::kCut` ends the connection.
enum class CutMode : std::uint8_t {
  kAbrupt,       ///< TCP FIN without a TLS close_notify, as a crashed process leaves it
  kCloseNotify,  ///< TLS close_notify, then FIN, as an impatient proxy does it
  kReset,        ///< TCP RST
};

/// One fault and its conditions. All of them must hold for it to hit.
///
/// Times and arrival numbers count from the moment the list took effect: at a server its start for
/// `FakeLlmServerOptions::faults`, else the call of `SetFaults`; at a simulated provider its
/// construction. An arrival is a completion request that has been read; `kHangBeforeHandshake`
/// counts accepted connections instead.
struct Fault {
  FaultKind kind = FaultKind::kHttpError;
  double probability = 1.0;  ///< per arrival, drawn from (seed, arrival number)
  int status = 500;          ///< 400..599
  std::string code = {};     ///< error code for `status`; empty: the usual one
  /// Sent as Retry-After, in whole seconds, rounded up.
  std::optional<Duration> retry_after = {};
  int after_tokens = 0;            ///< clamped to the length of the answer
  Duration delay{0};               ///< meaning and default: see the kind
  std::uint64_t bytes = 0;         ///< 0: the default of the kind
  std::int64_t length_error = 64;  ///< declared minus actual body length
  CutMode cut_mode = CutMode::kAbrupt;

  Duration from{0};                  ///< not before
  Duration until = Duration::max();  ///< not at or after
  /// Flapping: from `from` on, in force during the first `active` of every `period`. 0: always.
  Duration period{0};
  Duration active{0};
  std::uint64_t first_arrival = 1;  ///< from this arrival, counted from 1 ...
  /// ... to this, inclusive.
  std::uint64_t last_arrival = std::numeric_limits<std::uint64_t>::max();
  std::string model = {};  ///< only requests for this model; empty: for any
};

/// Throws `ConfigurationError`, naming the field, its value and what is accepted, if `fault` makes
/// no sense.
void Validate(const Fault& fault);

/// The same, and if `side` cannot show its kind: then the message names the kind and the side.
void Validate(const Fault& fault, FaultSide side);

}  // namespace llmload::simulation

#endif  // LLMLOAD_SIMULATION_FAULT_H_
