#include "llmload/resilience/hedging_provider.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/race.h"
#include "src/resilience/attempt.h"

namespace llmload {

namespace asio = boost::asio;

struct HedgingProvider::Pair {
  std::array<std::shared_ptr<Provider>, 2> providers;
  HedgingOptions options;
  Clock& clock;
  ProviderIdentity identity;
};

class HedgingProvider::Run {
 public:
  static asio::awaitable<Result<Completion>> Start(std::shared_ptr<Pair> pair,
                                                   const CompletionRequest& request,
                                                   StreamObserver* observer) {
    co_await resilience::ThrowIfCancelled();
    Run run(*pair, request, observer, co_await asio::this_coro::executor);
    co_await run.Go();
    co_return run.Finish();
  }

 private:
  // Whether a leg's end is the request's end.
  struct EndsRequest {
    template <class Ended>
    asio::cancellation_type_t operator()(const std::exception_ptr& thrown,
                                         const Ended& ended) const {
      return thrown || ended.value_or(true) ? asio::cancellation_type::terminal
                                            : asio::cancellation_type::none;
    }
  };

  struct Leg final : public StreamObserver {
    Leg(Run& whose, std::size_t which, const asio::any_io_executor& executor)
        : run(whose), index(which), lost(executor, asio::steady_timer::time_point::max()) {}

    void OnToken(const TokenEvent& event) override {
      if (!run.winner_) run.DecideFor(index);
      if (run.winner_ != index) return;
      ++tokens;
      if (run.observer_ != nullptr) run.observer_->OnToken(event);
    }

    Run& run;
    const std::size_t index;
    asio::steady_timer lost;  // cancelled when the other leg's first token decides
    bool started = false;
    TimePoint started_at{};
    std::optional<TimePoint> finished_at;  // empty if it was cancelled with the request
    std::int64_t tokens = 0;
    std::optional<Result<Completion>> result;
  };

  Run(Pair& pair, const CompletionRequest& request, StreamObserver* observer,
      const asio::any_io_executor& executor)
      : pair_(pair),
        request_(request),
        observer_(observer),
        legs_{Leg(*this, 0, executor), Leg(*this, 1, executor)} {}

  asio::awaitable<void> Go() {
    if (Budget() != nullptr && pair_.options.deposit_per_request) Budget()->OnRequest();
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::experimental::make_parallel_group(
        asio::co_spawn(executor, detail::AsOptional(RunLeg(0)), asio::deferred),
        asio::co_spawn(executor, detail::AsOptional(RunSecond()), asio::deferred))
        .async_wait(EndsRequest(), asio::use_awaitable);
    co_await resilience::ThrowIfCancelled();
  }

  asio::awaitable<bool> RunSecond() {
    co_await pair_.clock.SleepFor(pair_.options.delay);
    if (winner_) co_return false;
    if (request_.deadline && pair_.clock.Now() >= *request_.deadline) co_return false;
    if (Budget() != nullptr && !Budget()->TryWithdraw()) co_return false;
    co_return co_await RunLeg(1);
  }

  // True if this leg's end is the request's end.
  asio::awaitable<bool> RunLeg(std::size_t index) {
    Leg& leg = legs_[index];
    leg.started = true;
    leg.started_at = pair_.clock.Now();
    auto call = resilience::RunAttempt(pair_.clock, *pair_.providers[index], request_, nullptr,
                                       request_.stream ? &leg : observer_, {});
    if (request_.stream) {
      auto outcome = co_await Race(std::move(call), WaitForLoss(leg));
      if (outcome.index() == 0) leg.result = std::get<0>(std::move(outcome));
    } else {
      leg.result = co_await std::move(call);
    }
    leg.finished_at = pair_.clock.Now();
    if (!leg.result) co_return false;  // lost: the other leg goes on
    if (leg.result->has_value() && !winner_) winner_ = index;
    if (winner_) co_return winner_ == index;
    const Leg& other = legs_[1 - index];
    co_return !other.started || other.result.has_value();
  }

  asio::awaitable<bool> WaitForLoss(Leg& leg) {
    if (winner_.value_or(leg.index) == leg.index) {
      co_await leg.lost.async_wait(asio::as_tuple(asio::use_awaitable));
      co_await resilience::ThrowIfCancelled();
    }
    co_return true;
  }

