#include "llmload/metrics/metrics_snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/metrics/load_test_metrics.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using test_support::kStart;
using namespace std::chrono_literals;

// Everything that can happen to a request, drawn from `random`.
void RecordOne(MetricsShard& shard, Random& random) {
  const auto between = [&random](Duration most) {
    return Duration(
        static_cast<Duration::rep>(random.Below(static_cast<std::uint64_t>(most.count()))));
  };
  const TimePoint scheduled = kStart + between(100s);
  const TimePoint dispatched = scheduled + between(5ms);
  const Duration service = 1ms + between(5s);
  StreamTimes stream;
  stream.Event(dispatched + service / 4);
  // Short, in one piece of few or of many events, or in bursts.
  const std::uint64_t kind_of_stream = random.Below(4);
  const std::uint64_t at_once = kind_of_stream == 1 ? 20 : kind_of_stream == 2 ? 80 : 0;
  for (std::uint64_t i = 0; i < at_once; ++i) stream.Event(dispatched + service / 4);
  for (std::uint64_t i = 0; i < 40 && kind_of_stream == 3; ++i) {
    stream.Event(dispatched + service / 4 + 30ms * static_cast<int>(i / 5));
  }
  if (kind_of_stream == 0) stream.Event(dispatched + service);
  const RequestInstants instants{.scheduled = scheduled,
                                 .dispatched = dispatched,
                                 .completed = dispatched + service,
                                 .stream = &stream};
  shard.Scheduled();
  const std::uint64_t outcome = random.Below(10);
  if (outcome == 0) return shard.Dropped(scheduled);
  shard.Dispatched(scheduled, dispatched, random.Chance(0.5));
  if (outcome == 1) return shard.Unfinished(instants);
  if (outcome <= 3) {
    const auto kind = static_cast<ErrorKind>(random.Below(kErrorKindCount));
    Error error{.kind = kind, .message = "failed", .provider = "a"};
    error.partial_tokens = static_cast<std::int64_t>(random.Below(9));
    return shard.Failed(instants, error);
  }
  Completion completion;
  completion.provider = "a";
  completion.usage = {.input = static_cast<std::int64_t>(random.Below(100)),
                      .cached_input = static_cast<std::int64_t>(random.Below(10)),
                      .output = static_cast<std::int64_t>(random.Below(50)),
                      .reasoning = static_cast<std::int64_t>(random.Below(5))};
  if (random.Chance(0.3)) completion.token_source = TokenSource::kCountedEvents;
  completion.timings.connection_wait = between(100ms);
  completion.timings.first_token = dispatched + service / 4;
  completion.timings.first_output_token = dispatched + service / 3;
  completion.timings.last_token = instants.completed;
  shard.TokenEvent(dispatched + service / 4);
  shard.TokenEvent(instants.completed);
  const TimePoint fallback = dispatched + service / 2;
  if (random.Chance(0.3)) {
    completion.attempts = {{.provider = "a",
                            .error = ErrorKind::kOverloaded,
                            .started = dispatched,
                            .finished = fallback - 1us},
                           {.provider = "b",
                            .region = "r" + std::to_string(random.Below(3)),
                            .model = "m",
                            .started = fallback,
                            .finished = instants.completed}};
  }
  shard.Succeeded(instants, completion);
}

TEST(MetricsSnapshot, SharesMergedInAnyOrderEqualTheUnsplitRun) {
  const MetricsOptions options{
      .objectives = {.scheduled_latency = 2s, .ttft = 500ms}, .start = kStart, .with_series = true};
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    for (std::size_t shares = 1; shares <= 7; ++shares) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", shares " + std::to_string(shares));
      LoadTestMetrics whole(options);
      MetricsShard& all = whole.AddShard();
      std::vector<std::unique_ptr<LoadTestMetrics>> parts;
      std::vector<MetricsShard*> shards;
      for (std::size_t i = 0; i < shares; ++i) {
        parts.push_back(std::make_unique<LoadTestMetrics>(options));
        shards.push_back(&parts.back()->AddShard());
      }
      Random random(seed);
      for (std::uint64_t i = 0; i < 300; ++i) {
        // The same request twice, from two generators in the same state.
        Random first = Random::Stream(seed, i);
        Random second = Random::Stream(seed, i);
        RecordOne(all, first);
        RecordOne(*shards[random.Below(shares)], second);
      }
      for (std::size_t i = shares; i > 1; --i) std::swap(parts[i - 1], parts[random.Below(i)]);
      MetricsSnapshot merged;
      for (const auto& part : parts) merged.Merge(part->Snapshot());
      MetricsSnapshot expected = whole.Snapshot();
      // These requests do not end in the order of time, as those of a worker do: which of several
      // is an example depends on who saw it first.
      for (MetricsSnapshot* each : {&merged, &expected}) {
        for (ErrorSummary& error : each->errors) error.examples.clear();
      }
      ASSERT_EQ(merged, expected);
      ASSERT_EQ(CheckAccounting(merged), std::nullopt);
      for (const FigureInfo& row : kFigures) {
        ASSERT_GT(merged[row.figure].count(), 0u) << row.name << " was not recorded";
        for (const NamedQuantile& quantile : kQuantiles) {
          ASSERT_EQ(merged[row.figure].ValueAtQuantile(quantile.quantile),
                    expected[row.figure].ValueAtQuantile(quantile.quantile))
              << row.name << " " << quantile.name;
        }
      }
      for (const CounterInfo& row : kCounters) {
        ASSERT_GT(merged[row.counter], 0u) << row.name << " was not counted";
      }
    }
  }
}

TEST(MetricsSnapshot, MergeAddsUpErrorsAndKeepsTheOuterInstants) {
  MetricsSnapshot a;
  a[ErrorKind::kServerError].count = 1;
  a.first_dispatch = 2s;
  a.last_completion = 5s;
  MetricsSnapshot b;
  b[ErrorKind::kServerError].count = 2;
  b.first_dispatch = 1s;
  b.last_completion = 4s;
  b.has_objectives = true;
  a.Merge(b);
  EXPECT_EQ(a[ErrorKind::kServerError].count, 3u);
  EXPECT_EQ(a.first_dispatch, Duration(1s));
  EXPECT_EQ(a.last_completion, Duration(5s));
  EXPECT_TRUE(a.has_objectives);
  a.Merge({});
  EXPECT_EQ(a.first_dispatch, Duration(1s));
}

TEST(MetricsSnapshot, RatesAreEmptyWithoutTimeBetweenTheFirstRequestAndTheLastAnswer) {
  MetricsSnapshot run;
  run[Counter::kSucceeded] = 1;
  run.first_dispatch = run.last_completion = 1s;
  EXPECT_EQ(run.Throughput(), std::nullopt);
  run.last_completion = 3s;
  EXPECT_DOUBLE_EQ(run.Throughput().value(), 0.5);
}

TEST(Catalogue, NamesAndAliasesAreUniqueAndFound) {
  std::vector<std::string_view> names;
  for (const FigureInfo& row : kFigures) {
    EXPECT_EQ(FigureOfName(row.name), row.figure);
    names.push_back(row.name);
    if (row.alias.empty()) continue;
    EXPECT_EQ(FigureOfName(row.alias), row.figure);
    names.push_back(row.alias);
  }
  for (const CounterInfo& row : kCounters) names.push_back(row.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_EQ(FigureOfName(""), std::nullopt);
  EXPECT_EQ(FigureOfName("p95"), std::nullopt);
}

}  // namespace
}  // namespace llmload
