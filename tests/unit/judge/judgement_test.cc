#include "llmload/judge/judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// 985 of 1000 requests succeeded within 400 ms to 3.4 s; the generator kept up.
RunRecord HealthyRecord() {
  RunRecord record;
  MetricsSnapshot& metrics = record.metrics;
  metrics[Counter::kScheduled] = metrics[Counter::kSent] = 1000;
  metrics[Counter::kSucceeded] = 985;
  metrics[Counter::kFailed] = 15;
  for (int i = 0; i < 1000; ++i) {
    if (i < 985) metrics[Figure::kScheduledLatency].Record(400ms + i * 3ms);
    metrics[Figure::kScheduleLag].Record(200us);
    record.health.loop_delay.Record(i * 2us);
  }
  record.health.real_time = true;
  record.health.workers = {{.wall = 62s, .cpu = 1s, .windows = 620, .saturated_windows = 0},
                           {.wall = 62s, .cpu = 3s, .windows = 620, .saturated_windows = 31}};
  record.health.descriptor_limit = 1024;
  return record;
}

void DelayLoops(RunRecord& record) {
  record.health.loop_delay = {};
  for (int i = 0; i < 1000; ++i) record.health.loop_delay.Record(150ms);
}

void BeLate(RunRecord& record) {
  record.metrics[Figure::kScheduleLag] = {};
  for (int i = 0; i < 1000; ++i) record.metrics[Figure::kScheduleLag].Record(150ms);
}

void Drop(RunRecord& record, std::uint64_t arrivals) {
  record.metrics[Counter::kDropped] += arrivals;
  record.metrics[Counter::kScheduled] += arrivals;
}

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
  RunRecord record = HealthyRecord();
  const Judgement judgement = Judge(record, LooseCriteria());
  EXPECT_EQ(judgement.verdict, Verdict::kPass);
  EXPECT_EQ(judgement.criteria.size(), 2u);
  EXPECT_EQ(Explain(judgement), "All 2 criteria hold.");
}

TEST(Judge, FailsAndNamesEachViolation) {
  RunRecord record = HealthyRecord();
  const std::vector<Criterion> criteria = {P95() < 1s, SuccessRate() >= 0.999, P50() < 60s};
  const Judgement judgement = Judge(record, criteria);
  EXPECT_EQ(judgement.verdict, Verdict::kFail);
  EXPECT_THAT(
      Explain(judgement),
      AllOf(StartsWith("2 of 3 criteria are violated: p95 scheduled latency is"),
            HasSubstr("success rate is 0.985 (99 % confidence 0.972 to 0.9931), required >= "
                      "0.999 (1000 samples)")));
}

TEST(Judge, IsInconclusiveWithTooFewSamples) {
  RunRecord record = HealthyRecord();
  const std::vector<Criterion> criteria = {P999() < 60s, SuccessRate() >= 0.5};
  const Judgement judgement = Judge(record, criteria);
  EXPECT_EQ(judgement.verdict, Verdict::kInconclusive);
  EXPECT_THAT(Explain(judgement), StartsWith("1 of 2 criteria cannot be judged: p99.9"));
}

TEST(Judge, IsInconclusiveWhereTheSampleLeavesItOpen) {
  RunRecord record = HealthyRecord();
  const std::vector<Criterion> criteria = {SuccessRate() >= 0.98, P95() < 60s};
  const Judgement judgement = Judge(record, criteria);
  EXPECT_EQ(judgement.verdict, Verdict::kInconclusive);
  EXPECT_THAT(Explain(judgement),
              AllOf(StartsWith("1 of 2 criteria cannot be judged: success rate is 0.985"),
                    HasSubstr("more are needed to say")));
}

TEST(Judge, ARunOfWhichNothingWasAskedIsNotAPass) {
  RunRecord record = HealthyRecord();
  const Judgement judgement = Judge(record, {});
  EXPECT_EQ(judgement.verdict, Verdict::kInconclusive);
  EXPECT_THAT(Explain(judgement), HasSubstr("No criterion was given"));
}

