// Metrics of a part of the requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/judge/criterion.h"
#include "llmload/judge/judgement.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/record/record_slice.h"
#include "llmload/record/run_record.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::kStart;
using ::testing::HasSubstr;

// Two phases of 600 requests, one every 10 ms: "calm" of 100 ms each and "burst" of 900 ms. Every
// other request is of tenant a; every tenth of the burst fails. Each answer has 50 tokens.
RunRecord TwoPhases() {
  LoadTestMetrics metrics({.start = kStart, .with_series = true, .cohorts_by_cell = true});
  MetricsShard& root = metrics.AddShard();
  for (int i = 0; i < 1200; ++i) {
    const bool burst = i >= 600;
    MetricsShard& shard = root.Cell(static_cast<std::size_t>((burst ? 2 : 0) + i % 2));
    const TimePoint at = kStart + i * 10ms;
    const RequestInstants instants{at, at, at + (burst ? 900ms : 100ms)};
    shard.Scheduled();
    shard.Dispatched(at, at);
    if (burst && i % 10 == 0) {
      shard.Failed(instants, Error{.kind = ErrorKind::kRateLimited});
      continue;
    }
    Completion completion;
    completion.provider = "p";
    completion.usage.output = 50;
    shard.Succeeded(instants, completion);
  }
  RunRecord record;
  record.configuration.phases = {{.name = "calm", .begin = 0s, .duration = 6s, .arrivals = 600},
                                 {.name = "burst", .begin = 6s, .duration = 6s, .arrivals = 600}};
  record.metrics = metrics.Snapshot();
  const std::vector<MetricsSnapshot> figures = metrics.Cells();
  std::vector<MetricsCell> cells;
  for (std::uint32_t id = 0; id < 4; ++id) {
    cells.push_back(
        {.key = {.phase = id / 2, .model = "m", .tags = {{"tenant", id % 2 == 0 ? "a" : "b"}}},
         .figures = figures[id]});
  }
  record.SetCells(std::move(cells));
  return record;
}

TEST(SlicedMetric, IsOfItsRequestsAlone) {
  const RunRecord record = TwoPhases();
  const Judging by_success{.failures_are_slow = false};
  EXPECT_DOUBLE_EQ(*P95().OfPhase("calm").Of(record).value, 0.1);
  EXPECT_DOUBLE_EQ(*P95().OfPhase("burst").Of(record, by_success).value, 0.9);
  EXPECT_DOUBLE_EQ(*SuccessRate().OfPhase("burst").Of(record).value, 0.9);
  EXPECT_DOUBLE_EQ(*SuccessRate().OfPhase("burst").WithTag("tenant", "a").Of(record).value, 0.8);
  EXPECT_DOUBLE_EQ(*SuccessRate().WithTag("tenant", "b").OfModel("m").Of(record).value, 1);
  EXPECT_EQ(CompletedRequests().OfPhase("calm").Of(record).value, 600);
  EXPECT_EQ(ErrorCount(ErrorKind::kRateLimited).OfPhase("burst").Of(record).value, 60);
  EXPECT_EQ(ErrorCount(ErrorKind::kRateLimited).WithTag("tenant", "b").Of(record).value, 0);
  // 600 in 5.99 s of arrivals and the time of the last answer.
  EXPECT_DOUBLE_EQ(*Throughput().OfPhase("calm").Of(record).value, 600 / 6.09);
  EXPECT_DOUBLE_EQ(*TokensPerSecond().OfPhase("calm").Of(record).value, 50 * 600 / 6.09);
  EXPECT_EQ(P50(Figure::kOutputLength).OfPhase("burst").Of(record).value, 50);
}

TEST(SlicedMetric, HasItsOwnIntervalAndSamples) {
  const RunRecord record = TwoPhases();
  const Observation whole = P95().Of(record);
  const Observation calm = P95().OfPhase("calm").Of(record);
  EXPECT_EQ(whole.samples, 1200u);
  EXPECT_EQ(calm.samples, 600u);
  ASSERT_TRUE(calm.interval && calm.interval->upper);
  EXPECT_DOUBLE_EQ(*calm.interval->upper, 0.1);
  ASSERT_TRUE(calm.effective_samples);
  EXPECT_LE(*calm.effective_samples, 600);
  ASSERT_TRUE(calm.longer_by);
  EXPECT_GT(calm.longer_by(0.05).value_or(0), 0) << "the slice lives as long as what refers to it";
  const Observation tokens = TokensPerSecond().Of(record);
  ASSERT_TRUE(tokens.interval);
  EXPECT_LT(*tokens.interval->lower, *tokens.value);
}

