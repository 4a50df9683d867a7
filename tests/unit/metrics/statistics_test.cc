#include "llmload/metrics/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "llmload/core/random.h"

namespace llmload {
namespace {

TEST(NearestRank, IsTheCeilingOfQuantileTimesCount) {
  EXPECT_EQ(NearestRank(0.5, 1), 1u);
  EXPECT_EQ(NearestRank(0.5, 4), 2u);
  EXPECT_EQ(NearestRank(0.5, 5), 3u);
  EXPECT_EQ(NearestRank(0.95, 20), 19u);
  EXPECT_EQ(NearestRank(0.95, 21), 20u);
  EXPECT_EQ(NearestRank(0.99, 1000), 990u);
  EXPECT_EQ(NearestRank(0, 7), 1u);
  EXPECT_EQ(NearestRank(1, 7), 7u);
}

TEST(NearestRank, IsNotMovedByFloatingPointDust) {
  // 0.07 * 100 is 7.000000000000001 in binary.
  EXPECT_EQ(NearestRank(0.07, 100), 7u);
  EXPECT_EQ(NearestRank(0.999, 1'000'000), 999'000u);
}

TEST(MinimumSamples, AreTheDocumentedOnes) {
  EXPECT_EQ(MinimumSamples(0.90), 64u);
  EXPECT_EQ(MinimumSamples(0.95), 130u);
  EXPECT_EQ(MinimumSamples(0.99), 662u);
  EXPECT_EQ(MinimumSamples(0.999), 6636u);
}

TEST(MinimumSamples, IsSymmetric) { EXPECT_EQ(MinimumSamples(0.1), MinimumSamples(0.9)); }

TEST(QuantileRankBounds, OfTheMedianOfTenAreTheTabulatedRanks) {
  // P(B < 1) = 1/1024 <= 0.005 < P(B < 2) = 11/1024.
  const RankBounds bounds = QuantileRankBounds(0.5, 10);
  EXPECT_EQ(bounds.lower, 1u);
  EXPECT_EQ(bounds.upper, 10u);
}

TEST(QuantileRankBounds, AreMissingWhereTheSampleIsTooSmall) {
  const RankBounds tiny = QuantileRankBounds(0.99, 5);
  EXPECT_FALSE(tiny.upper);
  // 0.95^103 > 0.005 >= 0.95^104: the largest of 104 bounds p95 from above, the largest of 103 does
  // not.
  EXPECT_FALSE(QuantileRankBounds(0.95, 103).upper);
  EXPECT_EQ(QuantileRankBounds(0.95, 104).upper, 104u);
  EXPECT_FALSE(QuantileRankBounds(0.95, 0).lower);
}

TEST(QuantileRankBounds, OfALargeSampleApproachTheNormalLimit) {
  const std::uint64_t count = 10'000'000;
  const double deviation = std::sqrt(1e7 * 0.95 * 0.05);
  const RankBounds bounds = QuantileRankBounds(0.95, count);
  ASSERT_TRUE(bounds.lower && bounds.upper);
  EXPECT_NEAR(static_cast<double>(*bounds.lower), 9.5e6 - 2.5758 * deviation, 0.01 * deviation);
  EXPECT_NEAR(static_cast<double>(*bounds.upper), 9.5e6 + 2.5758 * deviation, 0.01 * deviation);
}

TEST(QuantileRankBounds, CoverTheTrueQuantileAsOftenAsPromised) {
  constexpr std::uint64_t kSeed = 20240611;
  constexpr int kTrials = 4000;
  Random random(kSeed);
  int covered = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> values(300);
    for (double& value : values) value = random.Uniform();  // its p90 is 0.9
    std::sort(values.begin(), values.end());
    const RankBounds bounds = QuantileRankBounds(0.9, values.size());
    ASSERT_TRUE(bounds.lower && bounds.upper);
    if (values[*bounds.lower - 1] <= 0.9 && 0.9 <= values[*bounds.upper - 1]) ++covered;
  }
  // Three standard deviations of the count of misses below the promised 99 %; well above it would
  // mean bounds that are wider than they need to be.
  EXPECT_GE(covered, kTrials * 0.99 - 3 * 6.3) << "seed " << kSeed;
  EXPECT_LE(covered, kTrials * 0.999) << "seed " << kSeed;
}

// P(Binomial(n, p) >= k), term by term.
double TailByHand(double p, int k, int n) {
  double tail = 0;
  for (int i = k; i <= n; ++i) {
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0) +
                     i * std::log(p) + (n - i) * std::log1p(-p));
  }
  return tail;
}

TEST(ExactProportionBounds, LeaveHalfAPercentBeyondEachSide) {
  for (const int n : {2, 7, 60, 1000, 1200}) {
    for (const int k : {1, n / 3, n / 2, n - 1}) {
      if (k < 1 || k >= n) continue;
      const ProportionBounds bounds =
          ExactProportionBounds(static_cast<std::uint64_t>(k), static_cast<std::uint64_t>(n));
      EXPECT_NEAR(TailByHand(bounds.lower, k, n), 0.005, 1e-9) << k << " of " << n;
      EXPECT_NEAR(1 - TailByHand(bounds.upper, k + 1, n), 0.005, 1e-9) << k << " of " << n;
    }
  }
}

TEST(ExactProportionBounds, HaveAClosedFormWhereAllOrNoneSucceeded) {
  const ProportionBounds all = ExactProportionBounds(1000, 1000);
  EXPECT_NEAR(all.lower, std::pow(0.005, 1.0 / 1000), 1e-12);
  EXPECT_EQ(all.upper, 1);
  const ProportionBounds none = ExactProportionBounds(0, 1000);
  EXPECT_EQ(none.lower, 0);
  EXPECT_NEAR(none.upper, 1 - std::pow(0.005, 1.0 / 1000), 1e-12);
  EXPECT_NEAR(ExactProportionBounds(1, 1).lower, 0.005, 1e-12);
}

