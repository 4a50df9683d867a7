#include "llmload/metrics/sustained_slope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "llmload/core/random.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

constexpr int kSamples = 120;

struct Series {
  std::vector<double> x;
  std::vector<double> y;
};

// `y` as a function of the share of the run that is over; x runs to 1000.
Series SeriesOf(const std::function<double(double share)>& y, int samples = kSamples) {
  Series series;
  for (int i = 0; i < samples; ++i) {
    const double share = static_cast<double>(i) / samples;
    series.x.push_back(1000 * share);
    series.y.push_back(y(share));
  }
  return series;
}

SustainedSlope Estimate(const std::function<double(double share)>& y) {
  const Series series = SeriesOf(y);
  const auto estimate = EstimateSustainedSlope(series.x, series.y);
  EXPECT_TRUE(estimate);
  return estimate.value_or(SustainedSlope{});
}

TEST(MedianOfBlocks, AreTheMediansOfEqualRuns) {
  const std::vector<double> x{0, 1, 2, 3, 4, 5};
  const std::vector<double> y{5, 900, 7, 2, 4, 0};
  const BlockMedians medians = MedianOfBlocks(x, y, 2);
  EXPECT_EQ(medians.x, (std::vector<double>{1, 4}));
  EXPECT_EQ(medians.y, (std::vector<double>{7, 2}));
  EXPECT_EQ(MedianOfBlocks(x, y, 9).y, y) << "fewer samples than blocks";
  EXPECT_TRUE(MedianOfBlocks({}, {}, 3).x.empty());
}

TEST(BlockSlope, NeedsSixSamples) {
  const auto line = [](double share) { return share; };
  const Series five = SeriesOf(line, 5);
  const Series six = SeriesOf(line, 6);
  EXPECT_FALSE(BlockSlope(five.x, five.y));
  ASSERT_TRUE(BlockSlope(six.x, six.y));
  EXPECT_NEAR(BlockSlope(six.x, six.y)->slope, 0.001, 1e-12);
}

TEST(BlockSlope, CoversTheTruthUnderAutocorrelatedNoise) {
  constexpr std::uint64_t kSeed = 11;
  constexpr int kTrials = test_support::kSanitized ? 20 : 300;
  int blocks = 0;
  int samples = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    Random random = Random::Stream(kSeed, static_cast<std::uint64_t>(trial));
    double noise = random.Normal();
    // Correlated over 10 samples of 480: half a block.
    const Series series = SeriesOf(
        [&](double share) {
          noise = 0.9 * noise + std::sqrt(1 - 0.81) * random.Normal();
          return 5 * share + noise;
        },
        480);
    const double truth = 5.0 / 1000;
    const auto covers = [truth](const std::optional<SlopeEstimate>& estimate) {
      return estimate && estimate->lower <= truth && truth <= estimate->upper;
    };
    blocks += covers(BlockSlope(series.x, series.y));
    samples += covers(TheilSen(series.x, series.y, 0.99));
  }
  EXPECT_GE(blocks, kTrials * 0.95) << "seed " << kSeed;
  EXPECT_LE(samples, kTrials * 0.80) << "what the blocks are for; seed " << kSeed;
}

TEST(BlockSlope, IsWidenedWhereEvenBlocksShareTheirNoise) {
  constexpr std::uint64_t kSeed = 12;
  constexpr int kTrials = 1000;
  int widened = 0;
  int plain = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    Random random = Random::Stream(kSeed, static_cast<std::uint64_t>(trial));
    // Correlated over a tenth of the run: more than two blocks.
    const double kept = std::exp(-10.0 / kSamples);
    double noise = random.Normal();
    const Series series = SeriesOf([&](double share) {
      noise = kept * noise + std::sqrt(1 - kept * kept) * random.Normal();
      return 5 * share + noise;
    });
    const double truth = 5.0 / 1000;
    const auto covers = [truth](const std::optional<SlopeEstimate>& estimate) {
      return estimate && estimate->lower <= truth && truth <= estimate->upper;
    };
    const BlockMedians medians = MedianOfBlocks(series.x, series.y);
    widened += covers(BlockSlope(series.x, series.y));
    plain += covers(TheilSen(medians.x, medians.y, 0.99));
  }
  EXPECT_GE(widened, kTrials * 0.94) << "seed " << kSeed;
  EXPECT_LE(plain, kTrials * 0.90) << "what the widening is for; seed " << kSeed;
}

TEST(SustainedSlope, OfALineIsItsSlope) {
  const SustainedSlope slope = Estimate([](double share) { return 7 + 2000 * share; });
  EXPECT_NEAR(slope.slope, 2, 1e-9);
  EXPECT_NEAR(slope.lower, 2, 1e-9);
  EXPECT_NEAR(slope.upper, 2, 1e-9);
  EXPECT_FALSE(slope.settling);
}

