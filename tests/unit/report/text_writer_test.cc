#include "llmload/report/text_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "src/core/text/format.h"
#include "src/core/text/harmless.h"
#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(TextWriter, PrintsEveryMetricAndCriterion) {
  ExpectGolden("sample_report.txt", ToText(SampleReport()));
}

TEST(TextWriter, PrintsAReportOfNothing) {
  RunReport report;
  report.record.name = "Empty.Run";
  report.judgement = Judge(report.record, {});
  const std::string text = ToText(report);
  EXPECT_THAT(text, HasSubstr("INCONCLUSIVE  Empty.Run"));
  EXPECT_THAT(text, HasSubstr("No criterion was given"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(TextWriter, SaysInfiniteWhereTooManyFailed) {
  RunReport report = SampleReport();
  report.record.metrics[Counter::kFailed] = 100;
  EXPECT_THAT(ToText(report), HasSubstr("infinite"));
}

TEST(TextWriter, ColoursOnlyWhenAsked) {
  EXPECT_THAT(ToText(SampleReport(), false), Not(HasSubstr("\033")));
  EXPECT_THAT(ToText(SampleReport(), true), HasSubstr("\033[1;31mFAIL\033[0m"));
}

TEST(TextWriter, TextFromAServerCannotForgeOutput) {
  RunReport report = SampleReport();
  report.record.metrics[ErrorKind::kServerError].examples.at(0).message =
      "x\n[  SKIPPED ]\n<CTestMeasurement type=\"numeric/double\" name=\"success_rate\">1";
  const std::string text = ToText(report);
  EXPECT_THAT(text, Not(HasSubstr("[  SKIPPED ]")));
  EXPECT_THAT(text, Not(HasSubstr("<CTestMeasurement")));
}

TEST(TextWriter, HoldsNoControlsAndNoBrokenText) {
  constexpr const char* kBad =
      "\x1B[1m\xC2\x9B"
      "2J\u202E\u2028\xFF\r\n";
  RunReport report = SampleReport();
  RunRecord& run = report.record;
  run.name = run.run_id = run.origin.host = run.origin.version = kBad;
  run.configuration.models = {kBad, kBad};
  run.configuration.schedule = run.configuration.prompts = kBad;
  run.configuration.details.push_back({kBad, kBad});
  for (TargetRecord& target : run.configuration.targets) {
    target = {
        .name = kBad, .url = kBad, .provider = {.name = kBad, .region = kBad, .credential = kBad}};
  }
  for (ProviderUsage& usage : run.metrics.providers) {
    usage.name = usage.region = usage.model = kBad;
  }
  run.metrics[ErrorKind::kServerError] = {
      .count = 1,
      .first = {},
      .last = {},
      .examples = {
          {.count = 1, .message = kBad, .provider = kBad, .code = kBad, .request_id = kBad}}};
  for (ResourceSummary& resource : run.resources) resource.label = resource.lost_reason = kBad;
  run.timeline.push_back({{}, kBad});
  run.measurements.push_back({kBad, 1});
  for (CriterionResult& result : report.judgement.criteria) {
    result.name = result.message = result.remark = result.unit = kBad;
  }
  const std::string text = ToText(report);
  EXPECT_EQ(text::HarmlessLines(text), text);
}

TEST(TextWriter, PrintsEveryFigureAndCounterByItsTitle) {
  RunReport report = SampleReport();
  for (Distribution& values : report.record.metrics.distributions) {
    values.Record(std::chrono::seconds(1));
  }
  for (std::uint64_t& counter : report.record.metrics.counters) ++counter;
  const std::string text = ToText(report);
  for (const FigureInfo& row : kFigures) EXPECT_THAT(text, HasSubstr(std::string(row.title)));
  for (const CounterInfo& row : kCounters) EXPECT_THAT(text, HasSubstr(std::string(row.title)));
}

TEST(TextWriter, ShowsRampsOfOneNameOneByOne) {
  RunReport report = SampleReport();
  std::vector<PlannedPhase>& phases = report.record.configuration.phases;
  phases[0].name = phases[1].name;
  phases[0].steps = {{.begin = {}, .duration = phases[0].duration, .rate_per_second = 12.5}};
  report.record.cells[0].key.step = 0;
  const auto rows = [](const std::string& text, const std::string& begin) {
    std::size_t count = 0;
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at + 1)) ++count;
    return count;
  };
  std::string text = ToText(report);
  EXPECT_EQ(rows(text, "Ramp: ramp\n"), 1u);
  EXPECT_EQ(rows(text, "Ramp: ramp (2)\n"), 1u);
  EXPECT_EQ(rows(text, "\n  12.5 "), 1u);
  EXPECT_EQ(rows(text, "\n  16.5 "), 1u);
  EXPECT_THAT(text.substr(text.find("Ramp: ramp\n")), Not(HasSubstr("1,000"))) << "500 in each";
  // The rates of the phases that are one row of a table.
  phases.push_back({.name = "other"});
  report.record.cells.push_back({.key = {.phase = 2}, .figures = {}});
  text = ToText(report);
  EXPECT_THAT(text, HasSubstr("16-17"));
}

TEST(TextWriter, WritesWithoutColourToAFileThatIsNotATerminal) {
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
