#include "llmload/testing/deliver.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "llmload/report/ctest_measurements.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

// The JSON form is "report", any other file "report_csv" and so on.
std::string AttachmentName(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  return extension.size() < 2 || extension == ".json" ? "report" : "report_" + extension.substr(1);
}

// A line from which readers of JUnit files take a property: CTest's own have none. The second ']'
// would end it early.
std::string PropertyLine(const std::string& name, std::string value) {
  for (auto at = value.find("]]"); at != std::string::npos; at = value.find("]]", at)) {
    value.insert(at + 1, " ");
  }
  return "[[PROPERTY|" + name + "=" + value + "]]\n";
}

}  // namespace

void DeliverReport(const RunReport& report, const std::vector<std::unique_ptr<Output>>& outputs,
                   const boost::source_location& where) {
  std::vector<std::string> attached;
  std::vector<std::pair<std::string, std::string>> properties = HeadlineProperties(report);
  for (const auto& output : outputs) {
    if (const std::string failure = output->Deliver(report); !failure.empty()) {
      ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
          << "the report could not be delivered: " << text::CleanLine(failure);
      continue;
    }
    if (const std::string warning = output->Warning(); !warning.empty()) {
      std::printf("warning: %s\n", text::CleanLine(warning).c_str());
    }
    const std::string file = output->File();
    if (file.empty() || !output->IsAttached()) continue;
    attached.push_back(file);
    properties.emplace_back(AttachmentName(file), text::CleanLine(file));
  }
  for (const auto& [name, value] : properties) ::testing::Test::RecordProperty(name, value);
  // Set by CTest for the tests that it runs; elsewhere the lines would only be noise.
  if (std::getenv("DASHBOARD_TEST_FROM_CTEST") != nullptr) {
    std::fputs(ToCTestMeasurements(report).c_str(), stdout);
    for (const std::string& file : attached) {
      const auto line = CTestFileLine(AttachmentName(file), file);
      if (line) std::printf("%s\n", line->c_str());
    }
    for (const auto& [name, value] : properties) {
      std::fputs(PropertyLine(name, value).c_str(), stdout);
    }
  }
  std::fflush(stdout);
}

boost::source_location LineOfCurrentTest() {
  const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
  return {info->file(), static_cast<std::uint_least32_t>(info->line()), ""};
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
