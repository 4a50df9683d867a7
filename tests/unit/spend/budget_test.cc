#include "llmload/spend/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "llmload/core/random.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Money Of(std::int64_t nanos) { return Money::Nanos(nanos); }

TEST(Budget, AReservationIsSettledByWhatItCost) {
  Budget budget(Of(100));
  auto reserved = budget.Reserve(Of(60));
  ASSERT_TRUE(reserved);
  EXPECT_EQ(budget.Now().reserved, Of(60));
  EXPECT_EQ(budget.Now().available, Of(40));
  reserved->Settle(Of(25));
  EXPECT_EQ(budget.Now().settled, Of(25));
  EXPECT_EQ(budget.Now().reserved, Of(0));
  EXPECT_EQ(budget.Now().available, Of(75));
}

TEST(Budget, AReservationThatIsDroppedIsKept) {
  Budget budget(Of(100));
  { const auto dropped = budget.Reserve(Of(60)); }
  EXPECT_EQ(budget.Now().kept, Of(60));
  EXPECT_EQ(budget.Now().reserved, Of(0));
  EXPECT_EQ(budget.Now().settled, Of(0));
  EXPECT_FALSE(budget.Reserve(Of(41)));
  EXPECT_TRUE(budget.Reserve(Of(40)));
}

TEST(Budget, WhatDoesNotFitIsRefusedAndSaysSo) {
  Budget budget(Of(5'000'000'000));
  budget.Reserve(Of(4'650'000'000))->Settle(Of(4'650'000'000));
  { const auto dropped = budget.Reserve(Of(300'000'000)); }
  EXPECT_FALSE(budget.Exhausted());
  EXPECT_FALSE(budget.Reserve(Of(64'000'000)));
  EXPECT_TRUE(budget.Exhausted());
  EXPECT_EQ(
      Describe(budget.Now()),
      "the budget of $5.00 is used up: $4.65 settled, $0.30 kept for attempts of unknown end, "
      "$0.00 reserved; the next attempt could cost $0.064");
}

TEST(Budget, WhatAServiceBillsBeyondTheReservationIsCountedAndReported) {
  Budget budget(Of(100));
  budget.Reserve(Of(50))->Settle(Of(70));
  EXPECT_EQ(budget.Now().settled, Of(70));
  EXPECT_EQ(budget.Now().overrun, Of(20));
  EXPECT_EQ(budget.Now().available, Of(30));
  EXPECT_FALSE(budget.Reserve(Of(31)));
  EXPECT_THAT(Describe(budget.Now()), HasSubstr("more than was reserved"));
}

TEST(Budget, EightThreadsNeverExceedIt) {
  constexpr int kThreads = 8;
  constexpr std::int64_t kLimit = 1'000'000;
  Budget budget(Of(kLimit));
  std::atomic<std::int64_t> settled{0};
  std::atomic<std::int64_t> kept{0};
  std::atomic<std::int64_t> out{0};  // what could be owed at this instant
  std::atomic<bool> running{true};
  std::thread watcher([&] {
    while (running) {
      const Budget::State now = budget.Now();
      ASSERT_LE(now.settled + now.kept + now.reserved, Of(kLimit));
      ASSERT_LE(out.load(), kLimit);
    }
  });
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      Random random = Random::Stream(7, thread);
      for (int i = 0; i < 20'000; ++i) {
        const auto worst = static_cast<std::int64_t>(random.Below(200));
        auto reserved = budget.Reserve(Of(worst));
        if (!reserved) continue;
        out.fetch_add(worst);
        if (random.Chance(0.02)) {
          kept += worst;
          continue;  // dropped
        }
        const auto actual =
            static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(worst) / 20 + 1));
        settled += actual;
        out.fetch_sub(worst - actual);
        reserved->Settle(Of(actual));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  running = false;
  watcher.join();
  const Budget::State end = budget.Now();
  EXPECT_EQ(end.settled, Of(settled));
  EXPECT_EQ(end.kept, Of(kept));
  EXPECT_EQ(end.reserved, Of(0));
  EXPECT_EQ(end.available, Of(kLimit - settled - kept));
}

}  // namespace
}  // namespace llmload
