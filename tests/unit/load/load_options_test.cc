// What a run takes from its options besides the load, and what it says about itself afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/mocks/mock_provider.h"
#include "tests/support/numbered.h"
#include "tests/support/start.h"
#include "tests/unit/load/make_request.h"

namespace llmload {
namespace {

using mocks::MockProvider;
using mocks::RespondAfter;
using test_support::kStart;
using test_support::NumberedProvider;
using test_support::PromptsFrom;
using ::testing::ElementsAre;
using ::testing::NiceMock;
using namespace std::chrono_literals;

Duration Constant(std::uint64_t) { return 100ms; }

// --- Prompts

// Fails at request 17 and at all that follow.
CompletionRequest FailingRequest(std::uint64_t index) {
  if (index >= 17) throw std::runtime_error("no prompt left");
  return MakeRequest(index);
}

TEST(PromptSourceFailure, EndsTheRunWithItsRequestAndMessage) {
  const LoadShape shapes[] = {OpenLoop{.rate_per_second = 1000, .duration = 1h},
                              ClosedLoop{.concurrency = 5, .requests = 1'000'000}};
  for (const LoadShape& shape : shapes) {
    for (const bool real : {false, true}) {
      VirtualClock virtual_clock;
      Clock& clock = real ? static_cast<Clock&>(SystemClock::Instance()) : virtual_clock;
      NiceMock<MockProvider> provider("mock");
      ON_CALL(provider, Complete).WillByDefault(RespondAfter(clock, 1ms));
      LoadOptions options;
      options.shape = shape;
      options.prompts = PromptsFrom(FailingRequest);
      options.workers = 2;
      LoadGenerator generator(std::move(options), clock);
      try {
        generator.Run(provider);
        ADD_FAILURE() << "no exception";
      } catch (const PromptSourceError& error) {
        EXPECT_GE(error.request(), 17u);
        EXPECT_EQ(error.what(), "prompt source failed at request " +
                                    std::to_string(error.request()) + ": no prompt left");
      }
    }
  }
}

TEST(PromptSourceFailure, OfAnyTypeIsReported) {
  VirtualClock clock;
  NiceMock<MockProvider> provider("mock");
  LoadOptions options;
  options.shape = OpenLoop{};
  options.prompts = PromptsFrom([](std::uint64_t) -> CompletionRequest { throw 5; });
  LoadGenerator generator(std::move(options), clock);
  EXPECT_THAT([&] { generator.Run(provider); },
              testing::ThrowsMessage<PromptSourceError>(
                  "prompt source failed at request 0: an exception that is not a std::exception"));
}

// --- Seeds

std::vector<NumberedProvider::Call> CallsOf(LoadShape shape, std::uint64_t seed) {
  VirtualClock clock(kStart);
  NumberedProvider provider(clock, Constant);
  LoadOptions options;
  options.shape = std::move(shape);
  options.prompts = test_support::NumberedPrompts();
  options.seed = seed;
  LoadGenerator(std::move(options), clock).Run(provider);
  return provider.calls();
}

TEST(RunSeed, IsThatOfArrivalsAndThinkTimesUnlessTheyHaveTheirOwn) {
  const auto open = [](std::optional<std::uint64_t> seed) -> LoadShape {
    return OpenLoop{
        .rate_per_second = 20, .duration = 5s, .pattern = ArrivalPattern::kPoisson, .seed = seed};
  };
  const auto closed = [](std::optional<std::uint64_t> seed) -> LoadShape {
    return ClosedLoop{.concurrency = 3,
                      .requests = 50,
                      .think_time = 100ms,
                      .think_pattern = ArrivalPattern::kPoisson,
                      .seed = seed};
  };
  for (const std::function<LoadShape(std::optional<std::uint64_t>)>& shape :
       {std::function<LoadShape(std::optional<std::uint64_t>)>(open), {closed}}) {
    EXPECT_EQ(CallsOf(shape(std::nullopt), 7), CallsOf(shape(7), 8));
    EXPECT_NE(CallsOf(shape(std::nullopt), 8), CallsOf(shape(7), 8));
  }
}

TEST(RunSeed, FillsOnlyWhatIsNotSet) {
  EXPECT_EQ(WithSeed(OpenLoop{}, 7).profile()->seed, 7u);
  EXPECT_EQ(WithSeed(OpenLoop{.seed = 3}, 7).profile()->seed, 3u);
  EXPECT_EQ(WithSeed(ClosedLoop{}, 7).closed_loop()->seed, 7u);
  EXPECT_EQ(WithSeed(ClosedLoop{.seed = 3}, 7).closed_loop()->seed, 3u);
}

// --- Warm-up and resources

TEST(WarmUpRequests, AreSentButKeptOutOfTheMetrics) {
  VirtualClock clock(kStart);
  NumberedProvider provider(clock,
                            [](std::uint64_t index) { return index < 10 ? 3s : Duration(100ms); });
  LoadOptions options;
  options.shape = ClosedLoop{.concurrency = 4, .requests = 50, .warm_up_requests = 10};
  options.prompts = test_support::NumberedPrompts();
  options.workers = 2;
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_EQ(provider.calls().size(), 50u);
  EXPECT_EQ(result.planned, 50u);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 40u);
  EXPECT_EQ(result.metrics[Figure::kScheduledLatency].max(), Duration(100ms));
  EXPECT_EQ(result.unmeasured[Counter::kSucceeded], 10u);
  EXPECT_EQ(result.unmeasured[Figure::kScheduledLatency].min(), Duration(3s));
}

// A process of 100 bytes that grows by one each second.
class GrowingProcess final : public ResourceProbe {
 public:
  explicit GrowingProcess(const Clock& clock) : clock_(clock) {}
  std::string Label() const override { return "growing"; }
  std::optional<RawUsage> Read() override {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(clock_.Now() - kStart);
    return RawUsage{.rss_bytes = 100 + static_cast<std::uint64_t>(age.count()),
                    .cpu_time = {},
                    .threads = 1,
                    .descriptors = std::nullopt};
  }

