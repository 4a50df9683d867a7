// The report as a table for people.
#ifndef LLMLOAD_REPORT_TEXT_WRITER_H_
#define LLMLOAD_REPORT_TEXT_WRITER_H_

#include <cstdio>
#include <string>

#include "llmload/run/run_report.h"

namespace llmload {

/// Every metric of the report, each criterion with bound, observed value and verdict, and a heading
/// with the overall verdict and its reason. Plain UTF-8, lines end in "\n". `colour` adds ANSI
/// colours to verdicts.
std::string ToText(const RunReport& report, bool colour = false);

/// Writes `ToText` to `out` and flushes; colours if `out` is a terminal and NO_COLOR is not set.
/// Returns false if `out` could not take it.
bool WriteText(std::FILE* out, const RunReport& report);

/// True if `out` is a terminal.
bool IsTerminal(std::FILE* out) noexcept;

}  // namespace llmload

#endif  // LLMLOAD_REPORT_TEXT_WRITER_H_
