// A run that is split into shares sends, together, what the unsplit run sends.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/load/load_generator.h"
#include "tests/support/numbered.h"
#include "tests/support/sanitized.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::kStart;
using test_support::NumberedProvider;

// What the two ways of running a load have to have in common.
struct Sums {
  std::vector<NumberedProvider::Call> calls;
  std::uint64_t planned = 0;
  std::uint64_t planned_measured = 0;
  Duration measured_duration{};
  MetricsSnapshot metrics;
  MetricsSnapshot unmeasured;
};

// Whole microseconds, so that no histogram rounds them; each of them different.
Duration OfIndex(std::uint64_t index) {
  return 1ms + std::chrono::microseconds(Random::Stream(11, index).Below(1'000'000));
}
Duration ThirtyMilliseconds(std::uint64_t) { return 30ms; }

void RunShare(const LoadShape& shape, Share share, unsigned workers,
              const NumberedProvider::Latency& latency, Sums& sums) {
  VirtualClock clock(kStart);
  NumberedProvider provider(clock, latency);
  LoadOptions options;
  options.shape = shape;
  options.prompts = test_support::NumberedPrompts();
  options.seed = 5;
  options.share = share;
  options.workers = workers;
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_FALSE(CheckAccounting(result.metrics));
  EXPECT_FALSE(CheckAccounting(result.unmeasured));
  EXPECT_EQ(result.metrics[Counter::kDropped], 0u);
  EXPECT_EQ(result.metrics[Figure::kScheduleLag].max(), Duration(0));
  sums.calls.insert(sums.calls.end(), provider.calls().begin(), provider.calls().end());
  sums.planned =
      result.planned == ClosedLoop::kUnlimited ? result.planned : sums.planned + result.planned;
  sums.planned_measured += result.planned_measured;
  sums.measured_duration = result.measured_duration;
  sums.metrics.Merge(result.metrics);
  sums.unmeasured.Merge(result.unmeasured);
}

// Of requests: their numbers, their instants, or both.
enum class Same { kNumbersAndInstants, kNumbers, kInstants };

std::vector<NumberedProvider::Call> Comparable(std::vector<NumberedProvider::Call> calls,
                                               Same same) {
  for (NumberedProvider::Call& call : calls) {
    if (same == Same::kNumbers) call.at = {};
    if (same == Same::kInstants) call.index = 0;
  }
  std::sort(calls.begin(), calls.end());
  return calls;
}

// Everything that is counted; and if the requests start at the same instants, when.
void ExpectEqual(const MetricsSnapshot& shares, const MetricsSnapshot& whole, Same same) {
  if (same != Same::kNumbers) {
    EXPECT_EQ(shares, whole);
    return;
  }
  EXPECT_EQ(shares.counters, whole.counters);
  EXPECT_EQ(shares.distributions, whole.distributions);
  EXPECT_EQ(shares.providers, whole.providers);
}

void ExpectSharesAddUp(const LoadShape& shape, Same same,
                       const NumberedProvider::Latency& latency) {
  Sums whole;
  RunShare(shape, {}, 1, latency, whole);
  EXPECT_GT(whole.metrics[Counter::kSucceeded], 100u);
  for (unsigned of = 1; of <= 7; of += test_support::kSanitized ? 3 : 1) {
    for (unsigned workers = 1; workers <= 4; workers += test_support::kSanitized ? 2 : 1) {
      SCOPED_TRACE(std::to_string(of) + " shares, workers " + std::to_string(workers));
      Sums sums;
      for (unsigned index = 0; index < of; ++index) {
        RunShare(shape, {.index = index, .of = of}, workers, latency, sums);
      }
      EXPECT_EQ(Comparable(sums.calls, same), Comparable(whole.calls, same));
      EXPECT_EQ(sums.planned, whole.planned);
      EXPECT_EQ(sums.planned_measured, whole.planned_measured);
      EXPECT_EQ(sums.measured_duration, whole.measured_duration);
      ExpectEqual(sums.metrics, whole.metrics, same);
      ExpectEqual(sums.unmeasured, whole.unmeasured, same);
    }
  }
}

LoadProfile OnePhase(Duration duration, RateShape shape,
                     ArrivalPattern pattern = ArrivalPattern::kConstant) {
  LoadProfile profile;
  profile.phases = {{.duration = duration, .shape = std::move(shape), .pattern = pattern}};
  return profile;
}

struct NamedShape {
  const char* name;
  LoadShape shape;
};

class OpenLoopShares : public testing::TestWithParam<NamedShape> {};

TEST_P(OpenLoopShares, SendTheRequestsOfTheUnsplitRunAtTheSameInstants) {
  ExpectSharesAddUp(GetParam().shape, Same::kNumbersAndInstants, OfIndex);
}

