#include "llmload/load/load_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/load/load_generator.h"
#include "tests/support/prompts_from.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string ErrorOf(const std::function<void()>& make) {
  try {
    make();
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

std::string ErrorOf(Duration duration, RateShape shape) {
  LoadProfile profile;
  profile.phases = {{.duration = duration, .shape = std::move(shape)}};
  return ErrorOf([&] { ArrivalSequence sequence(profile); });
}

std::string ErrorOf(const ClosedLoop& load) {
  LoadOptions options;
  options.shape = load;
  options.prompts = test_support::PromptsFrom([](std::uint64_t) { return CompletionRequest{}; });
  return ErrorOf([&] { LoadGenerator generator(options); });
}

TEST(LoadProfile, WhatMakesNoSenseIsRejectedByField) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto trace = std::make_shared<const ArrivalTrace>(std::vector<ArrivalTrace::Entry>{{}});
  const struct {
    const char* field;
    std::string message;
  } cases[] = {
      {"LoadProfile::phases[0].duration", ErrorOf(0s, ConstantRate{1})},
      {"LoadProfile::phases[0].duration", ErrorOf(-1s, ConstantRate{1})},
      {"LoadProfile::phases[0].duration", ErrorOf(24h * 31, ConstantRate{1})},
      {"ConstantRate::per_second", ErrorOf(1s, ConstantRate{-1})},
      {"ConstantRate::per_second", ErrorOf(1s, ConstantRate{std::nan("")})},
      {"ConstantRate::per_second", ErrorOf(1s, ConstantRate{1.1e7})},
      {"LinearRamp::from_per_second", ErrorOf(1s, LinearRamp{-1, 1})},
      {"LinearRamp::to_per_second", ErrorOf(1s, LinearRamp{1, kInfinity})},
      {"StairRamp::from_per_second", ErrorOf(1s, StairRamp{-1, 1, 2})},
      {"StairRamp::to_per_second", ErrorOf(1s, StairRamp{1, -1, 2})},
      {"StairRamp::steps", ErrorOf(1s, StairRamp{1, 2, 1})},
      {"Spike::base_per_second", ErrorOf(60s, Spike{.base_per_second = -1})},
      {"Spike::peak_per_second", ErrorOf(60s, Spike{.peak_per_second = -1})},
      {"Spike::before", ErrorOf(60s, Spike{.before = -1s})},
      {"Spike::rise", ErrorOf(60s, Spike{.rise = -1s})},
      {"Spike::hold", ErrorOf(60s, Spike{.hold = 0s})},
      {"Spike::fall", ErrorOf(60s, Spike{.fall = -1s})},
      {"LoadProfile::phases[0].duration", ErrorOf(39s, Spike{})},
      {"RateSteps::steps", ErrorOf(0s, RateSteps{})},
      {"RateSteps::steps[1].per_second", ErrorOf(0s, RateSteps{{{1, 1s}, {-1, 1s}}})},
      {"RateSteps::steps[0].duration", ErrorOf(0s, RateSteps{{{1, 0s}}})},
      {"LoadProfile::phases[0].duration", ErrorOf(3s, RateSteps{{{1, 1s}, {1, 1s}}})},
      {"SineRate::mean_per_second", ErrorOf(1s, SineRate{.mean_per_second = -1})},
      {"SineRate::amplitude_per_second", ErrorOf(1s, SineRate{2, 2.1})},
      {"SineRate::period", ErrorOf(1s, SineRate{.period = 0s})},
      {"SineRate::offset_radians", ErrorOf(1s, SineRate{.offset_radians = kInfinity})},
      {"TraceReplay::trace", ErrorOf(1s, TraceReplay{})},
      {"TraceReplay::speed", ErrorOf(1s, TraceReplay{.trace = trace, .speed = 0})},
      {"LoadProfile::phases: got \"0\"", ErrorOf([] { ArrivalSequence sequence(LoadProfile{}); })},
      {"LoadProfile::phases: got \"a rate of 0\"", ErrorOf(1s, ConstantRate{0})},
      {"at most 1e10 arrivals", ErrorOf(24h, ConstantRate{1e6})},
      {"ClosedLoop::concurrency", ErrorOf(ClosedLoop{.concurrency = 0})},
      {"ClosedLoop::requests", ErrorOf(ClosedLoop{.requests = 0})},
      {"ClosedLoop::requests", ErrorOf(ClosedLoop{.requests = ClosedLoop::kUnlimited})},
      {"ClosedLoop::duration", ErrorOf(ClosedLoop{.duration = 0s})},
      {"ClosedLoop::think_time", ErrorOf(ClosedLoop{.think_time = -1s})},
      {"ClosedLoop::ramp_up", ErrorOf(ClosedLoop{.ramp_up = -1s})},
      {"ClosedLoop::warm_up", ErrorOf(ClosedLoop{.warm_up = -1s})},
      {"ClosedLoop::warm_up", ErrorOf(ClosedLoop{.duration = 2s, .warm_up = 1s, .cool_down = 1s})},
      {"ClosedLoop::cool_down", ErrorOf(ClosedLoop{.cool_down = 1s})},
  };
  for (const auto& [field, message] : cases) EXPECT_THAT(message, HasSubstr(field));
}

TEST(LoadProfile, IsDescribedInOneLine) {
  EXPECT_EQ(Describe(OpenLoop{.rate_per_second = 1000.0 / 60, .duration = 60s}),
            "open loop, 16.67 requests/s for 60 s, constant arrivals");
  EXPECT_EQ(
      Describe(ClosedLoop{.concurrency = 5, .requests = ClosedLoop::kUnlimited, .duration = 30s}),
      "closed loop, 5 callers for 30 s");
  EXPECT_EQ(Describe(ClosedLoop{.concurrency = 5, .requests = 10, .think_time = 2s}),
            "closed loop, 5 callers, 10 requests, think time 2 s");
  LoadProfile profile;
  profile.phases = {
      {.name = "warm-up", .duration = 10s, .shape = LinearRamp{0, 5}, .measured = false},
      {.duration = 60s, .shape = Spike{5, 50}, .pattern = ArrivalPattern::kPoisson}};
  EXPECT_EQ(Describe(profile),
            "open loop, warm-up: ramp 0 to 5 requests/s for 10 s, constant arrivals (not "
            "measured); spike 5 to 50 requests/s for 60 s, Poisson arrivals");
  LoadProfile capped = ToProfile({.rate_per_second = 5, .duration = 60s});
  capped.max_arrivals = 100;
  EXPECT_EQ(Describe(capped),
            "open loop, 5 requests/s for 60 s, constant arrivals; at most 100 requests");
}

TEST(LoadProfile, SaysAtWhichRateRequestsAreDue) {
  LoadProfile profile;
  profile.phases = {
      {.duration = 10s, .shape = LinearRamp{0, 50}},
      {.duration = 10s, .shape = ConstantRate{8}},
      {.duration = 40s,
       .shape = SineRate{
           .mean_per_second = 10, .amplitude_per_second = 4, .period = 40s, .offset_radians = 0}}};
  EXPECT_NEAR(RateAt(profile, 5s).value_or(0), 25, 0.01);
  EXPECT_NEAR(RateAt(profile, 10s).value_or(0), 8, 0.01);
  EXPECT_NEAR(RateAt(profile, 30s).value_or(0), 14, 0.01);
  EXPECT_EQ(RateAt(profile, 60s), std::nullopt);
  EXPECT_EQ(RateAt(ClosedLoop{.concurrency = 4}, 1s), std::nullopt);
}

}  // namespace
}  // namespace llmload
