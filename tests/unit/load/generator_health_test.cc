// A generator that is the bottleneck itself: whatever the criteria say, such a run is INVALID, with
// the cause and what to do about it.
#include "llmload/metrics/generator_health.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/judge/judgement.h"
#include "llmload/load/load_generator.h"
#include "llmload/mocks/mock_provider.h"
#include "llmload/service/openai_provider.h"
#include "src/load/worker_probe.h"
#include "tests/support/sanitized.h"
#include "tests/unit/load/make_request.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::MockProvider;
using mocks::RespondAfter;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using namespace std::chrono_literals;

// Judged by a criterion that holds for any run: only the generator's health can spoil the verdict.
Judgement Judged(const LoadResult& result) {
  RunRecord record;
  record.metrics = result.metrics;
  record.health = result.health;
  record.duration = result.duration;
  record.configuration.measured_arrivals = result.planned_measured;
  record.configuration.measured_duration = result.measured_duration;
  const std::vector<Criterion> criteria = {SuccessRate() >= 0.0};
  EXPECT_FALSE(CheckAccounting(result.metrics));
  return Judge(record, criteria);
}

void ExpectInvalid(const Judgement& judgement, const std::string& reason,
                   const std::string& recommendation) {
  EXPECT_EQ(judgement.verdict, Verdict::kInvalid) << Explain(judgement);
  EXPECT_THAT(judgement.invalid_reasons, Contains(HasSubstr(reason)));
  EXPECT_THAT(judgement.recommendations, Contains(HasSubstr(recommendation)));
}

// Keeps the thread of the event loop that calls it from anything else. It sleeps, because then it
// takes that long on any machine; to the event loop it is the same as computing.
class StallingProvider : public NiceMock<MockProvider> {
 public:
  explicit StallingProvider(Duration blocked) {
    ON_CALL(*this, Complete)
        .WillByDefault([blocked](const CompletionRequest& request, StreamObserver* observer) {
          std::this_thread::sleep_for(blocked);
          return mocks::actions::Play({}, &SystemClock::Instance(), &request, observer);
        });
  }
};

// The CPU time of this thread, as the system accounts for it.
Duration AccountedCpuTime() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// Takes some milliseconds of CPU.
void Compute() {
  volatile std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 3'000'000; ++i) sum = sum + i;
}

TEST(GeneratorHealth, AHealthyRunIsAPassAndSaysHowHealthyItWas) {
  NiceMock<MockProvider> provider;
  ON_CALL(provider, Complete).WillByDefault(RespondAfter(SystemClock::Instance(), 1ms));
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 50, .duration = 600ms};
  options.prompts = Hello();
  options.workers = 2;
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider);
  const GeneratorHealth& health = result.health;
  EXPECT_TRUE(health.real_time);
  ASSERT_EQ(health.workers.size(), 2u);
  std::uint64_t ticks = 0;
  for (const WorkerHealth& worker : health.workers) {
    EXPECT_GE(worker.wall, Duration(500ms));
    EXPECT_GT(worker.cpu, Duration(0));
    EXPECT_LT(worker.CpuShare().value(), 0.9);
    EXPECT_GE(worker.windows, 1u);
    ticks += static_cast<std::uint64_t>(worker.wall / 10ms);
  }
  EXPECT_EQ(health.loop_delay.count(), ticks);
  EXPECT_GT(health.descriptors_peak.value(), 3u);
  EXPECT_GT(health.ephemeral_ports.value(), 0u);
  EXPECT_EQ(health.descriptor_failures + health.port_failures, 0u);
  EXPECT_FALSE(health.ReuseRatio().has_value());
}

TEST(GeneratorHealth, AGeneratorThatCannotKeepUpIsInvalid) {
  StallingProvider provider(15ms);
  LoadOptions options;
  // One and a half times what one worker can do.
  options.shape = OpenLoop{.rate_per_second = 100, .duration = 1s};
  options.prompts = Hello();
  options.workers = 1;
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider);
  EXPECT_EQ(result.metrics[Counter::kSucceeded], 100u);
  ExpectInvalid(Judged(result), "the generator was late: p99 schedule lag", "lower the rate");
}