  void DecideFor(std::size_t index) {
    winner_ = index;
    legs_[1 - index].lost.cancel();
  }

  Result<Completion> Finish() {
    std::vector<Attempt> attempts;
    for (const std::size_t index : {std::size_t{0}, std::size_t{1}}) Record(index, attempts);
    Result<Completion>& answer = *legs_[winner_.value_or(0)].result;
    if (answer.has_value()) {
      answer->attempts = std::move(attempts);
      return std::move(answer);
    }
    Error error = answer.error();
    error.attempts = std::move(attempts);
    return error;
  }

  void Record(std::size_t index, std::vector<Attempt>& attempts) {
    Leg& leg = legs_[index];
    if (!leg.started) return;
    Attempt own{.provider = pair_.providers[index]->Identity().name,
                .region = pair_.providers[index]->Identity().region,
                .model = request_.model,
                .error = ErrorKind::kCancelled,
                .started = leg.started_at,
                .finished = leg.finished_at.value_or(pair_.clock.Now()),
                .output_tokens = leg.tokens};
    std::vector<Attempt> nested;
    if (leg.result && leg.result->has_value()) {
      own.error.reset();
      own.output_tokens = (*leg.result)->usage.output;
      nested = std::move((*leg.result)->attempts);
    } else if (leg.result) {
      Error error = leg.result->error();
      // A breaker or a budget further in made no call.
      if (NothingWasSent(error.kind) && error.attempts.empty()) {
        if (index == 1 && Budget() != nullptr) Budget()->Return();
        return;
      }
      own.error = error.kind;
      nested = std::move(error.attempts);
    }
    resilience::TakeAttempts(attempts, nested, std::move(own));
  }

  RetryBudget* Budget() const { return pair_.options.budget.get(); }

  Pair& pair_;
  const CompletionRequest& request_;
  StreamObserver* const observer_;
  std::optional<std::size_t> winner_;
  std::array<Leg, 2> legs_;
};

HedgingProvider::HedgingProvider(std::shared_ptr<Provider> first, std::shared_ptr<Provider> second,
                                 HedgingOptions options, Clock& clock)
    : pair_([&] {
        for (const auto& [provider, field] :
             {std::pair(&first, "HedgingProvider.first"), {&second, "HedgingProvider.second"}}) {
          if (*provider == nullptr) throw ConfigurationError::Invalid(field, "null", "a provider");
        }
        if (options.delay <= Duration::zero()) {
          throw ConfigurationError::Invalid(
              "HedgingOptions.delay", std::to_string(options.delay.count()) + " ns", "above 0 ns");
        }
        ProviderIdentity identity{.name = options.name, .region = {}, .credential = {}};
        return std::make_shared<Pair>(Pair{
            {std::move(first), std::move(second)}, std::move(options), clock, std::move(identity)});
      }()) {}

HedgingProvider::~HedgingProvider() = default;

const ProviderIdentity& HedgingProvider::Identity() const noexcept { return pair_->identity; }

ConnectionCounters HedgingProvider::Connections() const {
  const auto& [first, second] = pair_->providers;
  ConnectionCounters sum = first->Connections();
  if (second != first) sum += second->Connections();
  return sum;
}

ProviderSettings HedgingProvider::Settings() const {
  const auto& [first, second] = pair_->providers;
  ProviderSettings all;
  const auto longest = first->Settings().longest_call;
  const auto other = second->Settings().longest_call;
  if (longest && other) all.longest_call = pair_->options.delay + std::max(*longest, *other);
  resilience::AddDetails(all, *first);
  if (second != first) resilience::AddDetails(all, *second);
  return all;
}

std::optional<std::string> HedgingProvider::AdaptTo(const Error& refusal) {
  for (const auto& provider : pair_->providers) {
    if (provider->Identity().name == refusal.provider) return provider->AdaptTo(refusal);
  }
  return {};
}

asio::awaitable<Result<Completion>> HedgingProvider::Complete(const CompletionRequest& request,
                                                              StreamObserver* observer) {
  return Run::Start(pair_, request, observer);
}

}  // namespace llmload
