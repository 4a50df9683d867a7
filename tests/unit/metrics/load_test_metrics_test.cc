#include "llmload/metrics/load_test_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::kStart;
using ::testing::HasSubstr;

// A request scheduled at `scheduled` after the start, dispatched `lag` later, done `service` after
// that.
RequestInstants Instants(Duration scheduled, Duration lag, Duration service) {
  return {kStart + scheduled, kStart + scheduled + lag, kStart + scheduled + lag + service};
}

Completion Answer(std::string provider = "openai") {
  Completion completion;
  completion.provider = std::move(provider);
  completion.usage = {.input = 100, .cached_input = 40, .output = 11, .reasoning = 3};
  return completion;
}

void Succeed(MetricsShard& shard, const RequestInstants& instants, const Completion& completion) {
  shard.Scheduled();
  shard.Dispatched(instants.scheduled, instants.dispatched);
  shard.Succeeded(instants, completion);
}

void Fail(MetricsShard& shard, const RequestInstants& instants, const Error& error) {
  shard.Scheduled();
  shard.Dispatched(instants.scheduled, instants.dispatched);
  shard.Failed(instants, error);
}

Error ServerError() {
  return {
      .kind = ErrorKind::kServerError, .message = "boom", .http_status = 500, .provider = "openai"};
}

Attempt MakeAttempt(std::string provider, std::optional<ErrorKind> error, Duration started,
                    Duration finished) {
  return {.provider = std::move(provider),
          .error = error,
          .started = kStart + started,
          .finished = kStart + finished};
}

TEST(LoadTestMetrics, EmptyRunHasNoRatesAndHoldsTheIdentity) {
  LoadTestMetrics metrics;
  metrics.AddShard();
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run.SuccessRate(), std::nullopt);
  EXPECT_EQ(run.Throughput(), std::nullopt);
  EXPECT_EQ(run.AttemptsPerRequest(), std::nullopt);
  EXPECT_EQ(run.first_dispatch, std::nullopt);
  EXPECT_EQ(run[Figure::kScheduledLatency].count(), 0u);
  EXPECT_EQ(run[Figure::kScheduledLatency].FailureAdjustedQuantile(0.95, run[Counter::kFailed]),
            std::nullopt);
  EXPECT_EQ(CheckAccounting(run), std::nullopt);
}

TEST(LoadTestMetrics, LatencyRunsFromTheScheduledInstantAndServiceTimeFromDispatch) {
  LoadTestMetrics metrics;
  Succeed(metrics.AddShard(), Instants(0s, 250ms, 1s), Answer());
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Figure::kScheduledLatency].ValueAtQuantile(0.50), 1250ms);
  EXPECT_EQ(run[Figure::kServiceLatency].ValueAtQuantile(0.50), 1s);
  EXPECT_EQ(run[Figure::kScheduleLag].max(), 250ms);
}

TEST(LoadTestMetrics, MergesShardsIntoOneRun) {
  LoadTestMetrics metrics({.start = kStart});
  MetricsShard& a = metrics.AddShard();
  MetricsShard& b = metrics.AddShard();
  Succeed(a, Instants(0s, 0s, 1s), Answer());
  Succeed(b, Instants(1s, 0s, 3s), Answer("local"));
  Fail(b, Instants(2s, 0s, 6s), ServerError());
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Counter::kScheduled], 3u);
  EXPECT_EQ(run[Counter::kSent], 3u);
  EXPECT_EQ(run.Completed(), 3u);
  EXPECT_EQ(run.first_dispatch, Duration(0));
  EXPECT_EQ(run.last_completion, Duration(8s));
  EXPECT_DOUBLE_EQ(run.CompletedThroughput().value(), 3.0 / 8);
  EXPECT_DOUBLE_EQ(run.Throughput().value(), 2.0 / 8);
  EXPECT_DOUBLE_EQ(run.OutputTokensPerSecond().value(), 22.0 / 8);
  EXPECT_EQ(run[Figure::kScheduledLatency].min(), 1s);
  EXPECT_EQ(run[Figure::kScheduledLatency].max(), 3s);
  EXPECT_EQ(run[Figure::kScheduledLatency].mean(), 2s);
  EXPECT_EQ(run[Figure::kFailedLatency].max(), 6s);
}

