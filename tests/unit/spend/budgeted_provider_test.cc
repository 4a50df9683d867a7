// Each attempt is reserved before it is sent, and settled by what is known of its end.
#include "llmload/spend/budgeted_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "llmload/resilience/circuit_breaker_provider.h"
#include "llmload/resilience/failover_provider.h"
#include "llmload/resilience/hedging_provider.h"
#include "tests/unit/resilience/test_support.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

// 5 bytes and two templates of 16 tokens in, 100 tokens out.
constexpr std::int64_t kWorstTokens = 5 + 2 * 16 + 100;

CompletionRequest HelloRequest() {
  return {.model = "m", .messages = {{.role = Role::kUser, .content = "Hello"}}, .max_tokens = 100};
}

// A thousand nano-dollars for each token, of any class.
Money Tokens(std::int64_t tokens) { return Money::Nanos(tokens * 1000); }

class BudgetedProviderTest : public VirtualTimeTest {
 protected:
  std::shared_ptr<ScriptedProvider> Scripted(std::vector<Step> steps, std::string name = "inner") {
    return std::make_shared<ScriptedProvider>(clock_, std::move(name), std::move(steps));
  }
  std::shared_ptr<Provider> WithinBudget(std::shared_ptr<Provider> inner) {
    return std::make_shared<BudgetedProvider>(std::move(inner), budget_,
                                              ParsePrice("price", "in=1,out=1,write=1"));
  }
  // What is settled and kept after one call of a provider that does `step`.
  Budget::State After(Step step) {
    budget_ = std::make_shared<Budget>(Money::Dollars(1));
    Ask(*WithinBudget(Scripted({std::move(step)})), HelloRequest());
    EXPECT_EQ(budget_->Now().reserved, Money());
    return budget_->Now();
  }

  std::shared_ptr<Budget> budget_ = std::make_shared<Budget>(Money::Dollars(1));
};

TEST_F(BudgetedProviderTest, ASuccessSettlesByItsUsage) {
  const Budget::State state = After(Answers());
  EXPECT_EQ(state.settled, Tokens(3));  // a scripted answer has three tokens
  EXPECT_EQ(state.kept, Money());
}

TEST_F(BudgetedProviderTest, AnAnswerWithoutUsageKeepsItsReservation) {
  class WithoutUsage final : public Provider {
   public:
    const ProviderIdentity& Identity() const noexcept override { return identity_; }
    boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                        StreamObserver*) override {
      Completion completion;
      completion.token_source = TokenSource::kCountedEvents;
      co_return completion;
    }

   private:
    const ProviderIdentity identity_{.name = "w", .region = {}, .credential = {}};
  };
  Ask(*WithinBudget(std::make_shared<WithoutUsage>()), HelloRequest());
  EXPECT_EQ(budget_->Now().settled, Money());
  EXPECT_EQ(budget_->Now().kept, Tokens(kWorstTokens));
}

TEST_F(BudgetedProviderTest, WhatTheServiceNeverSawOrRefusedCostsNothing) {
  for (const ErrorKind kind :
       {ErrorKind::kDnsFailure, ErrorKind::kConnectFailure, ErrorKind::kTlsFailure,
        ErrorKind::kConnectTimeout, ErrorKind::kTlsTimeout}) {
    const Budget::State state = After(Fails(kind));
    EXPECT_EQ(state.settled + state.kept, Money()) << ToString(kind);
  }
  for (const int status : {400, 401, 402, 403, 404, 413, 422, 429}) {
    const Budget::State state =
        After({.error = Error{.kind = KindOfHttpStatus(status), .http_status = status}});
    EXPECT_EQ(state.settled + state.kept, Money()) << status;
  }
}

TEST_F(BudgetedProviderTest, WhatMayHaveBeenGeneratedKeepsItsReservation) {
  for (const ErrorKind kind :
       {ErrorKind::kConnectionReset, ErrorKind::kStaleConnection, ErrorKind::kFirstTokenTimeout,
        ErrorKind::kIdleTimeout, ErrorKind::kTotalTimeout, ErrorKind::kStreamError,
        ErrorKind::kMalformedResponse, ErrorKind::kTruncatedStream, ErrorKind::kResponseTooLarge,
        ErrorKind::kUnexpectedRedirect, ErrorKind::kInternal, ErrorKind::kContentFilter}) {
    EXPECT_EQ(After(Fails(kind)).kept, Tokens(kWorstTokens)) << ToString(kind);
  }
  for (const int status : {408, 424, 425, 499, 500, 502, 503, 504, 529}) {
    const Budget::State state =
        After({.error = Error{.kind = KindOfHttpStatus(status), .http_status = status}});
    EXPECT_EQ(state.kept, Tokens(kWorstTokens)) << status;
  }
  EXPECT_EQ(After({.throws = true}).kept, Tokens(kWorstTokens));
}