TEST(SlicedMetric, SaysSoInItsName) {
  EXPECT_EQ(P95(Figure::kTtft).OfPhase("burst").WithTag("tenant", "a").name(),
            "p95 time to first token of phase burst with tag tenant=a");
  EXPECT_EQ((SuccessRate().OfModel("x") >= 0.9).Describe(), "success rate of model x >= 0.9");
}

TEST(SlicedMetric, IsJudgedAsAllOthersAre) {
  const RunRecord record = TwoPhases();
  const auto verdict = [&](const Criterion& criterion) {
    return criterion.Evaluate(record).verdict;
  };
  EXPECT_EQ(verdict(P95() < 200ms), Verdict::kFail);
  EXPECT_EQ(verdict(P95().OfPhase("calm") < 200ms), Verdict::kPass);
  EXPECT_EQ(verdict(P95().OfPhase("burst") < 200ms), Verdict::kFail);
  EXPECT_EQ(verdict(SuccessRate().OfPhase("burst") >= 0.91), Verdict::kInconclusive);
  EXPECT_EQ(verdict(SuccessRate().OfPhase("burst") >= 0.5), Verdict::kPass);
  EXPECT_EQ(verdict(P50(Figure::kOutputLength) >= 50), Verdict::kPass);
  EXPECT_EQ(verdict(P50(Figure::kOutputLength) >= 51), Verdict::kFail);
  EXPECT_EQ(verdict(P50(Figure::kOutputLength) <= 50), Verdict::kPass) << "failures have no length";
}

TEST(SlicedMetric, WithoutARequestIsInconclusiveAndSaysOfWhat) {
  const RunRecord record = TwoPhases();
  for (const Criterion& criterion : {FailedRequests().WithTag("tenant", "z") == 0,
                                     SuccessRate().WithTag("tenant", "z") >= 0.5}) {
    const CriterionResult result = criterion.Evaluate(record);
    EXPECT_EQ(result.verdict, Verdict::kInconclusive);
    EXPECT_THAT(result.message, HasSubstr("no request had tag tenant=z"));
  }
  EXPECT_THAT((P95().OfPhase("calm").OfModel("n") < 1s).Evaluate(record).message,
              HasSubstr("no request had phase calm, model n"));
}

TEST(SlicedMetric, CannotPassWhereRequestsWereCountedUnderOther) {
  RunRecord record = TwoPhases();
  record.cells.back().key.tags.front().value = "(other)";
  const CriterionResult result = (SuccessRate().WithTag("tenant", "a") >= 0.5).Evaluate(record);
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
  EXPECT_THAT(result.message, HasSubstr("counted as \"(other)\""));
  EXPECT_EQ((SuccessRate().WithTag("tenant", "a") >= 0.99).Evaluate(record).verdict,
            Verdict::kFail);
  EXPECT_EQ((SuccessRate().OfPhase("calm") >= 0.5).Evaluate(record).verdict, Verdict::kPass);
}

TEST(SlicedMetric, CannotPassWhereArrivalsWereDropped) {
  RunRecord record = TwoPhases();
  MetricsCell dropped{.key = {.phase = 1}, .figures = {}};
  dropped.figures[Counter::kScheduled] = dropped.figures[Counter::kDropped] = 400;
  AddCells(record.cells, {dropped});
  for (const Criterion& criterion :
       {SuccessRate().OfModel("m") >= 0.5, SuccessRate().WithTag("tenant", "b") >= 0.5,
        P50().OfPhase("burst").OfModel("m") < 1h}) {
    const CriterionResult result = criterion.Evaluate(record);
    EXPECT_EQ(result.verdict, Verdict::kInconclusive) << result.message;
    EXPECT_THAT(result.message, HasSubstr("some arrivals were dropped before it was known"));
  }
  EXPECT_EQ((SuccessRate().OfModel("m") >= 0.99).Evaluate(record).verdict, Verdict::kFail);
  // None of this phase was, and a phase has its dropped arrivals.
  EXPECT_EQ((SuccessRate().OfPhase("calm").OfModel("m") >= 0.5).Evaluate(record).verdict,
            Verdict::kPass);
  EXPECT_DOUBLE_EQ(*SuccessRate().OfPhase("burst").Of(record).value, 0.54);
  for (const GroupResult& group : Judge(record, std::vector{SuccessRate() >= 0.5}).groups) {
    EXPECT_EQ(group.verdict == Verdict::kPass, group.group.starts_with("phase ")) << group.group;
  }
}

TEST(SlicedMetric, OfAPhaseIsOfAllMeasuredPhasesOfThatName) {
  RunRecord record = TwoPhases();
  std::vector<PlannedPhase>& phases = record.configuration.phases;
  phases.push_back({.name = "calm", .duration = 60s, .measured = false, .arrivals = 9000});
  EXPECT_EQ(SliceOf(record, {.phase = "calm"})->OfferedRate(), 100);
  phases[1].name = "calm";
  EXPECT_EQ(CompletedRequests().OfPhase("calm").Of(record).value, 1200);
  EXPECT_EQ(SliceOf(record, {.phase = "calm"})->configuration.measured_duration, 12s);
}

