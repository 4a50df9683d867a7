#include "llmload/load/load_generator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/mocks/mock_provider.h"
#include "llmload/simulation/simulated_provider.h"
#include "tests/unit/load/make_request.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::Hang;
using mocks::MockProvider;
using mocks::RespondAfter;
using test_support::PromptsFrom;
using ::testing::NiceMock;
using namespace std::chrono_literals;

LoadOptions Closed(std::size_t concurrency, std::uint64_t requests) {
  LoadOptions options;
  options.shape = ClosedLoop{.concurrency = concurrency, .requests = requests};
  options.prompts = Hello();
  return options;
}

class LoadGeneratorTest : public ::testing::Test {
 protected:
  LoadResult Run(LoadOptions options) {
    return LoadGenerator(std::move(options), clock_).Run(provider_);
  }

  VirtualClock clock_;
  NiceMock<MockProvider> provider_{"mock"};
};

TEST_F(LoadGeneratorTest, OpenLoopSendsEveryArrivalOnTime) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 300ms));
  const LoadResult result = Run(Open(10, 60s));
  EXPECT_EQ(result.planned, 600u);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 600u);
  EXPECT_EQ(result.metrics[Figure::kScheduleLag].max(), Duration(0));
  EXPECT_EQ(result.metrics[Figure::kScheduledLatency].max(), Duration(300ms));
  EXPECT_EQ(result.duration, Duration(59'900ms + 300ms));
  EXPECT_TRUE(result.drained);
  EXPECT_FALSE(result.interrupted);
  ExpectIdentity(result.metrics);
}

// A breaker's rejection is such an answer.
TEST_F(LoadGeneratorTest, AnswersThatNeverHadToWaitAreCountedLikeOthers) {
  ON_CALL(provider_, Complete)
      .WillByDefault([this](const CompletionRequest& request, StreamObserver* observer) {
        return mocks::actions::Play({}, &clock_, &request, observer);
      });
  const LoadResult open = Run(Open(100, 10s));
  EXPECT_EQ(open.metrics[Counter::kSucceeded], 1000u);
  EXPECT_EQ(open.duration, Duration(9'990ms));
  ExpectIdentity(open.metrics);
  const LoadResult closed = Run(Closed(10, 1000));
  EXPECT_EQ(closed.metrics[Counter::kSucceeded], 1000u);
  EXPECT_EQ(closed.duration, Duration(0));
  ExpectIdentity(closed.metrics);
}

TEST_F(LoadGeneratorTest, OpenLoopDoesNotWaitForSlowAnswers) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 20s));
  const LoadResult result = Run(Open(10, 10s));
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 100u);
  EXPECT_EQ(result.duration, Duration(9'900ms + 20s));
  EXPECT_EQ(result.metrics[Figure::kServiceLatency].min(), Duration(20s));
}

TEST_F(LoadGeneratorTest, ArrivalsBeyondMaxInFlightAreDroppedAndCounted) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 10s));
  LoadOptions options = Open(10, 5s);
  std::get<LoadProfile>(options.shape).max_in_flight = 20;
  const LoadResult result = Run(std::move(options));
  EXPECT_EQ(result.metrics[Counter::kScheduled], 50u);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 20u);
  EXPECT_EQ(result.metrics[Counter::kDropped], 30u);
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, RequestsThatOutliveTheDrainAreCountedAsUnfinished) {
  ON_CALL(provider_, Complete).WillByDefault(Hang(clock_));
  LoadOptions options = Open(10, 1s);
  options.drain_timeout = 5s;
  const LoadResult result = Run(std::move(options));
  EXPECT_EQ(result.metrics[Counter::kUnfinished], 10u);
  EXPECT_EQ(result.metrics[Counter::kFailed], 0u);
  EXPECT_EQ(result.duration, Duration(900ms + 5s));
  EXPECT_TRUE(result.drained);
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, ErrorsAreCountedByKind) {
  ON_CALL(provider_, Complete).WillByDefault(FailAfter(clock_, 1ms, ErrorKind::kRateLimited));
  const LoadResult result = Run(Closed(2, 7));
  EXPECT_EQ(result.metrics[Counter::kFailed], 7u);
  EXPECT_EQ(result.metrics[ErrorKind::kRateLimited].count, 7u);
  ASSERT_EQ(result.metrics.providers.size(), 1u);
  EXPECT_EQ(result.metrics.providers[0].name, "mock");
  EXPECT_EQ(result.metrics.providers[0].failures, 7u);
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, ExceptionFromAProviderIsAnInternalError) {
  ON_CALL(provider_, Complete)
      .WillByDefault([](const CompletionRequest&,
                        StreamObserver*) -> boost::asio::awaitable<Result<Completion>> {
        throw std::runtime_error("bug");
        co_return Completion{};
      });
  const LoadResult result = Run(Closed(1, 3));
  EXPECT_EQ(result.metrics[ErrorKind::kInternal].count, 3u);
  EXPECT_EQ(result.metrics[ErrorKind::kInternal].FirstMessage(), "bug");
}

