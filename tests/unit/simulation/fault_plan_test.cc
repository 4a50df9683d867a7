#include "src/simulation/fault_plan.h"

#include <gtest/gtest.h>

#include <vector>

namespace llmload::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeed = 7;

const Fault* FaultAt(const std::vector<Fault>& faults, Duration elapsed) {
  return PlanFaults(faults, kSeed, {.elapsed = elapsed}).fault;
}

TEST(FaultPlan, ModifiersAddToTheFirstOfTheOtherFaults) {
  const std::vector<Fault> faults = {{.kind = FaultKind::kExtraLatency, .delay = 1s},
                                     {.kind = FaultKind::kHang},
                                     {.kind = FaultKind::kReset},
                                     {.kind = FaultKind::kExtraLatency, .delay = 2s},
                                     {.kind = FaultKind::kLeak, .bytes = 5},
                                     {.kind = FaultKind::kConnectionClose}};
  const FaultPlan plan = PlanFaults(faults, kSeed, {});
  EXPECT_EQ(plan.fault, &faults[1]);
  EXPECT_EQ(plan.extra_latency, Duration(3s));
  EXPECT_EQ(plan.leak_bytes, 5u);
  EXPECT_TRUE(plan.close);
}

TEST(FaultPlan, HoldsWithinItsWindowOnly) {
  const std::vector<Fault> faults = {{.kind = FaultKind::kHang, .from = 2s, .until = 5s}};
  EXPECT_EQ(FaultAt(faults, 2s - 1ns), nullptr);
  EXPECT_NE(FaultAt(faults, 2s), nullptr);
  EXPECT_NE(FaultAt(faults, 5s - 1ns), nullptr);
  EXPECT_EQ(FaultAt(faults, 5s), nullptr);
}

TEST(FaultPlan, FlapsWithinItsWindow) {
  const std::vector<Fault> faults = {
      {.kind = FaultKind::kHang, .from = 1s, .until = 26s, .period = 10s, .active = 4s}};
  const std::vector<std::pair<Duration, bool>> expected = {
      {0s, false},        {1s, true},        {5s - 1ns, true}, {5s, false},
      {11s - 1ns, false}, {11s, true},       {14s, true},      {15s, false},
      {21s, true},        {25s - 1ns, true}, {25s, false},     {31s, false}};
  for (const auto& [elapsed, hit] : expected) {
    EXPECT_EQ(FaultAt(faults, elapsed) != nullptr, hit) << ToSeconds(elapsed) << " s";
  }
}

TEST(FaultPlan, HitsOneModelOnly) {
  const std::vector<Fault> faults = {{.kind = FaultKind::kHang, .model = "large"}};
  EXPECT_NE(PlanFaults(faults, kSeed, {.model = "large"}).fault, nullptr);
  EXPECT_EQ(PlanFaults(faults, kSeed, {.model = "small"}).fault, nullptr);
}

TEST(FaultPlan, HitsARangeOfArrivalsCountedSinceTheListTookEffect) {
  const std::vector<Fault> faults = {
      {.kind = FaultKind::kHang, .first_arrival = 2, .last_arrival = 3}};
  for (std::uint64_t number = 1; number <= 5; ++number) {
    const FaultPlan plan = PlanFaults(faults, kSeed, {.index = 100 + number, .number = number});
    EXPECT_EQ(plan.fault != nullptr, number == 2 || number == 3) << number;
  }
}

TEST(FaultPlan, FaultsOfStreamsPassOverOtherRequests) {
  for (const FaultKind kind :
       {FaultKind::kMissingDone, FaultKind::kMissingFinish, FaultKind::kOversizedEvent}) {
    const std::vector<Fault> faults = {{.kind = kind}, {.kind = FaultKind::kHang}};
    EXPECT_EQ(PlanFaults(faults, kSeed, {.stream = true}).fault, &faults[0]) << ToString(kind);
    EXPECT_EQ(PlanFaults(faults, kSeed, {.stream = false}).fault, &faults[1]) << ToString(kind);
  }
}

TEST(FaultPlan, DrawsDependOnSeedArrivalAndPositionOnly) {
  Fault drawn{.kind = FaultKind::kHang, .probability = 0.3};
  const auto hits = [&](const std::vector<Fault>& faults, std::uint64_t seed) {
    std::vector<bool> result;
    for (std::uint64_t index = 1; index <= 1000; ++index) {
      const Fault* const fault = PlanFaults(faults, seed, {.index = index}).fault;
      result.push_back(fault == &faults.back());
    }
    return result;
  };
  Fault before{.kind = FaultKind::kReset, .from = 1h};
  const std::vector<bool> first = hits({before, drawn}, kSeed);
  EXPECT_EQ(first, hits({before, drawn}, kSeed));
  EXPECT_NE(first, hits({before, drawn}, kSeed + 1));
  // Whether the fault in front is in force does not shift the draws of the one behind.
  before.probability = 0;
  before.from = 0s;
  EXPECT_EQ(first, hits({before, drawn}, kSeed));
  const auto count = std::count(first.begin(), first.end(), true);
  EXPECT_NEAR(static_cast<double>(count), 300, 60);  // 4 standard deviations
}

TEST(FaultPlan, ConnectionsHangByTheirOwnNumbers) {
  const std::vector<Fault> faults = {
      {.kind = FaultKind::kHang},
      {.kind = FaultKind::kHangBeforeHandshake, .first_arrival = 2, .last_arrival = 2}};
  EXPECT_FALSE(HangsBeforeHandshake(faults, kSeed, {.index = 1, .number = 1}));
  EXPECT_TRUE(HangsBeforeHandshake(faults, kSeed, {.index = 2, .number = 2}));
  EXPECT_EQ(PlanFaults(faults, kSeed, {.index = 2, .number = 2}).fault, &faults[0]);
}

}  // namespace
}  // namespace llmload::simulation
