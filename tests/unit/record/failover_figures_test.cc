#include "llmload/record/failover_figures.h"

#include <gmock/gmock.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "llmload/report/ctest_measurements.h"
#include "llmload/report/report_json.h"
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

RunRecord Record() {
  RunRecord record;
  AddFailoverFigures(record, Runs());
  return record;
}

const Distribution& Find(const RunRecord& record, std::string_view name) {
  const NamedDistribution* const found = record.FindDistribution(name);
  if (found == nullptr) throw std::logic_error("no distribution " + std::string(name));
  return found->values;
}

TEST(FailoverFigures, TimesOfTheOutageHaveOneSamplePerRunInWhichTheyHappened) {
  const RunRecord record = Record();
  EXPECT_EQ(Find(record, "detection time").count(), 1u);
  EXPECT_EQ(Find(record, "detection time").max(), Duration(100ms));
  EXPECT_EQ(Find(record, "failover time").max(), Duration(70ms));
  EXPECT_EQ(Find(record, "success restored time").max(), Duration(40ms));
  EXPECT_EQ(Find(record, "breaker closed time").max(), Duration(2s));
  EXPECT_EQ(Find(record, "recovery time").max(), Duration(3s));
}

TEST(FailoverFigures, RequestFiguresHaveOneSamplePerRequestOfAllRuns) {
  const RunRecord record = Record();
  EXPECT_EQ(Find(record, "failover overhead").count(), 3u);
  EXPECT_EQ(Find(record, "failover overhead").max(), Duration(4ms));
  EXPECT_EQ(Find(record, "added latency").count(), 2u);
  EXPECT_EQ(Find(record, "added latency").min(), Duration(11ms));
}

TEST(FailoverFigures, MeasurementsAreSumsOrTheWorstRun) {
  const RunRecord record = Record();
  EXPECT_THAT(record.measurements, Contains(NamedValue{"fault runs", 2}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"failures spent max", 50}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"leak in flight at trip max", 3}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"leak probes max", 7}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"leak admitted after trip", 5}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"failover requests", 150}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"failed over requests", 3}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"lost requests", 11}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"lost requests max", 10}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"attempts per request max", 1.2}));
}

TEST(FailoverFigures, AddingAgainReplacesAndKeepsWhatElseThereIs) {
  RunRecord record = Record();
  record.SetMeasurement("other", 7);
  const std::size_t distributions = record.distributions.size();
  const std::size_t measurements = record.measurements.size();
  AddFailoverFigures(record, {});
  EXPECT_EQ(record.distributions.size(), distributions);
  EXPECT_EQ(record.measurements.size(), measurements);
  EXPECT_EQ(Find(record, "detection time").count(), 0u);
  EXPECT_THAT(record.measurements, Contains(NamedValue{"lost requests", 0}));
  EXPECT_THAT(record.measurements, Contains(NamedValue{"other", 7}));
}

TEST(FailoverFigures, EveryFormOfTheReportShowsThem) {
  const RunReport report{.record = Record(), .judgement = {}};
  EXPECT_THAT(ToText(report), HasSubstr("detection time"));
  EXPECT_THAT(ToText(report), HasSubstr("leak admitted after trip"));
  EXPECT_EQ(ReadReport(ToJson(report), "report"), report);
  const auto measurements = CTestMeasurements(report);
  EXPECT_THAT(measurements, Contains(Pair("detection_time_max_seconds", 0.1)));
  EXPECT_THAT(measurements, Contains(Pair("leak_probes_max", 7)));
}

}  // namespace
}  // namespace llmload
