// Keeps a provider within a budget.
#ifndef LLMLOAD_SPEND_BUDGETED_PROVIDER_H_
#define LLMLOAD_SPEND_BUDGETED_PROVIDER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "llmload/provider/provider.h"
#include "llmload/spend/budget.h"
#include "llmload/spend/price_table.h"

namespace llmload {

/// Reserves what each call could cost at most before it is sent, and settles what it did cost.
///
/// Wrap the providers that call a service, inside of retries, failover and hedging, because each
/// attempt is billed. A call that the budget does not allow fails with `ErrorKind::kSpendLimit`:
/// nothing is sent, it is no attempt, and neither breakers nor retries act on it.
///
/// A call settles as follows:
///  - a success with usage: its cost by the price;
///  - a failure before the request was sent (name, connect, TLS), or a refusal (4xx, 429): nothing;
///  - everything else (5xx, a cut or silent answer, a time-out, a cancelled call, an answer without
///    usage): unknown, so that the whole reservation is kept. Services bill what they generated.
///
/// Thread-safe.
class BudgetedProvider final : public Provider {
 public:
  /// `price` is that of every model that is asked for. Throws `std::invalid_argument` for null.
  BudgetedProvider(std::shared_ptr<Provider> provider, std::shared_ptr<Budget> budget, Price price);

  const ProviderIdentity& Identity() const noexcept override { return provider_->Identity(); }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;
  ConnectionCounters Connections() const override { return provider_->Connections(); }
  std::optional<std::string> AdaptTo(const Error& refusal) override {
    return provider_->AdaptTo(refusal);
  }

 private:
  class Shared;
  const std::shared_ptr<Provider> provider_;
  const std::shared_ptr<Shared> shared_;  // with the calls under way
};

/// At most how many input tokens `request` can have. Tokenizers that work on bytes make at least a
/// byte of each token; each message adds the template of its role.
std::int64_t MostInputTokens(const CompletionRequest& request) noexcept;

/// What a call that ended with `error` has cost: nothing, or empty where that is not known.
std::optional<Money> CostOfFailure(const Error& error) noexcept;

}  // namespace llmload

#endif  // LLMLOAD_SPEND_BUDGETED_PROVIDER_H_
