#include "llmload/load/arrival_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

std::vector<Arrival> AllOf(const LoadProfile& profile) {
  ArrivalSequence sequence(profile);
  std::vector<Arrival> arrivals;
  while (const auto next = sequence.Next()) arrivals.push_back(*next);
  return arrivals;
}

std::vector<Duration> All(const LoadProfile& profile) {
  std::vector<Duration> instants;
  for (const Arrival& arrival : AllOf(profile)) instants.push_back(arrival.at);
  return instants;
}

std::vector<Duration> All(const OpenLoop& load) { return All(ToProfile(load)); }

double InSeconds(Duration value) { return std::chrono::duration<double>(value).count(); }

// A shape, and its rate as a function of time, written down a second time.
struct Shape {
  std::string name;
  Duration duration;
  RateShape shape;
  std::function<double(double)> rate;
};

double Line(double t, double begin, double end, double from, double to) {
  return from + (to - from) * (t - begin) / (end - begin);
}

const std::vector<Shape>& Shapes() {
  static const std::vector<Shape> shapes = {
      {"constant", 40s, ConstantRate{37.5}, [](double) { return 37.5; }},
      {"ramp up", 40s, LinearRamp{0, 80}, [](double t) { return Line(t, 0, 40, 0, 80); }},
      {"ramp down", 40s, LinearRamp{80, 0}, [](double t) { return Line(t, 0, 40, 80, 0); }},
      {"gentle ramp", 40s, LinearRamp{50, 50.001},
       [](double t) { return Line(t, 0, 40, 50, 50.001); }},
      {"stairs", 40s, StairRamp{10, 70, 4}, [](double t) { return 10 + 20 * std::floor(t / 10); }},
      {"spike at once", 40s, Spike{10, 100, 10s, 0s, 5s, 0s},
       [](double t) { return t >= 10 && t < 15 ? 100.0 : 10.0; }},
      {"spike with slopes", 40s, Spike{10, 100, 10s, 4s, 5s, 6s},
       [](double t) {
         if (t < 10 || t >= 25) return 10.0;
         if (t < 14) return Line(t, 10, 14, 10, 100);
         return t < 19 ? 100.0 : Line(t, 19, 25, 100, 10);
       }},
      {"steps with a pause", 0s, RateSteps{{{20, 10s}, {0, 5s}, {60, 25s}}},
       [](double t) { return t < 10   ? 20.0
                             : t < 15 ? 0.0
                                      : 60.0; }},
      {"sine", 40s, SineRate{50, 30, 7s, 0.5},
       [](double t) { return 50 + 30 * std::sin(2 * std::numbers::pi * t / 7 + 0.5); }},
      {"sine down to zero", 40s, SineRate{50, 50, 10s, 0},
       [](double t) { return 50 + 50 * std::sin(2 * std::numbers::pi * t / 10); }},
  };
  return shapes;
}

LoadProfile Profile(const Shape& shape, ArrivalPattern pattern, std::uint64_t seed = 1) {
  return {.phases = {{.duration = shape.duration, .shape = shape.shape, .pattern = pattern}},
          .seed = seed};
}

// The cumulative rate at each arrival, by adding up thin strips: independent of the inversion.
std::vector<double> CumulativeAt(const std::vector<Duration>& arrivals,
                                 const std::function<double(double)>& rate) {
  constexpr double kStrip = 1e-4;
  std::vector<double> levels;
  double level = 0;
  std::size_t strip = 0;
  for (const Duration arrival : arrivals) {
    const double t = InSeconds(arrival);
    for (; (static_cast<double>(strip) + 1) * kStrip <= t; ++strip) {
      level += kStrip * rate((static_cast<double>(strip) + 0.5) * kStrip);
    }
    const double rest = t - static_cast<double>(strip) * kStrip;
    levels.push_back(level + rest * rate(t - rest / 2));
  }
  return levels;
}

