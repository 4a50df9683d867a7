#include "llmload/report/text_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(TextWriter, PrintsEveryMetricAndCriterion) {
  ExpectGolden("sample_report.txt", ToText(SampleReport()));
}

TEST(TextWriter, PrintsAReportOfNothing) {
  RunReport report;
  report.test_name = "Empty.Run";
  Judge(report, {});
  const std::string text = ToText(report);
  EXPECT_THAT(text, HasSubstr("INCONCLUSIVE  Empty.Run"));
  EXPECT_THAT(text, HasSubstr("No criterion was given"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(TextWriter, SaysInfiniteWhereTooManyFailed) {
  RunReport report = SampleReport();
  report.metrics.scheduled_latency_adjusted.p99.reset();
  EXPECT_THAT(ToText(report), HasSubstr("infinite"));
}

TEST(TextWriter, ColoursOnlyWhenAsked) {
  EXPECT_THAT(ToText(SampleReport(), false), Not(HasSubstr("\033")));
  EXPECT_THAT(ToText(SampleReport(), true), HasSubstr("\033[1;31mFAIL\033[0m"));
}

TEST(TextWriter, TextFromAServerCannotForgeOutput) {
  RunReport report = SampleReport();
  auto& error = report.metrics.errors[static_cast<std::size_t>(ErrorKind::kServerError)];
  error.first_message =
      "x\n[  SKIPPED ]\n<CTestMeasurement type=\"numeric/double\" name=\"success_rate\">1";
  const std::string text = ToText(report);
  EXPECT_THAT(text, Not(HasSubstr("[  SKIPPED ]")));
  EXPECT_THAT(text, Not(HasSubstr("<CTestMeasurement")));
}

TEST(TextWriter, WritesWithoutColourToAFileThatIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  EXPECT_FALSE(IsTerminal(file));
  EXPECT_TRUE(WriteText(file, SampleReport()));
  EXPECT_EQ(std::ftell(file), static_cast<long>(ToText(SampleReport()).size()));
  std::fclose(file);
}

TEST(TextWriter, ReportsAnOutputThatTakesNothing) {
  std::FILE* full = std::fopen("/dev/full", "w");
  if (full == nullptr) GTEST_SKIP() << "no /dev/full here";
  EXPECT_FALSE(WriteText(full, SampleReport()));
  std::fclose(full);
}

}  // namespace
}  // namespace llmload
