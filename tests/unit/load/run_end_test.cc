// A run ends: whatever the number of workers, arrivals and callers, whatever the provider does, and
// whatever signals come.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/mocks/mock_provider.h"
#include "tests/support/deaf_provider.h"
#include "tests/support/numbered.h"
#include "tests/support/sanitized.h"
#include "tests/unit/load/make_request.h"

namespace llmload {
namespace {

using mocks::Hang;
using mocks::MockProvider;
using mocks::RespondAfter;
using ::testing::NiceMock;
using namespace std::chrono_literals;

enum class Kind { kOpen, kPoisson, kTrace, kClosed, kTimedClosed };

// A load of `arrivals` within a few milliseconds, or of as many callers.
LoadOptions LoadOf(Kind kind, unsigned arrivals) {
  constexpr Duration kDuration = 4ms;
  LoadOptions options;
  options.prompts = Hello();
  if (kind == Kind::kClosed || kind == Kind::kTimedClosed) {
    ClosedLoop load{.concurrency = arrivals, .requests = 2 * std::uint64_t{arrivals}};
    if (arrivals == 0) {
      load.concurrency = load.requests = 1;
      options.share = {.index = 1, .of = 2};  // which has no caller
    }
    if (kind == Kind::kTimedClosed) {
      load.requests = ClosedLoop::kUnlimited;
      load.duration = kDuration;
      load.think_time = 1ms;
    }
    options.shape = load;
    return options;
  }
  LoadProfile profile;
  LoadPhase& phase = profile.phases.emplace_back(LoadPhase{.duration = kDuration});
  if (kind == Kind::kTrace) {
    std::vector<ArrivalTrace::Entry> entries;
    for (unsigned i = 0; i < arrivals; ++i) entries.push_back({.at = kDuration * i / arrivals});
    entries.push_back({.at = 1h});  // after the end
    phase.shape = TraceReplay{std::make_shared<const ArrivalTrace>(std::move(entries))};
  } else {
    const bool poisson = kind == Kind::kPoisson || arrivals == 0;
    phase.shape = ConstantRate{arrivals == 0 ? 1e-6 : arrivals / ToSeconds(kDuration)};
    phase.pattern = poisson ? ArrivalPattern::kPoisson : ArrivalPattern::kConstant;
  }
  options.shape = profile;
  return options;
}

void ExpectRunEnds(Kind kind, unsigned workers, unsigned arrivals, Clock& clock) {
  SCOPED_TRACE("kind " + std::to_string(static_cast<int>(kind)) + ", workers " +
               std::to_string(workers) + ", arrivals " + std::to_string(arrivals));
  NiceMock<MockProvider> provider("mock");
  ON_CALL(provider, Complete).WillByDefault(RespondAfter(clock, 1ms));
  LoadOptions options = LoadOf(kind, arrivals);
  options.workers = workers;
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_FALSE(CheckAccounting(result.metrics));
  EXPECT_EQ(result.metrics[Counter::kSucceeded], result.metrics[Counter::kScheduled]);
  EXPECT_TRUE(result.drained);
  EXPECT_FALSE(result.interrupted);
  if (kind == Kind::kOpen || kind == Kind::kTrace) {
    EXPECT_EQ(result.metrics[Counter::kScheduled], arrivals);
  } else if (kind == Kind::kClosed) {
    EXPECT_EQ(result.metrics[Counter::kScheduled], 2 * arrivals);
  }
}

// With every number of workers and arrivals if the environment asks for the full counts, as
// .ci/nightly does. Each worker of a run costs two milliseconds, for its histograms, and twenty
// times that under a sanitizer: there a third of the runs are enough, and none of 64 workers.
template <class RunOne>
void ForEachNumber(std::vector<unsigned> workers, std::vector<unsigned> arrivals, RunOne run_one) {
  const bool full = std::getenv("LLMLOAD_FULL_COUNTS") != nullptr;
  if (full) {
    workers.resize(64);
    std::iota(workers.begin(), workers.end(), 1U);
    arrivals.resize(65);
    std::iota(arrivals.begin(), arrivals.end(), 0U);
  }
  std::size_t run = 0;
  for (const unsigned some_workers : workers) {
    for (const unsigned some_arrivals : arrivals) {
      if (full || !test_support::kSanitized || run++ % 3 == 0) run_one(some_workers, some_arrivals);
    }
  }
  if (full || test_support::kSanitized) return;
  for (const unsigned some_arrivals : {1U, 63U}) run_one(64U, some_arrivals);
}

class EveryRun : public testing::TestWithParam<Kind> {};

TEST_P(EveryRun, EndsInVirtualTimeForEveryNumberOfWorkersArrivalsAndCallers) {
  ForEachNumber({1, 2, 3, 7, 16}, {0, 1, 2, 6, 15, 17, 64},
                [](unsigned workers, unsigned arrivals) {
                  VirtualClock clock;
                  ExpectRunEnds(GetParam(), workers, arrivals, clock);
                });
}

TEST_P(EveryRun, EndsOnThreadsForEveryNumberOfWorkersArrivalsAndCallers) {
  ForEachNumber({1, 2, 7}, {0, 1, 6, 64}, [](unsigned workers, unsigned arrivals) {
    ExpectRunEnds(GetParam(), workers, arrivals, SystemClock::Instance());
  });
}

std::string NameOf(const testing::TestParamInfo<Kind>& kind) {
  constexpr const char* kNames[] = {"Open", "Poisson", "Trace", "Closed", "TimedClosed"};
  return kNames[static_cast<std::size_t>(kind.param)];
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryRun,
                         testing::Values(Kind::kOpen, Kind::kPoisson, Kind::kTrace, Kind::kClosed,
                                         Kind::kTimedClosed),
                         NameOf);

TEST(RunEnd, LeavesAProviderCallBehindThatIgnoresItsCancellation) {
  VirtualClock clock;
  test_support::DeafProvider provider(clock);
  for (const unsigned workers : {1U, 3U}) {
    LoadOptions options = LoadOf(Kind::kOpen, 10);
    options.workers = workers;
    options.drain_timeout = 5s;
    const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
    EXPECT_FALSE(result.drained);
    EXPECT_EQ(result.metrics[Counter::kUnfinished], 10u);
    EXPECT_FALSE(CheckAccounting(result.metrics));
    EXPECT_LT(result.duration, Duration(8s));
  }
}

// Answers at once, and leaves a coroutine on the event loop that never ends.
class LitteringProvider final : public Provider {
 public:
  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    const auto forever = []() -> boost::asio::awaitable<void> {
      while (true) co_await SystemClock::Instance().SleepFor(10ms);
    };
    boost::asio::co_spawn(co_await boost::asio::this_coro::executor, forever,
                          boost::asio::detached);
    co_return Completion{.provider = identity_.name};
  }