TEST(ArrivalSchedule, ThousandPerMinuteIsExactlyThousandInAMinute) {
  const auto arrivals = All(OpenLoop{.rate_per_second = 1000.0 / 60.0, .duration = 60s});
  ASSERT_EQ(arrivals.size(), 1000u);
  EXPECT_EQ(arrivals.front(), Duration(0));
  EXPECT_EQ(arrivals.back(), Duration(59'940ms));
  EXPECT_EQ(CountArrivals(OpenLoop{.rate_per_second = 1000.0 / 60.0, .duration = 60s}), 1000u);
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

TEST(ArrivalSchedule, EvenArrivalKComesWhereTheCumulativeRateIsK) {
  for (const Shape& shape : Shapes()) {
    const auto arrivals = All(Profile(shape, ArrivalPattern::kConstant));
    ASSERT_GT(arrivals.size(), 500u) << shape.name;
    const auto levels = CumulativeAt(arrivals, shape.rate);
    for (std::size_t k = 0; k < levels.size(); ++k) {
      // A strip may straddle a jump of the rate: at most one strip of the highest rate.
      ASSERT_NEAR(levels[k], static_cast<double>(k), 0.011) << shape.name << ", arrival " << k;
    }
  }
}

TEST(ArrivalSchedule, NoArrivalIsMissingAtTheEnd) {
  // The expected numbers, by hand.
  const double expected[] = {1500, 1600, 1600, 2000.02, 1600, 850, 1300, 1700, 2020.2, 2000};
  for (std::size_t i = 0; i < Shapes().size(); ++i) {
    const auto count = All(Profile(Shapes()[i], ArrivalPattern::kConstant)).size();
    EXPECT_NEAR(static_cast<double>(count), expected[i], 1) << Shapes()[i].name;
  }
}

TEST(ArrivalSchedule, PoissonArrivalsAreAUnitProcessInTheCumulativeRate) {
  constexpr int kSeeds = test_support::kSanitized ? 5 : 20;
  for (const Shape& shape : Shapes()) {
    double gaps = 0;
    double sum = 0;
    double squares = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const auto levels =
          CumulativeAt(All(Profile(shape, ArrivalPattern::kPoisson, seed)), shape.rate);
      for (std::size_t k = 0; k < levels.size(); ++k) {
        const double gap = levels[k] - (k > 0 ? levels[k - 1] : 0);
        gaps += 1;
        sum += gap;
        squares += gap * gap;
      }
    }
    // Exponential with mean 1: standard deviation 1, of its square sqrt(20).
    EXPECT_NEAR(sum / gaps, 1, 4.5 / std::sqrt(gaps)) << shape.name;
    EXPECT_NEAR(squares / gaps, 2, 4.5 * std::sqrt(20.0 / gaps)) << shape.name;
  }
}

TEST(ArrivalSchedule, ArrivalsAreInOrderAndWithinThePhase) {
  for (const Shape& shape : Shapes()) {
    for (const auto pattern : {ArrivalPattern::kConstant, ArrivalPattern::kPoisson}) {
      const LoadProfile profile = Profile(shape, pattern);
      const auto arrivals = All(profile);
      EXPECT_TRUE(std::is_sorted(arrivals.begin(), arrivals.end())) << shape.name;
      EXPECT_GE(arrivals.front(), Duration(0)) << shape.name;
      EXPECT_LT(arrivals.back(), ScheduleDuration(profile)) << shape.name;
      EXPECT_EQ(ScheduleDuration(profile), Duration(40s)) << shape.name;
    }
  }
}

// A warm-up, a random phase, a replay, a pause and a cool-down.
LoadProfile Composed() {
  std::vector<ArrivalTrace::Entry> entries;
  for (int i = 0; i < 50; ++i) entries.push_back({.at = i * 37ms});
  LoadProfile profile;
  profile.phases = {
      {.name = "warm-up", .duration = 3s, .shape = LinearRamp{1, 40}, .measured = false},
      {.duration = 10s, .shape = SineRate{40, 20, 3s}, .pattern = ArrivalPattern::kPoisson},
      {.duration = 0s,
       .shape = TraceReplay{.trace = std::make_shared<const ArrivalTrace>(entries), .speed = 2}},
      {.name = "pause", .duration = 2s, .shape = ConstantRate{0}},
      {.duration = 5s, .shape = Spike{10, 90, 1s, 500ms, 1s, 500ms}},
      {.name = "cool-down", .duration = 2s, .shape = ConstantRate{7.7}, .measured = false}};
  profile.seed = 11;
  return profile;
}

TEST(ArrivalSchedule, SharesOfAnyNumberOfWorkersAreExactlyTheWhole) {
  const LoadProfile profile = Composed();
  const auto whole = AllOf(profile);
  for (unsigned workers = 1; workers <= 9; ++workers) {
    std::vector<int> seen(whole.size(), 0);
    for (unsigned worker = 0; worker < workers; ++worker) {
      ArrivalSequence sequence(profile);
      while (const auto arrival = sequence.Next()) {
        if (arrival->index % workers != worker) continue;
        ASSERT_LT(arrival->index, whole.size());
        const Arrival& expected = whole[arrival->index];
        EXPECT_EQ(arrival->at, expected.at);
        EXPECT_EQ(arrival->measured, expected.measured);
        ++seen[arrival->index];
      }
    }
    for (const int count : seen) EXPECT_EQ(count, 1) << workers << " workers";
  }
}

TEST(ArrivalSchedule, PhasesFollowEachOtherAndSayWhetherTheyAreMeasured) {
  const LoadProfile profile = Composed();
  const auto arrivals = AllOf(profile);
  const Duration replay = 49 * 37'000us / 2 + 1ns;
  const Duration ends[] = {3s, 13s, 13s + replay, 15s + replay, 20s + replay, 22s + replay};
  Duration begin{};
  std::size_t phase = 0;
  for (const Arrival& arrival : arrivals) {
    for (; phase < arrival.phase; ++phase) begin = ends[phase];
    EXPECT_GE(arrival.at, begin);
    EXPECT_LT(arrival.at, ends[arrival.phase]);
    EXPECT_EQ(arrival.measured, arrival.phase != 0 && arrival.phase != 5);
  }
  const auto counts = CountArrivalsByPhase(profile);
  ASSERT_EQ(counts.size(), 6u);
  EXPECT_EQ(counts[2], 50u);
  EXPECT_EQ(counts[3], 0u);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), arrivals.size());
  ArrivalSequence sequence(profile);
  EXPECT_EQ(sequence.duration(), 22s + replay);
  EXPECT_EQ(sequence.measured_duration(), 17s + replay);
}

