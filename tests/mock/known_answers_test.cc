// The truth of measurement: a provider whose latencies are known one by one, and what the generator
// reports of them, for every kind of load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/judge/judgement.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/load/load_generator.h"
#include "tests/support/prompts_from.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::PromptsFrom;
using ::testing::HasSubstr;

constexpr std::int64_t kTokens = 11;
const TimePoint kStart{1h};

// Request k's times, from k and the seed alone.
struct Answer {
  Duration latency{};
  Duration first_token{};
};

Answer AnswerTo(std::uint64_t index, std::uint64_t seed) {
  Random random = Random::Stream(seed, index);
  const Duration latency = random.LogNormal(400ms, 1.0);
  return {.latency = latency, .first_token = latency / 4};
}

// Answers request k, whose number is its prompt, as `AnswerTo` says.
class KnownProvider final : public Provider {
 public:
  KnownProvider(Clock& clock, std::uint64_t seed) : clock_(clock), seed_(seed) {}

  const ProviderIdentity& Identity() const noexcept override { return identity_; }

  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override {
    const std::uint64_t index = std::stoull(request.messages.front().content);
    asked_.emplace_back(index, clock_.Now());
    const Answer answer = AnswerTo(index, seed_);
    const TimePoint start = clock_.Now();
    // The first token by itself, and all others at the end.
    co_await clock_.SleepUntil(start + answer.first_token);
    observer->OnToken({.at = clock_.Now()});
    co_await clock_.SleepUntil(start + answer.latency);
    for (std::int64_t i = 1; i < kTokens; ++i) observer->OnToken({.at = clock_.Now()});
    Completion completion;
    completion.provider = identity_.name;
    completion.usage.output = kTokens;
    completion.timings.first_token = start + answer.first_token;
    completion.timings.last_token = clock_.Now();
    co_return completion;
  }

  using Question = std::pair<std::uint64_t, TimePoint>;
  const std::vector<Question>& asked() const { return asked_; }

 private:
  Clock& clock_;
  const std::uint64_t seed_;
  const ProviderIdentity identity_{.name = "known", .region = {}, .credential = {}};
  std::vector<Question> asked_;
};

CompletionRequest NumberedRequest(std::uint64_t index) {
  return {.model = "model", .messages = {{.role = Role::kUser, .content = std::to_string(index)}}};
}

