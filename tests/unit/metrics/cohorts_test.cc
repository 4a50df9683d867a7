// Requests by the time at which they were scheduled.
#include "llmload/metrics/cohorts.h"

#include <gtest/gtest.h>

#include "llmload/metrics/load_test_metrics.h"
#include "src/metrics/cohort_recorder.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::kStart;

const FigureSet kLatency = FiguresOf(Figure::kScheduledLatency);

TEST(Cohorts, CountARequestWhereItWasScheduled) {
  LoadTestMetrics metrics({.start = kStart, .with_series = true});
  MetricsShard& shard = metrics.AddShard();
  const TimePoint at = kStart + 130ms;
  shard.Scheduled(3);
  for (int i = 0; i < 2; ++i) shard.Dispatched(at, at + 1s);
  shard.Succeeded({.scheduled = at, .dispatched = at + 1s, .completed = at + 5s}, Completion{});
  shard.Failed({.scheduled = at, .dispatched = at + 1s, .completed = at + 9s}, Error{});
  shard.Dropped(kStart + 200ms);
  const Cohorts cohorts = metrics.Snapshot().cohorts;
  ASSERT_EQ(cohorts.interval, Cohorts::kShortestInterval);
  ASSERT_EQ(cohorts.cohorts.size(), 4u);
  EXPECT_EQ(cohorts.cohorts[2].scheduled, 2u);
  EXPECT_EQ(cohorts.cohorts[2].succeeded, 1u);
  EXPECT_EQ(cohorts.cohorts[2].completed, 2u);
  EXPECT_EQ(cohorts.cohorts[2].attempts, 2u);
  EXPECT_EQ(cohorts.cohorts[2].lost, 1u);
  ASSERT_EQ(cohorts.cohorts[2][Figure::kScheduledLatency].size(), 1u);
  EXPECT_EQ(cohorts.cohorts[2][Figure::kScheduledLatency][0].index, SeriesCells::Of(5s));
  EXPECT_EQ(cohorts.cohorts[3].scheduled, 1u);
  EXPECT_EQ(cohorts.cohorts[3].lost, 1u) << "dropped";
}

TEST(Cohorts, KeepTheFiguresThatAreJudged) {
  CohortRecorder recorder(kStart, kLatency);
  recorder.Add(CohortRecorder::kScheduled, kStart);
  recorder.Record(Figure::kScheduledLatency, kStart, 1s);
  recorder.Record(Figure::kTtft, kStart, 1s);
  const Cohorts cohorts = recorder.Snapshot();
  ASSERT_EQ(cohorts.cohorts.size(), 1u);
  EXPECT_EQ(cohorts.cohorts[0][Figure::kScheduledLatency].size(), 1u);
  EXPECT_TRUE(cohorts.cohorts[0][Figure::kTtft].empty());
}

TEST(Cohorts, DoubleTheirIntervalAndLoseNothing) {
  CohortRecorder recorder(kStart, kLatency);
  constexpr int kSeconds = 100;
  for (int second = 0; second < kSeconds; ++second) {
    recorder.Add(CohortRecorder::kScheduled, kStart + second * 1s);
    recorder.Record(Figure::kScheduledLatency, kStart + second * 1s, second * 10ms);
  }
  const Cohorts cohorts = recorder.Snapshot();
  EXPECT_EQ(cohorts.interval, 1s) << "100 s in at most 192 intervals";
  ASSERT_EQ(cohorts.cohorts.size(), std::size_t{kSeconds});
  for (std::size_t i = 0; i < cohorts.cohorts.size(); ++i) {
    EXPECT_EQ(cohorts.cohorts[i].scheduled, 1u) << i;
    ASSERT_EQ(cohorts.cohorts[i][Figure::kScheduledLatency].size(), 1u) << i;
    EXPECT_EQ(cohorts.cohorts[i][Figure::kScheduledLatency][0].index,
              SeriesCells::Of(static_cast<int>(i) * 10ms));
  }
}

TEST(Cohorts, OfSharesAddUpToThoseOfTheWhole) {
  CohortRecorder whole(kStart, kLatency);
  CohortRecorder parts[] = {{kStart, kLatency}, {kStart, kLatency}};
  for (int i = 0; i < 5000; ++i) {
    const TimePoint at = kStart + i * 13ms;
    // The second share ends early, and keeps a shorter interval.
    for (CohortRecorder* recorder : {&whole, &parts[i < 500 ? i % 2 : 0]}) {
      recorder->Add(CohortRecorder::kScheduled, at);
      recorder->Record(Figure::kScheduledLatency, at, (i % 7) * 100ms);
    }
  }
  for (const bool reversed : {false, true}) {
    Cohorts sum = parts[reversed ? 1 : 0].Snapshot();
    sum.Merge(parts[reversed ? 0 : 1].Snapshot());
    EXPECT_EQ(sum, whole.Snapshot());
  }
}

}  // namespace
}  // namespace llmload
