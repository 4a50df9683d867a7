// The CSV files of Azure's LLM inference traces.
#ifndef LLMLOAD_SRC_LOAD_AZURE_TRACE_H_
#define LLMLOAD_SRC_LOAD_AZURE_TRACE_H_

#include <string_view>
#include <vector>

#include "llmload/load/arrival_trace.h"
#include "src/load/text_input.h"

namespace llmload {

/// The arrivals of a trace as `TraceFormat::kAzure` describes it, in order. Throws
/// `ConfigurationError`, also if there are none.
/// @param input      is before the header, which comes next
/// @param otherwise  what a file without the header could have been, for the message; may be empty
std::vector<ArrivalTrace::Entry> ReadAzureTrace(TextInput& input, std::string_view name,
                                                std::string_view otherwise);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_AZURE_TRACE_H_
