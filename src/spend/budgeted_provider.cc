#include "llmload/spend/budgeted_provider.h"

#include <stdexcept>
#include <utility>

namespace llmload {

namespace asio = boost::asio;

// What outlives the provider as long as a call is under way.
class BudgetedProvider::Shared {
 public:
  Shared(std::shared_ptr<Provider> its_provider, std::shared_ptr<Budget> its_budget,
         Price its_price)
      : provider(std::move(its_provider)),
        budget(std::move(its_budget)),
        price(std::move(its_price)) {}

  const std::shared_ptr<Provider> provider;
  const std::shared_ptr<Budget> budget;
  const Price price;
};

namespace {

Error Refusal(const Provider& provider, std::string why) {
  return {.kind = ErrorKind::kSpendLimit,
          .message = std::move(why),
          .provider = provider.Identity().name};
}

}  // namespace

BudgetedProvider::BudgetedProvider(std::shared_ptr<Provider> provider,
                                   std::shared_ptr<Budget> budget, Price price)
    : provider_(std::move(provider)),
      shared_(std::make_shared<Shared>(provider_, std::move(budget), std::move(price))) {
  if (!provider_ || !shared_->budget) {
    throw std::invalid_argument("BudgetedProvider: provider or budget is null");
  }
}

asio::awaitable<Result<Completion>> BudgetedProvider::Complete(const CompletionRequest& request,
                                                               StreamObserver* observer) {
  return [](std::shared_ptr<Shared> shared, const CompletionRequest& asked,
            StreamObserver* listener) -> asio::awaitable<Result<Completion>> {
    if (!asked.max_tokens) {
      co_return Refusal(*shared->provider,
                        "nothing bounds what a request without max_tokens costs; set it");
    }
    std::optional<Budget::Reservation> reserved = shared->budget->Reserve(
        WorstCostOf(MostInputTokens(asked), *asked.max_tokens, shared->price));
    if (!reserved) co_return Refusal(*shared->provider, Describe(shared->budget->Now()));
    // If this coroutine is cancelled, or the provider throws, the reservation is dropped, and kept.
    Result<Completion> outcome = co_await shared->provider->Complete(asked, listener);
    if (outcome.has_value()) {
      if (outcome->token_source == TokenSource::kUsage) {
        reserved->Settle(CostOf(outcome->usage, shared->price));
      }
    } else if (const auto cost = CostOfFailure(outcome.error())) {
      reserved->Settle(*cost);
    }
    co_return outcome;
  }(shared_, request, observer);
}

std::int64_t MostInputTokens(const CompletionRequest& request) noexcept {
  constexpr std::int64_t kTemplateTokens = 16;
  std::int64_t tokens = kTemplateTokens;
  for (const Message& message : request.messages) {
    tokens += static_cast<std::int64_t>(message.content.size()) + kTemplateTokens;
  }
  return tokens;
}

std::optional<Money> CostOfFailure(const Error& error) noexcept {
  switch (error.kind) {
    case ErrorKind::kDnsFailure:
    case ErrorKind::kConnectFailure:
    case ErrorKind::kTlsFailure:
    case ErrorKind::kConnectTimeout:
    case ErrorKind::kTlsTimeout:
      return Money();
    default:
      break;
  }
  // Where the service or a proxy gave up waiting, the model may have worked all the same.
  const bool gave_up = error.http_status == 408 || error.http_status == 424 ||
                       error.http_status == 425 || error.http_status == 499;
  if (error.http_status >= 400 && error.http_status <= 499 && !gave_up) return Money();
  return std::nullopt;
}

}  // namespace llmload
