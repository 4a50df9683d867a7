// The report for people: every figure, or what happened in ten lines.
#ifndef LLMLOAD_REPORT_TEXT_WRITER_H_
#define LLMLOAD_REPORT_TEXT_WRITER_H_

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/run/run_report.h"

namespace llmload {

/// Columns that no line of a report exceeds.
inline constexpr std::size_t kReportWidth = 100;

/// Every metric of the report, each criterion with bound, observed value and verdict, and a heading
/// with the overall verdict and its reason. Plain UTF-8, lines end in "\n" and take at most `width`
/// columns (40 or more). `colour` adds ANSI colours to verdicts.
std::string ToText(const RunReport& report, bool colour = false, std::size_t width = kReportWidth);

/// Writes `ToText` to `out` and flushes, in the width of the terminal if `out` is one, and in
/// colours unless NO_COLOR is set. Returns false if `out` could not take it.
bool WriteText(std::FILE* out, const RunReport& report);

/// About ten lines that say what happened: verdict, reason, target, rate, success, latencies,
/// tokens and where the whole report is. Each takes at most `width` columns, and at most 80.
/// `files` are the files of the report; without any, `advice` says how to get one.
std::string ToSummary(const RunReport& report, const std::vector<std::string>& files = {},
                      std::string_view advice = {}, bool colour = false,
                      std::size_t width = kReportWidth);

/// Columns for what is printed to `out`: those of the terminal, from 40 to `kReportWidth`, which is
/// also that of a file or a pipe.
std::size_t WidthOf(std::FILE* out) noexcept;

/// True if `out` is a terminal.
bool IsTerminal(std::FILE* out) noexcept;

}  // namespace llmload

#endif  // LLMLOAD_REPORT_TEXT_WRITER_H_
