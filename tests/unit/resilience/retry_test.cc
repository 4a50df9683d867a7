// Backoff and retry budget.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/resilience/retry_budget.h"
#include "llmload/resilience/retry_policy.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, StaysBetweenBaseAndThreeTimesThePreviousWait) {
  const BackoffOptions options{.base = 100ms, .cap = 10s};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(options, seed, 0);
    Duration previous = options.base;
    for (int i = 0; i < 20; ++i) {
      const Duration wait = *backoff.Next({});
      EXPECT_GE(wait, options.base);
      EXPECT_LE(wait, std::min<Duration>(options.cap, 3 * previous));
      previous = wait;
    }
  }
}

TEST(Backoff, GrowsTowardsTheCapAndIsSpread) {
  const BackoffOptions options{.base = 100ms, .cap = 5s};
  std::vector<Duration> tenth;
  for (std::uint64_t stream = 0; stream < 1000; ++stream) {
    Backoff backoff(options, 7, stream);
    Duration wait{};
    for (int i = 0; i < 10; ++i) wait = *backoff.Next({});
    tenth.push_back(wait);
  }
  std::sort(tenth.begin(), tenth.end());
  EXPECT_LT(tenth[100], Duration(1s)) << "jitter keeps some early";
  EXPECT_GT(tenth[900], Duration(4s)) << "and most have grown";
  EXPECT_LE(tenth.back(), Duration(5s));
}

TEST(Backoff, EqualSeedAndStreamGiveEqualWaits) {
  const BackoffOptions options;
  const auto waits = [&](std::uint64_t seed, std::uint64_t stream) {
    Backoff backoff(options, seed, stream);
    std::vector<Duration> drawn;
    for (int i = 0; i < 5; ++i) drawn.push_back(*backoff.Next({}));
    return drawn;
  };
  EXPECT_EQ(waits(1, 2), waits(1, 2));
  EXPECT_NE(waits(1, 2), waits(1, 3));
  EXPECT_NE(waits(1, 2), waits(2, 2));
}

TEST(Backoff, RetryAfterIsTheLeastAndItsCapEndsTheRetries) {
  const BackoffOptions options{.base = 100ms, .cap = 1s, .retry_after_cap = 30s};
  Backoff backoff(options, 1, 0);
  EXPECT_EQ(backoff.Next(20s), Duration(20s));
  EXPECT_EQ(backoff.Next(30s), Duration(30s));
  EXPECT_EQ(backoff.Next(30s + 1ns), std::nullopt);
  EXPECT_GE(*backoff.Next(1ms), options.base) << "a hint does not shorten the backoff";
}

TEST(Backoff, HugeOptionsDoNotOverflow) {
  const BackoffOptions options{.base = Duration::max() / 2, .cap = Duration::max()};
  Backoff backoff(options, 1, 0);
  for (int i = 0; i < 10; ++i) EXPECT_GE(*backoff.Next({}), options.base);
}

TEST(RetryPolicy, WhatTheSameServiceMayAnswerIfAskedAgain) {
  EXPECT_TRUE(IsRetryable({.kind = ErrorKind::kServerError}));
  EXPECT_TRUE(IsRetryable({.kind = ErrorKind::kConnectFailure}));
  EXPECT_TRUE(IsRetryable({.kind = ErrorKind::kMalformedResponse}));
  EXPECT_TRUE(IsRetryable({.kind = ErrorKind::kTruncatedStream}));
  for (const ErrorKind kind :
       {ErrorKind::kRateLimited, ErrorKind::kQuotaExhausted, ErrorKind::kCredential,
        ErrorKind::kModelUnavailable, ErrorKind::kInvalidRequest, ErrorKind::kContentFilter,
        ErrorKind::kResponseTooLarge, ErrorKind::kUnexpectedRedirect, ErrorKind::kCircuitOpen,
        ErrorKind::kCancelled, ErrorKind::kInternal}) {
    EXPECT_FALSE(IsRetryable({.kind = kind})) << ToString(kind);
  }
}

TEST(RetryBudget, GrantsTheReserveAndThenTheRatio) {
  RetryBudget budget({.ratio = 0.2, .reserve = 10});
  int granted = 0;
  while (budget.TryWithdraw()) ++granted;
  EXPECT_EQ(granted, 10);
  granted = 0;
  for (int i = 0; i < 1000; ++i) {
    budget.OnRequest();
    if (budget.TryWithdraw()) ++granted;
  }
  EXPECT_EQ(granted, 200) << "exactly: the arithmetic does not drift";
  EXPECT_EQ(budget.requests(), 1000u);
  EXPECT_EQ(budget.withdrawals(), 210u);
  EXPECT_EQ(budget.refusals(), 801u);
}

TEST(RetryBudget, AQuietHourDoesNotSaveUp) {
  RetryBudget budget({.ratio = 0.5, .reserve = 4});
  for (int i = 0; i < 100000; ++i) budget.OnRequest();
  EXPECT_EQ(budget.Balance(), 4);
  int granted = 0;
  while (budget.TryWithdraw()) ++granted;
  EXPECT_EQ(granted, 4);
}

TEST(RetryBudget, WithoutAReserveTheRatioAloneIsEnoughToSaveForOne) {
  RetryBudget budget({.ratio = 0.1, .reserve = 0});
  EXPECT_FALSE(budget.TryWithdraw());
  for (int i = 0; i < 10; ++i) budget.OnRequest();
  EXPECT_TRUE(budget.TryWithdraw());
  EXPECT_FALSE(budget.TryWithdraw());
}

TEST(RetryBudget, AReturnedTokenCanBeSpentAgain) {
  RetryBudget budget({.ratio = 0, .reserve = 1});
  EXPECT_TRUE(budget.TryWithdraw());
  budget.Return();
  EXPECT_EQ(budget.withdrawals(), 0u);
  EXPECT_TRUE(budget.TryWithdraw());
  EXPECT_FALSE(budget.TryWithdraw());
}

TEST(RetryBudget, AmplificationIsBoundedWhateverTheThreadsDo) {
  RetryBudget budget({.ratio = 0.2, .reserve = 50});
  std::atomic<std::int64_t> requests{0};
  std::atomic<std::int64_t> extra{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        budget.OnRequest();
        ++requests;
        for (int attempt = 0; attempt < 3; ++attempt) {
          if (budget.TryWithdraw()) ++extra;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(static_cast<double>(extra), 0.2 * static_cast<double>(requests) + 50);
  EXPECT_GE(static_cast<double>(extra), 0.2 * static_cast<double>(requests) * 0.99);
}

TEST(RetryBudget, InvalidConfigurationIsRejectedWithTheFieldsName) {
  for (const auto& [options, field] :
       {std::pair(RetryBudgetOptions{.ratio = -0.1}, "RetryBudgetOptions.ratio"),
        std::pair(RetryBudgetOptions{.ratio = 11}, "RetryBudgetOptions.ratio"),
        std::pair(RetryBudgetOptions{.reserve = -1}, "RetryBudgetOptions.reserve")}) {
    try {
      RetryBudget budget(options);
      ADD_FAILURE() << field << " was accepted";
    } catch (const ConfigurationError& error) {
      EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace llmload
