// Faults as text, for command lines and data-driven tests.
#ifndef LLMLOAD_SIMULATION_FAULT_SPEC_H_
#define LLMLOAD_SIMULATION_FAULT_SPEC_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "llmload/core/clock.h"
#include "llmload/simulation/fault.h"

namespace llmload::simulation {

/// Parses `KIND[=VALUE][,KEY=VALUE]...`, for example "status=500,p=0.4", "cut=3,close=reset",
/// "status=429,retry-after=2s,from=10s,until=20s" or "leak=200KB". `FaultSpecHelp` lists
/// everything. Durations need a unit (ms, s, m); sizes may have one (KB = KiB = 1024, MB = MiB =
/// 1024 KB). Any kind is accepted, whichever side can show it.
///
/// Throws `ConfigurationError`, naming the part, its value and what is accepted.
Fault ParseFault(std::string_view spec);

/// The kinds that `side` can show and the keys of a spec, one a line, for `--help`.
std::string FaultSpecHelp(FaultSide side);

/// Parse one duration ("250ms", "1.5s", "2m") or size ("200KB", in bytes). `name` is for the error
/// message. Throw `ConfigurationError`.
Duration ParseDuration(std::string_view name, std::string_view text);
std::uint64_t ParseSize(std::string_view name, std::string_view text);

}  // namespace llmload::simulation

#endif  // LLMLOAD_SIMULATION_FAULT_SPEC_H_