TEST(GeneratorHealth, TheCpuTimeOfAWorkerIsThatOfItsThread) {
  NiceMock<MockProvider> provider;
  std::vector<Duration> accounted;  // by the worker's thread
  ON_CALL(provider, Complete)
      .WillByDefault([&](const CompletionRequest& request, StreamObserver* observer) {
        Compute();
        accounted.push_back(AccountedCpuTime());
        return mocks::actions::Play({}, &SystemClock::Instance(), &request, observer);
      });
  LoadOptions options;
  options.shape = ClosedLoop{.concurrency = 1, .requests = 30};
  options.prompts = Hello();
  options.workers = 1;
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider);
  ASSERT_EQ(accounted.size(), 30u);
  // What it used during the run is no less than from one request of the run to another. The account
  // is brought up to date with each tick of the kernel, 10 ms at the most.
  EXPECT_GE(result.health.workers[0].cpu, accounted.back() - accounted.front() - 10ms);
  EXPECT_GT(accounted.back() - accounted.front(), Duration(20ms)) << "or it says nothing";
}

TEST(GeneratorHealth, AnObserverThatBlocksTheEventLoopMakesTheRunInvalid) {
  StallingProvider provider(250ms);
  LoadOptions options;
  options.shape = ClosedLoop{.concurrency = 1, .requests = 5};  // which never lags
  options.prompts = Hello();
  const LoadResult result = LoadGenerator(std::move(options)).Run(provider);
  EXPECT_EQ(result.metrics[Figure::kScheduleLag].max(), Duration(0));
  ExpectInvalid(Judged(result), "event loops were busy or starved", "blocking or computing");
}

TEST(GeneratorHealth, AStallBeforeTheFirstTurnOfTheEventLoopCountsToo) {
  VirtualClock clock;
  WorkerProbe probe;
  boost::asio::io_context context(1);
  boost::asio::cancellation_signal stop;
  const TimePoint start = clock.Now() - 500ms;
  boost::asio::co_spawn(context, probe.Run(clock, start),
                        boost::asio::bind_cancellation_slot(stop.slot(), boost::asio::detached));
  const auto end = [&]() -> boost::asio::awaitable<void> {
    co_await clock.SleepFor(15ms);
    probe.Finish(clock.Now());
    stop.emit(boost::asio::cancellation_type::terminal);
  };
  boost::asio::co_spawn(context, end, boost::asio::detached);
  clock.Run(context);
  EXPECT_EQ(probe.health().wall, Duration(515ms));
  // The first tick was due 10 ms after the start.
  EXPECT_EQ(probe.loop_delay().Snapshot().max(), Duration(490ms));
  EXPECT_EQ(probe.loop_delay().Snapshot().count(), 51u);
}

TEST(GeneratorHealth, AnOverloadedGeneratorStillHearsThatItIsToStop) {
  StallingProvider provider(15ms);
  LoadGenerator* running = nullptr;
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 100, .duration = 1h};
  options.prompts = Hello();
  options.workers = 1;
  options.progress_interval = 200ms;
  options.on_progress = [&](const LiveCounters&, Duration) { running->RequestStop(); };
  LoadGenerator generator(std::move(options));
  running = &generator;
  const LoadResult result = generator.Run(provider);
  EXPECT_TRUE(result.interrupted);
  EXPECT_LT(result.metrics[Counter::kScheduled], result.planned);
}

