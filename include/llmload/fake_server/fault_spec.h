// Faults as text, for command lines and data-driven tests.
#ifndef LLMLOAD_FAKE_SERVER_FAULT_SPEC_H_
#define LLMLOAD_FAKE_SERVER_FAULT_SPEC_H_

#include <string_view>

#include "llmload/simulation/fault.h"

namespace llmload::mocks {

/// Parses `KIND[=VALUE][,KEY=VALUE]...`, for example "status=500,p=0.4", "cut=3,close=reset",
/// "status=429,retry-after=2s,from=10s,until=20s" or "leak=200KB". `FaultSpecHelp` lists
/// everything. Durations need a unit (ms, s, m); sizes may have one (KB = KiB = 1024, MB = MiB =
/// 1024 KB).
///
/// Throws `ConfigurationError`, naming the part, its value and what is accepted.
Fault ParseFault(std::string_view spec);

/// The kinds and keys of a spec, one a line, for `--help`.
std::string_view FaultSpecHelp() noexcept;

/// Parse one duration ("250ms", "1.5s", "2m") or size ("200KB"). `name` is for the error message.
/// Throw `ConfigurationError`.
Duration ParseDuration(std::string_view name, std::string_view text);
std::uint64_t ParseSize(std::string_view name, std::string_view text);

}  // namespace llmload::mocks

#endif  // LLMLOAD_FAKE_SERVER_FAULT_SPEC_H_