TEST(Ramps, OfOneNameAreLookedAtOneByOne) {
  RunRecord record = TwoPhases();
  for (MetricsCell& cell : record.cells) cell.key.step = 0;
  for (PlannedPhase& phase : record.configuration.phases) {
    phase.name = "up";
    phase.steps = {{.begin = phase.begin, .duration = 6s, .rate_per_second = 100}};
  }
  record.configuration.phases.push_back({.name = "up", .measured = false, .steps = {{}}});
  const std::vector<RampResult> ramps = Judge(record, std::vector{P95() < 200ms}).ramps;
  ASSERT_EQ(ramps.size(), 2u);
  EXPECT_EQ(ramps[0].phase, "up");
  EXPECT_EQ(ramps[0].holds_up_to, 100);
  EXPECT_EQ(ramps[0].breaks_at, std::nullopt);
  EXPECT_EQ(ramps[1].phase, "up (2)");
  EXPECT_EQ(ramps[1].holds_up_to, std::nullopt);
  EXPECT_EQ(ramps[1].breaks_at, 100);
  EXPECT_EQ(StepOf(record, 1, 0)->metrics[Counter::kScheduled], 600u);

  record.configuration.phases.back().name = "up (2)";
  EXPECT_EQ(RampsOf(record).back().name, "up (3)") << "it is no other phase's name";
}

TEST(SlicedMetric, RefusesWhatIsNotOfRequestsAndASecondPart) {
  EXPECT_THROW(MemoryGrowth().OfPhase("a"), ConfigurationError);
  EXPECT_THROW(Measurement("x").OfModel("a"), ConfigurationError);
  EXPECT_THROW(MaxOf("x").WithTag("t", "a"), ConfigurationError);
  EXPECT_THROW(P95().OfPhase("a").OfPhase("b"), ConfigurationError);
  EXPECT_THROW(P95().OfModel("a").OfModel("b"), ConfigurationError);
  EXPECT_THROW(P95().WithTag("t", "a").WithTag("t", "b"), ConfigurationError);
  EXPECT_NO_THROW(P95().WithTag("t", "a").WithTag("u", "b"));
}

TEST(SlicedMetric, TheJudgementTellsWhichPartsHeld) {
  const RunRecord record = TwoPhases();
  const std::vector<Criterion> criteria = {P95() < 200ms, SuccessRate() >= 0.85,
                                           CompletedRequests() >= 1000,
                                           P95().OfPhase("calm") < 200ms};
  const Judgement judgement = Judge(record, criteria);
  const auto of = [&](const std::string& group, const std::string& criterion) {
    for (const GroupResult& result : judgement.groups) {
      if (result.group == group && result.criterion == criterion) return result;
    }
    ADD_FAILURE() << "nothing of " << group << ": " << criterion;
    return GroupResult{};
  };
  EXPECT_EQ(of("phase calm", "p95 scheduled latency < 200 ms").verdict, Verdict::kPass);
  EXPECT_EQ(of("phase burst", "p95 scheduled latency < 200 ms").verdict, Verdict::kFail);
  EXPECT_EQ(of("phase burst", "success rate >= 0.85").observed, 0.9);
  EXPECT_EQ(of("tag tenant=a", "success rate >= 0.85").samples, 600u);
  // One model is no part, and counts say nothing of one.
  EXPECT_EQ(judgement.groups.size(), 8u);
  EXPECT_EQ(judgement.criteria.back().verdict, Verdict::kPass);
}

TEST(CustomMetric, CanStateSamplesAndInterval) {
  const auto metric = [](CustomValue value) {
    return Custom("mine", "things", [value](const RunRecord&) { return value; });
  };
  const CustomValue sure{.value = 5, .samples = 70, .interval = ConfidenceInterval{4, 6}};
  const CriterionResult passed = (metric(sure) < 6.5).Evaluate({});
  EXPECT_EQ(passed.verdict, Verdict::kPass);
  EXPECT_EQ(passed.samples, 70u);
  EXPECT_EQ(passed.observed_upper, 6);
  EXPECT_EQ((metric(sure) < 5.5).Evaluate({}).verdict, Verdict::kInconclusive);
  EXPECT_EQ((metric(sure) < 3).Evaluate({}).verdict, Verdict::kFail);
  EXPECT_EQ((metric({.value = 5}) < 5.5).Evaluate({}).verdict, Verdict::kPass);
  EXPECT_EQ((metric({}) < 5.5).Evaluate({}).verdict, Verdict::kInconclusive);
}

}  // namespace
}  // namespace llmload
