#include "llmload/testing/deliver.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "llmload/report/ctest_measurements.h"
#include "src/core/text/format.h"

namespace llmload {

void DeliverReport(const RunReport& report, const std::vector<std::unique_ptr<Output>>& outputs) {
  std::vector<std::string> files;
  for (const auto& output : outputs) {
    if (const std::string failure = output->Deliver(report); !failure.empty()) {
      ADD_FAILURE() << "the report could not be delivered: " << text::CleanLine(failure);
    } else if (!output->File().empty()) {
      files.push_back(output->File());
    }
  }
  for (const std::string& file : files) {
    std::printf("report: %s\n", text::CleanLine(file).c_str());
  }
  // Set by CTest for the tests that it runs; elsewhere the lines would only be noise.
  if (std::getenv("DASHBOARD_TEST_FROM_CTEST") != nullptr) {
    std::fputs(ToCTestMeasurements(report).c_str(), stdout);
    for (const std::string& file : files) {
      if (const auto line = CTestFileLine("report", file)) std::printf("%s\n", line->c_str());
    }
  }
  std::fflush(stdout);
}

std::string NameOfCurrentTest() {
  const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(info->test_suite_name()) + "." + info->name();
  constexpr std::string_view kDisabled = "DISABLED_";
  for (auto at = name.find(kDisabled); at != std::string::npos; at = name.find(kDisabled)) {
    name.erase(at, kDisabled.size());
  }
  return name;
}

}  // namespace llmload
