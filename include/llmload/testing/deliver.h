// Hands a judged report to everyone who waits for it.
#ifndef LLMLOAD_TESTING_DELIVER_H_
#define LLMLOAD_TESTING_DELIVER_H_

#include <optional>
#include <string>

#include "llmload/report/run_report.h"

namespace llmload {

/// Prints the report on stdout, writes its JSON form to `report_dir` if there is one, and, run by
/// ctest, prints the measurements for CTest and attaches the JSON file to the test's result. Call
/// it in a GoogleTest test: a file that cannot be written fails the test.
void DeliverReport(const RunReport& report, const std::optional<std::string>& report_dir);

/// The name of the running test for reports, "Suite.Test", without the `DISABLED_` of the gate.
/// Precondition: called in a GoogleTest test.
std::string NameOfCurrentTest();

}  // namespace llmload

#endif  // LLMLOAD_TESTING_DELIVER_H_