TEST(LoadTestMetrics, DroppedAndUnfinishedCountAgainstTheSuccessRate) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  Succeed(shard, Instants(0s, 0s, 1s), Answer());
  Fail(shard, Instants(0s, 0s, 1s), ServerError());
  shard.Scheduled(2);
  shard.Dropped(kStart);
  shard.Dispatched(kStart, kStart);
  shard.Unfinished(Instants(0s, 0s, 9s));
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Counter::kDropped], 1u);
  EXPECT_EQ(run[Counter::kUnfinished], 1u);
  EXPECT_DOUBLE_EQ(run.SuccessRate().value(), 0.25);
  EXPECT_EQ(CheckAccounting(run), std::nullopt);
}

TEST(LoadTestMetrics, AccountingCheckNamesTheNumbersOfALostRequest) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  Succeed(shard, Instants(0s, 0s, 1s), Answer());
  shard.Scheduled();  // and nothing more is heard of it
  const auto violation = CheckAccounting(metrics.Snapshot());
  ASSERT_TRUE(violation);
  EXPECT_THAT(*violation, HasSubstr("scheduled 2 != succeeded 1 + failed 0"));

  MetricsSnapshot sent_twice = metrics.Snapshot();
  sent_twice[Counter::kScheduled] = 1;
  sent_twice[Counter::kSent] = 2;
  EXPECT_THAT(CheckAccounting(sent_twice).value_or(""), HasSubstr("sent 2 != succeeded 1"));
}

TEST(LoadTestMetrics, FailuresCountAsInfinitelySlowInAdjustedPercentiles) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  for (int i = 0; i < 96; ++i) Succeed(shard, Instants(0s, 0s, 1s), Answer());
  for (int i = 0; i < 4; ++i) Fail(shard, Instants(0s, 0s, 1ms), ServerError());
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Figure::kScheduledLatency].ValueAtQuantile(0.99), 1s)
      << "plain percentiles are over successes";
  EXPECT_EQ(run[Figure::kScheduledLatency].FailureAdjustedQuantile(0.95, run[Counter::kFailed]),
            1s);
  EXPECT_EQ(run[Figure::kScheduledLatency].FailureAdjustedQuantile(0.99, run[Counter::kFailed]),
            std::nullopt)
      << "4 % failed: p99 is infinite";
}

TEST(LoadTestMetrics, TokenTimesComeFromStreamingAnswersOnly) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  Succeed(shard, Instants(0s, 0s, 5s), Answer());  // not streamed: no token instants
  EXPECT_EQ(metrics.Snapshot()[Figure::kTtft].count(), 0u);

  Completion streamed = Answer();
  RequestInstants instants = Instants(1s, 100ms, 3s);
  StreamTimes stream;
  for (int i = 0; i <= 10; ++i) stream.Event(instants.dispatched + 400ms + i * 200ms);
  instants.stream = &stream;
  streamed.timings.first_token = instants.dispatched + 400ms;
  streamed.timings.first_output_token = instants.dispatched + 900ms;
  streamed.timings.last_token = instants.dispatched + 2400ms;
  Succeed(shard, instants, streamed);
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Figure::kTtft].count(), 1u);
  EXPECT_EQ(run[Figure::kTtft].max(), 400ms);
  EXPECT_EQ(run[Figure::kTtfo].max(), 900ms);
  EXPECT_EQ(run[Figure::kTpot].max(), 200ms);  // 2 s over 11 - 1 gaps
}

TEST(LoadTestMetrics, TimePerOutputTokenIsUndefinedBelowTwoTokens) {
  LoadTestMetrics metrics;
  Completion one_token = Answer();
  const RequestInstants instants = Instants(0s, 0s, 1s);
  one_token.usage.output = 1;
  one_token.timings.first_token = one_token.timings.last_token = instants.dispatched + 500ms;
  Succeed(metrics.AddShard(), instants, one_token);
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Figure::kTpot].count(), 0u);
  EXPECT_EQ(run[Figure::kTtft].count(), 1u);
}

TEST(LoadTestMetrics, SumsTokensAndSaysWhichWereCountedFromEvents) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  Succeed(shard, Instants(0s, 0s, 1s), Answer());
  Completion counted = Answer();
  counted.token_source = TokenSource::kCountedEvents;
  Succeed(shard, Instants(0s, 0s, 1s), counted);
  Error cut = ServerError();
  cut.partial_tokens = 5;
  Fail(shard, Instants(0s, 0s, 1s), cut);
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Counter::kInputTokens], 200u);
  EXPECT_EQ(run[Counter::kCachedInputTokens], 80u);
  EXPECT_EQ(run[Counter::kOutputTokens], 22u);
  EXPECT_EQ(run[Counter::kReasoningTokens], 6u);
  EXPECT_EQ(run[Counter::kPartialOutputTokens], 5u);
  EXPECT_EQ(run[Counter::kAnswersWithoutUsage], 1u);
}