 private:
  const Clock& clock_;
};

class ResourcesOfARun : public testing::Test {
 protected:
  ResourceSummary Run(LoadShape shape) {
    NumberedProvider provider(clock_, Constant);
    monitor_.AddProbe(std::make_unique<GrowingProcess>(clock_));
    LoadOptions options;
    options.shape = std::move(shape);
    options.prompts = test_support::NumberedPrompts();
    options.resources = &monitor_;
    options.resource_interval = 1s;
    const LoadResult result = LoadGenerator(std::move(options), clock_).Run(provider);
    const ResourceSummary summary = monitor_.Summarise(kStart).front();
    EXPECT_LE(summary.series.back().at, result.duration);
    return summary;
  }

  VirtualClock clock_{kStart};
  ResourceMonitor monitor_;
};

TEST_F(ResourcesOfARun, AreSampledFromTheFirstMeasuredRequestOnAndWithItsRequests) {
  LoadProfile profile;
  profile.phases = {
      {.name = "warm-up", .duration = 4500ms, .shape = ConstantRate{10}, .measured = false},
      {.name = "peak", .duration = 5s, .shape = ConstantRate{10}},
      {.name = "cool-down", .duration = 2s, .shape = ConstantRate{10}, .measured = false}};
  const ResourceSummary summary = Run(profile);
  // At 5 s to 11 s.
  EXPECT_EQ(summary.samples, 7u);
  EXPECT_EQ(summary.rss_initial_bytes, 105u);
  EXPECT_EQ(summary.rss_final_bytes, 111u);
  EXPECT_NEAR(static_cast<double>(summary.series.front().requests.value()), 50, 1);
  EXPECT_NEAR(static_cast<double>(summary.series.back().requests.value()), 110, 1);
  // The monitor outlives the run, which counts no more.
  monitor_.SampleNow(kStart + 20s);
  EXPECT_FALSE(monitor_.Latest()->requests.has_value());
}

TEST_F(ResourcesOfARun, WithoutWarmUpAreSampledFromItsStartOn) {
  const ResourceSummary summary = Run(OpenLoop{.rate_per_second = 10, .duration = 5s});
  EXPECT_EQ(summary.rss_initial_bytes, 100u);
  EXPECT_EQ(summary.samples, 6u);  // the last one when the last request is answered
}

TEST_F(ResourcesOfARun, RestartAfterTheWarmUpRequestsOfAClosedLoop) {
  const ResourceSummary summary =
      Run(ClosedLoop{.concurrency = 1, .requests = 60, .warm_up_requests = 25});
  EXPECT_EQ(summary.rss_initial_bytes, 103u);
}

// --- What was asked for

TEST(RequestsAsked, AreReadOffTheRequestsThatWereSent) {
  VirtualClock clock;
  NiceMock<MockProvider> provider("mock");
  ON_CALL(provider, Complete).WillByDefault(RespondAfter(clock, 1ms));
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 10, .duration = 3s};
  options.workers = 3;
  const char* const models[] = {"second", "first", "first", "third"};
  options.prompts = PromptsFrom([&](std::uint64_t index) {
    CompletionRequest request = MakeRequest(index);
    request.model = models[index % 4];
    request.stream = index % 3 == 0;
    if (index > 20) request.max_tokens = static_cast<int>(index);
    return request;
  });
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  const RequestsAsked& asked = result.asked;
  EXPECT_THAT(asked.models, ElementsAre("second", "first", "third"));
  EXPECT_EQ(result.metrics[Counter::kSent], 30u);
  EXPECT_EQ(result.metrics[Counter::kStreamed], 10u);
  EXPECT_EQ(asked.lowest_max_tokens, 21);
  EXPECT_EQ(asked.highest_max_tokens, 29);
}

// --- Stop rules

TEST(StopWhen, EndsTheRunWithItsReason) {
  VirtualClock clock;
  NiceMock<MockProvider> provider("mock");
  ON_CALL(provider, Complete).WillByDefault(RespondAfter(clock, 1500ms));
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 10, .duration = 1h};
  options.prompts = Hello();
  int asked = 0;
  options.stop_when = [&](const LiveCounters& counters, Duration elapsed,
                          const auto&) -> std::optional<std::string> {
    ++asked;
    if (elapsed < 3s) return std::nullopt;
    return std::to_string(counters.sent) + " sent";
  };
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.stopped_because, "30 sent");
  EXPECT_LE(result.metrics[Counter::kSent], 31u);  // one is due at the instant of the stop
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], result.metrics[Counter::kSent]);
  EXPECT_LT(result.duration, Duration(5s));
}

TEST(StopWhen, WithoutAReasonLeavesTheRunAlone) {
  VirtualClock clock;
  NiceMock<MockProvider> provider("mock");
  ON_CALL(provider, Complete).WillByDefault(RespondAfter(clock, 1ms));
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 10, .duration = 3s};
  options.prompts = Hello();
  options.stop_when = [](const LiveCounters&, Duration, const auto&) { return std::nullopt; };
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.stopped_because, "");
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 30u);
}

}  // namespace
}  // namespace llmload
