#include "llmload/metrics/cells.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "llmload/metrics/cell_keys.h"
#include "llmload/metrics/load_test_metrics.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::kStart;

TEST(CellFinder, GivesRequestsOfOneKindOneNumber) {
  CellKeys keys;
  CellFinder first(keys);
  CellFinder second(keys);
  EXPECT_EQ(first.Find(0, CellKey::kNoStep, "m", {}), 0u);
  EXPECT_EQ(first.Find(0, CellKey::kNoStep, "m", {{"tenant", "a"}}), 1u);
  EXPECT_EQ(first.Find(0, CellKey::kNoStep, "n", {}), 2u);
  EXPECT_EQ(first.Find(1, 0, "m", {}), 3u);
  EXPECT_EQ(first.Find(1, 1, "m", {}), 4u);
  EXPECT_EQ(first.Find(0, CellKey::kNoStep, "m", {}), 0u);
  EXPECT_EQ(second.Find(1, 0, "m", {}), 3u) << "all workers share the numbers";
  EXPECT_EQ(keys.Known().size(), 5u);
  EXPECT_EQ(keys.Known()[1], (CellKey{.model = "m", .tags = {{"tenant", "a"}}}));
}

TEST(CellFinder, TakesTagsInAnyOrderAndWithinBounds) {
  CellKeys keys;
  CellFinder finder(keys);
  EXPECT_EQ(finder.Find(0, 0, "m", {{"b", "2"}, {"a", "1"}}),
            finder.Find(0, 0, "m", {{"a", "1"}, {"b", "2"}, {"b", "3"}}));
  std::vector<RequestTag> many;
  for (int i = 0; i < 20; ++i) many.push_back({.name = "t" + std::to_string(i % 10), .value = "v"});
  const std::size_t id = finder.Find(0, 0, "m", many);
  EXPECT_EQ(keys.Known()[id].tags.size(), kMostTags);
  // 63 bytes and a character of two: it is left out whole.
  const std::size_t cut = finder.Find(0, 0, "m", {{"t", std::string(63, 'x') + "\xC3\xA4"}});
  EXPECT_EQ(keys.Known()[cut].tags.front().value, std::string(63, 'x'));
}

TEST(CellKeys, AreBoundedAndGiveUpTheStepThenTheTagThenTheModel) {
  CellKeys keys;
  CellFinder finder(keys);
  std::set<std::size_t> ids;
  for (int i = 0; i < 10'000; ++i) {
    ids.insert(finder.Find(0, 3, "m", {{"user", std::to_string(i)}}));
  }
  for (int i = 0; i < 1000; ++i) ids.insert(finder.Find(0, 3, "m" + std::to_string(i), {}));
  for (std::uint32_t i = 0; i < 1000; ++i) ids.insert(finder.Find(i, 3, "m", {}));
  EXPECT_EQ(ids.size(), kMostCells);
  EXPECT_EQ(*ids.rbegin(), kMostCells - 1);
  const std::vector<CellKey> known = keys.Known();
  ASSERT_EQ(known.size(), kMostCells);
  EXPECT_EQ(known[95], (CellKey{.step = 3, .model = "m", .tags = {{"user", "95"}}}));
  EXPECT_EQ(known[96], (CellKey{.model = "m", .tags = {{"user", "96"}}}));
  EXPECT_EQ(known[112], (CellKey{.model = "m", .tags = {{"user", "(other)"}}}));
  EXPECT_EQ(known.back(), (CellKey{.phase = CellKey::kOtherPhases, .model = "(other)"}));
}

void Record(MetricsShard& shard, TimePoint at, Duration latency, std::int64_t tokens) {
  Completion completion;
  completion.provider = "p";
  completion.finish_reason = tokens == 7 ? "length" : "stop";
  completion.usage = {.input = 2 * tokens, .output = tokens};
  shard.Scheduled();
  shard.Dispatched(at, at);
  shard.Succeeded({at, at, at + latency}, completion);
}