TEST(LoadTestMetrics, CountsEachErrorKindAndKeepsTheFirstMessageShort) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  Fail(shard, Instants(0s, 0s, 1s), ServerError());
  Error second = ServerError();
  second.message = "later";
  Fail(shard, Instants(0s, 0s, 1s), second);
  Error endless{.kind = ErrorKind::kMalformedResponse, .message = std::string(10'000, 'x')};
  Fail(shard, Instants(0s, 0s, 1s), endless);
  const MetricsSnapshot run = metrics.Snapshot();
  const auto& server = run[ErrorKind::kServerError];
  EXPECT_EQ(server.count, 2u);
  EXPECT_THAT(server.FirstMessage(), HasSubstr("boom"));
  const auto& malformed = run[ErrorKind::kMalformedResponse];
  EXPECT_EQ(malformed.count, 1u);
  EXPECT_LT(malformed.FirstMessage().size(), 400u);
  EXPECT_EQ(run[ErrorKind::kDnsFailure].count, 0u);
}

TEST(LoadTestMetrics, AttributesAttemptsToTheProvidersThatMadeThem) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  Completion failed_over = Answer("local");
  failed_over.attempts = {MakeAttempt("aws", ErrorKind::kServerError, 0ms, 50ms),
                          MakeAttempt("aws", ErrorKind::kOverloaded, 60ms, 100ms),
                          MakeAttempt("local", std::nullopt, 130ms, 150ms)};
  Succeed(shard, Instants(0s, 0s, 150ms), failed_over);
  Completion rejected = Answer("local");
  rejected.attempts = {MakeAttempt("aws", ErrorKind::kCircuitOpen, 0ms, 0ms),
                       MakeAttempt("local", std::nullopt, 0ms, 20ms)};
  Succeed(shard, Instants(0s, 0s, 20ms), rejected);
  Succeed(shard, Instants(0s, 0s, 1s), Answer("plain"));  // no records: one attempt

  const MetricsSnapshot run = metrics.Snapshot();
  ASSERT_EQ(run.providers.size(), 3u);
  const ProviderUsage& aws = run.providers[0];
  EXPECT_EQ(aws.name, "aws");
  EXPECT_EQ(aws.attempts, 2u);
  EXPECT_EQ(aws.failures, 2u);
  EXPECT_EQ(aws.rejected, 1u) << "a rejection by the breaker reaches no provider";
  EXPECT_EQ(aws.answered, 0u);
  const ProviderUsage& local = run.providers[1];
  EXPECT_EQ(local.successes, 2u);
  EXPECT_EQ(local.answered, 2u);
  EXPECT_EQ(run.providers[2].attempts, 1u);
  EXPECT_EQ(run[Counter::kAttempts], 5u);
  EXPECT_DOUBLE_EQ(run.AttemptsPerRequest().value(), 5.0 / 3);
  EXPECT_EQ(run[Counter::kFailedOver], 2u);
}

TEST(LoadTestMetrics, FailoverOverheadRunsFromKnownFailureToTheNextProvidersStart) {
  LoadTestMetrics metrics;
  Completion answer = Answer("local");
  answer.attempts = {MakeAttempt("aws", ErrorKind::kServerError, 10ms, 60ms),
                     MakeAttempt("local", std::nullopt, 63ms, 83ms)};
  Succeed(metrics.AddShard(), Instants(0s, 10ms, 75ms), answer);
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Figure::kFailoverOverhead].count(), 1u);
  EXPECT_EQ(run[Figure::kFailoverOverhead].max(), 3ms);
  EXPECT_EQ(run[Figure::kFailoverAddedLatency].max(), 65ms);  // 85 ms waited, 20 ms of them useful
}

TEST(LoadTestMetrics, AHedgeIsNotAFailoverThatWaitedForAFailure) {
  LoadTestMetrics metrics;
  Completion answer = Answer("b");
  answer.attempts = {MakeAttempt("a", ErrorKind::kCancelled, 0ms, 90ms),
                     MakeAttempt("b", std::nullopt, 40ms, 90ms)};
  Succeed(metrics.AddShard(), Instants(0s, 0s, 90ms), answer);
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Counter::kFailedOver], 1u);
  EXPECT_EQ(run[Figure::kFailoverOverhead].count(), 0u);
}

