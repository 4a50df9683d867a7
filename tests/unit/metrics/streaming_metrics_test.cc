// Goodput, chunk gaps, the per-second series and the dimensions of a run.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "llmload/metrics/load_test_metrics.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using test_support::kStart;
using namespace std::chrono_literals;

struct Shape {
  Duration lag{};
  Duration ttft = 100ms;
  Duration ttfo = 200ms;
  Duration service = 1s;
  std::int64_t tokens = 9;
  int events = 9;  // evenly from the first token to the end
  std::int64_t reasoning = 0;
  bool streamed = true;
};

void Succeed(MetricsShard& shard, const Shape& shape = {}) {
  const TimePoint dispatched = kStart + shape.lag;
  StreamTimes stream;
  for (int i = 0; i < shape.events; ++i) {
    stream.Event(dispatched + shape.ttft +
                 (shape.service - shape.ttft) * i / std::max(shape.events - 1, 1));
  }
  const RequestInstants instants{.scheduled = kStart,
                                 .dispatched = dispatched,
                                 .completed = dispatched + shape.service,
                                 .stream = shape.streamed ? &stream : nullptr};
  Completion completion;
  completion.provider = "openai";
  completion.usage.output = shape.tokens;
  completion.usage.reasoning = shape.reasoning;
  completion.token_events = shape.events;
  if (shape.streamed) {
    completion.timings.first_token = dispatched + shape.ttft;
    completion.timings.first_output_token = dispatched + shape.ttfo;
    completion.timings.last_token = dispatched + shape.service;
  }
  shard.Scheduled();
  shard.Dispatched(instants.scheduled, instants.dispatched);
  shard.Succeeded(instants, completion);
}

std::uint64_t Good(const RequestObjectives& objectives, const Shape& shape) {
  LoadTestMetrics metrics({.objectives = objectives});
  Succeed(metrics.AddShard(), shape);
  return metrics.Snapshot()[Counter::kGood];
}

TEST(Goodput, IsNotMeasuredWithoutObjectives) {
  LoadTestMetrics metrics;
  Succeed(metrics.AddShard());
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_FALSE(run.has_objectives);
  EXPECT_FALSE(run.Goodput());
  EXPECT_FALSE(run.GoodFraction());
}

