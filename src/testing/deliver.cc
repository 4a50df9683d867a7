#include "llmload/testing/deliver.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "llmload/report/ctest_measurements.h"
#include "src/core/text/format.h"

namespace llmload {
namespace {

// CTest sets the one for a dashboard and the other for all tests. Elsewhere lines for it would only
// be noise.
bool IsRunByCTest() {
  return std::getenv("DASHBOARD_TEST_FROM_CTEST") != nullptr ||
         std::getenv("CTEST_INTERACTIVE_DEBUG_MODE") != nullptr;
}

// The JSON form is "report", any other file "report_csv" and so on.
std::string AttachmentName(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  return extension.size() < 2 || extension == ".json" ? "report" : "report_" + extension.substr(1);
}

// A line from which readers of JUnit files take a property, since those that CTest writes have no
// others. The value is a `CleanLine`, in which only "]]" would end it early.
std::string PropertyLine(const std::string& name, std::string value) {
  for (auto at = value.find("]]"); at != std::string::npos; at = value.find("]]", at)) {
    value.insert(at + 1, " ");
  }
  return "[[PROPERTY|" + name + "=" + value + "]]\n";
}

}  // namespace

void DeliverReport(const RunReport& report, const std::vector<std::unique_ptr<Output>>& outputs,
                   const boost::source_location& where) {
  const bool by_ctest = IsRunByCTest();
  const auto record = [by_ctest](const std::string& name, const std::string& value) {
    ::testing::Test::RecordProperty(name, value);
    if (by_ctest) std::fputs(PropertyLine(name, value).c_str(), stdout);
  };
  // Before the outputs, so that what is for people comes last.
  for (const auto& [name, value] : HeadlineProperties(report)) record(name, value);
  if (by_ctest) {
    // CTest reads that it is to keep the output of a test that passed, of which it would keep 1 KB.
    std::printf("CTEST_FULL_OUTPUT\n%s", ToCTestMeasurements(report).c_str());
  }
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
    record(AttachmentName(file), text::CleanLine(file));
    const auto line = by_ctest ? CTestFileLine(AttachmentName(file), file) : std::nullopt;
    if (line) std::printf("%s\n", line->c_str());
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
