// The load generator on threads, in real time: what holds however slow the machine is.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "llmload/load/load_generator.h"
#include "llmload/mocks/mock_provider.h"
#include "tests/unit/load/make_request.h"

namespace llmload {
namespace {

using mocks::MockProvider;
using mocks::RespondAfter;
using test_support::PromptsFrom;
using ::testing::NiceMock;
using namespace std::chrono_literals;

class LoadGeneratorOnThreads : public ::testing::Test {
 protected:
  NiceMock<MockProvider> provider_{"mock"};
};

TEST_F(LoadGeneratorOnThreads, WorkersShareOneSchedule) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  std::array<std::atomic<int>, 200> seen{};
  LoadOptions options = Open(1000, 200ms);
  options.workers = 4;
  options.prompts = PromptsFrom([&](std::uint64_t index) {
    ++seen.at(index);
    return MakeRequest(index);
  });
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider_);
  EXPECT_EQ(result.workers, 4u);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 200u);
  for (const auto& count : seen) EXPECT_EQ(count, 1);
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorOnThreads, WorkersShareOneProfileAndOneClosedLoop) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  LoadProfile profile;
  profile.phases = {{.duration = 50ms, .shape = ConstantRate{1000}, .measured = false},
                    {.duration = 100ms, .shape = LinearRamp{1000, 3000}},
                    {.duration = 50ms, .shape = SineRate{1000, 500, 50ms}}};
  std::array<std::atomic<int>, 300> seen{};
  LoadOptions options;
  options.shape = profile;
  options.workers = 3;
  options.prompts = PromptsFrom([&](std::uint64_t index) {
    ++seen.at(index);
    return MakeRequest(index);
  });
  const LoadResult open = LoadGenerator(options).Run(provider_);
  EXPECT_EQ(open.metrics[Counter::kSucceeded], 250u);
  EXPECT_EQ(open.unmeasured[Counter::kSucceeded], 50u);
  for (const auto& count : seen) EXPECT_EQ(count, 1);
  ExpectIdentity(open.metrics);
  ExpectIdentity(open.unmeasured);
  for (auto& count : seen) count = 0;
  options.shape = ClosedLoop{.concurrency = 7, .requests = 300, .think_time = 1ms, .ramp_up = 10ms};
  const LoadResult closed = LoadGenerator(options).Run(provider_);
  EXPECT_EQ(closed.metrics[Counter::kSucceeded], 300u);
  for (const auto& count : seen) EXPECT_EQ(count, 1);
  ExpectIdentity(closed.metrics);
}

TEST_F(LoadGeneratorOnThreads, ALookSeesExactlyWhatWasDueBeforeIt) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 3ms));
  LoadOptions options = Open(1000, 10s);
  options.workers = 4;
  options.looks.at = {100ms, 200ms};
  std::vector<std::uint64_t> seen;
  options.looks.enough = [&](const LoadLooks::View& view) {
    ExpectIdentity(view.so_far);
    seen.push_back(view.so_far[Counter::kScheduled]);
    return view.look == 1;
  };
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider_);
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{100, 200}));
  EXPECT_EQ(result.ended_at_look, 1u);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 200u);
  EXPECT_EQ(result.planned_measured, 200u);
  EXPECT_LT(result.unmeasured[Counter::kScheduled], 9800u);
  ExpectIdentity(result.metrics);
  ExpectIdentity(result.unmeasured);
}

TEST_F(LoadGeneratorOnThreads, ALookOfAClosedLoopSeesItsFirstRequests) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  LoadOptions options;
  options.shape = ClosedLoop{
      .concurrency = 8, .requests = ClosedLoop::kUnlimited, .warm_up_requests = 50, .duration = 1h};
  options.prompts = PromptsFrom(MakeRequest);
  options.workers = 3;
  options.looks.requests = 300;
  options.looks.enough = [](const LoadLooks::View& view) {
    EXPECT_EQ(view.so_far[Counter::kScheduled], 250u);
    return true;
  };
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider_);
  EXPECT_EQ(result.ended_at_look, 0u);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 250u);
  EXPECT_GE(result.unmeasured[Counter::kSucceeded], 50u);
  ExpectIdentity(result.unmeasured);
}

TEST_F(LoadGeneratorOnThreads, EndsWhereItHasShownEnough) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  LoadOptions options = Open(500, 1h);
  options.workers = 2;
  options.finish_interval = 20ms;
  options.finish_when = [](const LiveCounters& counters, Duration, const auto& measured) {
    EXPECT_GE(measured()[Counter::kScheduled], counters.succeeded);
    return counters.succeeded >= 20;
  };
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider_);
  EXPECT_FALSE(result.interrupted);
  EXPECT_GE(result.metrics[Counter::kSucceeded], 20u);
  EXPECT_EQ(result.metrics[Counter::kUnfinished], 0u);
  EXPECT_EQ(result.planned, result.metrics[Counter::kScheduled]);
  ExpectIdentity(result.metrics);
}

TEST_F(LoadGeneratorOnThreads, ExceptionFromTheProgressCallbackEndsTheRunAndReachesTheCaller) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  LoadOptions options = Open(100, 60s);
  options.progress_interval = 20ms;
  options.on_progress = [](const LiveCounters&, Duration) { throw std::runtime_error("stop"); };
  LoadGenerator generator(std::move(options));
  EXPECT_THROW(generator.Run(provider_), std::runtime_error);
}

// Each request takes longer to make than there is between two arrivals, and its answer never has to
// wait: the worker is always late, and each request ends within its start.
TEST(OverloadedLoadGenerator, StillHearsThatItIsToStop) {
  NiceMock<MockProvider> provider("mock");
  ON_CALL(provider, Complete)
      .WillByDefault([](const CompletionRequest& request, StreamObserver* observer) {
        return mocks::actions::Play({}, &SystemClock::Instance(), &request, observer);
      });
  LoadGenerator* running = nullptr;
  LoadOptions options = Open(100, 1h);
  options.workers = 1;
  options.prompts = PromptsFrom([](std::uint64_t index) {
    std::this_thread::sleep_for(15ms);
    return MakeRequest(index);
  });
  options.progress_interval = 200ms;
  options.on_progress = [&](const LiveCounters&, Duration) { running->RequestStop(); };
  LoadGenerator generator(std::move(options));
  running = &generator;
  const LoadResult result = generator.Run(provider);
  EXPECT_TRUE(result.interrupted);
  EXPECT_LT(result.metrics[Counter::kScheduled], result.planned);
  ExpectIdentity(result.metrics);
}

}  // namespace
}  // namespace llmload
