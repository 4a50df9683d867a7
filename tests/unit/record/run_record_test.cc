#include "llmload/record/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/metrics/load_test_metrics.h"
#include "tests/support/start.h"
#include "tests/unit/record/random_report.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunRecord Share(unsigned index, unsigned of) {
  RunRecord record;
  record.name = "Suite.Test";
  record.run_id = "run";
  record.shares = {.of = of, .present = {index}};
  record.configuration.seed = 7;
  return record;
}

std::string Refusal(RunRecord& record, const RunRecord& other) {
  try {
    record.Merge(other);
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "merged";
}

TEST(RunRecord, MergeRefusesTheRecordOfAnotherRunAndChangesNothing) {
  RunRecord record = Share(1, 3);
  const RunRecord before = record;
  RunRecord other_run = Share(0, 3);
  other_run.run_id = "another";
  EXPECT_THAT(Refusal(record, other_run),
              AllOf(HasSubstr("run_id"), HasSubstr("another"), HasSubstr("expected run")));
  RunRecord other_seed = Share(0, 3);
  other_seed.configuration.seed = 8;
  EXPECT_THAT(Refusal(record, other_seed), AllOf(HasSubstr("seed"), HasSubstr("\"8\"")));
  EXPECT_THAT(Refusal(record, Share(0, 4)), AllOf(HasSubstr("shares.of"), HasSubstr("\"4\"")));
  RunRecord twice = Share(0, 3);
  twice.shares.present = {0, 1};
  EXPECT_THAT(Refusal(record, twice), AllOf(HasSubstr("shares.present"), HasSubstr("\"1\"")));
  EXPECT_EQ(record, before);
}

TEST(RunRecord, IsCompleteOnceEveryShareIsThere) {
  RunRecord record = Share(2, 3);
  EXPECT_FALSE(record.shares.IsComplete());
  record.Merge(Share(0, 3));
  record.Merge(Share(1, 3));
  EXPECT_THAT(record.shares.present, ElementsAre(0, 1, 2));
  EXPECT_TRUE(record.shares.IsComplete());
  EXPECT_TRUE(RunRecord().shares.IsComplete()) << "a run that is not divided is one share";
}

TEST(RunRecord, MergeAddsCountsAndDistributionsAndListsTheRestSideBySide) {
  RunRecord a = Share(0, 2);
  a.started_at = std::chrono::sys_time<Duration>(5s);
  a.duration = 10s;
  a.configuration.workers = 2;
  a.configuration.models = {"m1", "m2"};
  a.configuration.targets = {{.name = "", .url = "u1", .provider = {}}};
  a.configuration.planned_requests = 10;
  a.configuration.measured_arrivals = 10;
  a.configuration.measured_duration = 10s;
  a.configuration.min_max_tokens = 8;
  a.configuration.max_max_tokens = 8;
  a.metrics[Counter::kSent] = 3;
  a.unmeasured[Counter::kSent] = 1;
  a.metrics[Figure::kTtft].Record(1s);
  a.health.descriptor_failures = 1;
  a.timeline = {{1s, "a"}, {3s, "a"}};
  a.SetMeasurement("only a", 1);
  a.SetMeasurement("both", 1);
  Distribution values;
  values.Record(1s);
  a.SetDistribution("both", values);
  a.faults = {"fault"};

  RunRecord b = Share(1, 2);
  b.started_at = std::chrono::sys_time<Duration>(4s);
  b.duration = 12s;
  b.configuration.workers = 3;
  b.configuration.models = {"m2", "m3"};
  b.configuration.targets = {{.name = "", .url = "u1", .provider = {}},
                             {.name = "", .url = "u2", .provider = {}}};
  b.configuration.planned_requests = 11;
  b.configuration.measured_arrivals = 11;
  b.configuration.measured_duration = 10s;
  b.configuration.min_max_tokens = 4;
  b.configuration.max_max_tokens = 16;
  b.metrics[Counter::kSent] = 4;
  b.unmeasured[Counter::kSent] = 2;
  b.metrics[Figure::kTtft].Record(2s);
  b.health.descriptor_failures = 2;
  b.timeline = {{2s, "b"}};
  b.SetMeasurement("both", 2);
  b.SetMeasurement("only b", 3);
  b.SetDistribution("both", values);
  b.SetDistribution("only b", values);
  b.interrupted = true;
  b.stopped_because = "budget";
  b.drained = false;
  b.faults = {"fault", "another fault"};

  a.Merge(b);
  EXPECT_EQ(a.started_at, b.started_at);
  EXPECT_EQ(a.duration, Duration(12s));
  EXPECT_EQ(a.configuration.workers, 5u);
  EXPECT_THAT(a.configuration.models, ElementsAre("m1", "m2", "m3"));
  EXPECT_EQ(a.configuration.targets.size(), 2u);
  EXPECT_EQ(a.configuration.planned_requests, 21u);
  EXPECT_EQ(a.configuration.min_max_tokens, 4);
  EXPECT_EQ(a.configuration.max_max_tokens, 16);
  EXPECT_DOUBLE_EQ(a.OfferedRate().value(), 2.1);
  EXPECT_EQ(a.metrics[Counter::kSent], 7u);
  EXPECT_EQ(a.unmeasured[Counter::kSent], 3u);
  EXPECT_EQ(a.metrics[Figure::kTtft].max(), Duration(2s));
  EXPECT_EQ(a.health.descriptor_failures, 3u);
  ASSERT_EQ(a.timeline.size(), 3u);
  EXPECT_EQ(a.timeline[1].what, "b") << "the time line is in the order of time";
  EXPECT_THAT(a.measurements,
              ElementsAre(NamedValue{"only a", 1}, NamedValue{"both", 1}, NamedValue{"only b", 3}));
  EXPECT_EQ(a.FindDistribution("both")->values.count(), 2u);
  EXPECT_EQ(a.FindDistribution("only b")->values.count(), 1u);
  EXPECT_TRUE(a.interrupted);
  EXPECT_EQ(a.stopped_because, "budget");
  EXPECT_FALSE(a.drained);
  EXPECT_THAT(a.faults, ElementsAre("fault", "another fault"));
}

TEST(RunRecord, PlannedRequestsAreUnknownIfAnyShareDoesNotKnowThem) {
  RunRecord a = Share(0, 2);
  a.configuration.planned_requests = 5;
  a.Merge(Share(1, 2));
  EXPECT_EQ(a.configuration.planned_requests, std::nullopt);
}

TEST(RunRecord, CountsOfSharesAddUpInAnyOrder) {
  constexpr std::uint64_t kSeed = 4;
  Random random(kSeed);
  std::vector<RunRecord> shares;
  for (unsigned i = 0; i < 4; ++i) {
    RunRecord share = RandomReport(random).record;
    const RunRecord identity = Share(i, 4);
    share.run_id = identity.run_id;
    share.shares = identity.shares;
    share.configuration.seed = identity.configuration.seed;
    for (MetricsSnapshot* metrics : {&share.metrics, &share.unmeasured}) {
      for (ErrorSummary& error : metrics->errors) error.examples.clear();  // not all counts stay
    }
    shares.push_back(std::move(share));
  }
  std::optional<RunRecord> first;
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    RunRecord merged = shares[order[0]];
    for (const std::size_t i : {1u, 2u, 3u}) merged.Merge(shares[order[i]]);
    if (!first) first = merged;
    ASSERT_EQ(merged.metrics, first->metrics) << "seed " << kSeed;
    ASSERT_EQ(merged.unmeasured, first->unmeasured) << "seed " << kSeed;
    ASSERT_EQ(merged.health.loop_delay, first->health.loop_delay) << "seed " << kSeed;
    ASSERT_EQ(merged.health.connections, first->health.connections) << "seed " << kSeed;
    ASSERT_TRUE(merged.shares.IsComplete());
  } while (std::next_permutation(order.begin(), order.end()));
}