TEST(GeneratorHealth, AWorkerThatNeverIdlesHasASaturatedCpu) {
  VirtualClock clock;
  Duration cpu{};
  WorkerProbe probe([&cpu] { return cpu; });
  boost::asio::io_context context(1);
  boost::asio::cancellation_signal stop;
  // It has the CPU for all of eight windows, and just not saturated for another eight.
  const auto busy = [&]() -> boost::asio::awaitable<void> {
    for (const Duration used : {100ms, 94ms}) {
      for (int i = 0; i < 8; ++i) {
        co_await clock.SleepFor(50ms);
        cpu += used;
        co_await clock.SleepFor(50ms);
      }
    }
    probe.Finish(clock.Now());
    stop.emit(boost::asio::cancellation_type::terminal);
  };
  boost::asio::co_spawn(context, probe.Run(clock, clock.Now()),
                        boost::asio::bind_cancellation_slot(stop.slot(), boost::asio::detached));
  boost::asio::co_spawn(context, busy, boost::asio::detached);
  clock.Run(context);
  EXPECT_EQ(probe.health().windows, 16u);
  EXPECT_EQ(probe.health().saturated_windows, 8u);
  EXPECT_EQ(probe.health().wall, Duration(1600ms));
  EXPECT_EQ(probe.health().cpu, Duration(8 * 194ms));

  RunRecord record;
  record.health.workers = {probe.health()};
  const std::vector<Criterion> criteria = {FailedRequests() <= 0};
  ExpectInvalid(Judge(record, criteria), "a worker was so in 50 % of the time, allowed 10 %",
                "more workers");
  // A closed loop goes as fast as it can.
  record.configuration.closed_loop = true;
  EXPECT_EQ(Judge(record, criteria).verdict, Verdict::kPass);
}

TEST(GeneratorHealth, TicksThatAStallSwallowedCountWithTheirLateness) {
  VirtualClock clock;
  WorkerProbe probe;
  boost::asio::io_context context(1);
  boost::asio::cancellation_signal stop;
  const auto stall = [&]() -> boost::asio::awaitable<void> {
    co_await clock.SleepFor(55ms);
    clock.AdvanceBy(100ms);  // the loop is blocked: ticks at 60 to 150 ms are overdue
    co_await clock.SleepFor(45ms);
    probe.Finish(clock.Now());
    stop.emit(boost::asio::cancellation_type::terminal);
  };
  boost::asio::co_spawn(context, probe.Run(clock, clock.Now()),
                        boost::asio::bind_cancellation_slot(stop.slot(), boost::asio::detached));
  boost::asio::co_spawn(context, stall, boost::asio::detached);
  clock.Run(context);
  // Five on time, ten late by 95, 85, ... 5 ms, and those at 160 to 200 ms on time.
  const Distribution delay = probe.loop_delay().Snapshot();
  EXPECT_EQ(delay.count(), 20u);
  EXPECT_EQ(delay.max(), Duration(95ms));
  EXPECT_EQ(delay.sum(), Duration(500ms));
  EXPECT_LE(delay.ValueAtRank(10), Duration(1us));
}

// Lowers the limit of open files as long as it lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t spare) {
    getrlimit(RLIMIT_NOFILE, &before_);
    // The lowest number that is free: the limit is on numbers.
    const int probe = ::dup(0);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(probe) + spare;
    ::close(probe);
    lowered_ = probe >= 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0;
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  bool lowered() const { return lowered_; }

 private:
  rlimit before_{};
  bool lowered_ = false;
};

// Listens on loopback and never answers.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, plain, size) == 0 && ::listen(socket_, 256) == 0 &&
        ::getsockname(socket_, plain, &size) == 0) {
      port_ = ntohs(address.sin_port);
    }
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

OpenAiOptions ClearTextOptions(const SilentServer& server) {
  OpenAiOptions options;
  options.base_url = "http://127.0.0.1:" + std::to_string(server.port()) + "/v1";
  return options;
}

// Each on a connection of its own, as none is answered.
LoadOptions HundredRequests() {
  LoadOptions load;
  load.shape = OpenLoop{.rate_per_second = 200, .duration = 500ms};
  load.prompts = Hello();
  load.workers = 1;
  load.drain_timeout = 100ms;
  return load;
}

TEST(GeneratorHealth, AGeneratorWithoutDescriptorsLeftIsInvalid) {
  // The sanitizer of undefined behaviour tells live objects from dead ones with the help of a pipe:
  // without descriptors it takes every object for dead.
  if (test_support::kAddressSanitized) GTEST_SKIP() << "the sanitizer needs descriptors of its own";
  SilentServer server;
  ASSERT_NE(server.port(), 0);
  OpenAiProvider provider(ClearTextOptions(server));
  const LoadResult result = [&] {
    LoadGenerator generator(HundredRequests());
    const FewDescriptors few(24);
    EXPECT_TRUE(few.lowered());
    return generator.Run(provider);
  }();
  EXPECT_GT(result.metrics[Counter::kUnfinished], 0u);  // those that got one
  EXPECT_GT(result.health.descriptor_failures, 0u);
  EXPECT_EQ(result.health.descriptor_failures, result.metrics[Counter::kFailed]);
  EXPECT_EQ(result.health.port_failures, 0u);
  EXPECT_EQ(result.health.connections.connects, result.metrics[Counter::kUnfinished]);
  EXPECT_EQ(result.health.ReuseRatio(), 0.0);
  ExpectInvalid(Judged(result), "the generator ran out of descriptors", "ulimit -n");
}