std::vector<NamedShape> OpenShapes() {
  std::vector<ArrivalTrace::Entry> entries;
  for (int i = 0; i < 200; ++i) entries.push_back({.at = i * i * 100us});
  LoadProfile phases;
  phases.phases = {
      {.name = "warm-up", .duration = 3s, .shape = LinearRamp{0, 40}, .measured = false},
      {.duration = 3s, .shape = SineRate{40, 20, 1s}, .pattern = ArrivalPattern::kPoisson},
      {.duration = 3s, .shape = ConstantRate{30}},
      {.name = "cool-down", .duration = 1s, .shape = ConstantRate{10}, .measured = false}};
  return {
      {"constant", OpenLoop{.rate_per_second = 40, .duration = 5s}},
      {"poisson",
       OpenLoop{.rate_per_second = 40, .duration = 5s, .pattern = ArrivalPattern::kPoisson}},
      {"ramp", OnePhase(5s, LinearRamp{0, 80})},
      {"stairs", OnePhase(5s, StairRamp{20, 60, 4})},
      {"spike", OnePhase(5s, Spike{20, 200, 2s, 200ms, 500ms, 200ms})},
      {"steps", OnePhase(0s, RateSteps{{{30, 2s}, {0, 500ms}, {60, 2s}}})},
      {"sine", OnePhase(5s, SineRate{40, 40, 1300ms})},
      {"trace",
       OnePhase(0s, TraceReplay{std::make_shared<const ArrivalTrace>(std::move(entries))})},
      {"phases", phases},
  };
}

INSTANTIATE_TEST_SUITE_P(Shares, OpenLoopShares, testing::ValuesIn(OpenShapes()),
                         [](const auto& test) { return test.param.name; });

TEST(ClosedLoopShares, SendTheRequestsOfTheUnsplitRun) {
  ExpectSharesAddUp(ClosedLoop{.concurrency = 9, .requests = 205, .warm_up_requests = 17},
                    Same::kNumbers, OfIndex);
}

TEST(ClosedLoopShares, ThatHaveNoCallersSendNothing) {
  ExpectSharesAddUp(ClosedLoop{.concurrency = 3, .requests = 130}, Same::kNumbers, OfIndex);
}

TEST(ClosedLoopShares, ThinkAndRampUpAsTheUnsplitRunDoes) {
  ExpectSharesAddUp(ClosedLoop{.concurrency = 10,
                               .requests = ClosedLoop::kUnlimited,
                               .duration = 2s,
                               .think_time = 50ms,
                               .think_pattern = ArrivalPattern::kPoisson,
                               .ramp_up = 300ms,
                               .warm_up = 400ms,
                               .cool_down = 200ms},
                    Same::kInstants, ThirtyMilliseconds);
}

TEST(Share, DividesRequestsInFlightAsEvenlyAsPossible) {
  std::uint64_t succeeded = 0;
  for (unsigned index = 0; index < 3; ++index) {
    VirtualClock clock(kStart);
    NumberedProvider provider(clock, [](std::uint64_t) { return Duration(1h); });
    LoadOptions options;
    options.shape = OpenLoop{.rate_per_second = 30, .duration = 1s, .max_in_flight = 8};
    options.prompts = test_support::NumberedPrompts();
    options.share = {.index = index, .of = 3};
    options.workers = 2;
    options.drain_timeout = 2h;
    const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
    EXPECT_EQ(result.planned, 10u);
    EXPECT_EQ(result.planned_measured, 10u);
    EXPECT_EQ(result.measured_duration, Duration(1s));
    EXPECT_EQ(result.metrics[Counter::kSucceeded], index < 2 ? 3u : 2u);
    succeeded += result.metrics[Counter::kSucceeded];
  }
  EXPECT_EQ(succeeded, 8u);
}

TEST(Share, ThatMakesNoSenseIsRejectedByName) {
  const auto message = [](Share share) -> std::string {
    LoadOptions options;
    options.shape = OpenLoop{.max_in_flight = 3};
    options.prompts = test_support::NumberedPrompts();
    options.share = share;
    try {
      LoadGenerator generator(std::move(options));
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message({.index = 2, .of = 3}), "accepted");
  EXPECT_EQ(message({.index = 0, .of = 0}), "Share::of: got \"0\", expected 1 to 65536");
  EXPECT_EQ(message({.index = 3, .of = 3}),
            "Share::index: got \"3\", expected less than Share::of, which is 3");
  EXPECT_EQ(message({.index = 0, .of = 4}),
            "LoadProfile::max_in_flight: got \"3\", expected at least one for each share, of 4");
}

}  // namespace
}  // namespace llmload