Duration NearestRank(const std::vector<Duration>& sorted, double quantile) {
  const auto size = static_cast<double>(sorted.size());
  const auto rank = static_cast<std::size_t>(std::ceil(quantile * size - 1e-9));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

// Within the stated error of the histogram: never below the exact value, above it by at most 0.1 %,
// or 1 µs below 2 ms.
void ExpectWithinError(Duration reported, Duration exact, const std::string& what) {
  EXPECT_GE(reported, exact) << what;
  const Duration allowed = std::max<Duration>(1us, exact / 1000);
  EXPECT_LE(reported, exact + allowed) << what;
}

void ExpectDistribution(const Distribution& reported, std::vector<Duration> exact,
                        const std::string& what) {
  ASSERT_EQ(reported.count(), exact.size()) << what;
  std::sort(exact.begin(), exact.end());
  EXPECT_EQ(reported.min(), exact.front()) << what;
  EXPECT_EQ(reported.max(), exact.back()) << what;
  Duration sum{};
  for (const Duration value : exact) sum += value;
  EXPECT_EQ(reported.mean(), sum / static_cast<std::int64_t>(exact.size())) << what;
  for (const NamedQuantile& row : kQuantiles) {
    ExpectWithinError(reported.ValueAtQuantile(row.quantile), NearestRank(exact, row.quantile),
                      what + " " + std::string(row.name));
  }
}

struct NamedShape {
  std::string name;
  LoadShape shape;
};

LoadProfile OnePhase(Duration duration, RateShape shape,
                     ArrivalPattern pattern = ArrivalPattern::kConstant) {
  return {.phases = {{.duration = duration, .shape = std::move(shape), .pattern = pattern}},
          .seed = 5};
}

std::vector<NamedShape> AllShapes() {
  std::vector<ArrivalTrace::Entry> entries;
  Random random(3);
  Duration at{};
  for (int i = 0; i < 3000; ++i) {
    entries.push_back({.at = at});
    at += Duration(static_cast<Duration::rep>(random.Exponential(2e7)));
  }
  LoadProfile phases;
  phases.phases = {
      {.name = "warm-up", .duration = 20s, .shape = LinearRamp{0, 50}, .measured = false},
      {.duration = 30s, .shape = SineRate{60, 40, 11s}, .pattern = ArrivalPattern::kPoisson},
      {.duration = 30s, .shape = ConstantRate{50}},
      {.name = "cool-down", .duration = 10s, .shape = ConstantRate{10}, .measured = false}};
  return {
      {"constant", OpenLoop{.rate_per_second = 50, .duration = 60s}},
      {"poisson",
       OpenLoop{.rate_per_second = 50, .duration = 60s, .pattern = ArrivalPattern::kPoisson}},
      {"ramp", OnePhase(60s, LinearRamp{0, 100})},
      {"random ramp", OnePhase(60s, LinearRamp{0, 100}, ArrivalPattern::kPoisson)},
      {"stairs", OnePhase(60s, StairRamp{20, 80, 4})},
      {"spike", OnePhase(60s, Spike{30, 300, 20s, 2s, 5s, 2s})},
      {"random spike", OnePhase(60s, Spike{30, 300, 20s, 2s, 5s, 2s}, ArrivalPattern::kPoisson)},
      {"steps", OnePhase(0s, RateSteps{{{30, 20s}, {0, 5s}, {80, 30s}}})},
      {"sine", OnePhase(60s, SineRate{50, 50, 13s})},
      {"trace", OnePhase(0s, TraceReplay{std::make_shared<const ArrivalTrace>(entries)})},
      {"closed", ClosedLoop{.concurrency = 20, .requests = 3000}},
      {"closed with think time", ClosedLoop{.concurrency = 40,
                                            .requests = 1'000'000,
                                            .duration = 60s,
                                            .think_time = 100ms,
                                            .think_pattern = ArrivalPattern::kPoisson,
                                            .ramp_up = 1s,
                                            .warm_up = 5s,
                                            .cool_down = 5s}},
      {"phases", phases},
  };
}

// The requests that are measured: of an open loop, by the schedule; of a closed loop, by the
// instant at which the provider was asked.
std::vector<std::uint64_t> MeasuredOf(const LoadShape& shape, const KnownProvider& provider) {
  std::vector<std::uint64_t> measured;
  if (const auto* load = shape.closed_loop()) {
    for (const auto& [index, at] : provider.asked()) {
      const bool warm = at >= kStart + load->warm_up;
      const bool cold = load->duration && at >= kStart + *load->duration - load->cool_down;
      if (warm && !cold) measured.push_back(index);
    }
    return measured;
  }
  ArrivalSequence arrivals(*shape.profile());
  while (const auto arrival = arrivals.Next()) {
    if (arrival->measured) measured.push_back(arrival->index);
  }
  return measured;
}

TEST(KnownAnswers, EveryPercentileIsWithinTheHistogramsErrorForEverySchedule) {
  for (std::uint64_t seed = 1; seed <= (test_support::kSanitized ? 1 : 3); ++seed) {
    for (const auto& [name, shape] : AllShapes()) {
      SCOPED_TRACE(name + ", seed " + std::to_string(seed));
      VirtualClock clock(kStart);
      KnownProvider provider(clock, seed);
      LoadOptions options;
      options.shape = shape;
      options.prompts = PromptsFrom(NumberedRequest);
      options.drain_timeout = 1h;
      const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
      const MetricsSnapshot& metrics = result.metrics;
      EXPECT_FALSE(CheckAccounting(metrics));
      EXPECT_FALSE(CheckAccounting(result.unmeasured));
      EXPECT_EQ(metrics[Counter::kSucceeded], metrics[Counter::kScheduled]);
      EXPECT_GT(metrics[Counter::kSucceeded], 1000u);
      EXPECT_EQ(metrics[Figure::kScheduleLag].max(), Duration(0));

      std::vector<Duration> latency, ttft, tpot;
      for (const std::uint64_t index : MeasuredOf(shape, provider)) {
        const Answer answer = AnswerTo(index, seed);
        latency.push_back(answer.latency);
        ttft.push_back(answer.first_token);
        const auto window = static_cast<double>((answer.latency - answer.first_token).count());
        tpot.emplace_back(std::llround(window / (kTokens - 1)));
      }
      ExpectDistribution(metrics[Figure::kScheduledLatency], latency, "scheduled latency");
      ExpectDistribution(metrics[Figure::kServiceLatency], latency, "service latency");
      ExpectDistribution(metrics[Figure::kTtft], ttft, "time to first token");
      ExpectDistribution(metrics[Figure::kTpot], tpot, "time per output token");
    }
  }
}

// Answers after 2 ms; but request 500 of 1000, due at 5 s, stalls for a second.
class StallingProvider : public Provider {
 public:
  explicit StallingProvider(VirtualClock& clock) : clock_(clock) {}
  const ProviderIdentity& Identity() const noexcept override { return identity_; }

 protected:
  VirtualClock& clock_;

 private:
  const ProviderIdentity identity_{.name = "stalling", .region = {}, .credential = {}};
};

// The stall blocks whoever asks, as a client that waits for an answer before it asks again is
// blocked.
class BlockingStall final : public StallingProvider {
 public:
  using StallingProvider::StallingProvider;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver*) override {
    if (request.messages.front().content == "500") {
      clock_.AdvanceBy(1s);
    } else {
      co_await clock_.SleepFor(2ms);
    }
    co_return Completion{.provider = Identity().name};
  }
};