// Requests of share 0 are of model "a"; those of share 1 are of "a" and "b".
RunRecord ShareOfModels(const std::vector<unsigned>& present, bool cohorts_by_cell) {
  LoadTestMetrics metrics(
      {.start = test_support::kStart, .with_series = true, .cohorts_by_cell = cohorts_by_cell});
  MetricsShard& root = metrics.AddShard();
  for (unsigned i = 0; i < 400; ++i) {
    const unsigned share = i % 2;
    if (std::find(present.begin(), present.end(), share) == present.end()) continue;
    MetricsShard& shard = root.Cell(i % 4 == 3 ? 1 : 0);
    const TimePoint at = test_support::kStart + i * 10ms;
    shard.Scheduled();
    shard.Dispatched(at, at);
    shard.Succeeded({at, at, at + 100ms + i * 1ms}, Completion());
  }
  RunRecord record = Share(0, 2);
  record.shares.present = present;
  record.metrics = metrics.Snapshot();
  std::vector<MetricsSnapshot> figures = metrics.Cells();
  std::vector<MetricsCell> cells;
  for (std::size_t id = 0; id < figures.size(); ++id) {
    cells.push_back({.key = {.model = id == 0 ? "a" : "b"}, .figures = std::move(figures[id])});
  }
  record.SetCells(std::move(cells));
  return record;
}

