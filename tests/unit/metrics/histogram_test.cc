#include "llmload/metrics/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/metrics/statistics.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

Duration Exact(const std::vector<Duration>& sorted, double quantile) {
  return sorted[NearestRank(quantile, sorted.size()) - 1];
}

// The reading is never below the recorded value, and above it by at most 0.1 % or 1 µs.
void ExpectWithinStatedError(Duration read, Duration exact) {
  EXPECT_GE(read, exact);
  EXPECT_LE(read, exact + std::max<Duration>(1us, exact / 1000));
}

TEST(Histogram, IsAllZeroWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.max(), 0ns);
  EXPECT_EQ(histogram.mean(), 0ns);
  EXPECT_EQ(histogram.ValueAtQuantile(0.99), 0ns);
  EXPECT_EQ(histogram.BoundsAtQuantile(0.5).lower, std::nullopt);
}

TEST(Histogram, KeepsExtremesSumAndCountExactly) {
  Histogram histogram;
  for (const Duration value : {Duration(1'234'567'891), Duration(17), Duration(999'999)}) {
    histogram.Record(value);
  }
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.min(), 17ns);
  EXPECT_EQ(histogram.max(), 1'234'567'891ns);
  EXPECT_EQ(histogram.sum(), 1'235'567'907ns);
  EXPECT_EQ(histogram.mean(), Duration(1'235'567'907 / 3));
}

TEST(Histogram, ReadsASingleValueBackExactly) {
  Histogram histogram;
  histogram.Record(123'456'789ns);
  for (const double quantile : {0.0, 0.5, 0.99, 1.0}) {
    EXPECT_EQ(histogram.ValueAtQuantile(quantile), 123'456'789ns);
  }
}

TEST(Histogram, ResolvesThreeSignificantDigitsFromMicrosecondsToAnHour) {
  for (Duration value = 1us; value <= Histogram::kHighestTracked; value += value / 7 + 1ns) {
    Histogram histogram;
    histogram.Record(value);
    histogram.Record(2h);  // keeps the reading from being clamped to the exact maximum
    ExpectWithinStatedError(histogram.ValueAtRank(1), value);
    Histogram pair;
    pair.Record(0ns);
    pair.Record(value);
    pair.Record(2h);
    ExpectWithinStatedError(pair.ValueAtRank(2), value);
  }
}

TEST(Histogram, PercentilesOfRandomDataAreWithinTheStatedError) {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Histogram histogram;
    std::vector<Duration> values;
    for (int i = 0; i < 20'000; ++i) {
      const Duration value = random.LogNormal(800ms, 1.5);
      values.push_back(value);
      histogram.Record(value);
    }
    std::sort(values.begin(), values.end());
    for (const double quantile : {0.001, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
      ExpectWithinStatedError(histogram.ValueAtQuantile(quantile), Exact(values, quantile));
    }
  }
}

TEST(Histogram, MergeEqualsRecordingTheUnion) {
  Random random(99);
  Histogram parts[3];
  Histogram all;
  for (int i = 0; i < 9'000; ++i) {
    const Duration value = random.LogNormal(20ms, 3.0) - 1ms;  // some negative, some beyond an hour
    parts[i % 3].Record(value);
    all.Record(value);
  }
  parts[1].Record(3h);
  all.Record(3h);
  Histogram merged;
  for (const Histogram& part : parts) merged.Merge(part);
  EXPECT_EQ(merged.count(), all.count());
  EXPECT_EQ(merged.min(), all.min());
  EXPECT_EQ(merged.max(), all.max());
  EXPECT_EQ(merged.sum(), all.sum());
  EXPECT_EQ(merged.overflow_count(), all.overflow_count());
  EXPECT_EQ(merged.negative_count(), all.negative_count());
  EXPECT_GT(merged.negative_count(), 0u);
  for (std::uint64_t rank = 1; rank <= all.count(); rank += 97) {
    EXPECT_EQ(merged.ValueAtRank(rank), all.ValueAtRank(rank)) << "rank " << rank;
  }
}

TEST(Histogram, AssignmentReplacesWhatWasRecorded) {
  Histogram target;
  target.Record(5s);
  target.Record(-1s);
  Histogram source;
  source.Record(10ms);
  target = source;
  EXPECT_EQ(target.count(), 1u);
  EXPECT_EQ(target.max(), 10ms);
  EXPECT_EQ(target.negative_count(), 0u);
  const Histogram copy = target;
  EXPECT_EQ(copy.ValueAtQuantile(1), 10ms);
}

TEST(Histogram, CountsOverflowInsteadOfDroppingIt) {
  Histogram histogram;
  histogram.Record(1h);
  histogram.Record(1h + 1ns);
  histogram.Record(50h);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.overflow_count(), 2u);
  EXPECT_EQ(histogram.max(), 50h);
  EXPECT_EQ(histogram.ValueAtQuantile(0.99), 50h);
}

TEST(Histogram, ClampsNegativeValuesToZeroAndCountsThem) {
  Histogram histogram;
  histogram.Record(-5ms);
  histogram.Record(Duration::min());
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.negative_count(), 2u);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.sum(), 0ns);
}

TEST(Histogram, SumSaturatesInsteadOfWrapping) {
  Histogram histogram;
  for (int i = 0; i < 4; ++i) histogram.Record(Duration::max());
  EXPECT_EQ(histogram.sum(), Duration::max());
  EXPECT_GT(histogram.mean(), 100h);
}

TEST(Histogram, ConfidenceBoundsEncloseThePercentileAndAreOrderStatistics) {
  Histogram histogram;
  for (int i = 1; i <= 1000; ++i) histogram.Record(i * 1ms);
  const QuantileBounds bounds = histogram.BoundsAtQuantile(0.95);
  const RankBounds ranks = QuantileRankBounds(0.95, 1000);
  ASSERT_TRUE(bounds.lower && bounds.upper && ranks.lower && ranks.upper);
  ExpectWithinStatedError(bounds.value, 950ms);
  ExpectWithinStatedError(*bounds.lower, *ranks.lower * 1ms);
  ExpectWithinStatedError(*bounds.upper, *ranks.upper * 1ms);
  EXPECT_LT(*bounds.lower, bounds.value);
  EXPECT_GT(*bounds.upper, bounds.value);
}

TEST(Histogram, CanBeReadWhileAnotherThreadRecords) {
  Histogram histogram;
  std::atomic<bool> started{false};
  std::atomic<bool> done{false};
  std::thread writer([&] {
    Random random(5);
    for (int i = 0; i < 200'000; ++i) {
      histogram.Record(1ms + Duration(static_cast<Duration::rep>(random.Below(1'000'000))));
      if (i == 0) started = true;
    }
    done = true;
  });
  while (!started) std::this_thread::yield();
  std::uint64_t last = 0;
  int reads = 0;
  do {
    const Histogram snapshot = histogram;
    EXPECT_GE(snapshot.count(), last);
    last = snapshot.count();
    const Duration p95 = histogram.ValueAtQuantile(0.95);
    EXPECT_GE(p95, 1ms);
    EXPECT_LE(p95, 2ms);
    ++reads;
  } while (!done);
  writer.join();
  EXPECT_GT(reads, 0);
  EXPECT_EQ(histogram.count(), 200'000u);
}

}  // namespace
}  // namespace llmload
