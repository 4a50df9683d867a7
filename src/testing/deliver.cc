#include "llmload/testing/deliver.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "llmload/report/ctest_measurements.h"
#include "llmload/report/json_writer.h"
#include "llmload/report/text_writer.h"

namespace llmload {

void DeliverReport(const RunReport& report, const std::optional<std::string>& report_dir) {
  WriteText(stdout, report);
  std::optional<std::string> attachment;
  if (report_dir) {
    const WriteOutcome written = WriteJsonFile(report, *report_dir);
    if (written.ok()) {
      std::printf("report: %s\n", written.path.c_str());
      attachment = CTestFileLine("report", std::filesystem::absolute(written.path).string());
    } else {
      ADD_FAILURE() << "the report could not be written (LLMLOAD_REPORT_DIR): " << written.error;
    }
  }
  // Set by CTest for the tests it runs; elsewhere the lines would only be noise.
  if (std::getenv("DASHBOARD_TEST_FROM_CTEST") != nullptr) {
    std::fputs(ToCTestMeasurements(report).c_str(), stdout);
    if (attachment) std::printf("%s\n", attachment->c_str());
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
