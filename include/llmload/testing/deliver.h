// Hands a judged report over in a GoogleTest test.
#ifndef LLMLOAD_TESTING_DELIVER_H_
#define LLMLOAD_TESTING_DELIVER_H_

#include <boost/assert/source_location.hpp>
#include <memory>
#include <string>
#include <vector>

#include "llmload/report/output.h"
#include "llmload/run/run_report.h"

namespace llmload {

/// Delivers the report to every output, and records the headline figures as properties of the test
/// (`--gtest_output=xml`). Run by ctest, prints them as lines for JUnit and as measurements, and
/// attaches the files to the test's result. An output that cannot be written fails the test, at
/// `where`; one that is written in part is a warning. Precondition: called in a GoogleTest test.
void DeliverReport(const RunReport& report, const std::vector<std::unique_ptr<Output>>& outputs,
                   const boost::source_location& where = BOOST_CURRENT_LOCATION);

/// The name of the running test for reports, "Suite.Test", without the `DISABLED_` of the gate.
/// Precondition: called in a GoogleTest test.
std::string NameOfCurrentTest();

/// The line of the running test's `TEST_F`. Precondition: called in a GoogleTest test.
boost::source_location LineOfCurrentTest();

}  // namespace llmload

#endif  // LLMLOAD_TESTING_DELIVER_H_