TEST(RunRecord, SharesOfOneCellAndOfTwoAddUpToTheWhole) {
  for (const bool cohorts_by_cell : {false, true}) {
    const RunRecord whole = ShareOfModels({0, 1}, cohorts_by_cell);
    const RunRecord first = ShareOfModels({0}, cohorts_by_cell);
    const RunRecord second = ShareOfModels({1}, cohorts_by_cell);
    ASSERT_EQ(first.cells.size(), 1u);
    ASSERT_EQ(second.cells.size(), 2u);
    ASSERT_EQ(whole.cells[1].figures.cohorts != Cohorts{}, cohorts_by_cell);
    RunRecord merged = first;
    merged.Merge(second);
    EXPECT_EQ(merged, whole) << cohorts_by_cell;
    merged = second;
    merged.Merge(first);
    EXPECT_EQ(merged, whole) << cohorts_by_cell;
  }
}

TEST(RunRecord, SetReplacesTheEntryOfItsName) {
  RunRecord record;
  record.SetMeasurement("x", 1);
  record.SetMeasurement("x", 2);
  EXPECT_THAT(record.measurements, ElementsAre(NamedValue{"x", 2}));
  EXPECT_EQ(record.FindMeasurement("y"), nullptr);
  EXPECT_EQ(record.FindDistribution("x"), nullptr);
}

TEST(RunRecord, OfferedRateIsEmptyForAClosedLoop) {
  EXPECT_EQ(RunRecord().OfferedRate(), std::nullopt);
}

TEST(RunId, NamesTheSecondAndIsDifferentEveryTime) {
  const auto at = std::chrono::sys_time<Duration>(1'796'004'829s);
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.insert(MakeRunId(at));
  EXPECT_GE(ids.size(), 19u);
  EXPECT_TRUE(std::regex_match(*ids.begin(), std::regex("20261130T021349Z-[0-9a-f]{8}")))
      << *ids.begin();
}

TEST(RunOrigin, NamesThisProgramAndMachine) {
  const RunOrigin origin = OriginOfThisProcess();
  EXPECT_TRUE(std::regex_match(origin.version, std::regex("[0-9]+\\.[0-9]+\\.[0-9]+")));
  EXPECT_FALSE(origin.host.empty());
  EXPECT_GE(origin.cpus, 1u);
}

}  // namespace
}  // namespace llmload
