#include "llmload/metrics/distribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/metrics/statistics.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Duration Exact(const std::vector<Duration>& sorted, double quantile) {
  return sorted[NearestRank(quantile, sorted.size()) - 1];
}

// The reading is never below the recorded value, and above it by at most 0.1 % or 1 µs.
void ExpectWithinStatedError(Duration read, Duration exact) {
  EXPECT_GE(read, exact);
  EXPECT_LE(read, exact + std::max<Duration>(1us, exact / 1000));
}

TEST(Distribution, IsAllZeroWhenEmpty) {
  const Distribution values;
  EXPECT_EQ(values.count(), 0u);
  EXPECT_EQ(values.min(), 0ns);
  EXPECT_EQ(values.max(), 0ns);
  EXPECT_EQ(values.mean(), 0ns);
  EXPECT_EQ(values.ValueAtQuantile(0.99), 0ns);
  EXPECT_EQ(values.BoundsAtQuantile(0.5).lower, std::nullopt);
}

TEST(Distribution, KeepsExtremesSumAndCountExactly) {
  Distribution values;
  for (const Duration value : {Duration(1'234'567'891), Duration(17), Duration(999'999)}) {
    values.Record(value);
  }
  EXPECT_EQ(values.count(), 3u);
  EXPECT_EQ(values.min(), 17ns);
  EXPECT_EQ(values.max(), 1'234'567'891ns);
  EXPECT_EQ(values.sum(), 1'235'567'907ns);
  EXPECT_EQ(values.mean(), Duration(1'235'567'907 / 3));
}

TEST(Distribution, ReadsASingleValueBackExactly) {
  Distribution values;
  values.Record(123'456'789ns);
  for (const double quantile : {0.0, 0.5, 0.99, 1.0}) {
    EXPECT_EQ(values.ValueAtQuantile(quantile), 123'456'789ns);
  }
}

TEST(Distribution, ResolvesThreeSignificantDigitsFromMicrosecondsToAnHour) {
  for (Duration value = 1us; value <= Distribution::kHighestTracked; value += value / 7 + 1ns) {
    Distribution values;
    values.Record(value);
    values.Record(2h);  // keeps the reading from being clamped to the exact maximum
    ExpectWithinStatedError(values.ValueAtRank(1), value);
    Distribution pair;
    pair.Record(0ns);
    pair.Record(value);
    pair.Record(2h);
    ExpectWithinStatedError(pair.ValueAtRank(2), value);
  }
}

TEST(Distribution, PercentilesOfRandomDataAreWithinTheStatedError) {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Distribution values;
    std::vector<Duration> sorted;
    for (int i = 0; i < 20'000; ++i) {
      const Duration value = random.LogNormal(800ms, 1.5);
      sorted.push_back(value);
      values.Record(value);
    }
    std::sort(sorted.begin(), sorted.end());
    for (const double quantile : {0.001, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
      ExpectWithinStatedError(values.ValueAtQuantile(quantile), Exact(sorted, quantile));
    }
  }
}

TEST(Distribution, MergeEqualsRecordingTheUnion) {
  Random random(99);
  Distribution parts[3];
  Distribution all;
  for (int i = 0; i < 9'000; ++i) {
    const Duration value = random.LogNormal(20ms, 3.0) - 1ms;  // some negative, some beyond an hour
    parts[i % 3].Record(value);
    all.Record(value);
  }
  parts[1].Record(3h);
  all.Record(3h);
  Distribution merged;
  for (const Distribution& part : parts) merged.Merge(part);
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

TEST(Distribution, CountsOverflowInsteadOfDroppingIt) {
  Distribution values;
  values.Record(1h);
  values.Record(1h + 1ns);
  values.Record(50h);
  EXPECT_EQ(values.count(), 3u);
  EXPECT_EQ(values.overflow_count(), 2u);
  EXPECT_EQ(values.max(), 50h);
  EXPECT_EQ(values.ValueAtQuantile(0.99), 50h);
}

TEST(Distribution, ClampsNegativeValuesToZeroAndCountsThem) {
  Distribution values;
  values.Record(-5ms);
  values.Record(Duration::min());
  EXPECT_EQ(values.count(), 2u);
  EXPECT_EQ(values.negative_count(), 2u);
  EXPECT_EQ(values.min(), 0ns);
  EXPECT_EQ(values.sum(), 0ns);
}

TEST(Distribution, SumSaturatesInsteadOfWrapping) {
  Distribution values;
  for (int i = 0; i < 4; ++i) values.Record(Duration::max());
  EXPECT_EQ(values.sum(), Duration::max());
  EXPECT_GT(values.mean(), 100h);
}

TEST(Distribution, ConfidenceBoundsEncloseThePercentileAndAreOrderStatistics) {
  Distribution values;
  for (int i = 1; i <= 1000; ++i) values.Record(i * 1ms);
  const QuantileBounds bounds = values.BoundsAtQuantile(0.95);
  const RankBounds ranks = QuantileRankBounds(0.95, 1000);
  ASSERT_TRUE(bounds.lower && bounds.upper && ranks.lower && ranks.upper);
  ExpectWithinStatedError(bounds.value, 950ms);
  ExpectWithinStatedError(*bounds.lower, *ranks.lower * 1ms);
  ExpectWithinStatedError(*bounds.upper, *ranks.upper * 1ms);
  EXPECT_LT(*bounds.lower, bounds.value);
  EXPECT_GT(*bounds.upper, bounds.value);
}

Distribution Of(std::initializer_list<Duration> recorded) {
  Distribution values;
  for (const Duration value : recorded) values.Record(value);
  return values;
}

TEST(Distribution, MergeIsTheSameInEveryOrder) {
  constexpr std::uint64_t kSeed = 12;
  Random random(kSeed);
  std::vector<Distribution> parts(4);
  Distribution all;
  for (int i = 0; i < 2'000; ++i) {
    const Duration value = random.LogNormal(300ms, 4.0) - 1ms;
    parts[random.Below(3)].Record(value);  // the last part stays empty
    all.Record(value);
  }
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    Distribution merged;
    for (const std::size_t part : order) merged.Merge(parts[part]);
    ASSERT_EQ(merged, all) << "seed " << kSeed;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Distribution, IsMadeFromItsPartsAgain) {
  Random random(3);
  Distribution values;
  for (int i = 0; i < 500; ++i) values.Record(random.LogNormal(1s, 5.0) - 10ms);
  values.Record(9h);
  for (const Distribution& original :
       {values, Distribution(), Of({0ns}), Of({1h}), Of({1h + 1ns}), Of({-1s}),
        Of({Duration::max(), Duration::max(), Duration::max()})}) {
    EXPECT_EQ(Distribution(original.parts()), original);
  }
}

TEST(Distribution, RefusesPartsThatNoRecordingLeavesBehind) {
  const Distribution values = Of({5ms, 70ms, 800ms});
  const struct {
    const char* reason;
    std::function<void(Distribution::Parts&)> spoil;
  } cases[] = {
      {"beyond the layout",
       [](auto& parts) { parts.cells.back().index = Distribution::kCellCount; }},
      {"ascending order", [](auto& parts) { std::swap(parts.cells[0], parts.cells[1]); }},
      {"ascending order", [](auto& parts) { parts.cells[1].index = parts.cells[0].index; }},
      {"without a value", [](auto& parts) { parts.cells[1].count = 0; }},
      {"too many values",
       [](auto& parts) { parts.cells[1].count = std::numeric_limits<std::uint64_t>::max(); }},
      {"too many values",
       [](auto& parts) {
         parts.overflow = std::numeric_limits<std::uint64_t>::max();
         parts.max = 2h;
       }},
      {"more negative values", [](auto& parts) { parts.negative = 4; }},
      {"minimum that is negative", [](auto& parts) { parts.min = -1ns; }},
      {"above the maximum", [](auto& parts) { parts.max = parts.min - 1ns; }},
      {"does not fit the maximum", [](auto& parts) { parts.overflow = 1; }},
      {"does not fit the maximum", [](auto& parts) { parts.max = 2h; }},
      {"outside the last cell", [](auto& parts) { parts.max = 900ms; }},
      {"outside the first cell", [](auto& parts) { parts.min = 4ms; }},
      {"without a value", [](auto& parts) { parts.cells.clear(), parts.min = parts.max = 0s; }},
  };
  for (const auto& [reason, spoil] : cases) {
    Distribution::Parts parts = values.parts();
    spoil(parts);
    try {
      const Distribution made(std::move(parts));
      ADD_FAILURE() << "taken although: " << reason;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(reason));
    }
  }
}

TEST(Distribution, FailuresCountAsInfinitelySlow) {
  Distribution values;
  for (int i = 0; i < 96; ++i) values.Record(1s);
  EXPECT_EQ(values.FailureAdjustedQuantile(0.95, 4), Duration(1s));
  EXPECT_EQ(values.FailureAdjustedQuantile(0.96, 4), Duration(1s));
  EXPECT_EQ(values.FailureAdjustedQuantile(0.99, 4), std::nullopt);
  EXPECT_EQ(values.FailureAdjustedQuantile(0.99, 0), values.ValueAtQuantile(0.99));
  EXPECT_EQ(Distribution().FailureAdjustedQuantile(0.5, 0), std::nullopt);
  EXPECT_EQ(Distribution().FailureAdjustedQuantile(0, 10), std::nullopt) << "all are infinite";
}

}  // namespace
}  // namespace llmload
