// Hands a judged report over in a GoogleTest test.
#ifndef LLMLOAD_TESTING_DELIVER_H_
#define LLMLOAD_TESTING_DELIVER_H_

#include <memory>
#include <string>
#include <vector>

#include "llmload/report/output.h"
#include "llmload/run/run_report.h"

namespace llmload {

/// Delivers the report to every output and, run by ctest, prints the measurements for CTest and
/// attaches the files to the test's result. An output that cannot be written fails the test.
/// Precondition: called in a GoogleTest test.
void DeliverReport(const RunReport& report, const std::vector<std::unique_ptr<Output>>& outputs);

/// The name of the running test for reports, "Suite.Test", without the `DISABLED_` of the gate.
/// Precondition: called in a GoogleTest test.
std::string NameOfCurrentTest();

}  // namespace llmload

#endif  // LLMLOAD_TESTING_DELIVER_H_