TEST_F(BudgetedProviderTest, ACancelledCallKeepsItsReservation) {
  const auto provider = WithinBudget(Scripted({{.hang = true}}));
  boost::asio::cancellation_signal signal;
  const auto answer = Start(*provider, HelloRequest(), nullptr, &signal);
  CancelAfter(1s, signal);
  Run();
  EXPECT_TRUE(answer->aborted());
  EXPECT_EQ(budget_->Now().kept, Tokens(kWorstTokens));
  EXPECT_EQ(budget_->Now().reserved, Money());
}

TEST_F(BudgetedProviderTest, BelowOneWorstCaseNothingIsSent) {
  budget_ = std::make_shared<Budget>(Tokens(kWorstTokens - 1));
  const auto inner = Scripted({Answers()});
  const Error error = Ask(*WithinBudget(inner), HelloRequest()).error();
  EXPECT_EQ(error.kind, ErrorKind::kSpendLimit);
  EXPECT_THAT(error.message, AllOf(HasSubstr("budget of $0.00014 is used up"),
                                   HasSubstr("next attempt could cost $0.00014")));
  EXPECT_TRUE(error.attempts.empty());
  EXPECT_EQ(inner->calls(), 0);
  EXPECT_TRUE(budget_->Exhausted());
}

TEST_F(BudgetedProviderTest, ARequestThatNothingBoundsIsRefused) {
  CompletionRequest request = HelloRequest();
  request.max_tokens.reset();
  const auto inner = Scripted({Answers()});
  const Error error = Ask(*WithinBudget(inner), request).error();
  EXPECT_EQ(error.kind, ErrorKind::kSpendLimit);
  EXPECT_THAT(error.message, HasSubstr("max_tokens"));
  EXPECT_EQ(inner->calls(), 0);
}

TEST_F(BudgetedProviderTest, NobodyRetriesARefusalAndNoBreakerSeesIt) {
  budget_ = std::make_shared<Budget>(Tokens(kWorstTokens));
  const auto primary = Scripted({Fails(ErrorKind::kServerError)}, "primary");
  const auto fallback = Scripted({Answers()}, "fallback");
  const auto breaker = std::make_shared<CircuitBreaker>(
      "b", CircuitBreakerOptions{.consecutive_failures = 2}, clock_);
  FailoverProvider chain({{.provider = WithinBudget(primary), .breaker = breaker},
                          {.provider = WithinBudget(fallback)}},
                         {.retries_per_target = 3}, clock_);
  // The first attempt uses the budget up; the retry is refused, and the fallback is not asked.
  const Error error = Ask(chain, HelloRequest()).error();
  EXPECT_EQ(error.kind, ErrorKind::kSpendLimit);
  EXPECT_EQ(error.attempts.size(), 1u);
  EXPECT_EQ(primary->calls(), 1);
  EXPECT_EQ(fallback->calls(), 0);
  for (int i = 0; i < 5; ++i) Ask(chain, HelloRequest());
  EXPECT_EQ(primary->calls(), 1);
  EXPECT_EQ(breaker->Snapshot().state, BreakerState::kClosed);
  EXPECT_EQ(breaker->Snapshot().failures, 1u);
}

TEST_F(BudgetedProviderTest, AHedgeThatTheBudgetDoesNotAllowIsNotSent) {
  budget_ = std::make_shared<Budget>(Tokens(kWorstTokens));
  const auto first = Scripted({Answers(3s)}, "first");
  const auto second = Scripted({Answers()}, "second");
  HedgingProvider hedging(WithinBudget(first), WithinBudget(second), {.delay = 1s}, clock_);
  const Answer answer = Ask(hedging, HelloRequest());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.completion().attempts.size(), 1u);
  EXPECT_EQ(second->calls(), 0);
}

TEST_F(BudgetedProviderTest, ACancelledHedgeKeepsItsReservation) {
  const auto first = Scripted({{.hang = true}}, "first");
  const auto second = Scripted({Answers()}, "second");
  HedgingProvider hedging(WithinBudget(first), WithinBudget(second), {.delay = 1s}, clock_);
  ASSERT_TRUE(Ask(hedging, HelloRequest()).ok());
  EXPECT_EQ(budget_->Now().settled, Tokens(3));
  EXPECT_EQ(budget_->Now().kept, Tokens(kWorstTokens));
}

TEST_F(BudgetedProviderTest, NullIsRefused) {
  EXPECT_THROW(BudgetedProvider(nullptr, budget_, {}), std::invalid_argument);
  EXPECT_THROW(BudgetedProvider(Scripted({Answers()}), nullptr, {}), std::invalid_argument);
}

}  // namespace
}  // namespace llmload