TEST(ArrivalSchedule, EvenArrivalsKeepTheirDistanceAcrossPhases) {
  LoadProfile halves;
  for (int i = 0; i < 40; ++i) {
    halves.phases.push_back({.duration = 250ms, .shape = ConstantRate{3}});
  }
  EXPECT_EQ(All(halves), All(OpenLoop{.rate_per_second = 3, .duration = 10s}));
}

TEST(ArrivalSchedule, TraceIsReplayedAtItsInstants) {
  const std::vector<ArrivalTrace::Entry> entries = {
      {.at = 0ms}, {.at = 10ms}, {.at = 10ms}, {.at = 30ms}};
  const auto trace = std::make_shared<const ArrivalTrace>(entries);
  LoadProfile profile;
  profile.phases = {{.duration = 0s, .shape = TraceReplay{.trace = trace}}};
  EXPECT_EQ(All(profile), (std::vector<Duration>{0ms, 10ms, 10ms, 30ms}));
  profile.phases[0].shape = TraceReplay{.trace = trace, .speed = 0.5};
  EXPECT_EQ(All(profile), (std::vector<Duration>{0ms, 20ms, 20ms, 60ms}));
  profile.phases[0].duration = 50ms;  // cuts the trace off
  EXPECT_EQ(All(profile), (std::vector<Duration>{0ms, 20ms, 20ms}));
}

TEST(ArrivalSchedule, CopiesGoOnFromWhereTheOriginalIs) {
  ArrivalSequence sequence(Composed());
  for (int i = 0; i < 100; ++i) sequence.Next();
  ArrivalSequence copy = sequence;
  while (const auto arrival = sequence.Next()) {
    const auto other = copy.Next();
    ASSERT_TRUE(other.has_value());
    EXPECT_EQ(other->at, arrival->at);
  }
  EXPECT_FALSE(copy.Next().has_value());
}

TEST(ArrivalSchedule, ImpossibleLoadsAreRejectedByName) {
  const double bad_rates[] = {0, -1, std::nan(""), std::numeric_limits<double>::infinity()};
  for (const double rate : bad_rates) {
    EXPECT_THROW(ArrivalSequence(OpenLoop{.rate_per_second = rate}), ConfigurationError) << rate;
  }
}

}  // namespace
}  // namespace llmload
