// The report as CTest measurements, which CDash plots over builds.
#ifndef LLMLOAD_REPORT_CTEST_MEASUREMENTS_H_
#define LLMLOAD_REPORT_CTEST_MEASUREMENTS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/report/run_report.h"

namespace llmload {

/// Names and values, finite only, each name once. The list of names is in docs/report.md.
std::vector<std::pair<std::string, double>> CTestMeasurements(const RunReport& report);

/// One line as CTest (3.22 or newer) reads it from a test's output, without a newline.
/// What cannot stand in a name ('<', '>', '"', control characters) becomes '_', and '&' is escaped.
std::string CTestMeasurementLine(std::string_view name, double value);

/// All measurements of the report, one line each.
std::string ToCTestMeasurements(const RunReport& report);

}  // namespace llmload

#endif  // LLMLOAD_REPORT_CTEST_MEASUREMENTS_H_
