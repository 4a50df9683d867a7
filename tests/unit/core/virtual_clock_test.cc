#include "llmload/core/virtual_clock.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <string>

#include "llmload/core/deadline.h"

namespace llmload {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class VirtualClockTest : public ::testing::Test {
 protected:
  void Spawn(asio::awaitable<void> task) {
    asio::co_spawn(context_, std::move(task), asio::detached);
  }

  asio::awaitable<void> LogAfter(Duration delay, std::string word) {
    co_await clock_.SleepFor(delay);
    log_ += word;
  }

  VirtualClock clock_;
  asio::io_context context_;
  std::string log_;
  const TimePoint start_ = clock_.Now();
};

TEST_F(VirtualClockTest, JumpsToTheNextDeadlineInsteadOfWaiting) {
  Spawn(LogAfter(24h, "day"));
  EXPECT_TRUE(clock_.Run(context_));
  EXPECT_EQ(clock_.Now() - start_, Duration(24h));
  EXPECT_EQ(log_, "day");
}

TEST_F(VirtualClockTest, WakesInOrderOfDeadlineAndThenOfArrival) {
  Spawn(LogAfter(3s, "c"));
  Spawn(LogAfter(1s, "a"));
  Spawn(LogAfter(3s, "d"));
  Spawn(LogAfter(2s, "b"));
  EXPECT_TRUE(clock_.Run(context_));
  EXPECT_EQ(log_, "abcd");
}

TEST_F(VirtualClockTest, PastDeadlineReturnsWithoutMovingTime) {
  Spawn(LogAfter(-5s, "now"));
  EXPECT_TRUE(clock_.Run(context_));
  EXPECT_EQ(clock_.Now(), start_);
  EXPECT_EQ(log_, "now");
}

TEST_F(VirtualClockTest, RunUntilStopsAtTheInstantAndCanGoOn) {
  Spawn(LogAfter(1s, "a"));
  Spawn(LogAfter(10s, "b"));
  EXPECT_FALSE(clock_.RunUntil(context_, start_ + 5s));
  EXPECT_EQ(log_, "a");
  EXPECT_EQ(clock_.Now() - start_, Duration(5s));
  EXPECT_EQ(clock_.SleeperCount(), 1u);
  EXPECT_TRUE(clock_.RunUntil(context_, start_ + 20s));
  EXPECT_EQ(log_, "ab");
  EXPECT_EQ(clock_.Now() - start_, Duration(20s));
}

TEST_F(VirtualClockTest, CancelledSleepEndsAtOnceAndLeavesNothingBehind) {
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  asio::co_spawn(context_, LogAfter(1h, "never"),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](std::exception_ptr thrown) { failure = thrown; }));
  auto cancel = [&]() -> asio::awaitable<void> {
    co_await clock_.SleepFor(1s);
    signal.emit(asio::cancellation_type::terminal);
  };
  Spawn(cancel());
  EXPECT_TRUE(clock_.Run(context_));
  EXPECT_EQ(clock_.Now() - start_, Duration(1s));
  EXPECT_EQ(log_, "");
  ASSERT_TRUE(failure);
  EXPECT_THROW(std::rethrow_exception(failure), boost::system::system_error);
}

TEST_F(VirtualClockTest, ReportsACoroutineThatNothingWillWake) {
  // A work guard keeps the context busy for ever: Run must return false instead of blocking.
  auto work = asio::make_work_guard(context_);
  Spawn(LogAfter(1s, "a"));
  EXPECT_FALSE(clock_.Run(context_));
  EXPECT_EQ(log_, "a");
}

TEST_F(VirtualClockTest, ContextMayDieWithSleepersInIt) {
  {
    asio::io_context short_lived;
    asio::co_spawn(short_lived, LogAfter(1h, "never"), asio::detached);
    clock_.RunUntil(short_lived, start_ + 1s);
    EXPECT_EQ(clock_.SleeperCount(), 1u);
  }
  EXPECT_EQ(clock_.SleeperCount(), 0u);
}

TEST_F(VirtualClockTest, DeadlineCancelsTheSlowerOperation) {
  auto slow = [&]() -> asio::awaitable<int> {
    co_await clock_.SleepFor(10s);
    log_ += "finished";
    co_return 1;
  };
  auto race = [&]() -> asio::awaitable<void> {
    const auto value = co_await RunUntilDeadline(clock_, clock_.Now() + 2s, slow());
    EXPECT_FALSE(value.has_value());
    EXPECT_EQ(clock_.Now() - start_, Duration(2s));
    const auto in_time = co_await RunUntilDeadline(clock_, clock_.Now() + 20s, slow());
    EXPECT_EQ(in_time, 1);
    EXPECT_EQ(clock_.Now() - start_, Duration(12s));
  };
  Spawn(race());
  EXPECT_TRUE(clock_.Run(context_));
  EXPECT_EQ(log_, "finished");
  EXPECT_EQ(clock_.SleeperCount(), 0u);
}

TEST_F(VirtualClockTest, ExceptionUnderADeadlineIsRethrownAtOnce) {
  auto broken = [&]() -> asio::awaitable<int> {
    co_await clock_.SleepFor(1s);
    throw std::runtime_error("bug");
  };
  auto race = [&]() -> asio::awaitable<void> {
    bool thrown = false;
    try {
      co_await RunUntilDeadline(clock_, clock_.Now() + 20s, broken());
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_EQ(clock_.Now() - start_, Duration(1s));
  };
  Spawn(race());
  EXPECT_TRUE(clock_.Run(context_));
  EXPECT_EQ(clock_.SleeperCount(), 0u);
}

TEST_F(VirtualClockTest, CancellationReachesWhatRunsUnderADeadline) {
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  auto slow = [&]() -> asio::awaitable<int> {
    co_await clock_.SleepFor(10s);
    co_return 1;
  };
  auto race = [&]() -> asio::awaitable<void> {
    co_await RunUntilDeadline(clock_, clock_.Now() + 20s, slow());
    log_ += "not cancelled";
  };
  asio::co_spawn(context_, race(),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](std::exception_ptr thrown) { failure = thrown; }));
  clock_.RunUntil(context_, start_ + 1s);
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(clock_.Run(context_));
  EXPECT_EQ(clock_.Now() - start_, Duration(1s));
  EXPECT_EQ(log_, "");
  ASSERT_TRUE(failure);
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& thrown) {
    EXPECT_EQ(thrown.code(), asio::error::operation_aborted);
  }
}

}  // namespace
}  // namespace llmload
