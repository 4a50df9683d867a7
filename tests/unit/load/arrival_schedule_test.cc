#include "llmload/load/arrival_schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

std::vector<Duration> All(const OpenLoop& load) {
  ArrivalSequence sequence(load);
  std::vector<Duration> arrivals;
  while (const auto next = sequence.Next()) arrivals.push_back(*next);
  return arrivals;
}

TEST(ArrivalSchedule, ThousandPerMinuteIsExactlyThousandInAMinute) {
  const auto arrivals = All({.rate_per_second = 1000.0 / 60.0, .duration = 60s});
  ASSERT_EQ(arrivals.size(), 1000u);
  EXPECT_EQ(arrivals.front(), Duration(0));
  EXPECT_EQ(arrivals.back(), Duration(59'940ms));
  EXPECT_EQ(CountArrivals({.rate_per_second = 1000.0 / 60.0, .duration = 60s}), 1000u);
}

TEST(ArrivalSchedule, ConstantRateDoesNotDriftOverAMillionArrivals) {
  const OpenLoop load{.rate_per_second = 3000, .duration = 400s};
  const auto arrivals = All(load);
  ASSERT_EQ(arrivals.size(), 1'200'000u);
  EXPECT_EQ(arrivals[900'000], Duration(300s));
}

TEST(ArrivalSchedule, PoissonKeepsRateAndHasExponentialGaps) {
  const OpenLoop load{
      .rate_per_second = 100, .duration = 1000s, .pattern = ArrivalPattern::kPoisson, .seed = 7};
  const auto arrivals = All(load);
  const double count = static_cast<double>(arrivals.size());
  EXPECT_NEAR(count, 100'000, 4 * std::sqrt(100'000));
  double squares = 0;
  for (std::size_t i = 1; i < arrivals.size(); ++i) {
    const double gap = std::chrono::duration<double>(arrivals[i] - arrivals[i - 1]).count();
    squares += gap * gap;
  }
  EXPECT_NEAR(squares / count, 2 * 0.01 * 0.01, 0.05 * 2 * 0.01 * 0.01);
}

TEST(ArrivalSchedule, SeedDecidesTheSequence) {
  OpenLoop load{.rate_per_second = 50, .duration = 10s, .pattern = ArrivalPattern::kPoisson};
  const auto first = All(load);
  EXPECT_EQ(first, All(load));
  load.seed = 2;
  EXPECT_NE(first, All(load));
}

TEST(ArrivalSchedule, ImpossibleLoadsAreRejectedByName) {
  const double bad_rates[] = {0, -1, std::nan(""), std::numeric_limits<double>::infinity()};
  for (const double rate : bad_rates) {
    EXPECT_THROW(ArrivalSequence({.rate_per_second = rate}), ConfigurationError) << rate;
  }
  try {
    ArrivalSequence({.rate_per_second = 1, .duration = 0s});
    FAIL() << "did not throw";
  } catch (const ConfigurationError& error) {
    EXPECT_NE(std::string(error.what()).find("OpenLoop::duration"), std::string::npos);
  }
}

}  // namespace
}  // namespace llmload
