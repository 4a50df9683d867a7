// How often the verdicts are wrong, and how often a leak is found: docs/verdicts.md has the table
// and says how to print it.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/support/sanitized.h"
#include "tests/support/verdict_simulation.h"

namespace llmload {

static void PrintTo(MemoryNoise noise, std::ostream* out) { *out << Describe(noise); }

namespace {

// Verdicts are made so that each error has 0.5 % at the most: 10 of 2000 runs, give or take 3. The
// sanitizers look for other things than statistics.
constexpr std::uint64_t kRuns = test_support::kSanitized ? 100 : 2000;
constexpr double kMostErrorsPercent = test_support::kSanitized ? 3 : 1;
constexpr std::uint64_t kSeed = 20250615;

constexpr double kFewestFoundPercent = test_support::kSanitized ? 97 : 99;

struct Expectation {
  bool may_pass = true;
  bool may_fail = true;
  double at_least_pass = 0;  // per cent
  double at_least_fail = 0;
};

void Check(const std::string& what, const VerdictShares& shares, const Expectation& expected) {
  const std::string context =
      what + ", seed " + std::to_string(kSeed) + ": PASS " + std::to_string(shares.pass) +
      ", FAIL " + std::to_string(shares.fail) + ", INCONCLUSIVE " +
      std::to_string(shares.inconclusive) + " of " + std::to_string(shares.runs);
  EXPECT_EQ(shares.runs, kRuns) << context;
  EXPECT_EQ(shares.invalid, 0u) << context;
  if (!expected.may_pass) {
    EXPECT_LE(shares.Percent(shares.pass), kMostErrorsPercent) << context;
  }
  if (!expected.may_fail) {
    EXPECT_LE(shares.Percent(shares.fail), kMostErrorsPercent) << context;
  }
  EXPECT_GE(shares.Percent(shares.pass), expected.at_least_pass) << context;
  EXPECT_GE(shares.Percent(shares.fail), expected.at_least_fail) << context;
}

// Run lengths: those of the documented tests, where a tenth of the bound is little more than noise,
// and longer ones, where the verdict has to be found.
TEST(OperatingCharacteristic, APercentileOverItsBoundSeldomPasses) {
  for (const LatencyShape shape : {LatencyShape::kLogNormal, LatencyShape::kTwoModes}) {
    for (const std::uint64_t requests : {1000u, 1200u, 10'000u}) {
      Check("p95 10 % over, " + std::to_string(requests) + " requests",
            SimulateLatency(0.95, 1.1, shape, requests, kRuns, kSeed),
            {.may_pass = false, .at_least_fail = requests == 10'000 ? 98.0 : 0.0});
    }
  }
  Check("p99 10 % over, 1200 requests",
        SimulateLatency(0.99, 1.1, LatencyShape::kLogNormal, 1200, kRuns, kSeed),
        {.may_pass = false});
}

TEST(OperatingCharacteristic, APercentileUnderItsBoundSeldomFails) {
  for (const LatencyShape shape : {LatencyShape::kLogNormal, LatencyShape::kTwoModes}) {
    for (const std::uint64_t requests : {1000u, 1200u, 10'000u}) {
      Check("p95 10 % under, " + std::to_string(requests) + " requests",
            SimulateLatency(0.95, 0.9, shape, requests, kRuns, kSeed),
            {.may_fail = false, .at_least_pass = requests == 10'000 ? 98.0 : 0.0});
    }
  }
  Check("p99 10 % under, 1200 requests",
        SimulateLatency(0.99, 0.9, LatencyShape::kLogNormal, 1200, kRuns, kSeed),
        {.may_fail = false});
}

TEST(OperatingCharacteristic, OfALongRunPercentilesAreFound) {
  Check("p95 10 % over, 100 000 requests",
        SimulateLatency(0.95, 1.1, LatencyShape::kLogNormal, 100'000, kRuns, kSeed),
        {.may_pass = false, .at_least_fail = 99.9});
  Check("p95 10 % under, 100 000 requests",
        SimulateLatency(0.95, 0.9, LatencyShape::kLogNormal, 100'000, kRuns, kSeed),
        {.may_fail = false, .at_least_pass = 99.9});
}

// The worst case: at the bound itself, either verdict is an error.
TEST(OperatingCharacteristic, AtTheBoundItselfNeitherVerdictIsFrequent) {
  for (const std::uint64_t requests : {1000u, 10'000u}) {
    Check("p95 at its bound, " + std::to_string(requests) + " requests",
          SimulateLatency(0.95, 1.0, LatencyShape::kLogNormal, requests, kRuns, kSeed),
          {.may_pass = false, .may_fail = false});
    Check("failures as allowed, " + std::to_string(requests) + " requests",
          SimulateSuccessRate(0.95, 0.05, requests, kRuns, kSeed),
          {.may_pass = false, .may_fail = false});
  }
}

TEST(OperatingCharacteristic, ASuccessRateOnTheWrongSideOfItsBoundIsSeldomMistaken) {
  for (const std::uint64_t requests : {1000u, 1200u, 10'000u, 100'000u}) {
    const bool is_long = requests == 100'000;
    Check("failures 10 % over, " + std::to_string(requests) + " requests",
          SimulateSuccessRate(0.95, 0.055, requests, kRuns, kSeed),
          {.may_pass = false, .at_least_fail = is_long ? 99.0 : 0.0});
    Check("failures 10 % under, " + std::to_string(requests) + " requests",
          SimulateSuccessRate(0.95, 0.045, requests, kRuns, kSeed),
          {.may_fail = false, .at_least_pass = is_long ? 99.0 : 0.0});
  }
}

class MemoryCharacteristic : public ::testing::TestWithParam<MemoryNoise> {};

TEST_P(MemoryCharacteristic, ALeakOf20KilobytesPerRequestIsFound) {
  // A far plateau that is still being approached looks like a part of the leak, and the leak like a
  // part of it: some of these runs are left open.
  const bool is_far = GetParam() == MemoryNoise::kExponentialFromFar;
  Check("leak, " + Describe(GetParam()), SimulateMemory(20e3, GetParam(), 500, kRuns, kSeed),
        {.may_pass = false, .at_least_fail = is_far ? 80.0 : kFewestFoundPercent});
}

TEST_P(MemoryCharacteristic, ANoisyPlateauIsSeldomCalledALeak) {
  Check("no leak, " + Describe(GetParam()), SimulateMemory(0, GetParam(), 500, kRuns, kSeed),
        {.may_fail = false});
}

INSTANTIATE_TEST_SUITE_P(Noise, MemoryCharacteristic,
                         ::testing::Values(MemoryNoise::kAutocorrelated, MemoryNoise::kSawtooth,
                                           MemoryNoise::kExponential,
                                           MemoryNoise::kExponentialFromFar,
                                           MemoryNoise::kOneOffSteps, MemoryNoise::kChunks,
                                           MemoryNoise::kAll));

}  // namespace
}  // namespace llmload
