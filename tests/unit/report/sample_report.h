// A report with something in every part, for the tests of the writers.
#ifndef LLMLOAD_TESTS_UNIT_REPORT_SAMPLE_REPORT_H_
#define LLMLOAD_TESTS_UNIT_REPORT_SAMPLE_REPORT_H_

#include <string>

#include "llmload/run/run_report.h"

namespace llmload {

/// Always the same: 1000 requests over a minute, 15 of them failed, judged FAIL by its p95.
RunReport SampleReport();

/// Compares with the file in golden/; with LLMLOAD_UPDATE_GOLDEN=1 in the environment, writes it
/// instead and fails, so that the new text is looked at.
void ExpectGolden(const std::string& file_name, const std::string& actual);

}  // namespace llmload

#endif  // LLMLOAD_TESTS_UNIT_REPORT_SAMPLE_REPORT_H_
