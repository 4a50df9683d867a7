// The load that the options of `llmload bench` ask for.
#ifndef LLMLOAD_TOOLS_BENCH_LOAD_H_
#define LLMLOAD_TOOLS_BENCH_LOAD_H_

#include <cstdint>

#include "llmload/load/arrival_trace.h"
#include "llmload/run/run_plan.h"
#include "tools/bench_given.h"

namespace llmload::tools {

/// Reads --rate, --concurrency or --profile and the options that go with each. `format` is the form
/// of a trace, `seed` that of the run. Throws `ConfigurationError` for what is missing, contradicts
/// itself or makes no sense.
LoadShape ReadLoad(const Given& given, TraceFormat format, std::uint64_t seed);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_LOAD_H_