TEST(Judge, AnUnhealthyGeneratorMakesTheRunInvalidWhateverTheCriteriaSay) {
  const struct {
    const char* cause;
    std::function<void(RunRecord&)> spoil;
  } cases[] = {
      {"interrupted", [](RunRecord& r) { r.interrupted = true; }},
      {"a stop rule ended the run: error rate above 0.5",
       [](RunRecord& r) { r.stopped_because = "error rate above 0.5"; }},
      {"a provider call did not end even when it was cancelled",
       [](RunRecord& r) { r.drained = false; }},
      {"p99 schedule lag 150 ms", BeLate},
      {"dropped 3 arrivals", [](RunRecord& r) { Drop(r, 3); }},
      {"accounting identity violated", [](RunRecord& r) { ++r.metrics[Counter::kScheduled]; }},
      {"p99 event-loop delay 150 ms", DelayLoops},
      {"a worker was so in 50 % of the time",
       [](RunRecord& r) { r.health.workers[1].saturated_windows = 310; }},
      {"out of descriptors: 2 requests", [](RunRecord& r) { r.health.descriptor_failures = 2; }},
      {"out of ephemeral ports: 1 requests", [](RunRecord& r) { r.health.port_failures = 1; }},
      {"a worker was lost", [](RunRecord& r) { r.faults = {"a worker was lost"}; }},
  };
  for (const auto& [cause, spoil] : cases) {
    RunRecord record = HealthyRecord();
    spoil(record);
    const Judgement judgement = Judge(record, LooseCriteria());
    EXPECT_EQ(judgement.verdict, Verdict::kInvalid) << cause;
    EXPECT_EQ(judgement.invalid_reasons.size(), 1u) << cause;
    EXPECT_EQ(judgement.criteria.size(), 2u) << "criteria are evaluated nevertheless";
    EXPECT_THAT(Explain(judgement),
                AllOf(StartsWith("The measurement cannot be trusted"), HasSubstr(cause)));
  }
}

TEST(Judge, AStopRuleIsNamedInPlaceOfTheInterruptionThatItCaused) {
  RunRecord record = HealthyRecord();
  record.interrupted = true;
  record.stopped_because = "error rate above 0.5";
  EXPECT_THAT(Judge(record, LooseCriteria()).invalid_reasons,
              ElementsAre("a stop rule ended the run: error rate above 0.5"));
}

TEST(Judge, AClosedLoopMayKeepItsWorkersBusy) {
  RunRecord record = HealthyRecord();
  record.health.workers[1].saturated_windows = 620;
  EXPECT_EQ(Judge(record, LooseCriteria()).verdict, Verdict::kInvalid);
  record.configuration.closed_loop = true;
  EXPECT_EQ(Judge(record, LooseCriteria()).verdict, Verdict::kPass);
  DelayLoops(record);
  EXPECT_EQ(Judge(record, LooseCriteria()).verdict, Verdict::kInvalid)
      << "an event loop that is blocked delays the answers of a closed loop as well";
}

TEST(Judge, EveryCauseComesWithARecommendation) {
  RunRecord record = HealthyRecord();
  BeLate(record);
  Drop(record, 3);
  DelayLoops(record);
  record.health.workers[1].saturated_windows = 310;
  record.health.descriptor_failures = 2;
  record.health.port_failures = 1;
  const Judgement judgement = Judge(record, LooseCriteria());
  EXPECT_EQ(judgement.invalid_reasons.size(), 6u);
  EXPECT_THAT(judgement.recommendations,
              ElementsAre(HasSubstr("lower the rate"), HasSubstr("raise max_in_flight"),
                          HasSubstr("blocking"), HasSubstr("more workers"),
                          HasSubstr("ulimit -n, now 1024"), HasSubstr("port range")));
  EXPECT_THAT(Explain(judgement), HasSubstr("Recommended: lower the rate"));
  EXPECT_THAT(Judge(HealthyRecord(), LooseCriteria()).recommendations, ElementsAre());
}

TEST(Judge, RecommendsTheInFlightLimitThatTheScheduleNeeds) {
  RunRecord record = HealthyRecord();
  Drop(record, 3);
  record.configuration.measured_arrivals = 1000;
  record.configuration.measured_duration = 100s;
  record.metrics[Figure::kServiceLatency].Record(5s);
  EXPECT_THAT(Judge(record, {}).recommendations,
              ElementsAre(HasSubstr("above rate x latency (here up to 50)")));
}

