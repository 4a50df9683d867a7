#include "llmload/spend/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"
#include "llmload/spend/budget.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Money Cents(std::int64_t cents) { return Money::Nanos(cents * 10'000'000); }

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest()
      : file_(std::filesystem::temp_directory_path() /
              ("llmload_ledger_" + std::to_string(getpid()))) {
    std::filesystem::remove(file_);
  }
  ~LedgerTest() override { std::filesystem::remove(file_); }

  std::string Text() const {
    std::ifstream input(file_);
    return {std::istreambuf_iterator<char>(input), {}};
  }
  void Write(const std::string& text) const { std::ofstream(file_) << text; }
  std::string RefusalOf(std::optional<Money> budget) const {
    try {
      const Ledger ledger(file_, budget);
      return "(accepted)";
    } catch (const ConfigurationError& refused) {
      return refused.what();
    }
  }

  const std::filesystem::path file_;
};

TEST_F(LedgerTest, WhatOneDrawsAnotherCannot) {
  Ledger first(file_, Cents(500));
  Ledger second(file_, std::nullopt);
  EXPECT_EQ(first.Draw(Cents(1), Cents(300)), Cents(300));
  EXPECT_EQ(second.Draw(Cents(1), Cents(300)), Cents(200));
  EXPECT_EQ(second.Draw(Cents(1), Cents(1)), std::nullopt);
  first.Return(Cents(50));
  EXPECT_EQ(second.Read().left(), Cents(50));
  EXPECT_EQ(second.Draw(Cents(60), Cents(60)), std::nullopt);
  EXPECT_EQ(second.Read().draws, 2u);
}

TEST_F(LedgerTest, ALineWithoutAnEndWasNeverDrawn) {
  { Ledger ledger(file_, Cents(500)); }
  std::ofstream(file_, std::ios::app) << "draw 4000000000 by 1 at 2026";
  Ledger ledger(file_, Cents(500));
  EXPECT_EQ(ledger.Read().drawn, Money());
  EXPECT_EQ(ledger.Draw(Cents(1), Cents(500)), Cents(500));
  EXPECT_THAT(Text(), HasSubstr("\ndraw 5000000000 by " + std::to_string(getpid())));
}

TEST_F(LedgerTest, AnotherBudgetIsRefusedWithBoth) {
  { Ledger ledger(file_, Cents(500)); }
  EXPECT_THAT(RefusalOf(Cents(700)), AllOf(HasSubstr(file_.string()), HasSubstr("$5.00"),
                                           HasSubstr("$7.00"), HasSubstr("remove the file")));
}

TEST_F(LedgerTest, AFileThatIsNoneIsRefusedAndLeftAlone) {
  for (const char* text : {"hello\n", "llmload.ledger/2 budget 5\n", "llmload.ledger/1 budget x\n",
                           "llmload.ledger/1 budget 5\nspend 3 by 1 at x\n"}) {
    Write(text);
    EXPECT_THAT(RefusalOf(Cents(1)), HasSubstr("not a ledger of llmload")) << text;
    EXPECT_EQ(Text(), text);
  }
  std::filesystem::remove(file_);
  EXPECT_THAT(RefusalOf(std::nullopt), HasSubstr("No such file"));
  std::filesystem::create_directory(file_);
  EXPECT_THAT(RefusalOf(Cents(1)), HasSubstr("cannot be opened"));
}

TEST_F(LedgerTest, WhatCannotBeWrittenDownIsNotSpent) {
  Ledger ledger(file_, Cents(500));
  std::filesystem::remove(file_);
  EXPECT_EQ(ledger.Draw(Cents(1), Cents(1)), std::nullopt);
  EXPECT_EQ(ledger.Read().left(), Money());
}

TEST_F(LedgerTest, ABudgetDrawsAHundredthAtATimeAndGivesTheRestBack) {
  const auto ledger = std::make_shared<Ledger>(file_, Cents(10'000));
  {
    Budget budget(ledger);
    budget.Reserve(Cents(3))->Settle(Cents(3));
    EXPECT_EQ(ledger->Read().drawn, Cents(100));
    budget.Reserve(Cents(250))->Settle(Cents(10));  // more than a hundredth
    EXPECT_EQ(ledger->Read().drawn, Cents(253));
    EXPECT_EQ(budget.Now().available, Cents(10'000 - 13));
  }
  EXPECT_EQ(ledger->Read().drawn, Cents(13));
}

TEST_F(LedgerTest, ABudgetUsesUpTheLedgerToTheLastWorstCase) {
  const auto ledger = std::make_shared<Ledger>(file_, Cents(10));
  Budget budget(ledger);
  for (int i = 0; i < 10; ++i) budget.Reserve(Cents(1))->Settle(Cents(1));
  EXPECT_FALSE(budget.Reserve(Money::Nanos(1)));
  EXPECT_EQ(budget.Now().settled, Cents(10));
}

// Memory that outlives a killed process: what each had spent, or could owe.
struct SpentByBoth {
  std::array<std::atomic<std::int64_t>, 2> nanos{};
};

// Reserves and settles until the budget is used up, and says beforehand what it may owe.
[[noreturn]] void SpendUntilKilled(const std::filesystem::path& file, std::uint64_t seed,
                                   std::atomic<std::int64_t>& owed) {
  Budget budget(std::make_shared<Ledger>(file, std::nullopt));
  Random random = Random::Stream(seed, 0);
  for (;;) {
    const auto worst = static_cast<std::int64_t>(1 + random.Below(2'000));
    auto reserved = budget.Reserve(Money::Nanos(worst));
    if (!reserved) break;
    owed += worst;
    if (random.Chance(0.1)) continue;  // of unknown end
    const auto actual =
        static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(worst) + 1));
    owed -= worst - actual;
    reserved->Settle(Money::Nanos(actual));
  }
  for (;;) pause();
}

TEST_F(LedgerTest, TwoProcessesKilledAtAnyInstantNeverExceedIt) {
  void* const memory =
      mmap(nullptr, sizeof(SpentByBoth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const bool full = std::getenv("LLMLOAD_FULL_COUNTS") != nullptr;
  const int runs = full ? 200 : (test_support::kSanitized ? 3 : 10);
  for (int run = 0; run < runs; ++run) {
    auto* const spent = new (memory) SpentByBoth();
    std::filesystem::remove(file_);
    const Ledger ledger(file_, Money::Nanos(400'000));
    Random random = Random::Stream(11, static_cast<std::uint64_t>(run));
    std::array<pid_t, 2> children{};
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i] = fork();
      ASSERT_GE(children[i], 0);
      if (children[i] == 0) SpendUntilKilled(file_, random.Next() + i, spent->nanos[i]);
    }
    // The second goes on while the first is gone, and is killed later.
    for (const pid_t child : children) {
      std::this_thread::sleep_for(std::chrono::microseconds(random.Below(3'000)));
      ASSERT_EQ(kill(child, SIGKILL), 0);
      ASSERT_EQ(waitpid(child, nullptr, 0), child);
    }
    const Money drawn = ledger.Read().drawn;
    EXPECT_LE(drawn, ledger.budget()) << "run " << run;
    EXPECT_LE(spent->nanos[0] + spent->nanos[1], drawn.nanos()) << "run " << run << ": " << Text();
  }
  munmap(memory, sizeof(SpentByBoth));
}

}  // namespace
}  // namespace llmload
