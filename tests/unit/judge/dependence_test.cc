// What requests that resemble their neighbours are worth.
#include "src/judge/dependence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llmload/judge/judgement.h"
#include "llmload/metrics/load_test_metrics.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using judge::Blocks;
using judge::Inflation;
using judge::PerBlock;
using test_support::kStart;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Inflation, IsOneForWhatScattersNoMoreThanChance) {
  EXPECT_EQ(Inflation(PerBlock(24, 50), PerBlock(24, 5)), 1);
  EXPECT_EQ(Inflation(PerBlock(24, 50), PerBlock(24, 0)), 1);
  EXPECT_EQ(Inflation(PerBlock(24, 50), PerBlock(24, 50)), 1);
  EXPECT_EQ(Inflation({}, {}), 1);
}

TEST(Inflation, IsTheVarianceOverThatOfABinomialCount) {
  // All of one block: excess 48 of 50 once, 2 below 24 times less.
  PerBlock part(24, 0);
  part[7] = 50;
  const double share = 1.0 / 24;
  const double squares = (50 - 50 * share) * (50 - 50 * share) + 23 * (50 * share) * (50 * share);
  EXPECT_NEAR(Inflation(PerBlock(24, 50), part),
              24.0 / 23 * squares / (24 * 50 * share * (1 - share)), 1e-9);
}

Cohorts CohortsOf(std::size_t count) {
  Cohorts cohorts;
  cohorts.interval = 1s;
  cohorts.cohorts.resize(count);
  for (Cohort& cohort : cohorts.cohorts) cohort.scheduled = cohort.succeeded = 10;
  return cohorts;
}

TEST(Blocks, AreOfEqualTimeAsFarAsCohortsAllow) {
  const Blocks blocks(CohortsOf(60));
  ASSERT_EQ(blocks.size(), Blocks::kMost);
  double requests = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    requests += static_cast<double>(blocks[b].scheduled);
    EXPECT_GE(blocks.EndOf(b) - blocks.BeginOf(b), Duration(2s));
    EXPECT_LE(blocks.EndOf(b) - blocks.BeginOf(b), Duration(3s));
  }
  EXPECT_EQ(requests, 600);
  EXPECT_EQ(blocks.Length(), Duration(60s));
}

TEST(Blocks, BeginWithTheFirstRequest) {
  Cohorts cohorts = CohortsOf(48);
  cohorts.cohorts.insert(cohorts.cohorts.begin(), 10, Cohort{});  // the warm-up
  const Blocks blocks(cohorts);
  EXPECT_EQ(blocks.BeginOf(0), Duration(10s));
  EXPECT_EQ(blocks.Length(), Duration(48s));
}

TEST(Blocks, OfAShortRunAreFewerOrTooFew) {
  EXPECT_EQ(Blocks(CohortsOf(20)).size(), 10u);
  EXPECT_TRUE(Blocks(CohortsOf(16)).Suffice());
  EXPECT_FALSE(Blocks(CohortsOf(15)).Suffice());
  EXPECT_TRUE(Blocks(Cohorts{}).empty());
}

// 16 requests a second for 60 s; in `slow_seconds` of them answers take 3 s instead of 1 s.
RunRecord RunWith(int slow_seconds) {
  LoadTestMetrics metrics({.start = kStart, .with_series = true});
  MetricsShard& shard = metrics.AddShard();
  for (int i = 0; i < 960; ++i) {
    const TimePoint at = kStart + i * 62'500us;
    const bool slow = i / 16 >= 20 && i / 16 < 20 + slow_seconds;
    const Duration jitter = (i * 37 % 100) * 1ms;
    shard.Scheduled();
    shard.Dispatched(at, at);
    shard.Succeeded(
        {.scheduled = at, .dispatched = at, .completed = at + (slow ? 3s : 1s) + jitter},
        Completion{});
  }
  RunRecord record;
  record.metrics = metrics.Snapshot();
  return record;
}

TEST(Criterion, OnePhaseOfSlowAnswersIsNotManyIndependentOnes) {
  // 16 of 960 answers are slow: independent, p95 would clearly be below 2 s.
  const CriterionResult result = (P95() < 2s).Evaluate(RunWith(1));
  EXPECT_EQ(result.verdict, Verdict::kInconclusive) << result.message;
  ASSERT_TRUE(result.effective_samples);
  EXPECT_LT(*result.effective_samples, 200);
  EXPECT_THAT(result.message, HasSubstr("requests resemble their neighbours: 960 count like "));
  EXPECT_THAT(result.remark, HasSubstr("worst from 20.0 s to 22.5 s of the run"));
  RunRecord without_time = RunWith(1);
  without_time.metrics.cohorts = {};
  EXPECT_EQ((P95() < 2s).Evaluate(without_time).verdict, Verdict::kPass);
}