TEST(Judge, AGeneratorThatWasWatchedTooShortlyIsNotCalledBusy) {
  RunRecord record = HealthyRecord();
  record.health.loop_delay = {};
  for (int i = 0; i < 99; ++i) record.health.loop_delay.Record(150ms);
  record.health.workers = {{.wall = 400ms, .cpu = 400ms, .windows = 4, .saturated_windows = 4}};
  EXPECT_EQ(Judge(record, LooseCriteria()).verdict, Verdict::kPass);
}

TEST(Judge, LimitsCanBeSet) {
  RunRecord record = HealthyRecord();
  BeLate(record);
  Drop(record, 2);
  ResourceSummary process;
  process.label = "test process";
  process.cpu_mean_percent = 1.2;
  record.resources = {process};
  ValidityLimits limits{.max_schedule_lag_p99 = 200ms, .max_dropped = 2};
  EXPECT_EQ(Judge(record, LooseCriteria(), limits).verdict, Verdict::kPass);
  limits.max_generator_cpu_percent = 1.0;
  const Judgement judgement = Judge(record, LooseCriteria(), limits);
  EXPECT_EQ(judgement.verdict, Verdict::kInvalid);
  EXPECT_THAT(Explain(judgement), HasSubstr("CPU was saturated: mean 1.2 %, allowed 1 %"));
}

TEST(Judge, InvalidStillTellsWhatWasViolated) {
  RunRecord record = HealthyRecord();
  record.interrupted = true;
  const std::vector<Criterion> criteria = {P95() < 1s};
  const Judgement judgement = Judge(record, criteria);
  EXPECT_EQ(judgement.verdict, Verdict::kInvalid);
  EXPECT_THAT(Explain(judgement), HasSubstr("As measured, 1 of 1 criterion is violated: p95"));
}

TEST(Judge, DependsOnNothingButTheRecord) {
  const RunRecord record = HealthyRecord();
  EXPECT_EQ(Judge(record, LooseCriteria()), Judge(record, LooseCriteria()));
}

TEST(Judge, CriteriaOnDistributionsJudgeTheLargestAndTheMeanValue) {
  RunRecord record = HealthyRecord();
  Distribution overhead;
  for (const Duration value : {1ms, 2ms, 4ms}) overhead.Record(value);
  record.SetDistribution("failover overhead", overhead);
  const std::vector<Criterion> kept = {MaxOf("failover overhead") <= 4ms,
                                       MeanOf("failover overhead") < 2500us};
  const Judgement holds = Judge(record, kept);
  EXPECT_EQ(holds.verdict, Verdict::kPass) << Explain(holds);
  EXPECT_EQ(holds.criteria[0].samples, 3u);
  const std::vector<Criterion> violated = {MaxOf("failover overhead") < 4ms};
  EXPECT_THAT(Explain(Judge(record, violated)),
              AllOf(HasSubstr("violated"), HasSubstr("max failover overhead")));
}

TEST(Judge, ACriterionOnADistributionWithoutValuesIsInconclusive) {
  RunRecord record = HealthyRecord();
  record.SetDistribution("detection time", {});
  const std::vector<Criterion> criteria = {MaxOf("detection time") <= 1s, MaxOf("unknown") <= 1s,
                                           MeanOf("unknown") <= 1s};
  for (const CriterionResult& result : Judge(record, criteria).criteria) {
    EXPECT_EQ(result.verdict, Verdict::kInconclusive) << result.message;
  }
}

TEST(Explain, IsOneHarmlessLineWhateverTheNamesAre) {
  RunRecord record = HealthyRecord();
  record.SetDistribution("a\x1B[2J\n<CTestMeasurement\xC2\x9B", {});
  const std::vector<Criterion> criteria = {MaxOf("a\x1B[2J\n<CTestMeasurement\xC2\x9B") <= 1s};
  const std::string text = Explain(Judge(record, criteria));
  EXPECT_THAT(text, HasSubstr("a [2J < CTestMeasurement"));
  EXPECT_THAT(text, Not(HasSubstr("\x9B")));
}

TEST(Objectives, AreDescribedInWords) {
  EXPECT_EQ(Describe(RequestObjectives{}), "");
  EXPECT_EQ(Describe(RequestObjectives{.scheduled_latency = 5s, .ttft = 500ms, .chunk_gap = 100ms}),
            "scheduled latency <= 5.00 s, time to first token <= 500 ms, longest time between "
            "chunks <= 100 ms");
}

}  // namespace
}  // namespace llmload
