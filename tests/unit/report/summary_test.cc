// What the last lines of a screen say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "llmload/report/text_writer.h"
#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

std::size_t LinesOf(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Summary, SaysInTenLinesWhatHappened) {
  ExpectGolden("sample_summary.txt", ToSummary(SampleReport(), {"r.json", "r.txt"}));
  EXPECT_LE(LinesOf(ToSummary(SampleReport(), {"r.json", "r.txt"})), 11u);
}

TEST(Summary, LeavesOutWhatThereIsNot) {
  RunReport report;
  report.record.name = "Empty.Run";
  report.judgement = Judge(report.record, {});
  const std::string text = ToSummary(report, {}, "how to get one");
  EXPECT_THAT(text, AllOf(StartsWith("INCONCLUSIVE  Empty.Run\n"),
                          HasSubstr("No criterion was given, so there is nothing to judge."),
                          HasSubstr("  report   how to get one\n")));
  for (const char* absent : {"latency", "first token", "tokens", "failed", "nan", "target"}) {
    EXPECT_THAT(text, Not(HasSubstr(absent)));
  }
}

TEST(Summary, AMeasurementWithoutCriteriaIsSaidToBeValid) {
  RunReport report = SampleReport();
  report.judgement = Judge(report.record, {});
  EXPECT_THAT(ToSummary(report), HasSubstr("The measurement is valid. No criterion was given"));
}

TEST(Summary, NamesTheLargestKindsOfErrorsFirst) {
  RunReport report = SampleReport();
  MetricsSnapshot& m = report.record.metrics;
  for (ErrorSummary& error : m.errors) error = {};
  m[Counter::kFailed] = 2'020;
  m[ErrorKind::kServerError].count = 2'000;
  m[ErrorKind::kRateLimited].count = 20;
  EXPECT_THAT(ToSummary(report), HasSubstr("2,020: 2,000 server_error, 20 rate_limited\n"));
  for (ErrorSummary& error : m.errors) error.count = 1;
  EXPECT_THAT(ToSummary(report), HasSubstr(" of other kinds"));
}

TEST(Summary, ASingleFailureIsNotRoundedAway) {
  RunReport report = SampleReport();
  MetricsSnapshot& m = report.record.metrics;
  m[Counter::kScheduled] = 1'000'000;
  m[Counter::kSucceeded] = 999'999;
  m[Counter::kFailed] = 1;
  EXPECT_THAT(ToSummary(report), HasSubstr("999,999 of 1,000,000 requests (99.9 %)"));
  m[Counter::kSucceeded] = 1;
  EXPECT_THAT(ToSummary(report), HasSubstr("1 of 1,000,000 requests (under 0.1 %)"));
}

TEST(Summary, CountsWhatWasNeverSentAndWhatDidNotEnd) {
  RunReport report = SampleReport();
  report.record.metrics[Counter::kDropped] = 3;
  report.record.metrics[Counter::kUnfinished] = 1'200;
  EXPECT_THAT(ToSummary(report), HasSubstr(", 3 never sent, 1,200 unfinished\n"));
}

TEST(Summary, ALongReasonEndsWithASentenceInTwoLines) {
  RunReport report = SampleReport();
  std::vector<Criterion> criteria;
  for (int i = 0; i < 20; ++i) criteria.push_back(P95() < std::chrono::milliseconds(i + 1));
  report.judgement = Judge(report.record, criteria);
  const std::string text = ToSummary(report);
  const std::size_t begin = text.find('\n') + 1;
  const std::string reason = text.substr(begin, text.find("\n  target") - begin);
  EXPECT_EQ(LinesOf(reason), 1u) << reason;
  EXPECT_EQ(reason.back(), '.') << reason;
  EXPECT_THAT(reason, AllOf(HasSubstr("p95 scheduled latency is"), HasSubstr("; and more.")));
}

TEST(Summary, ColoursTheVerdictOnly) {
  EXPECT_THAT(ToSummary(SampleReport(), {}, "", true),
              StartsWith("\033[1;31mFAIL\033[0m  SustainedLoad"));
  EXPECT_THAT(ToSummary(SampleReport(), {}, "", false), Not(HasSubstr("\033")));
}

TEST(Summary, TextFromOthersCannotForgeOutput) {
  RunReport report = SampleReport();
  report.record.name = "x\n[  SKIPPED ]\x1B[2J";
  report.record.configuration.targets[0].url = "<CTestMeasurement name=\"x\">\n";
  const std::string text = ToSummary(report, {"/tmp/a\nb"});
  EXPECT_THAT(text, AllOf(Not(HasSubstr("[  SKIPPED ]")), Not(HasSubstr("\x1B")),
                          Not(HasSubstr("<CTestMeasurement"))));
}

TEST(Summary, ShowsFilesAsTheyWouldBeTyped) {
  const std::string here = std::filesystem::current_path() / "reports" / "r.json";
  EXPECT_THAT(ToSummary(SampleReport(), {here}), HasSubstr("  reports/r.json\n"));
  const std::string name = "/nowhere/" + std::string(38, 'n');
  EXPECT_THAT(ToSummary(SampleReport(), {name + ".json", name + ".txt"}),
              HasSubstr("  " + name + ".json (and .txt)\n"));
}

}  // namespace
}  // namespace llmload