TEST_F(LoadGeneratorTest, ClosedLoopKeepsItsConcurrencyAndCount) {
  simulation::SimulationOptions simulation;
  simulation.latency = {.ttft_median = 100ms, .ttft_sigma = 0, .tokens_min = 1, .tokens_max = 1};
  simulation::SimulatedProvider simulated(simulation, clock_);
  const LoadResult result = LoadGenerator(Closed(50, 500), clock_).Run(simulated);
  EXPECT_EQ(simulated.peak_in_flight(), 50u);
  EXPECT_EQ(simulated.arrivals().size(), 500u);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 500u);
  EXPECT_EQ(result.duration, Duration(1s));
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, StopEndsTheScheduleAndKeepsWhatWasMeasured) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 100ms));
  LoadGenerator* running = nullptr;
  LoadOptions options = Open(10, 60s);
  options.progress_interval = 5s;
  options.on_progress = [&](const LiveCounters&, Duration) { running->RequestStop(); };
  LoadGenerator generator(std::move(options), clock_);
  running = &generator;
  const LoadResult result = generator.Run(provider_);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.planned, 600u);
  EXPECT_GE(result.metrics[Counter::kSucceeded], 50u);
  EXPECT_LE(result.metrics[Counter::kSucceeded], 51u);
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, ProgressShowsTheRunAsItGoes) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 50ms));
  std::vector<std::uint64_t> sent;
  LoadOptions options = Open(10, 3s);
  options.progress_interval = 1s;
  options.on_progress = [&](const LiveCounters& counters, Duration) {
    sent.push_back(counters.sent);
  };
  Run(std::move(options));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_NEAR(static_cast<double>(sent[0]), 10, 1);
  EXPECT_NEAR(static_cast<double>(sent[1]), 20, 1);
}