TEST(ExactProportionBounds, OfNothingAreEverything) {
  const ProportionBounds bounds = ExactProportionBounds(0, 0);
  EXPECT_EQ(bounds.lower, 0);
  EXPECT_EQ(bounds.upper, 1);
}

TEST(ExactProportionBounds, AreSymmetric) {
  const ProportionBounds bounds = ExactProportionBounds(985, 1000);
  const ProportionBounds mirrored = ExactProportionBounds(15, 1000);
  EXPECT_NEAR(bounds.lower, 1 - mirrored.upper, 1e-12);
  EXPECT_NEAR(bounds.upper, 1 - mirrored.lower, 1e-12);
}

TEST(ExactProportionBounds, OfALargeSampleApproachTheNormalLimit) {
  const double deviation = std::sqrt(0.95 * 0.05 / 1e8);
  const ProportionBounds bounds = ExactProportionBounds(95'000'000, 100'000'000);
  EXPECT_NEAR(bounds.lower, 0.95 - 2.5758 * deviation, 0.01 * deviation);
  EXPECT_NEAR(bounds.upper, 0.95 + 2.5758 * deviation, 0.01 * deviation);
}

TEST(ExactProportionBounds, AreNarrowerForLessConfidence) {
  const ProportionBounds wide = ExactProportionBounds(30, 100, 0.99);
  const ProportionBounds narrow = ExactProportionBounds(30, 100, 0.95);
  EXPECT_LT(wide.lower, narrow.lower);
  EXPECT_GT(wide.upper, narrow.upper);
  // The example of every textbook, to three digits: 30 of 100, 95 %.
  EXPECT_NEAR(narrow.lower, 0.212, 0.001);
  EXPECT_NEAR(narrow.upper, 0.400, 0.001);
}

TEST(TheilSen, FindsTheSlopeOfALineExactly) {
  const std::vector<double> x{0, 1, 2, 5, 9};
  std::vector<double> y;
  for (const double value : x) y.push_back(3 * value - 7);
  const auto estimate = TheilSen(x, y);
  ASSERT_TRUE(estimate);
  EXPECT_DOUBLE_EQ(estimate->slope, 3);
  EXPECT_DOUBLE_EQ(estimate->lower, 3);
  EXPECT_DOUBLE_EQ(estimate->upper, 3);
}

TEST(TheilSen, ReproducesSensExample) {
  // P. K. Sen (1968), section 6: seven points, and the slope 4. The 95 % limits are the 3rd and the
  // 19th of the 21 sorted pairwise slopes: 10.5 -/+ 1.96 * sqrt(7 * 6 * 19 / 18) / 2, rounded
  // outwards.
  const std::vector<double> x{1, 2, 3, 4, 10, 12, 18};
  const std::vector<double> y{9, 15, 19, 20, 45, 55, 78};
  const auto estimate = TheilSen(x, y);
  ASSERT_TRUE(estimate);
  EXPECT_DOUBLE_EQ(estimate->slope, 4);
  EXPECT_DOUBLE_EQ(estimate->lower, 11.0 / 3);
  EXPECT_DOUBLE_EQ(estimate->upper, 5);
}

TEST(TheilSen, IntervalGrowsWithTheConfidenceAskedFor) {
  const std::vector<double> x{1, 2, 3, 4, 10, 12, 18};
  const std::vector<double> y{9, 15, 19, 20, 45, 55, 78};
  // Sen's example at 99 %: 10.5 -/+ 2.576 * sqrt(7 * 6 * 19 / 18) / 2 are the 1st and the 21st.
  const auto estimate = TheilSen(x, y, 0.99);
  ASSERT_TRUE(estimate);
  EXPECT_DOUBLE_EQ(estimate->lower, 1);
  EXPECT_DOUBLE_EQ(estimate->upper, 6);
}

TEST(TheilSen, IsNotMovedByOutliers) {
  std::vector<double> x;
  std::vector<double> y;
  for (int i = 0; i < 100; ++i) {
    x.push_back(i);
    y.push_back(i % 5 == 0 ? 1e6 : 2.0 * i);
  }
  const auto estimate = TheilSen(x, y);
  ASSERT_TRUE(estimate);
  EXPECT_NEAR(estimate->slope, 2, 0.2);
}

TEST(TheilSen, IntervalTellsAPlateauFromALeak) {
  constexpr std::uint64_t kSeed = 7;
  Random random(kSeed);
  std::vector<double> x;
  std::vector<double> plateau;
  std::vector<double> leak;
  for (int i = 0; i < 2000; ++i) {  // more than are used: thinned
    x.push_back(i);
    plateau.push_back(1e6 + 1e4 * random.Normal());
    leak.push_back(1e6 + 100 * i + 1e4 * random.Normal());
  }
  const auto flat = TheilSen(x, plateau);
  const auto rising = TheilSen(x, leak);
  ASSERT_TRUE(flat && rising);
  EXPECT_LT(flat->lower, 0) << "seed " << kSeed;
  EXPECT_GT(flat->upper, 0) << "seed " << kSeed;
  EXPECT_NEAR(rising->slope, 100, 3) << "seed " << kSeed;
  EXPECT_GT(rising->lower, 90) << "seed " << kSeed;
}

TEST(TheilSen, SaysNothingWithoutPointsToCompare) {
  const std::vector<double> two{1, 2};
  EXPECT_FALSE(TheilSen(two, two));
  const std::vector<double> same_x{1, 1, 1};
  const std::vector<double> y{1, 2, 3};
  EXPECT_FALSE(TheilSen(same_x, y));
}

}  // namespace
}  // namespace llmload
