#include "llmload/report/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<Criterion>& LooseCriteria() {
  static const std::vector<Criterion> criteria = {SuccessRate() >= 0.5, P95() < 60s};
  return criteria;
}

TEST(Verdict, CombinesToWhatHasToBeSaidFirst) {
  const Verdict all[] = {Verdict::kPass, Verdict::kInconclusive, Verdict::kFail, Verdict::kInvalid};
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) EXPECT_EQ(Combine(all[a], all[b]), all[std::max(a, b)]);
  }
  EXPECT_EQ(ToString(Combine(Verdict::kFail, Verdict::kInvalid)), "INVALID");
  EXPECT_EQ(ToString(Combine(Verdict::kFail, Verdict::kInconclusive)), "FAIL");
}

TEST(Judge, PassesWhenEveryCriterionHolds) {
  RunReport report = SampleReport();
  Judge(report, LooseCriteria());
  EXPECT_EQ(report.verdict, Verdict::kPass);
  EXPECT_EQ(report.criteria.size(), 2u);
  EXPECT_EQ(Explain(report), "All 2 criteria hold.");
}

TEST(Judge, FailsAndNamesEachViolation) {
  RunReport report = SampleReport();
  const std::vector<Criterion> criteria = {P95() < 1s, SuccessRate() >= 0.999, P50() < 60s};
  Judge(report, criteria);
  EXPECT_EQ(report.verdict, Verdict::kFail);
  EXPECT_THAT(
      Explain(report),
      AllOf(StartsWith("2 of 3 criteria are violated: p95 scheduled latency is"),
            HasSubstr("success rate is 0.985 (99 % confidence 0.972 to 0.9931), required >= "
                      "0.999 (1000 samples)")));
}

TEST(Judge, IsInconclusiveWithTooFewSamples) {
  RunReport report = SampleReport();
  const std::vector<Criterion> criteria = {P999() < 60s, SuccessRate() >= 0.5};
  Judge(report, criteria);
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
  EXPECT_THAT(Explain(report), StartsWith("1 of 2 criteria cannot be judged: p99.9"));
}

TEST(Judge, IsInconclusiveWhereTheSampleLeavesItOpen) {
  RunReport report = SampleReport();
  const std::vector<Criterion> criteria = {SuccessRate() >= 0.98, P95() < 60s};
  Judge(report, criteria);
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
  EXPECT_THAT(Explain(report),
              AllOf(StartsWith("1 of 2 criteria cannot be judged: success rate is 0.985"),
                    HasSubstr("more are needed to say")));
}

TEST(Judge, ARunOfWhichNothingWasAskedIsNotAPass) {
  RunReport report = SampleReport();
  Judge(report, {});
  EXPECT_EQ(report.verdict, Verdict::kInconclusive);
  EXPECT_THAT(Explain(report), HasSubstr("No criterion was given"));
}

TEST(Judge, AnUnhealthyGeneratorMakesTheRunInvalidWhateverTheCriteriaSay) {
  const struct {
    const char* cause;
    std::function<void(RunReport&)> spoil;
  } cases[] = {
      {"interrupted", [](RunReport& r) { r.interrupted = true; }},
      {"p99 schedule lag 150 ms", [](RunReport& r) { r.metrics.schedule_lag.p99.value = 150ms; }},
      {"dropped 3 arrivals",
       [](RunReport& r) {
         r.metrics.dropped = 3;
         r.metrics.scheduled += 3;
       }},
      {"accounting identity violated", [](RunReport& r) { ++r.metrics.scheduled; }},
      {"p99 event-loop delay 150 ms", [](RunReport& r) { r.health.loop_delay.p99.value = 150ms; }},
      {"a worker was so in 50 % of the time",
       [](RunReport& r) { r.health.workers[1].saturated_windows = 310; }},
      {"out of descriptors: 2 requests", [](RunReport& r) { r.health.descriptor_failures = 2; }},
      {"out of ephemeral ports: 1 requests", [](RunReport& r) { r.health.port_failures = 1; }},
      {"a worker was lost", [](RunReport& r) { r.invalid_reasons.push_back("a worker was lost"); }},
  };
  for (const auto& [cause, spoil] : cases) {
    RunReport report = SampleReport();
    spoil(report);
    Judge(report, LooseCriteria());
    EXPECT_EQ(report.verdict, Verdict::kInvalid) << cause;
    EXPECT_THAT(Explain(report),
                AllOf(StartsWith("The measurement cannot be trusted"), HasSubstr(cause)));
  }
}

TEST(Judge, EveryCauseComesWithARecommendation) {
  RunReport report = SampleReport();
  report.metrics.schedule_lag.p99.value = 150ms;
  report.metrics.dropped = 3;
  report.metrics.scheduled += 3;
  report.health.loop_delay.p99.value = 150ms;
  report.health.workers[1].saturated_windows = 310;
  report.health.descriptor_failures = 2;
  report.health.port_failures = 1;
  Judge(report, LooseCriteria());
  Judge(report, LooseCriteria());
  EXPECT_EQ(report.invalid_reasons.size(), 6u);
  EXPECT_THAT(report.recommendations,
              ElementsAre(HasSubstr("lower the rate"), HasSubstr("raise max_in_flight"),
                          HasSubstr("blocking"), HasSubstr("more workers"),
                          HasSubstr("ulimit -n, now 1024"), HasSubstr("port range")));
  EXPECT_THAT(Explain(report), HasSubstr("Recommended: lower the rate"));
  report = SampleReport();
  Judge(report, LooseCriteria());
  EXPECT_THAT(report.recommendations, ElementsAre());
}

TEST(Judge, AGeneratorThatWasWatchedTooShortlyIsNotCalledBusy) {
  RunReport report = SampleReport();
  report.health.loop_delay.count = 99;
  report.health.loop_delay.p99.value = 150ms;
  report.health.workers = {{.wall = 400ms, .cpu = 400ms, .windows = 4, .saturated_windows = 4}};
  Judge(report, LooseCriteria());
  EXPECT_EQ(report.verdict, Verdict::kPass);
}

TEST(Judge, LimitsCanBeSet) {
  RunReport report = SampleReport();
  report.metrics.schedule_lag.p99.value = 150ms;
  report.metrics.dropped = 2;
  report.metrics.scheduled += 2;
  Judge(report, LooseCriteria(), {.max_schedule_lag_p99 = 200ms, .max_dropped = 2});
  EXPECT_EQ(report.verdict, Verdict::kPass);
  // The sample's process used 1.2 % of a core.
  Judge(report, LooseCriteria(),
        {.max_schedule_lag_p99 = 200ms, .max_dropped = 2, .max_generator_cpu_percent = 1.0});
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  EXPECT_THAT(Explain(report), HasSubstr("CPU was saturated"));
}

TEST(Judge, InvalidStillTellsWhatWasViolated) {
  RunReport report = SampleReport();
  report.interrupted = true;
  const std::vector<Criterion> criteria = {P95() < 1s};
  Judge(report, criteria);
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  EXPECT_THAT(Explain(report), HasSubstr("As measured, 1 of 1 criterion is violated: p95"));
}

TEST(Judge, MayBeCalledAgain) {
  RunReport report = SampleReport();
  report.interrupted = true;
  Judge(report, LooseCriteria());
  Judge(report, LooseCriteria());
  EXPECT_EQ(report.criteria.size(), 2u);
  EXPECT_THAT(report.invalid_reasons, ElementsAre("the run was interrupted before its end"));
}

}  // namespace
}  // namespace llmload
