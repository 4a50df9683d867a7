#include "llmload/simulation/latency_model.h"

#include <gtest/gtest.h>

#include <set>

namespace llmload::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kLatencySeed = 3;

TEST(AnswerPlan, DependsOnSeedAndArrivalOnly) {
  const LatencyModel model;
  AnswerPlan first(model, kLatencySeed, 5, std::nullopt);
  AnswerPlan again(model, kLatencySeed, 5, std::nullopt);
  EXPECT_EQ(first.ttft(), again.ttft());
  EXPECT_EQ(first.tokens(), again.tokens());
  EXPECT_EQ(first.NextGap(), again.NextGap());
  EXPECT_NE(first.ttft(), AnswerPlan(model, kLatencySeed, 6, std::nullopt).ttft());
  EXPECT_NE(first.ttft(), AnswerPlan(model, kLatencySeed + 1, 5, std::nullopt).ttft());
}

TEST(AnswerPlan, DrawsEachNumberOfTokensFromTheRange) {
  const LatencyModel model{.tokens_min = 4, .tokens_max = 7};
  std::set<int> seen;
  for (std::uint64_t arrival = 0; arrival < 200; ++arrival) {
    const AnswerPlan plan(model, kLatencySeed, arrival, std::nullopt);
    EXPECT_FALSE(plan.cut());
    seen.insert(plan.tokens());
  }
  EXPECT_EQ(seen, (std::set<int>{4, 5, 6, 7}));
}

TEST(AnswerPlan, IsCutAtTheLimitOfTheRequest) {
  const LatencyModel model{.tokens_min = 4, .tokens_max = 4};
  EXPECT_EQ(AnswerPlan(model, kLatencySeed, 1, 3).tokens(), 3);
  EXPECT_TRUE(AnswerPlan(model, kLatencySeed, 1, 3).cut());
  EXPECT_FALSE(AnswerPlan(model, kLatencySeed, 1, 4).cut());
}

TEST(AnswerPlan, TakesTheMediansWithoutSpread) {
  const LatencyModel model{.ttft_median = 70ms, .ttft_sigma = 0, .gap_median = 9ms, .gap_sigma = 0};
  AnswerPlan plan(model, kLatencySeed, 1, std::nullopt);
  EXPECT_EQ(plan.ttft(), Duration(70ms));
  EXPECT_EQ(plan.NextGap(), Duration(9ms));
}

}  // namespace
}  // namespace llmload::simulation