TEST(LoadTestMetrics, TheWholeIsTheSumOfItsCells) {
  for (const bool by_cell : {false, true}) {
    LoadTestMetrics metrics({.start = kStart, .with_series = true, .cohorts_by_cell = by_cell});
    LoadTestMetrics plain({.start = kStart, .with_series = true});
    MetricsShard& a = metrics.AddShard();
    MetricsShard& b = metrics.AddShard();
    MetricsShard& one = plain.AddShard();
    for (int i = 0; i < 300; ++i) {
      const TimePoint at = kStart + i * 100ms;
      Record((i % 2 == 0 ? a : b).Cell(static_cast<std::size_t>(i % 3)), at, i * 1ms, i % 10);
      Record(one, at, i * 1ms, i % 10);
    }
    EXPECT_EQ(metrics.Snapshot(), plain.Snapshot());
    EXPECT_EQ(metrics.Sent(), 300u);
    EXPECT_EQ(metrics.Live().succeeded, 300u);
    const std::vector<MetricsSnapshot> cells = metrics.Cells();
    ASSERT_EQ(cells.size(), 3u);
    for (int i = 0; i < 3; ++i) {
      const MetricsSnapshot& cell = cells[static_cast<std::size_t>(i)];
      EXPECT_EQ(cell[Counter::kSucceeded], 100u);
      EXPECT_EQ(cell[Figure::kServiceLatency].max(), Duration((297 + i) * 1ms));
      EXPECT_EQ(cell.first_dispatch, Duration(i * 100ms));
      EXPECT_TRUE(cell.series.points.empty());
      EXPECT_EQ(cell.cohorts.cohorts.empty(), !by_cell);
    }
  }
}

TEST(LoadTestMetrics, LengthsAreWholeTokens) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  for (const int tokens : {0, 1, 15, 500, 1023, 100'000}) Record(shard, kStart, 1s, tokens);
  const MetricsSnapshot run = metrics.Snapshot();
  const Distribution& lengths = run[Figure::kOutputLength];
  EXPECT_EQ(lengths.count(), 6u);
  const auto at = [&](std::uint64_t rank) {
    return InUnitOf(Figure::kOutputLength, lengths.ValueAtRank(rank));
  };
  EXPECT_EQ(at(1), 0);
  EXPECT_EQ(at(2), 1);
  EXPECT_EQ(at(3), 15);
  EXPECT_EQ(at(4), 500);
  EXPECT_EQ(at(5), 1023);
  EXPECT_EQ(at(6), 100'000);
  EXPECT_EQ(run[Figure::kInputLength].count(), 5u) << "none where the service counted none";
  EXPECT_NEAR(MeanInUnitOf(Figure::kOutputLength, lengths.mean()), 101'539.0 / 6, 1e-6);
  EXPECT_EQ(run.providers.front().input_tokens, 2 * 101'539u);
}

TEST(LoadTestMetrics, FinishReasonsAreCountedByTheWordAndBounded) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  const auto end = [&](const std::string& word) {
    Completion completion;
    completion.finish_reason = word;
    shard.Succeeded({kStart, kStart, kStart + 1s}, completion);
  };
  for (int i = 0; i < 3; ++i) end("stop");
  end("");
  end(std::string(70, 'x'));
  const std::vector<FinishReason> few = {{"(none)", 1}, {"stop", 3}, {std::string(64, 'x'), 1}};
  EXPECT_EQ(metrics.Snapshot().finish_reasons, few);
  for (int i = 0; i < 100; ++i) end("word " + std::to_string(i));
  MetricsSnapshot run = metrics.Snapshot();
  EXPECT_EQ(run.finish_reasons.size(), 17u);
  const auto others = [&run] {
    for (const FinishReason& reason : run.finish_reasons) {
      if (reason.reason == kOtherNames) return reason.count;
    }
    return std::uint64_t{0};
  };
  EXPECT_EQ(others(), 87u);
  MetricsSnapshot more;
  more.finish_reasons = {{"stop", 5}, {"unheard of", 2}};
  run.Merge(more);
  EXPECT_EQ(run.finish_reasons.size(), 17u);
  EXPECT_EQ(others(), 89u);
}

}  // namespace
}  // namespace llmload
