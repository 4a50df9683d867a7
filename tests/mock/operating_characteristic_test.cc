// How often the verdicts are wrong, and how often a leak is found: docs/verdicts.md has the table
// and says how to print it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>

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

// Of services whose requests resemble each other there are many, and long runs: all of them only at
// full counts, as at night.
bool FullCounts() { return std::getenv("LLMLOAD_FULL_COUNTS") != nullptr; }

std::uint64_t RequestRuns() { return FullCounts() ? 2000 : test_support::kSanitized ? 10 : 200; }

constexpr RunLength kShort{.requests = 1000, .seconds = 60};
constexpr RunLength kReadiness{.requests = 1200, .seconds = 120};
constexpr RunLength kLong{.requests = 10'000, .seconds = 600};
constexpr RunLength kLongest{.requests = 36'000, .seconds = 2160};

// Why runs of this length are not simulated here; empty if they are.
std::string WhyNot(const RunLength& length) {
  if (length.requests > 10'000 && !FullCounts()) return "only with LLMLOAD_FULL_COUNTS=1";
  if (length.requests > 1000 && test_support::kSanitized) return "not under a sanitizer";
  return "";
}

std::string NameOf(const RunLength& length) {
  return std::to_string(length.requests) + " requests in " +
         std::to_string(std::llround(length.seconds)) + " s";
}

// What the wrong verdicts may be, in per cent: docs/verdicts.md has the reason of each number.
struct Errors {
  double pass = 0.5;
  double fail = 0.5;
};

std::optional<Errors> ErrorsWith(const std::optional<double>& phases) {
  if (!phases) return Errors{};
  if (*phases < 6) return std::nullopt;  // such a run may hold no phase at all
  return Errors{.pass = *phases >= 30 ? 1.0 : *phases >= 10 ? 3.5 : 5.0};
}

// Three standard deviations of a binomial share.
double SlackOf(double percent) {
  const double share = percent / 100;
  return 300 * std::sqrt(share * (1 - share) / static_cast<double>(RequestRuns()));
}
double WithSlack(double percent) { return percent + SlackOf(percent); }
double LessSlack(double percent) { return percent - SlackOf(percent); }

void CheckErrors(const std::string& what, const VerdictShares& shares, const Errors& errors,
                 double ratio) {
  const std::string context = what + ", seed " + std::to_string(kSeed) + ": PASS " +
                              std::to_string(shares.pass) + ", FAIL " +
                              std::to_string(shares.fail) + " of " + std::to_string(shares.runs);
  EXPECT_EQ(shares.invalid, 0u) << context;
  if (ratio >= 1) {
    EXPECT_LE(shares.Percent(shares.pass), WithSlack(errors.pass)) << context;
  }
  if (ratio <= 1) {
    EXPECT_LE(shares.Percent(shares.fail), WithSlack(errors.fail)) << context;
  }
}

class LatencyCharacteristic
    : public ::testing::TestWithParam<std::tuple<LatencySystem, RunLength, double>> {};

TEST_P(LatencyCharacteristic, WrongVerdictsAreAsRareAsPromised) {
  const auto& [system, length, quantile] = GetParam();
  if (const std::string reason = WhyNot(length); !reason.empty()) GTEST_SKIP() << reason;
  const auto errors = ErrorsWith(ExpectedPhases(system.slow, length));
  if (!errors) GTEST_SKIP() << "fewer than 6 slow phases in a run";
  for (const double ratio : {0.9, 1.0, 1.1}) {
    CheckErrors(system.name + " at " + std::to_string(ratio) + " of the bound, " + NameOf(length),
                SimulateLatency(quantile, ratio, system, length, RequestRuns(), kSeed), *errors,
                ratio);
  }
}

std::string NameOfLatencyCase(
    const ::testing::TestParamInfo<LatencyCharacteristic::ParamType>& info) {
  const auto& [system, length, quantile] = info.param;
  std::string name = system.name + "_" + std::to_string(length.requests) + "_p" +
                     std::to_string(std::llround(quantile * 100));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Systems, LatencyCharacteristic,
                         ::testing::Combine(::testing::Values(IndependentLatencies(), TwoModes(),
                                                              Correlated(0.5), Correlated(0.9),
                                                              Correlated(0.97), SlowPhases(1),
                                                              SlowPhases(6)),
                                            ::testing::Values(kShort, kReadiness, kLong, kLongest),
                                            ::testing::Values(0.95)),
                         NameOfLatencyCase);

class FailureCharacteristic
    : public ::testing::TestWithParam<std::tuple<FailureSystem, RunLength>> {};

TEST_P(FailureCharacteristic, WrongVerdictsAreAsRareAsPromised) {
  const auto& [system, length] = GetParam();
  if (const std::string reason = WhyNot(length); !reason.empty()) GTEST_SKIP() << reason;
  const auto errors = ErrorsWith(ExpectedPhases(system.failing, length));
  if (!errors) GTEST_SKIP() << "fewer than 6 failing phases in a run";
  for (const double ratio : {0.9, 1.0, 1.1}) {
    CheckErrors(
        system.name + " failures at " + std::to_string(ratio) + " of 5 %, " + NameOf(length),
        SimulateSuccessRate(0.95, 0.05 * ratio, system, length, RequestRuns(), kSeed), *errors,
        ratio);
  }
}

std::string NameOfFailureCase(
    const ::testing::TestParamInfo<FailureCharacteristic::ParamType>& info) {
  const auto& [system, length] = info.param;
  std::string name = system.name + "_" + std::to_string(length.requests);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Systems, FailureCharacteristic,
                         ::testing::Combine(::testing::Values(IndependentFailures(),
                                                              FailingPhases(1), FailingPhases(6)),
                                            ::testing::Values(kShort, kReadiness, kLong, kLongest)),
                         NameOfFailureCase);

TEST(OperatingCharacteristic, AServiceThatIsWellOffItsBoundIsJudged) {
  if (test_support::kSanitized) GTEST_SKIP() << "not under a sanitizer";
  const auto latency = [](double quantile, double ratio, const LatencySystem& system,
                          const RunLength& length) {
    return SimulateLatency(quantile, ratio, system, length, RequestRuns(), kSeed);
  };
  const auto expect_pass = [](const VerdictShares& shares, double percent) {
    EXPECT_GE(shares.Percent(shares.pass), LessSlack(percent)) << "seed " << kSeed;
  };
  const auto expect_fail = [](const VerdictShares& shares, double percent) {
    EXPECT_GE(shares.Percent(shares.fail), LessSlack(percent)) << "seed " << kSeed;
  };
  expect_pass(latency(0.95, 0.7, IndependentLatencies(), kShort), 99);
  expect_pass(latency(0.95, 0.7, TwoModes(), kReadiness), 88);
  expect_fail(latency(0.95, 1.1, IndependentLatencies(), kLong), 99);
  expect_pass(latency(0.95, 0.9, IndependentLatencies(), kLong), 99);
  expect_fail(latency(0.99, 1.1, IndependentLatencies(), kLong), 92);
  expect_pass(latency(0.99, 0.9, IndependentLatencies(), kLong), 92);
  expect_pass(SimulateSuccessRate(0.95, 0.02, IndependentFailures(), kShort, RequestRuns(), kSeed),
              95);
}

// --- Runs that go on until they are conclusive: 16 minutes at most, at 1000 requests a minute.

constexpr UntilConclusive kAtMost{.longest = std::chrono::minutes(16)};

class LookCharacteristic : public ::testing::TestWithParam<LatencySystem> {};

TEST_P(LookCharacteristic, LookingOftenDoesNotBuyAWrongVerdict) {
  const LatencySystem& system = GetParam();
  // Of the first look, at two minutes, a tenth of which is slow: 12 phases of 1 s.
  const double most = system.slow.seconds > 0 ? 1.5 : 0.5;
  const VerdictShares shares =
      SimulateLooks(0.95, 1, system, kAtMost, RequestRuns(), kSeed).verdicts;
  CheckErrors(system.name, shares, {.pass = most, .fail = most}, 1);
}

INSTANTIATE_TEST_SUITE_P(Systems, LookCharacteristic,
                         ::testing::Values(IndependentLatencies(), Correlated(0.5), Correlated(0.9),
                                           Correlated(0.97), SlowPhases(1)));

TEST(LookCharacteristic, ARunTakesAsLongAsItMust) {
  if (test_support::kSanitized) GTEST_SKIP() << "not under a sanitizer";
  for (const double ratio : {0.9, 1.1}) {
    const LookShares off =
        SimulateLooks(0.95, ratio, IndependentLatencies(), kAtMost, RequestRuns(), kSeed);
    const std::string context =
        "at " + std::to_string(ratio) + " of the bound, seed " + std::to_string(kSeed);
    EXPECT_LE(off.seconds[off.seconds.size() / 2], 121) << context;
    EXPECT_GE(off.DecidedWithin(241), LessSlack(95)) << context;
    EXPECT_EQ(off.given_up, 0u) << context;
  }
  const LookShares at_bound =
      SimulateLooks(0.95, 1, IndependentLatencies(), kAtMost, RequestRuns(), kSeed);
  const VerdictShares& verdicts = at_bound.verdicts;
  EXPECT_GE(verdicts.Percent(at_bound.given_up + verdicts.pass + verdicts.fail), LessSlack(75))
      << "seed " << kSeed;
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
