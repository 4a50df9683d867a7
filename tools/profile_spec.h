// A load profile as text, for the command line.
#ifndef LLMLOAD_TOOLS_PROFILE_SPEC_H_
#define LLMLOAD_TOOLS_PROFILE_SPEC_H_

#include <string_view>

#include "llmload/load/load_profile.h"

namespace llmload::tools {

/// Parses `PHASE[;PHASE]...`, where a phase is `SHAPE:PART[,PART]...[,KEY=VALUE]...`, for example
/// "ramp:1..50/s,30s,unmeasured;constant:50/s,2m". `ProfileSpecHelp` lists everything. A trace is
/// read from its file.
///
/// Throws `ConfigurationError` that names the phase, the part, its value and what is accepted. The
/// profile that it returns makes sense.
/// @param pattern  of the phases that do not say
/// @param format   of the files of traces
LoadProfile ParseProfile(std::string_view spec, ArrivalPattern pattern,
                         TraceFormat format = TraceFormat::kDetect);

/// "constant" or "poisson". Throws `ConfigurationError` that names `name`.
ArrivalPattern ParsePattern(std::string_view name, std::string_view text);

/// The shapes and keys of a spec, for `--help`.
std::string_view ProfileSpecHelp() noexcept;

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_PROFILE_SPEC_H_
