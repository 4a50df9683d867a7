// A bound on the load that retries, failover and hedging add.
#ifndef LLMLOAD_RESILIENCE_RETRY_BUDGET_H_
#define LLMLOAD_RESILIENCE_RETRY_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace llmload {

/// How many attempts beyond the first of each request are allowed.
struct RetryBudgetOptions {
  double ratio = 0.2;  ///< tokens that each request deposits; 0 to 10
  /// Tokens at the start, and the most that are kept; 0 to 1000000000.
  double reserve = 100;
};

/// A token bucket: each request deposits `ratio` tokens, each invocation beyond a request's first
/// withdraws one. So at any time, over all requests so far,
///
///     attempts <= requests * (1 + ratio) + reserve
///
/// whatever fails and however callers retry. (Finagle's and Envoy's retry budgets are of this
/// kind.) The bucket holds at most max(reserve, ratio, 1) tokens: an hour with few failures does
/// not save up retries for a later one.
///
/// Thread-safe and lock-free.
class RetryBudget {
 public:
  /// Throws `ConfigurationError` if a field is out of its range.
  explicit RetryBudget(RetryBudgetOptions options = {});

  /// Deposits for one request. Call it once per request, before its first attempt.
  void OnRequest() noexcept;
  /// Takes the token of one extra invocation; false if there is none.
  [[nodiscard]] bool TryWithdraw() noexcept;
  /// Returns the token of an invocation that did not take place.
  void Return() noexcept;

  /// The tokens in the bucket now.
  double Balance() const noexcept;
  const RetryBudgetOptions& options() const noexcept { return options_; }

  std::uint64_t requests() const noexcept { return requests_.load(); }
  std::uint64_t withdrawals() const noexcept { return withdrawals_.load(); }
  std::uint64_t refusals() const noexcept { return refusals_.load(); }

 private:
  void Add(std::int64_t millitokens) noexcept;

  const RetryBudgetOptions options_;
  const std::int64_t deposit_;  // in thousandths of a token, so that the arithmetic is exact
  const std::int64_t capacity_;
  std::atomic<std::int64_t> balance_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> withdrawals_{0};
  std::atomic<std::uint64_t> refusals_{0};
};

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_RETRY_BUDGET_H_
