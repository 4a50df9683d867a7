// Providers in order of preference, each behind its own circuit breaker.
#ifndef LLMLOAD_RESILIENCE_FAILOVER_PROVIDER_H_
#define LLMLOAD_RESILIENCE_FAILOVER_PROVIDER_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"
#include "llmload/resilience/breaker_registry.h"
#include "llmload/resilience/circuit_breaker.h"
#include "llmload/resilience/retry_budget.h"
#include "llmload/resilience/retry_policy.h"

namespace llmload {

/// How long one attempt may take, besides the deadlines of the provider itself. Each above zero.
/// Of a request that is not streamed, `total` is the only one that can be kept: with another one
/// and without `total` such a request is refused, as `ErrorKind::kInvalidRequest`.
struct AttemptDeadlines {
  std::optional<Duration> first_token = {};
  std::optional<Duration> idle = {};  ///< between two token events
  std::optional<Duration> total = {};
};

/// One provider of the chain.
struct FailoverTarget {
  std::shared_ptr<Provider> provider;
  /// Null: a breaker of `FailoverOptions::breakers` for the model asked for, or none if that is
  /// null too.
  std::shared_ptr<CircuitBreaker> breaker = nullptr;
  std::optional<std::string> model = std::nullopt;  ///< asked for instead of the request's model
  /// Whether to ask it when the prompt was too large for the targets before it.
  bool larger_context = false;
  AttemptDeadlines deadlines = {};
};

/// What to do when a stream fails after its first token.
enum class StreamingPolicy : std::uint8_t {
  /// The request fails with `kStreamInterrupted`; the error holds the text so far.
  kFail,
  /// Once per request, the next target is asked to go on from the text so far, which it gets as the
  /// start of the assistant's message. The observer sees only new tokens; the completion holds the
  /// whole text, with `TokenSource::kCountedEvents` because no service has counted all of it. Does
  /// not apply after a tool-call token.
  kContinueOnce,
};

/// How often, for how long and within which budget a request is tried.
struct FailoverOptions {
  std::string name = "failover";  ///< `ProviderIdentity::name` of the chain

  /// Further attempts on the same target after an error that `IsRetryable`, each after a backoff.
  int retries_per_target = 0;
  BackoffOptions backoff;
  /// One immediate further attempt per target after `kStaleConnection`, besides
  /// `retries_per_target`.
  bool retry_stale_connection = true;
  std::uint64_t seed = 0;  ///< of the backoff's jitter

  /// Pays for every invocation beyond a request's first. Null: no bound but the chain's length.
  std::shared_ptr<RetryBudget> budget;
  /// Whether each request makes its deposit into `budget`. False where a layer around this one
  /// shares the budget and has done so.
  bool deposit_per_request = true;

  /// Limits the whole request, over all attempts and waits; `CompletionRequest::deadline` applies
  /// as well.
  std::optional<Duration> total_deadline;

  /// If no target is left, one of them answered 429 with a Retry-After of at most this, and the
  /// deadline allows, the chain waits for it and asks that target once more. Zero: never.
  Duration max_rate_limit_wait = std::chrono::seconds(5);

  StreamingPolicy streaming = StreamingPolicy::kFail;

  /// Breakers of the targets that have none of their own.
  std::shared_ptr<BreakerRegistry> breakers;
};

/// Asks the first target whose breaker admits, and the next ones when it fails.
///
/// What an error leads to (after the retries, if any):
///  - transient, protocol fault, rate limited, quota, credential, model unavailable: next target
///  - caller's fault: the request fails; a prompt that is too large (`kContextLength`, 413) goes to
///    the next target with `larger_context`
///  - a breaker that rejects: next target, without an attempt; if all reject, `kCircuitOpen` at
///    once, with the shortest remaining wait in `Error::retry_after`
///  - an exception from a provider: an attempt that failed with `kInternal`
///  - budget exhausted: `kRetryBudgetExhausted`, with the last error in the message
///  - cancelled: the permit settles as neutral and `operation_aborted` propagates
///
/// Before the first token a stream may change the target freely; after it, see `StreamingPolicy`.
///
/// An attempt that the deadline of the whole request cut short counts against its target only if it
/// was the request's first: a later one may have had too little time.
///
/// `Completion::attempts` and `Error::attempts` hold every attempt made, including those that a
/// target reports itself because it is a chain, say.
///
/// Thread-safe. The awaiting coroutine's executor must be serial (a single-threaded context or a
/// strand).
class FailoverProvider final : public Provider {
 public:
  /// `clock` must outlive the provider and its calls. Throws `ConfigurationError` for an empty
  /// chain, a null provider or an option out of its range.
  FailoverProvider(std::vector<FailoverTarget> targets, FailoverOptions options, Clock& clock);
  ~FailoverProvider() override;

  const ProviderIdentity& Identity() const noexcept override;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;
  /// The sum of the targets; a provider that several targets share counts once.
  ConnectionCounters Connections() const override;
  /// The longest call is that of all targets in turn, with retries but without waits.
  ProviderSettings Settings() const override;
  /// Passes the refusal on to the target that it came from.
  std::optional<std::string> AdaptTo(const Error& refusal) override;

  const std::vector<FailoverTarget>& targets() const noexcept;
  const FailoverOptions& options() const noexcept;

 private:
  template <class Visit>
  void ForEachProvider(Visit visit) const;

  struct Chain;
  class Run;  // one request on its way through the chain

  // Shared with the calls under way: a coroutine that is destroyed late still finds its breaker.
  const std::shared_ptr<Chain> chain_;
};

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_FAILOVER_PROVIDER_H_