TEST(SustainedSlope, LeavesOutTheStart) {
  const SustainedSlope slope =
      Estimate([](double share) { return 2000 * share + (share < 0.25 ? 1e6 * share : 2.5e5); });
  EXPECT_NEAR(slope.slope, 2, 1e-9);
  EXPECT_FALSE(slope.settling);
}

TEST(SustainedSlope, OfStepsHasALowerEndOfZero) {
  for (const double first : {0.3, 0.5, 0.62, 0.63, 0.8}) {
    for (const double second : {0.35, 0.55, 0.62, 0.7, 0.9}) {
      const SustainedSlope slope = Estimate([&](double share) {
        return 1e6 + (share >= first ? 4000 : 0) + (share >= second ? 3000 : 0);
      });
      EXPECT_LE(slope.lower, 0) << first << ", " << second;
      EXPECT_GE(slope.upper, 0) << first << ", " << second;
    }
  }
}

TEST(SustainedSlope, OfALineWithAStepIsStillThatOfTheLine) {
  for (const double at : {0.3, 0.5, 0.625, 0.8}) {
    const SustainedSlope slope =
        Estimate([at](double share) { return 2000 * share + (share >= at ? 1000 : 0); });
    EXPECT_GT(slope.lower, 1) << at;
    EXPECT_FALSE(slope.settling) << at;
  }
}

TEST(SustainedSlope, OfGrowthThatBeganLateHasALowerEndOfZero) {
  const SustainedSlope slope =
      Estimate([](double share) { return 1e6 + (share > 0.55 ? 1e5 * (share - 0.55) : 0); });
  EXPECT_LE(slope.lower, 0) << "a third of what is looked at is flat";
  EXPECT_GT(slope.upper, 50);
}

TEST(SustainedSlope, OfASawtoothReachesBelowZero) {
  for (const double teeth : {4.0, 6.0, 10.0, 17.0}) {
    const SustainedSlope slope =
        Estimate([teeth](double share) { return 1e6 + 1e4 * std::fmod(share * teeth, 1.0); });
    EXPECT_LE(slope.lower, 0) << teeth;
  }
}

TEST(SustainedSlope, SettlesWhereAPlateauIsApproached) {
  // Time constants in lengths of the run. A longer one is a line to all that can be seen.
  for (const double constant : {0.1, 0.2, 0.5, 0.9}) {
    const SustainedSlope slope =
        Estimate([constant](double share) { return 1e6 - 1e5 * std::exp(-share / constant); });
    EXPECT_TRUE(slope.settling) << constant;
    EXPECT_LE(slope.lower, slope.slope) << constant;
    EXPECT_LE(slope.slope, slope.upper) << constant;
    EXPECT_LT(slope.upper, 1e5 / 1000) << constant << ": less than all of it over the run";
  }
}

TEST(SustainedSlope, OfASettledPlateauIsThatOfItsLaterHalf) {
  const SustainedSlope slope =
      Estimate([](double share) { return 1e6 - 1e5 * std::exp(-share / 0.05); });
  EXPECT_TRUE(slope.settling);
  EXPECT_LT(slope.upper, 1) << "1e5 over the 1000 of the run would be 100";
  EXPECT_NEAR(slope.lower, 0, 1);
}

TEST(SustainedSlope, DoesNotSettleWhereGrowthGoesOn) {
  const SustainedSlope faster =
      Estimate([](double share) { return 2000 * share + 1000 * share * share; });
  EXPECT_FALSE(faster.settling);
  const SustainedSlope falling = Estimate([](double share) { return -2000 * share; });
  EXPECT_FALSE(falling.settling);
  EXPECT_NEAR(falling.slope, -2, 1e-9);
}

TEST(SustainedSlope, LowerEndIsNeverAboveTheSlopeNorTheUpperBelow) {
  constexpr std::uint64_t kSeed = 3;
  for (std::uint64_t trial = 0; trial < 500; ++trial) {
    Random random = Random::Stream(kSeed, trial);
    const double trend = 2000 * random.Normal();
    const SustainedSlope slope =
        Estimate([&](double share) { return trend * share + 300 * random.Normal(); });
    EXPECT_LE(slope.lower, slope.slope) << "seed " << kSeed << ", trial " << trial;
    EXPECT_GE(slope.upper, slope.slope) << "seed " << kSeed << ", trial " << trial;
  }
}

TEST(SustainedSlope, NeedsABlockOfEachSampleAndProgress) {
  const auto line = [](double share) { return share; };
  const Series few = SeriesOf(line, 23);
  const Series enough = SeriesOf(line, 24);
  EXPECT_FALSE(EstimateSustainedSlope(few.x, few.y));
  EXPECT_TRUE(EstimateSustainedSlope(enough.x, enough.y));
  const std::vector<double> still(50, 7);
  EXPECT_FALSE(EstimateSustainedSlope(still, still));
}

}  // namespace
}  // namespace llmload
