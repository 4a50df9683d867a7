#include "llmload/report/failover_report.h"

#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/report/ctest_measurements.h"
#include "llmload/report/json_writer.h"
#include "llmload/report/text_writer.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

// Two runs, the second of which was never detected and never recovered.
std::vector<FailoverMetrics> Runs() {
  FailoverMetrics first;
  first.failover_overhead = {1ms, 2ms};
  first.added_latency = {11ms, 12ms};
  first.detection_time = 100ms;
  first.failures_spent = 5;
  first.failover_time = 70ms;
  first.success_restored_time = 40ms;
  first.leak = {.in_flight_at_trip = 3, .probes = 2, .admitted_after_trip = 1};
  first.closed_time = 2s;
  first.traffic_restored_time = 3s;
  first.requests = 100;
  first.lost_requests = 1;
  first.failed_over = 2;
  first.attempts = 105;
  FailoverMetrics second;
  second.failover_overhead = {4ms};
  second.failures_spent = 50;
  second.leak = {.in_flight_at_trip = 1, .probes = 7, .admitted_after_trip = 4};
  second.requests = 50;
  second.lost_requests = 10;
  second.failed_over = 1;
  second.attempts = 60;
  return {first, second};
}

RunReport Report() {
  RunReport report;
  report.test_name = "Failover.Report";
  AddFailoverMetrics(report, Runs());
  return report;
}

const LatencySummary& Find(const RunReport& report, std::string_view name) {
  for (const NamedDistribution& entry : report.distributions) {
    if (entry.name == name) return entry.summary;
  }
  throw std::logic_error("no distribution " + std::string(name));
}

TEST(FailoverReport, TimesOfTheOutageHaveOneSamplePerRunInWhichTheyHappened) {
  const RunReport report = Report();
  EXPECT_EQ(Find(report, "detection time").count, 1u);
  EXPECT_EQ(Find(report, "detection time").max, Duration(100ms));
  EXPECT_EQ(Find(report, "failover time").max, Duration(70ms));
  EXPECT_EQ(Find(report, "success restored time").max, Duration(40ms));
  EXPECT_EQ(Find(report, "breaker closed time").max, Duration(2s));
  EXPECT_EQ(Find(report, "recovery time").max, Duration(3s));
}

TEST(FailoverReport, RequestFiguresHaveOneSamplePerRequestOfAllRuns) {
  const RunReport report = Report();
  EXPECT_EQ(Find(report, "failover overhead").count, 3u);
  EXPECT_EQ(Find(report, "failover overhead").max, Duration(4ms));
  EXPECT_EQ(Find(report, "added latency").count, 2u);
  EXPECT_EQ(Find(report, "added latency").min, Duration(11ms));
}

TEST(FailoverReport, MeasurementsAreSumsOrTheWorstRun) {
  const RunReport report = Report();
  EXPECT_THAT(report.measurements, Contains(Pair("fault runs", 2)));
  EXPECT_THAT(report.measurements, Contains(Pair("failures spent max", 50)));
  EXPECT_THAT(report.measurements, Contains(Pair("leak in flight at trip max", 3)));
  EXPECT_THAT(report.measurements, Contains(Pair("leak probes max", 7)));
  EXPECT_THAT(report.measurements, Contains(Pair("leak admitted after trip", 5)));
  EXPECT_THAT(report.measurements, Contains(Pair("failover requests", 150)));
  EXPECT_THAT(report.measurements, Contains(Pair("failed over requests", 3)));
  EXPECT_THAT(report.measurements, Contains(Pair("lost requests", 11)));
  EXPECT_THAT(report.measurements, Contains(Pair("lost requests max", 10)));
  EXPECT_THAT(report.measurements, Contains(Pair("attempts per request max", 1.2)));
}

TEST(FailoverReport, AddingAgainReplacesAndKeepsWhatElseThereIs) {
  RunReport report = Report();
  report.measurements.emplace_back("other", 7);
  const std::size_t distributions = report.distributions.size();
  const std::size_t measurements = report.measurements.size();
  AddFailoverMetrics(report, {});
  EXPECT_EQ(report.distributions.size(), distributions);
  EXPECT_EQ(report.measurements.size(), measurements);
  EXPECT_EQ(Find(report, "detection time").count, 0u);
  EXPECT_THAT(report.measurements, Contains(Pair("lost requests", 0)));
  EXPECT_THAT(report.measurements, Contains(Pair("other", 7)));
}

TEST(FailoverReport, EveryFormOfTheReportShowsIt) {
  const RunReport report = Report();
  EXPECT_THAT(ToText(report), HasSubstr("detection time"));
  EXPECT_THAT(ToText(report), HasSubstr("leak admitted after trip"));
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["measurements"]["lost requests"], 11);
  bool found = false;
  for (const auto& entry : json["distributions"]) {
    if (entry["name"] != "recovery time") continue;
    found = true;
    EXPECT_EQ(entry["max_seconds"], 3.0);
  }
  EXPECT_TRUE(found) << json["distributions"];
  const auto measurements = CTestMeasurements(report);
  EXPECT_THAT(measurements, Contains(Pair("detection_time_max_seconds", 0.1)));
  EXPECT_THAT(measurements, Contains(Pair("failover_overhead_max_seconds", 0.004)));
  EXPECT_THAT(measurements, Contains(Pair("leak_probes_max", 7)));
}

TEST(FailoverReport, CriteriaOnDistributionsJudgeTheLargestAndTheMeanValue) {
  RunReport report = Report();
  const std::vector<Criterion> kept = {MaxOf("failover overhead") <= 4ms,
                                       MeanOf("failover overhead") < 2500us};
  Judge(report, kept);
  EXPECT_EQ(report.verdict, Verdict::kPass) << Explain(report);
  EXPECT_EQ(report.criteria[0].samples, 3u);
  const std::vector<Criterion> violated = {MaxOf("failover overhead") < 4ms};
  Judge(report, violated);
  EXPECT_EQ(report.verdict, Verdict::kFail);
  EXPECT_THAT(Explain(report), HasSubstr("max failover overhead"));
}

TEST(FailoverReport, ACriterionOnWhatDidNotHappenIsInconclusive) {
  RunReport report;
  AddFailoverMetrics(report, {});
  const std::vector<Criterion> criteria = {MaxOf("detection time") <= 1s,
                                           MaxOf("unheard of") <= 1s};
  Judge(report, criteria);
  EXPECT_EQ(report.criteria[0].verdict, Verdict::kInconclusive);
  EXPECT_EQ(report.criteria[1].verdict, Verdict::kInconclusive);
}

}  // namespace
}  // namespace llmload
