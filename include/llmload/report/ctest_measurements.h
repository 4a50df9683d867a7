// The report as CTest measurements, which CDash plots over builds.
#ifndef LLMLOAD_REPORT_CTEST_MEASUREMENTS_H_
#define LLMLOAD_REPORT_CTEST_MEASUREMENTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/run/run_report.h"

namespace llmload {

/// Names and values, finite only, each name once. The list of names is in docs/report.md.
std::vector<std::pair<std::string, double>> CTestMeasurements(const RunReport& report);

/// What a list of test results has room for: verdict, reason, run id, seed, model, and the figures
/// among `CTestMeasurements` that a reader asks for first. The values are `Harmless`.
std::vector<std::pair<std::string, std::string>> HeadlineProperties(const RunReport& report);

/// One line as CTest (3.22 or newer) reads it from a test's output, without a newline.
/// What cannot stand in a name ('<', '>', '"', control characters) becomes '_', and '&' is escaped.
std::string CTestMeasurementLine(std::string_view name, double value);

/// A text as a measurement, for what is not a number: CDash shows it and does not plot it.
std::string CTestTextLine(std::string_view name, std::string_view text);

/// The line that makes CTest (3.21 or newer) attach the file at `path` to the test's result,
/// without a newline. Empty if the path cannot stand in such a line ('<' or a control character).
std::optional<std::string> CTestFileLine(std::string_view name, std::string_view path);

/// All measurements of the report and its verdict as a text, one line each.
std::string ToCTestMeasurements(const RunReport& report);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_CTEST_MEASUREMENTS_H_
