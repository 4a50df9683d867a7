// Sends a second attempt when the first one takes long.
#ifndef LLMLOAD_RESILIENCE_HEDGING_PROVIDER_H_
#define LLMLOAD_RESILIENCE_HEDGING_PROVIDER_H_

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"
#include "llmload/resilience/retry_budget.h"

namespace llmload {

/// When a second, identical request is sent beside a slow one.
struct HedgingOptions {
  std::string name = "hedging";  ///< `ProviderIdentity::name`

  /// How long the first attempt goes alone. Above zero; about the 95th percentile of the latency
  /// (or, for streaming, of the time to first token) hedges one request in twenty.
  Duration delay = std::chrono::seconds(2);

  /// Pays for every second attempt. Null: no bound.
  std::shared_ptr<RetryBudget> budget;
  /// Whether each request makes its deposit into `budget`. False where a layer around this one
  /// shares the budget and has done so.
  bool deposit_per_request = true;
};

/// Asks `first`, and after a delay without an answer (streaming: without a first token) also
/// `second`. The first success wins and the other attempt is cancelled. While streaming, the
/// attempt whose first token comes first wins at that moment: the observer sees the tokens of one
/// attempt only, and if it fails after that, the request fails.
///
/// A failure before the second attempt has started fails the request: hedging is not a retry. If
/// one of two attempts fails, the other one decides; if both fail, the request fails with the error
/// of `first`.
///
/// A hedge is a duplicate that the service bills: `Completion::attempts` and `Error::attempts` hold
/// both, the cancelled one as `kCancelled`. Use it for requests that may be answered twice, and not
/// on a service that is short of capacity.
///
/// Thread-safe. The awaiting coroutine's executor must be serial (a single-threaded context or a
/// strand).
class HedgingProvider final : public Provider {
 public:
  /// @param second  may be the same as `first`
  /// `clock` must outlive the provider and its calls. Throws `ConfigurationError` for a null
  /// provider or a delay that is not above zero.
  HedgingProvider(std::shared_ptr<Provider> first, std::shared_ptr<Provider> second,
                  HedgingOptions options, Clock& clock);
  ~HedgingProvider() override;

  const ProviderIdentity& Identity() const noexcept override;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;
  /// The sum of the two; if they are the same provider, it counts once.
  ConnectionCounters Connections() const override;
  ProviderSettings Settings() const override;
  /// Passes the refusal on to the provider that it came from.
  std::optional<std::string> AdaptTo(const Error& refusal) override;

 private:
  struct Pair;
  class Run;  // one request

  const std::shared_ptr<Pair> pair_;
};

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_HEDGING_PROVIDER_H_