TEST_F(LoadGeneratorTest, OptionsThatMakeNoSenseAreRejectedByName) {
  const auto message = [](LoadOptions options) -> std::string {
    try {
      LoadGenerator generator(std::move(options));
    } catch (const ConfigurationError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message(LoadOptions{}), "LoadOptions::prompts: got \"null\", expected a prompt source");
  EXPECT_EQ(message(Closed(0, 1)), "ClosedLoop::concurrency: got \"0\", expected 1 to 100000");
  EXPECT_EQ(message(Closed(1, 0)), "ClosedLoop::requests: got \"0\", expected a number above 0");
  LoadOptions no_room = Open(1, 1s);
  std::get<LoadProfile>(no_room.shape).max_in_flight = 0;
  EXPECT_EQ(message(no_room), "LoadProfile::max_in_flight: got \"0\", expected a number above 0");
}

TEST_F(LoadGeneratorTest, WarmUpAndCoolDownAreSentButKeptOutOfTheMetrics) {
  // Slow answers to the first 20 requests and the last 10, which none of the figures may show.
  std::uint64_t current = 0;
  ON_CALL(provider_, Complete)
      .WillByDefault([&](const CompletionRequest& request, StreamObserver* observer) {
        const bool edge = current < 20 || current >= 60;
        return mocks::actions::Play({.first_after = edge ? Duration(3s) : Duration(100ms)}, &clock_,
                                    &request, observer);
      });
  LoadProfile profile;
  profile.phases = {
      {.name = "warm-up", .duration = 2s, .shape = ConstantRate{10}, .measured = false},
      {.name = "peak", .duration = 2s, .shape = ConstantRate{20}},
      {.name = "cool-down", .duration = 1s, .shape = ConstantRate{10}, .measured = false}};
  LoadOptions options;
  options.shape = profile;
  options.prompts = PromptsFrom([&](std::uint64_t index) {
    current = index;
    return MakeRequest(index);
  });
  std::vector<std::uint64_t> sent;
  options.on_progress = [&](const LiveCounters& counters, Duration) {
    sent.push_back(counters.sent);
  };
  const LoadResult result = Run(std::move(options));
  EXPECT_EQ(result.planned, 70u);
  EXPECT_EQ(result.metrics[Counter::kScheduled], 40u);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 40u);
  EXPECT_EQ(result.metrics[Figure::kScheduledLatency].max(), Duration(100ms));
  EXPECT_EQ(result.planned_measured, 40u);
  EXPECT_EQ(result.measured_duration, Duration(2s));
  EXPECT_EQ(result.unmeasured[Counter::kScheduled], 30u);
  EXPECT_EQ(result.unmeasured[Figure::kScheduledLatency].min(), Duration(3s));
  ASSERT_GE(sent.size(), 3u);
  EXPECT_NEAR(static_cast<double>(sent[0]), 10, 1);
  EXPECT_NEAR(static_cast<double>(sent[2]), 40, 1);
  ExpectIdentity(result.metrics);
  ExpectIdentity(result.unmeasured);
}

TEST_F(LoadGeneratorTest, CallersOfAClosedLoopThinkBetweenRequests) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 100ms));
  LoadOptions options = Closed(4, 40);
  std::get<ClosedLoop>(options.shape).think_time = 400ms;
  const LoadResult result = Run(std::move(options));
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 40u);
  // Ten rounds of 100 ms with nine times 400 ms between them.
  EXPECT_EQ(result.duration, Duration(10 * 100ms + 9 * 400ms));
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, ExponentialThinkTimesHaveTheirMeanAndFollowTheSeed) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 1ms));
  const auto run = [&](std::uint64_t seed) {
    LoadOptions options = Closed(1, 2000);
    auto& load = std::get<ClosedLoop>(options.shape);
    load.think_time = 99ms;
    load.think_pattern = ArrivalPattern::kPoisson;
    load.seed = seed;
    return Run(std::move(options)).duration;
  };
  const Duration first = run(1);
  EXPECT_NEAR(std::chrono::duration<double>(first).count(), 200, 4.5 * 0.099 * std::sqrt(2000));
  EXPECT_EQ(run(1), first);
  EXPECT_NE(run(2), first);
}

TEST_F(LoadGeneratorTest, DurationEndsAClosedLoopEvenWhileItsCallersThink) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 250ms));
  LoadOptions options = Closed(3, 1'000'000);
  auto& load = std::get<ClosedLoop>(options.shape);
  load.duration = 10s;
  load.think_time = 750ms;
  load.ramp_up = 300ms;
  load.warm_up = 2s;
  load.cool_down = 1s;
  const LoadResult result = Run(std::move(options));
  // Requests begin at whole seconds after 0, 100 and 200 ms: ten of each caller, of which those
  // from the third second to the ninth are measured.
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 3u * 7);
  EXPECT_EQ(result.unmeasured[Counter::kSucceeded], 3u * 3);
  EXPECT_EQ(result.duration, Duration(10s));
  EXPECT_EQ(result.metrics.first_dispatch, Duration(2s));
  ExpectIdentity(result.metrics);
  ExpectIdentity(result.unmeasured);
}