 private:
  const ProviderIdentity identity_{.name = "littering", .region = {}, .credential = {}};
};

// To wait for that would take for ever.
TEST(RunEnd, DoesNotWaitForWhatAProviderLeftOnTheEventLoops) {
  LitteringProvider provider;
  LoadOptions options = LoadOf(Kind::kOpen, 1);
  options.workers = 2;
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 1u);
  EXPECT_TRUE(result.drained);
}

// --- Signals

// Raises each of `signals`, one at each call of the progress callback once `ready` holds.
class RunWithSignals : public testing::Test {
 protected:
  // Under nohup it is ignored, and a run leaves it so: the tests would wait for its end for ever.
  RunWithSignals() : hangup_(std::signal(SIGHUP, SIG_DFL)) {}
  ~RunWithSignals() override { std::signal(SIGHUP, hangup_); }

  template <class Ready>
  LoadResult Run(LoadOptions options, Provider& provider, std::vector<int> signals, Ready ready) {
    options.progress_interval = 20ms;
    options.on_progress = [&, next = std::size_t{0}](const LiveCounters& counters,
                                                     Duration) mutable {
      if (next < signals.size() && ready(counters)) std::raise(signals[next++]);
    };
    const LoadResult result = LoadGenerator(std::move(options)).Run(provider);
    EXPECT_FALSE(CheckAccounting(result.metrics));
    return result;
  }

  NiceMock<MockProvider> provider_{"mock"};

 private:
  void (*const hangup_)(int);
};

bool Always(const LiveCounters&) { return true; }
bool Sent(const LiveCounters& counters) { return counters.sent > 0; }

// One arrival now and the next one in an hour: `workers` of them wait, or have nothing to do.
LoadOptions Idle(unsigned workers) {
  LoadOptions options;
  const std::vector<ArrivalTrace::Entry> entries{{.at = 0s}, {.at = 1h}};
  LoadProfile profile;
  profile.phases = {
      {.duration = 2h, .shape = TraceReplay{std::make_shared<const ArrivalTrace>(entries)}}};
  options.shape = profile;
  options.prompts = Hello();
  options.workers = workers;
  return options;
}