// The stall is the server's: every request that comes during it is answered at its end.
class ServerStall final : public StallingProvider {
 public:
  using StallingProvider::StallingProvider;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    const TimePoint now = clock_.Now();
    const bool stalls = now >= kStart + 5s && now < kStart + 6s;
    co_await clock_.SleepUntil(stalls ? kStart + 6s : now + 2ms);
    co_return Completion{.provider = Identity().name};
  }
};

LoadOptions HundredPerSecond() {
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = 100, .duration = 10s};
  options.prompts = PromptsFrom(NumberedRequest);
  return options;
}

// 900 requests take 2 ms. Of those due during the stall the first waits 1 s, the next ones `extra`
// more than 0.99 s, 0.98 s, ... 0.01 s.
std::vector<Duration> StallByHand(Duration extra) {
  std::vector<Duration> latencies(900, 2ms);
  latencies.emplace_back(1s);
  for (int i = 1; i < 100; ++i) latencies.push_back(1s - i * 10ms + extra);
  return latencies;
}

TEST(KnownAnswers, AStallOfTheClientIsInEveryScheduledLatencyAndOnceInTheServiceLatency) {
  VirtualClock clock(kStart);
  BlockingStall provider(clock);
  const LoadResult result = LoadGenerator(HundredPerSecond(), clock).Run(provider);
  const MetricsSnapshot& metrics = result.metrics;
  EXPECT_FALSE(CheckAccounting(metrics));
  ExpectDistribution(metrics[Figure::kScheduledLatency], StallByHand(2ms), "scheduled latency");
  std::vector<Duration> service(999, 2ms);
  service.emplace_back(1s);
  ExpectDistribution(metrics[Figure::kServiceLatency], service, "service latency");
  // By hand, in numbers.
  ExpectWithinError(metrics[Figure::kScheduledLatency].ValueAtQuantile(0.90), 2ms, "p90");
  ExpectWithinError(metrics[Figure::kScheduledLatency].ValueAtQuantile(0.95), 502ms, "p95");
  ExpectWithinError(metrics[Figure::kScheduledLatency].ValueAtQuantile(0.99), 902ms, "p99");
  ExpectWithinError(metrics[Figure::kScheduledLatency].ValueAtQuantile(0.999), 992ms, "p99.9");
  ExpectWithinError(metrics[Figure::kServiceLatency].ValueAtQuantile(0.999), 2ms, "p99.9");
  EXPECT_EQ(metrics[Figure::kServiceLatency].max(), Duration(1s));
  // Not the service's fault, so not a verdict on the service.
  RunRecord record;
  record.metrics = metrics;
  const std::vector<Criterion> criteria = {P95() < 10s};
  const Judgement judgement = Judge(record, criteria);
  EXPECT_EQ(judgement.verdict, Verdict::kInvalid);
  EXPECT_THAT(Explain(judgement), HasSubstr("the generator was late: p99 schedule lag"));
}

TEST(KnownAnswers, AStallOfTheServerIsInEveryLatencyOfAnOpenLoop) {
  VirtualClock clock(kStart);
  ServerStall provider(clock);
  const LoadResult result = LoadGenerator(HundredPerSecond(), clock).Run(provider);
  EXPECT_FALSE(CheckAccounting(result.metrics));
  EXPECT_EQ(result.metrics[Figure::kScheduleLag].max(), Duration(0));
  ExpectDistribution(result.metrics[Figure::kScheduledLatency], StallByHand(0ms),
                     "scheduled latency");
  ExpectDistribution(result.metrics[Figure::kServiceLatency], StallByHand(0ms), "service latency");
}

TEST(KnownAnswers, AClosedLoopShowsAStallOncePerCaller) {
  VirtualClock clock(kStart);
  ServerStall provider(clock);
  LoadOptions options;
  options.shape = ClosedLoop{.concurrency = 1, .requests = 1'000'000, .duration = 10s};
  options.prompts = PromptsFrom(NumberedRequest);
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  EXPECT_FALSE(CheckAccounting(result.metrics));
  // 2500 before the stall, one in it, 2000 after it: what coordinated omission looks like.
  std::vector<Duration> latencies(4500, 2ms);
  latencies.emplace_back(1s);
  ExpectDistribution(result.metrics[Figure::kScheduledLatency], latencies, "scheduled latency");
}

}  // namespace
}  // namespace llmload