TEST(Goodput, EachObjectiveIsABoundThatMayJustBeMet) {
  const Shape shape{.lag = 50ms};
  const auto exact = [&](RequestObjectives objectives) { EXPECT_EQ(Good(objectives, shape), 1u); };
  const auto over = [&](RequestObjectives objectives) { EXPECT_EQ(Good(objectives, shape), 0u); };
  exact({.scheduled_latency = 1050ms});
  over({.scheduled_latency = 1050ms - 1ns});
  exact({.service_latency = 1s});
  over({.service_latency = 1s - 1ns});
  exact({.ttft = 100ms});
  over({.ttft = 100ms - 1ns});
  exact({.ttfo = 200ms});
  over({.ttfo = 200ms - 1ns});
  exact({.tpot = 112'500us});  // 900 ms / 8
  over({.tpot = 112'500us - 1ns});
  exact({.chunk_gap = 112'500us});
  over({.chunk_gap = 112'500us - 1ns});
}

TEST(Goodput, OneMissedObjectiveIsEnough) {
  EXPECT_EQ(Good({.scheduled_latency = 10s, .ttft = 1ms}, {}), 0u);
  EXPECT_EQ(Good({.scheduled_latency = 10s, .ttft = 1s}, {}), 1u);
}

TEST(Goodput, AnAnswerThatWasNotStreamedMeetsNoStreamingObjective) {
  const Shape unary{.streamed = false};
  EXPECT_EQ(Good({.service_latency = 1s}, unary), 1u);
  EXPECT_EQ(Good({.ttft = 1h}, unary), 0u);
  EXPECT_EQ(Good({.ttfo = 1h}, unary), 0u);
  EXPECT_EQ(Good({.tpot = 1h}, unary), 0u);
  EXPECT_EQ(Good({.chunk_gap = 1h}, unary), 0u);
}

TEST(Goodput, ASingleTokenHasNothingToWaitForInBetween) {
  const Shape single{.tokens = 1, .events = 1};
  EXPECT_EQ(Good({.tpot = 1ns, .chunk_gap = 1ns}, single), 1u);
}

TEST(Goodput, FractionIsOverAllThatWasAttemptedAndRateOverTheRun) {
  LoadTestMetrics metrics({.objectives = {.service_latency = 1s}});
  MetricsShard& shard = metrics.AddShard();
  Succeed(shard);
  Succeed(shard, {.service = 2s});
  shard.Scheduled(2);
  shard.Dropped(kStart);
  shard.Dispatched(kStart, kStart);
  shard.Failed({.scheduled = kStart, .dispatched = kStart, .completed = kStart + 1s}, Error{});
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Counter::kGood], 1u);
  EXPECT_DOUBLE_EQ(run.GoodFraction().value(), 0.25);
  EXPECT_DOUBLE_EQ(run.Goodput().value(), 0.5);
}

TEST(TokensPerSecond, OfARequestAreOutputTokensOverServiceTime) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  Succeed(shard, {.service = 2s, .tokens = 20});
  Succeed(shard, {.service = 2s, .tokens = 0});  // says nothing
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Figure::kTimePerToken].count(), 1u);
  EXPECT_EQ(run[Figure::kTimePerToken].max(), Duration(100ms));
}

Duration TimePerToken(const Shape& shape) {
  LoadTestMetrics metrics;
  Succeed(metrics.AddShard(), shape);
  return metrics.Snapshot()[Figure::kTpot].max();
}

TEST(TimePerOutputToken, IsTheWindowOverTheTokensAfterItsFirstInstant) {
  EXPECT_EQ(TimePerToken({.tokens = 9, .events = 9}), Duration(112'500us));  // 900 ms / 8
  EXPECT_EQ(TimePerToken({.tokens = 18, .events = 9}), Duration(56'250us)) << "two with each event";
}

TEST(TimePerOutputToken, LeavesOutWhatWasReasonedInSilence) {
  // 490 tokens before the first one was seen, then 10 of them 100 ms apart.
  EXPECT_EQ(TimePerToken({.ttft = 100ms,
                          .ttfo = 100ms,
                          .service = 1s,
                          .tokens = 500,
                          .events = 10,
                          .reasoning = 490}),
            Duration(100ms));
}

TEST(TimePerOutputToken, IsNotKnownWhereAllTokensCameAtOnce) {
  LoadTestMetrics metrics;
  Succeed(metrics.AddShard(), {.tokens = 50, .events = 1});
  EXPECT_TRUE(metrics.Snapshot()[Figure::kTpot].empty()) << "not zero";
}

TEST(BunchedStreams, HaveNoTimesBetweenTokens) {
  LoadTestMetrics metrics;
  Succeed(metrics.AddShard(), {.ttft = 998ms, .ttfo = 998ms, .tokens = 60, .events = 60});
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Counter::kLongStreams], 1u);
  EXPECT_EQ(run[Counter::kStreamsInOnePiece], 1u);
  EXPECT_TRUE(run[Figure::kTpot].empty());
  EXPECT_TRUE(run[Figure::kChunkGap].empty());
}

TEST(ChunkGap, CountsGapsAndSeriesCountsEvents) {
  LoadTestMetrics metrics({.start = kStart, .with_series = true});
  MetricsShard& shard = metrics.AddShard();
  StreamTimes stream;
  for (const Duration at : {0ms, 400ms, 400ms, 1400ms}) {
    stream.Event(kStart + at);
    shard.TokenEvent(kStart + at);
  }
  shard.Dispatched(kStart, kStart, true);
  shard.Succeeded(
      {.scheduled = kStart, .dispatched = kStart, .completed = kStart + 1400ms, .stream = &stream},
      Completion{});
  const MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run[Figure::kChunkGap].count(), 2u) << "a read has no gap inside";
  EXPECT_EQ(run[Figure::kChunkGap].min(), Duration(400ms));
  EXPECT_EQ(run[Figure::kChunkGap].max(), Duration(1s));
  ASSERT_EQ(run.series.points.size(), 2u);
  EXPECT_EQ(run.series.points[0].token_events, 3u);
  EXPECT_EQ(run.series.points[1].token_events, 1u);
}

TEST(Series, AddsUpToTheTotalsOfTheRun) {
  LoadTestMetrics metrics({.start = kStart, .with_series = true});
  MetricsShard* const shards[] = {&metrics.AddShard(), &metrics.AddShard()};
  for (int i = 0; i < 50; ++i) {
    MetricsShard& shard = *shards[i % 2];
    const TimePoint at = kStart + i * 100ms;
    const RequestInstants instants{.scheduled = at, .dispatched = at, .completed = at + 700ms};
    shard.Scheduled();
    if (i % 10 == 3) {
      shard.Dropped(at);
      continue;
    }
    shard.Dispatched(at, at);
    if (i % 10 == 4) {
      shard.Failed(instants, Error{});
    } else if (i % 10 == 5) {
      shard.Unfinished(instants);
    } else {
      shard.Succeeded(instants, Completion{});
    }
  }
  const MetricsSnapshot run = metrics.Snapshot();
  SeriesPoint sum;
  for (const SeriesPoint& point : run.series.points) {
    sum.scheduled += point.scheduled;
    sum.sent += point.sent;
    sum.succeeded += point.succeeded;
    sum.failed += point.failed;
    sum.dropped += point.dropped;
  }
  EXPECT_EQ(sum.scheduled, run[Counter::kScheduled]);
  EXPECT_EQ(sum.sent, run[Counter::kSent]);
  EXPECT_EQ(sum.succeeded, run[Counter::kSucceeded]);
  EXPECT_EQ(sum.failed, run[Counter::kFailed]);
  EXPECT_EQ(sum.dropped, run[Counter::kDropped]);
  EXPECT_EQ(run.series.InFlight().back(), 0u);
  EXPECT_GT(run.series.InFlight().front(), 0u);
}

TEST(Dimensions, OneProviderInTwoRegionsWithTwoModelsIsFourRows) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  for (const std::string region : {"us-east-1", "eu-west-1"}) {
    for (const std::string model : {"claude", "titan"}) {
      const Duration service = region == "us-east-1" ? 1s : 2s;
      Completion completion;
      completion.provider = "bedrock";
      completion.usage.output = 7;
      completion.timings.first_token = kStart + 300ms;
      completion.attempts = {{.provider = "bedrock",
                              .region = region,
                              .model = model,
                              .started = kStart + 100ms,
                              .finished = kStart + 100ms + service}};
      shard.Scheduled();
      shard.Dispatched(kStart, kStart);
      shard.Succeeded(
          {.scheduled = kStart, .dispatched = kStart, .completed = kStart + 100ms + service},
          completion);
    }
  }
  const MetricsSnapshot run = metrics.Snapshot();
  ASSERT_EQ(run.providers.size(), 4u);
  const ProviderUsage& first = run.providers[0];
  EXPECT_EQ(first.name, "bedrock");
  EXPECT_EQ(first.region, "eu-west-1");
  EXPECT_EQ(first.model, "claude");
  EXPECT_EQ(first.answered, 1u);
  EXPECT_EQ(first.output_tokens, 7u);
  EXPECT_EQ(first.attempt_latency.max(), Duration(2s));
  EXPECT_EQ(first.attempt_ttft.max(), Duration(200ms));
  EXPECT_EQ(run.providers[3].attempt_latency.max(), Duration(1s));
}

TEST(Dimensions, BeyondTheBoundGoIntoOneRowAndNothingIsLost) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  constexpr int kModels = 200;
  for (int i = 0; i < kModels; ++i) {
    Completion completion;
    completion.attempts = {{.provider = "p",
                            .model = "m" + std::to_string(i),
                            .started = kStart,
                            .finished = kStart + 1s}};
    shard.Scheduled();
    shard.Dispatched(kStart, kStart);
    shard.Succeeded({.scheduled = kStart, .dispatched = kStart, .completed = kStart + 1s},
                    completion);
  }
  std::uint64_t answered = 0;
  const MetricsSnapshot run = metrics.Snapshot();
  for (const ProviderUsage& usage : run.providers) answered += usage.answered;
  EXPECT_EQ(answered, static_cast<std::uint64_t>(kModels));
  EXPECT_LE(run.providers.size(), 64u);
}

}  // namespace
}  // namespace llmload