TEST_F(RunWithSignals, EachStopSignalEndsAnIdleRunWithWhatWasMeasured) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    SCOPED_TRACE(signal);
    const LoadResult result =
        Run(Idle(1), provider_, {signal}, [](const auto& counters) { return counters.succeeded; });
    EXPECT_TRUE(result.interrupted);
    EXPECT_TRUE(result.drained);
    EXPECT_EQ(result.metrics[Counter::kSucceeded], 1u);
    EXPECT_EQ(result.planned, 2u);
  }
}

TEST_F(RunWithSignals, OneEndsARunWithFewerArrivalsThanWorkers) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  for (const unsigned workers : {2U, 7U, 64U}) {
    const LoadResult result = Run(Idle(workers), provider_, {SIGTERM}, Always);
    EXPECT_TRUE(result.interrupted);
    EXPECT_TRUE(result.drained);
  }
}

TEST_F(RunWithSignals, OneShortensTheDrain) {
  ON_CALL(provider_, Complete).WillByDefault(Hang(SystemClock::Instance()));
  LoadOptions options = LoadOf(Kind::kOpen, 3);
  options.workers = 2;
  options.drain_timeout = 1h;
  options.interrupted_drain_timeout = 50ms;
  const LoadResult result = Run(std::move(options), provider_, {SIGHUP}, Sent);
  EXPECT_TRUE(result.interrupted);
  EXPECT_TRUE(result.drained);
  EXPECT_EQ(result.metrics[Counter::kUnfinished], result.metrics[Counter::kSent]);
}

TEST_F(RunWithSignals, TwoEndTheDrain) {
  ON_CALL(provider_, Complete).WillByDefault(Hang(SystemClock::Instance()));
  for (const Kind kind : {Kind::kOpen, Kind::kClosed}) {
    LoadOptions options = LoadOf(kind, 3);
    options.workers = 2;
    options.drain_timeout = options.interrupted_drain_timeout = 1h;
    const LoadResult result = Run(std::move(options), provider_, {SIGINT, SIGTERM}, Sent);
    EXPECT_TRUE(result.interrupted);
    EXPECT_TRUE(result.drained);
    EXPECT_EQ(result.metrics[Counter::kUnfinished], 3u);
  }
}

TEST_F(RunWithSignals, TwoEndARunWhoseProviderIgnoresCancellation) {
  test_support::DeafProvider provider(SystemClock::Instance());
  for (const unsigned workers : {1U, 4U}) {
    LoadOptions options = LoadOf(Kind::kOpen, 3);
    options.workers = workers;
    options.drain_timeout = options.interrupted_drain_timeout = 1h;
    const LoadResult result = Run(std::move(options), provider, {SIGINT, SIGINT}, Sent);
    EXPECT_TRUE(result.interrupted);
    EXPECT_FALSE(result.drained);
    EXPECT_EQ(result.metrics[Counter::kUnfinished], 3u);
  }
}

// Computes for an hour on the event loop's thread.
class BlockingProvider final : public Provider {
 public:
  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    std::this_thread::sleep_for(1h);
    co_return Completion{.provider = identity_.name};
  }

 private:
  const ProviderIdentity identity_{.name = "blocking", .region = {}, .credential = {}};
};

TEST_F(RunWithSignals, OneMoreKillsTheProcessIfTheProviderBlocksItsThread) {
  const auto run = [&] {
    BlockingProvider provider;
    Run(LoadOf(Kind::kOpen, 1), provider, std::vector<int>(1000, SIGINT), Sent);
  };
  EXPECT_EXIT(run(), testing::KilledBySignal(SIGINT), "");
}

TEST_F(RunWithSignals, SigpipeNeitherKillsNorEndsARun) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 100ms));
  const LoadResult result = Run(LoadOf(Kind::kOpen, 3), provider_, {SIGPIPE, SIGPIPE}, Always);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 3u);
}

void Ignored(int) {}

TEST_F(RunWithSignals, TheDispositionsFromBeforeAreBackAfterwards) {
  ON_CALL(provider_, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  const auto old_interrupt = std::signal(SIGINT, Ignored);
  const auto old_hangup = std::signal(SIGHUP, SIG_IGN);
  const LoadResult result = Run(Idle(2), provider_, {SIGHUP, SIGINT}, Sent);
  EXPECT_TRUE(result.interrupted);  // by SIGINT: an ignored SIGHUP stays ignored
  EXPECT_EQ(std::signal(SIGINT, old_interrupt), Ignored);
  EXPECT_EQ(std::signal(SIGHUP, old_hangup), SIG_IGN);
  EXPECT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
}

}  // namespace
}  // namespace llmload
