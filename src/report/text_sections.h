// Sections of the text report. Each appends itself to `out`, with an empty line and a heading
// before it, in at most `width` columns; one that has nothing to say appends nothing.
#ifndef LLMLOAD_SRC_REPORT_TEXT_SECTIONS_H_
#define LLMLOAD_SRC_REPORT_TEXT_SECTIONS_H_

#include <cstddef>
#include <string>

#include "llmload/record/run_record.h"

namespace llmload::report {

void PrintRequests(std::string& out, const RunRecord& run, std::size_t width);
void PrintTimes(std::string& out, const RunRecord& run, std::size_t width);
void PrintProviders(std::string& out, const MetricsSnapshot& metrics, std::size_t width);
void PrintTokens(std::string& out, const MetricsSnapshot& metrics, std::size_t width);
void PrintMeasurements(std::string& out, const RunRecord& run, std::size_t width);
void PrintTimeline(std::string& out, const RunRecord& run, std::size_t width);

/// How the generator itself did.
void PrintGenerator(std::string& out, const GeneratorHealth& health, std::size_t width);
/// Memory and CPU of one process.
void PrintProcess(std::string& out, const ResourceSummary& r, std::size_t width);

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_TEXT_SECTIONS_H_