TEST_F(LoadGeneratorTest, RequestsInFlightAtTheEndOfAClosedLoopAreAnswered) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 3s));
  LoadOptions options = Closed(2, 100);
  auto& load = std::get<ClosedLoop>(options.shape);
  load.duration = 4s;
  load.think_time = 10s;
  load.ramp_up = 4s;
  const LoadResult result = Run(std::move(options));
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 2u);
  EXPECT_EQ(result.metrics[Counter::kUnfinished], 0u);
  EXPECT_EQ(result.duration, Duration(5s));
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, ChunkGapsAndSeriesOfASimulationAreThoseOfItsModel) {
  simulation::SimulationOptions simulation;
  simulation.latency = {.ttft_median = 100ms,
                        .ttft_sigma = 0,
                        .gap_median = 30ms,
                        .gap_sigma = 0,
                        .tokens_min = 11,
                        .tokens_max = 11};
  simulation::SimulatedProvider simulated(simulation, clock_);
  LoadOptions options = Open(10, 10s);
  options.prompts = PromptsFrom([](std::uint64_t index) {
    CompletionRequest request = MakeRequest(index);
    request.stream = true;
    return request;
  });
  options.objectives = {.ttft = 100ms, .chunk_gap = 30ms};
  const LoadResult result = LoadGenerator(std::move(options), clock_).Run(simulated);
  EXPECT_EQ(result.metrics[Figure::kChunkGap].count(), 1000u);
  EXPECT_EQ(result.metrics[Figure::kChunkGap].min(), Duration(30ms));
  EXPECT_EQ(result.metrics[Figure::kChunkGap].max(), Duration(30ms));
  EXPECT_EQ(result.metrics[Counter::kGood], 100u);
  ASSERT_EQ(result.metrics.series.points.size(), 11u);
  EXPECT_EQ(result.metrics.series.points[5].scheduled, 10u);
  EXPECT_EQ(result.metrics.series.points[5].succeeded, 10u);
  EXPECT_EQ(result.metrics.series.points[5].token_events, 110u);
}

TEST_F(LoadGeneratorTest, StopGivesUpTheRequestsOfAClosedLoopThatHang) {
  ON_CALL(provider_, Complete).WillByDefault(Hang(clock_));
  LoadGenerator* running = nullptr;
  LoadOptions options = Closed(5, 1'000'000);
  options.on_progress = [&](const LiveCounters& counters, Duration) {
    EXPECT_EQ(counters.in_flight, 5u);
    running->RequestStop();
  };
  LoadGenerator generator(std::move(options), clock_);
  running = &generator;
  const LoadResult result = generator.Run(provider_);
  EXPECT_TRUE(result.interrupted);
  EXPECT_TRUE(result.drained);
  EXPECT_EQ(result.metrics[Counter::kUnfinished], 5u);
  EXPECT_EQ(result.duration, Duration(4s));  // a second, and the interrupted drain time-out
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorTest, StopEndsAClosedLoopWhoseCallersThink) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(clock_, 10ms));
  LoadGenerator* running = nullptr;
  LoadOptions options = Closed(5, 1'000'000);
  std::get<ClosedLoop>(options.shape).think_time = 1h;
  options.on_progress = [&](const LiveCounters&, Duration) { running->RequestStop(); };
  LoadGenerator generator(std::move(options), clock_);
  running = &generator;
  const LoadResult result = generator.Run(provider_);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 5u);
  EXPECT_EQ(result.duration, Duration(1s));
  ExpectIdentity(result.metrics);
}

}  // namespace
}  // namespace llmload
