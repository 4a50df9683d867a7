#include "llmload/report/ctest_measurements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

TEST(CTestMeasurements, LineIsWhatCTestParses) {
  EXPECT_EQ(CTestMeasurementLine("success_rate", 0.985),
            "<CTestMeasurement type=\"numeric/double\" name=\"success_rate\">0.985"
            "</CTestMeasurement>");
}

TEST(CTestMeasurements, LineEscapesWhatWouldBreakTheXml) {
  EXPECT_THAT(CTestMeasurementLine("a<b>&\"c\"\n", 1),
              HasSubstr("name=\"a_b_&amp;_c_ \">1</CTestMeasurement>"));
}

TEST(CTestMeasurements, TextLineEscapesWhatWouldBreakTheXml) {
  EXPECT_EQ(CTestTextLine("verdict", "a<b> & c"),
            "<CTestMeasurement type=\"text/string\" name=\"verdict\">a_b_ &amp; c"
            "</CTestMeasurement>");
}

TEST(CTestMeasurements, FileLineHoldsThePathAsItIs) {
  EXPECT_EQ(CTestFileLine("report", "/tmp/a & b.json"),
            "<CTestMeasurementFile type=\"file\" name=\"report\">/tmp/a & b.json"
            "</CTestMeasurementFile>");
}

TEST(CTestMeasurements, FileThatCannotBeNamedIsNotAttached) {
  EXPECT_FALSE(CTestFileLine("report", "/tmp/a<b.json"));
  EXPECT_FALSE(CTestFileLine("report", "/tmp/a\nb.json"));
}

TEST(HeadlineProperties, AreTheVerdictAndTheFiguresUnderTheirNames) {
  RunReport report = SampleReport();
  report.record.configuration.models = {"gpt-4o", "a\x1b[2J<b>\xFF", std::string(10'000, 'x')};
  const auto properties = HeadlineProperties(report);
  EXPECT_THAT(properties, Contains(Pair("verdict", "FAIL")));
  EXPECT_THAT(properties, Contains(Pair("reason", Explain(report.judgement))));
  EXPECT_THAT(properties, Contains(Pair("run_id", report.record.run_id)));
  EXPECT_THAT(properties, Contains(Pair("success_rate", "0.985")));
  EXPECT_THAT(properties, Contains(Pair("requests_failed", "15")));
  EXPECT_THAT(properties, Contains(Key("ttft_p95_seconds")));
  std::set<std::string> names;
  for (const auto& [name, value] : properties) {
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
    EXPECT_LE(value.size(), 503u) << name;
    EXPECT_EQ(value.find('\x1b'), std::string::npos) << name;
  }
  // Those of the catalogue that the report has: a new figure does not make a longer list.
  EXPECT_EQ(names.size(), 20u);
}

TEST(CTestMeasurements, HoldTheHeadlineFigures) {
  const auto measurements = CTestMeasurements(SampleReport());
  EXPECT_THAT(measurements, Contains(Pair("requests_scheduled", 1000)));
  EXPECT_THAT(measurements, Contains(Pair("success_rate", 0.985)));
  for (const char* name :
       {"scheduled_latency_adjusted_p95_seconds", "service_latency_adjusted_p50_seconds",
        "event_loop_delay_p99_seconds", "connection_reuse_ratio", "input_tokens", "output_tokens",
        "test_process_rss_increase", "test_process_rss_peak_ratio", "test_process_rss_growth"}) {
    EXPECT_THAT(measurements, Contains(Key(name)));
  }
  EXPECT_THAT(measurements, Contains(Pair("test_process_rss_peak_bytes", 30.6e6)));
  EXPECT_THAT(measurements, Contains(Pair("calls_seen_by_the_primary", 5)));
  EXPECT_THAT(measurements, Contains(Pair("detection_time_mean_seconds", 0.5)));
}

TEST(CTestMeasurements, HoldEveryFigureAndCounterUnderItsNameOfTheCatalogue) {
  RunReport report = SampleReport();
  for (Distribution& values : report.record.metrics.distributions) {
    values.Record(std::chrono::seconds(1));
  }
  const auto measurements = CTestMeasurements(report);
  for (const FigureInfo& row : kFigures) {
    const std::string name(row.name);
    const std::string unit = row.unit == FigureUnit::kTokens ? "_tokens" : "_seconds";
    EXPECT_THAT(measurements, Contains(Key(name + "_mean" + unit)));
    EXPECT_THAT(measurements, Contains(Key(name + "_max" + unit)));
    for (const NamedQuantile& quantile : kQuantiles) {
      EXPECT_THAT(measurements, Contains(Key(name + "_" + std::string(quantile.name) + unit)));
    }
  }
  for (const CounterInfo& row : kCounters) {
    EXPECT_THAT(measurements,
                Contains(Key((row.of_tokens ? "" : "requests_") + std::string(row.name))));
  }
}

TEST(CTestMeasurements, AreFiniteAndNamedOnce) {
  RunReport report = SampleReport();
  report.record.measurements = {{"x", std::nan("")},
                                {"endless", std::numeric_limits<double>::infinity()},
                                {"y", 1},
                                {"Y", 2},
                                {"success rate", 9}};
  const auto measurements = CTestMeasurements(report);
  std::set<std::string> names;
  for (const auto& [name, value] : measurements) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(std::isfinite(value)) << name;
  }
  EXPECT_THAT(measurements, Not(Contains(Key("x"))));
  EXPECT_THAT(measurements, Not(Contains(Key("endless"))));
  EXPECT_THAT(measurements, Contains(Pair("y", 1)));
  EXPECT_THAT(measurements, Contains(Pair("success_rate", 0.985)));
}

TEST(CTestMeasurements, LeaveOutWhatWasNotMeasured) {
  const auto measurements = CTestMeasurements(RunReport{});
  EXPECT_THAT(measurements, Contains(Pair("requests_scheduled", 0)));
  EXPECT_THAT(measurements, Not(Contains(Key("success_rate"))));
  EXPECT_THAT(measurements, Not(Contains(Key("ttft_p95_seconds"))));
}

TEST(CTestMeasurements, AreWellFormedWhateverTheTextIs) {
  EXPECT_EQ(CTestTextLine("a<b", "x&\x1B\xC2\x85\xFF\uFFFE\u202Ey"),
            "<CTestMeasurement type=\"text/string\" name=\"a_b\">x&amp;  \uFFFD\uFFFD "
            "y</CTestMeasurement>");
  EXPECT_TRUE(CTestFileLine("report", "/tmp/bücher.json"));
  for (const char* path : {"/tmp/a<b", "/tmp/a\nb", "/tmp/\xC2\x85", "/tmp/\xFF", "/tmp/\u202E"}) {
    EXPECT_FALSE(CTestFileLine("report", path)) << path;
  }
}

TEST(CTestMeasurements, TextHasOneLineEachAndTheVerdict) {
  const RunReport report = SampleReport();
  const std::string text = ToCTestMeasurements(report);
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
            CTestMeasurements(report).size() + 1);
  EXPECT_THAT(text, HasSubstr(CTestTextLine("verdict", ToString(report.judgement.verdict))));
}

}  // namespace
}  // namespace llmload
