// Faults as text, for command lines and data-driven tests.
#ifndef LLMLOAD_SIMULATION_FAULT_SPEC_H_
#define LLMLOAD_SIMULATION_FAULT_SPEC_H_

#include <string>
#include <string_view>

#include "llmload/simulation/fault.h"

namespace llmload::simulation {

/// Parses `KIND[=VALUE][,KEY=VALUE]...`, for example "status=500,p=40%", "cut=3,close=reset",
/// "status=429,retry-after=2s,from=10s,until=20s" or "leak=200KB". `FaultSpecHelp` lists
/// everything. Values are written as on the command line of `llmload bench`: times need a unit (us,
/// ms, s, m, h), shares are numbers or per cent; sizes may have a unit (KB = KiB = 1024, MB = MiB =
/// 1024 KB). Any kind is accepted, whichever side can show it.
///
/// Throws `ConfigurationError`, naming the part, its value and what is accepted.
Fault ParseFault(std::string_view spec);

/// The kinds that `side` can show and the keys of a spec, one a line, for `--help`.
std::string FaultSpecHelp(FaultSide side);

}  // namespace llmload::simulation

#endif  // LLMLOAD_SIMULATION_FAULT_SPEC_H_
