#include "llmload/core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace llmload {
namespace {

TEST(Random, FollowsTheReferenceSequenceOfSplitMix64) {
  // First outputs of the reference implementation for seed 1234567.
  Random random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317ULL);
  EXPECT_EQ(random.Next(), 3203168211198807973ULL);
  EXPECT_EQ(random.Next(), 9817491932198370423ULL);
}

TEST(Random, StreamsOfOneSeedDiffer) {
  EXPECT_NE(Random::Stream(1, 0).Next(), Random::Stream(1, 1).Next());
  EXPECT_NE(Random::Stream(1, 0).Next(), Random::Stream(2, 0).Next());
  EXPECT_EQ(Random::Stream(7, 3).Next(), Random::Stream(7, 3).Next());
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  Random random(1);
  std::vector<int> seen(5);
  for (int i = 0; i < 1000; ++i) ++seen.at(random.Below(5));
  EXPECT_GT(*std::min_element(seen.begin(), seen.end()), 100);
}

TEST(Random, ExponentialHasItsMeanAndLogNormalItsMedian) {
  Random random(42);
  double sum = 0;
  std::vector<double> values;
  for (int i = 0; i < 20000; ++i) {
    sum += random.Exponential(3.0);
    values.push_back(
        std::chrono::duration<double>(random.LogNormal(std::chrono::seconds(2), 0.5)).count());
  }
  EXPECT_NEAR(sum / 20000, 3.0, 0.1);
  std::nth_element(values.begin(), values.begin() + 10000, values.end());
  EXPECT_NEAR(values[10000], 2.0, 0.05);
}

}  // namespace
}  // namespace llmload