// In a network of its own, which has ten ports. Exit status 0: as expected, 77: not permitted here.
[[noreturn]] void RunOutOfPorts() {
  constexpr int kNotPermitted = 77;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) std::_Exit(kNotPermitted);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  const int any = socket(AF_INET, SOCK_DGRAM, 0);
  if (ioctl(any, SIOCSIFFLAGS, &loopback) != 0) std::_Exit(kNotPermitted);
  std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
  if (!(range << "50000 50009" << std::flush)) std::_Exit(kNotPermitted);

  SilentServer server;
  OpenAiProvider provider(ClearTextOptions(server));
  const LoadResult result = LoadGenerator(HundredRequests()).Run(provider);
  EXPECT_GT(result.metrics[Counter::kUnfinished], 0u);  // those that got one
  EXPECT_GT(result.health.port_failures, 0u);
  EXPECT_EQ(result.health.port_failures, result.metrics[Counter::kFailed]);
  EXPECT_EQ(result.health.descriptor_failures, 0u);
  EXPECT_EQ(result.health.ephemeral_ports, 10u);
  ExpectInvalid(Judged(result), "ran out of ephemeral ports", "now 10");
  std::fflush(stdout);
  std::_Exit(testing::Test::HasFailure() ? 1 : 0);
}

TEST(GeneratorHealth, AGeneratorWithoutPortsLeftIsInvalid) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) RunOutOfPorts();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no network of its own is permitted here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(GeneratorHealth, EveryRequestWithoutAPortIsCounted) {
  VirtualClock clock;
  NiceMock<MockProvider> provider;
  const Error error{.kind = ErrorKind::kConnectFailure, .system_error = EADDRNOTAVAIL};
  ON_CALL(provider, Complete).WillByDefault(FailAfter(clock, 1ms, error));
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 10, .duration = 10s};
  options.prompts = Hello();
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_EQ(result.health.port_failures, 100u);
  EXPECT_EQ(result.health.descriptor_failures, 0u);
  EXPECT_FALSE(result.health.real_time);
  ExpectInvalid(Judged(result), "ran out of ephemeral ports: 100 requests", "port range");
}

TEST(GeneratorHealth, MoreInFlightThanAllowedIsInvalid) {
  VirtualClock clock;
  NiceMock<MockProvider> provider;
  ON_CALL(provider, Complete).WillByDefault(RespondAfter(clock, 5s));
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 10, .duration = 10s, .max_in_flight = 49};
  options.prompts = Hello();
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_GT(result.metrics[Counter::kDropped], 0u);
  ExpectInvalid(
      Judged(result),
      "the generator dropped " + std::to_string(result.metrics[Counter::kDropped]) + " arrivals",
      "raise max_in_flight above rate x latency (here up to 50)");
}

TEST(GeneratorHealth, FailuresOfTheServiceAreNotTheGenerators) {
  const auto shortage = [](ErrorKind kind, int code) {
    return ShortageBehind({.kind = kind, .system_error = code});
  };
  EXPECT_EQ(shortage(ErrorKind::kConnectFailure, EMFILE), LocalShortage::kDescriptors);
  EXPECT_EQ(shortage(ErrorKind::kConnectFailure, ENFILE), LocalShortage::kDescriptors);
  EXPECT_EQ(shortage(ErrorKind::kConnectFailure, EADDRNOTAVAIL), LocalShortage::kPorts);
  EXPECT_EQ(shortage(ErrorKind::kConnectFailure, ECONNREFUSED), LocalShortage::kNone);
  EXPECT_EQ(shortage(ErrorKind::kServerError, EMFILE), LocalShortage::kNone);
}

}  // namespace
}  // namespace llmload