TEST(Criterion, ABoundFarBeyondEveryValueNeedsNoMoreThanIndependentOnes) {
  // Up to about 4 s, of few effective samples.
  const RunRecord record = RunWith(1);
  EXPECT_EQ((P95() < 6s).Evaluate(record).verdict, Verdict::kInconclusive);
  EXPECT_EQ((P95() < 9s).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((P999() < 9s).Evaluate(record).verdict, Verdict::kInconclusive) << "too few samples";
}

TEST(Criterion, APassSaysWhatItCouldNotSee) {
  const CriterionResult result = (P95() < 2s).Evaluate(RunWith(0));
  EXPECT_EQ(result.verdict, Verdict::kPass) << result.message;
  EXPECT_THAT(result.remark, HasSubstr("come less than once in 11 s may not have been seen"));
  EXPECT_THAT(result.message, Not(HasSubstr("resemble")));
}

TEST(Criterion, SaysThatTheLevelChangedDuringTheRun) {
  LoadTestMetrics metrics({.start = kStart, .with_series = true});
  MetricsShard& shard = metrics.AddShard();
  for (int i = 0; i < 960; ++i) {
    const TimePoint at = kStart + i * 62'500us;
    const Duration latency = (i * 37 % 100) * 10ms + i * 1ms;  // a second slower at the end
    shard.Scheduled();
    shard.Dispatched(at, at);
    shard.Succeeded({.scheduled = at, .dispatched = at, .completed = at + latency}, Completion{});
  }
  RunRecord record;
  record.metrics = metrics.Snapshot();
  EXPECT_THAT((P95() < 5s).Evaluate(record).remark,
              HasSubstr("the level changed during the run: 0 % of its first third are above 1.6 s, "
                        "and 18 % of its last"));
  EXPECT_THAT((P95() < 5s).Evaluate(RunWith(0)).remark, Not(HasSubstr("changed")));
}

RunRecord FailingRecord(std::uint64_t succeeded, std::uint64_t failed) {
  RunRecord record;
  record.metrics[Counter::kScheduled] = record.metrics[Counter::kSent] = succeeded + failed;
  record.metrics[Counter::kSucceeded] = succeeded;
  record.metrics[Counter::kFailed] = failed;
  for (std::uint64_t i = 0; i < succeeded; ++i) {
    record.metrics[Figure::kScheduledLatency].Record(100ms);
    record.metrics[Figure::kServiceLatency].Record(100ms);
    record.metrics[Figure::kTtft].Record(50ms);
  }
  return record;
}

TEST(FailedRequests, AreInfinitelySlowInEveryLatency) {
  const RunRecord record = FailingRecord(100, 900);
  for (const Criterion& criterion :
       {P95() < 500ms, P90(Figure::kTtft) < 500ms, P99(Figure::kServiceLatency) <= 10s,
        Mean() < 500ms, Max(Figure::kTtft) < 500ms}) {
    const Judgement judgement = Judge(record, std::vector{criterion});
    EXPECT_EQ(judgement.verdict, Verdict::kFail) << criterion.Describe();
    EXPECT_THAT(judgement.criteria[0].message,
                HasSubstr("900 of 1000 requests did not succeed and count as infinitely slow"));
  }
}

TEST(FailedRequests, AreLeftOutWhereThePlanSaysHowManyMayFail) {
  const RunRecord record = FailingRecord(1000, 20);
  EXPECT_EQ(Judge(record, std::vector{P99() < 500ms}).verdict, Verdict::kFail);
  EXPECT_EQ(Judge(record, std::vector{P99() < 500ms, SuccessRate() >= 0.95}).verdict,
            Verdict::kPass);
  EXPECT_EQ(Judge(record, std::vector{P99() < 500ms, FailedRequests() <= 20}).verdict,
            Verdict::kPass);
  EXPECT_EQ(Judge(record, std::vector{P95() < 500ms}).verdict, Verdict::kPass)
      << "2 % of failures leave p95 finite";
}

TEST(AsObserved, IsJudgedByTheValueOfTheRun) {
  const RunRecord record = FailingRecord(1152, 48);
  const std::vector criteria = {(SuccessRate() >= 0.95).AsObserved()};
  const Judgement judgement = Judge(record, criteria);
  EXPECT_EQ(judgement.verdict, Verdict::kPass);
  EXPECT_TRUE(judgement.criteria[0].as_observed);
  EXPECT_EQ(judgement.criteria[0].remark, "holds in this run; a repeat could miss it");
  EXPECT_TRUE(judgement.criteria[0].observed_lower);
  EXPECT_EQ(Judge(record, criteria, {}, {.confidence_required = true}).verdict,
            Verdict::kInconclusive);
  EXPECT_EQ(Judge(record, std::vector{SuccessRate() >= 0.95}).verdict, Verdict::kInconclusive);
  EXPECT_EQ(Judge(FailingRecord(1135, 65), criteria).verdict, Verdict::kFail);
}

}  // namespace
}  // namespace llmload
