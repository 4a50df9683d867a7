#include "llmload/resilience/retry_budget.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

constexpr std::int64_t kToken = 1000;

RetryBudgetOptions Checked(const RetryBudgetOptions& options) {
  if (!(options.ratio >= 0 && options.ratio <= 10)) {
    throw ConfigurationError::Invalid("RetryBudgetOptions.ratio", std::to_string(options.ratio),
                                      "0 to 10");
  }
  if (!(options.reserve >= 0 && options.reserve <= 1e9)) {
    throw ConfigurationError::Invalid("RetryBudgetOptions.reserve", std::to_string(options.reserve),
                                      "0 to 1000000000");
  }
  return options;
}

// Downwards, so that the promised bound also holds for a ratio with more than three decimals.
std::int64_t Millitokens(double tokens) {
  return static_cast<std::int64_t>(std::floor(tokens * kToken + 1e-6));
}

}  // namespace

RetryBudget::RetryBudget(RetryBudgetOptions options)
    : options_(Checked(options)),
      deposit_(Millitokens(options.ratio)),
      capacity_(std::max({Millitokens(options.reserve), deposit_, kToken})),
      balance_(Millitokens(options.reserve)) {}

void RetryBudget::Add(std::int64_t millitokens) noexcept {
  std::int64_t balance = balance_.load();
  std::int64_t raised = 0;
  do {
    raised = std::min(capacity_, balance + millitokens);
    if (raised == balance) return;
  } while (!balance_.compare_exchange_weak(balance, raised));
}

void RetryBudget::OnRequest() noexcept {
  requests_.fetch_add(1, std::memory_order_relaxed);
  Add(deposit_);
}

bool RetryBudget::TryWithdraw() noexcept {
  std::int64_t balance = balance_.load();
  do {
    if (balance < kToken) {
      refusals_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
  } while (!balance_.compare_exchange_weak(balance, balance - kToken));
  withdrawals_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void RetryBudget::Return() noexcept {
  withdrawals_.fetch_sub(1, std::memory_order_relaxed);
  Add(kToken);
}

double RetryBudget::Balance() const noexcept {
  return static_cast<double>(balance_.load()) / static_cast<double>(kToken);
}

}  // namespace llmload