TEST(LoadTestMetrics, ProviderNamesWithoutEndDoNotGrowMemory) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  for (int i = 0; i < 1000; ++i) {
    Succeed(shard, Instants(0s, 0s, 1s), Answer("p" + std::to_string(i)));
  }
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run.providers.size(), 64u);
  std::uint64_t answered = 0;
  std::uint64_t others = 0;
  for (const ProviderUsage& usage : run.providers) {
    answered += usage.answered;
    if (usage.name == "(other)") others = usage.answered;
  }
  EXPECT_EQ(answered, 1000u);
  EXPECT_EQ(others, 1000u - 63u);
}

TEST(LoadTestMetrics, LiveCountersShowWhatIsInFlight) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  EXPECT_EQ(metrics.Live().p95, std::nullopt);
  Succeed(shard, Instants(0s, 0s, 2s), Answer());
  shard.Scheduled(3);
  shard.Dropped(kStart);
  shard.Dispatched(kStart, kStart);
  shard.Dispatched(kStart, kStart);
  const LiveCounters live = metrics.Live();
  EXPECT_EQ(live.scheduled, 4u);
  EXPECT_EQ(live.sent, 3u);
  EXPECT_EQ(live.in_flight, 2u);
  EXPECT_EQ(live.succeeded, 1u);
  EXPECT_EQ(live.dropped, 1u);
  EXPECT_EQ(live.p95, 2s);
}

TEST(LoadTestMetrics, LiveCountersShowFailuresByKindAndTimesToFirstToken) {
  LoadTestMetrics metrics;
  MetricsShard& one = metrics.AddShard();
  MetricsShard& other = metrics.AddShard();
  EXPECT_EQ(metrics.Live().ttft_p95, std::nullopt);
  for (MetricsShard* shard : {&one, &other}) {
    shard->Dispatched(kStart, kStart);
    shard->Failed(Instants(0s, 0s, 1s), {.kind = ErrorKind::kRateLimited});
  }
  Completion answer = Answer();
  answer.timings.first_token = kStart + 500ms;
  Succeed(one, Instants(0s, 0s, 2s), answer);
  LiveCounters live = metrics.Live();
  EXPECT_EQ(live.errors[static_cast<std::size_t>(ErrorKind::kRateLimited)], 2u);
  EXPECT_EQ(live.errors[static_cast<std::size_t>(ErrorKind::kServerError)], 0u);
  EXPECT_EQ(live.ttft_p95, 500ms);
  live += metrics.Live(nullptr);
  EXPECT_EQ(live.errors[static_cast<std::size_t>(ErrorKind::kRateLimited)], 4u);
}

TEST(LoadTestMetrics, CanBeReadWhileWorkersRecord) {
  constexpr int kWorkers = 3;
  constexpr int kRequests = 5'000;
  LoadTestMetrics metrics;
  std::atomic<int> running{kWorkers};
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&metrics, &running, w] {
      MetricsShard& shard = metrics.AddShard();
      for (int i = 0; i < kRequests; ++i) {
        if (i % 10 == 0) {
          Error error = ServerError();
          error.kind = static_cast<ErrorKind>(i / 10 % kErrorKindCount);
          Fail(shard, Instants(0s, 0s, 1ms), error);
        } else {
          Succeed(shard, Instants(0s, 0s, 1ms),
                  Answer("p" + std::to_string(w) + std::to_string(i % 7)));
        }
      }
      --running;
    });
  }
  std::uint64_t last = 0;
  do {
    const LiveCounters live = metrics.Live();
    EXPECT_GE(live.succeeded, last);
    last = live.succeeded;
    const MetricsSnapshot run = metrics.Snapshot();
    for (const ProviderUsage& usage : run.providers) EXPECT_FALSE(usage.name.empty());
    for (const ErrorSummary& error : run.errors) {
      EXPECT_TRUE(error.count == 0 || !error.FirstMessage().empty());
    }
  } while (running > 0);
  for (std::thread& worker : workers) worker.join();
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Counter::kScheduled], 1u * kWorkers * kRequests);
  EXPECT_EQ(run[Counter::kFailed], kWorkers * kRequests / 10u);
  EXPECT_EQ(CheckAccounting(run), std::nullopt);
}

}  // namespace
}  // namespace llmload
