#include "llmload/resilience/failover_provider.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "src/resilience/attempt.h"
#include "src/resilience/failover_options_check.h"

namespace llmload {

namespace asio = boost::asio;
using resilience::AttemptLimits;
using resilience::TokenWatch;

struct FailoverProvider::Chain {
  Chain(std::vector<FailoverTarget> all, FailoverOptions how, Clock& time)
      : targets(std::move(all)),
        options(std::move(how)),
        clock(time),
        identity{.name = options.name, .region = {}, .credential = {}} {}

  std::vector<FailoverTarget> targets;
  FailoverOptions options;
  Clock& clock;
  ProviderIdentity identity;
  std::atomic<std::uint64_t> next_request{0};
};

namespace {

enum class Next : std::uint8_t { kNextTarget, kDone };
enum class Answer : std::uint8_t { kCompletion, kError, kRejection };

bool IsTooLarge(const Error& error) {
  return error.kind == ErrorKind::kContextLength || error.http_status == 413;
}

}  // namespace

class FailoverProvider::Run {
 public:
  // A coroutine of its own, so that everything a call needs lives in its frame.
  static asio::awaitable<Result<Completion>> Start(std::shared_ptr<Chain> chain,
                                                   const CompletionRequest& request,
                                                   StreamObserver* observer) {
    co_await resilience::ThrowIfCancelled();
    Run run(*chain, request, observer);
    co_await run.Go();
    co_return run.Finish();
  }

 private:
  Run(Chain& chain, const CompletionRequest& request, StreamObserver* observer)
      : chain_(chain),
        options_(chain.options),
        request_(request),
        observer_(observer),
        backoff_stream_(chain.next_request.fetch_add(1, std::memory_order_relaxed)),
        deadline_(request.deadline) {
    if (options_.total_deadline) {
      const TimePoint own = chain.clock.Now() + *options_.total_deadline;
      deadline_ = std::min(deadline_.value_or(own), own);
    }
  }

  asio::awaitable<void> Go() {
    if (!request_.stream && RefuseWholeAnswer()) co_return;
    if (options_.budget && options_.deposit_per_request) options_.budget->OnRequest();
    for (const FailoverTarget& target : chain_.targets) {
      if (needs_larger_context_ && !target.larger_context) continue;
      if (co_await Try(target) == Next::kDone) co_return;
    }
    const FailoverTarget* target = limited_;
    if (target == nullptr || interrupted_ || !WorthWaiting()) co_return;
    co_await chain_.clock.SleepUntil(limited_until_);
    co_await Try(*target);
  }

  // Limits of tokens say nothing of a whole answer: who set them and no total one expects a limit
  // that there is not. True if a target has such deadlines.
  bool RefuseWholeAnswer() {
    for (std::size_t i = 0; i < chain_.targets.size(); ++i) {
      const AttemptDeadlines& deadlines = chain_.targets[i].deadlines;
      if (deadlines.total || (!deadlines.first_token && !deadlines.idle)) continue;
      error_ = Error{.kind = ErrorKind::kInvalidRequest,
                     .message = "FailoverTarget[" + std::to_string(i) + "].deadlines." +
                                (deadlines.first_token ? "first_token" : "idle") +
                                " is about streams, and this request is not streamed: set "
                                "deadlines.total, which bounds both",
                     .provider = chain_.identity.name};
      return true;
    }
    return false;
  }

  // Attempts on one target until it answers, the request fails, or the next target's turn has come.
  asio::awaitable<Next> Try(const FailoverTarget& target) {
    const std::shared_ptr<CircuitBreaker> breaker = BreakerOf(target);
    Backoff backoff(options_.backoff, options_.seed, backoff_stream_);
    int retries = 0;
    bool stale_retried = false;
    for (;;) {
      if (deadline_ && chain_.clock.Now() >= *deadline_) {
        FailLocally(ErrorKind::kTotalTimeout, "the deadline of the request has passed");
        co_return Next::kDone;
      }
      Permit permit;
      if (breaker != nullptr) {
        Admission admission = breaker->Admit();
        if (!admission) {
          NoteRejection(admission.rejection().remaining_wait);
          co_return Next::kNextTarget;
        }
        permit = std::move(admission).permit();
      }
      if (!Pay()) {
        FailLocally(ErrorKind::kRetryBudgetExhausted, "the retry budget is exhausted");
        co_return Next::kDone;
      }
      const Answer answer = co_await Invoke(target, permit);
      if (answer == Answer::kCompletion) co_return Next::kDone;
      if (answer == Answer::kRejection) co_return Next::kNextTarget;
      const Error& error = *error_;
      if (interrupted_) co_return AfterInterruption();
      if (error.kind == ErrorKind::kStaleConnection && options_.retry_stale_connection &&
          !stale_retried) {
        stale_retried = true;
        continue;
      }
      if (IsRetryable(error) && retries < options_.retries_per_target) {
        const std::optional<Duration> wait = backoff.Next(error.retry_after);
        const TimePoint again = chain_.clock.Now() + wait.value_or(Duration::zero());
        if (wait && (!deadline_ || again < *deadline_)) {
          ++retries;
          co_await chain_.clock.SleepUntil(again);
          continue;
        }
      }
      co_return AfterFailure(target);
    }
  }

  // One invocation. Leaves the completion in `completion_`, or the error in `error_`.
  asio::awaitable<Answer> Invoke(const FailoverTarget& target, Permit& permit) {
    const TimePoint started = chain_.clock.Now();
    const bool first = attempts_.empty();
    const AttemptDeadlines& limits = target.deadlines;
    AttemptLimits bounds{
        .total = deadline_, .first_token = limits.first_token, .idle = limits.idle};
    if (limits.total) {
      bounds.total = std::min(started + *limits.total, deadline_.value_or(TimePoint::max()));
    }
    std::optional<CompletionRequest> altered;
    if (continuing_ || (target.model && *target.model != request_.model) ||
        bounds.total != request_.deadline) {
      altered = Alter(target, bounds.total);
    }
    const CompletionRequest& request = altered ? *altered : request_;
    std::optional<TokenWatch> watch;
    if (request_.stream) watch.emplace(chain_.clock, observer_);
    Result<Completion> result = co_await resilience::RunAttempt(
        chain_.clock, *target.provider, request, watch ? &*watch : nullptr, observer_, bounds);
    const TimePoint finished = chain_.clock.Now();
    const std::string& name = target.provider->Identity().name;
    llmload::Attempt own{.provider = name,
                         .region = target.provider->Identity().region,
                         .model = request.model,
                         .started = started,
                         .finished = finished};

    if (result.has_value()) {
      Completion& completion = *result;
      if (permit.valid()) permit.Settle(completion);
      own.output_tokens = completion.usage.output;
      resilience::TakeAttempts(attempts_, completion.attempts, std::move(own));
      if (completion.provider.empty()) completion.provider = name;
      completion_ = std::move(completion);
      co_return Answer::kCompletion;
    }

    Error error = result.error();
    if (error.provider.empty()) error.provider = name;
    // A chain, breaker or budget further in made no call.
    if (NothingWasSent(error.kind) && error.attempts.empty()) {
      if (permit.valid()) permit.Settle(error);
      Refund();
      if (error.kind == ErrorKind::kSpendLimit) {
        error_ = std::move(error);
        co_return Answer::kError;
      }
      NoteRejection(error.retry_after.value_or(Duration::max()));
      co_return Answer::kRejection;
    }
    const bool out_of_time =
        error.kind == ErrorKind::kTotalTimeout && deadline_ && finished >= *deadline_;
    if (permit.valid()) {
      if (out_of_time && !first) {
        permit.Settle(Outcome::kNeutral, error.kind);
      } else {
        permit.Settle(error);
      }
    }
    own.error = error.kind;
    own.output_tokens = watch ? watch->tokens() : error.partial_tokens;
    resilience::TakeAttempts(attempts_, error.attempts, std::move(own));
    if (watch && watch->tokens() > 0) Interrupt(*watch);
    error_ = std::move(error);
    co_return Answer::kError;
  }

  // After the first token. Decides by the policy whether the next target may go on with the text so
  // far.
  Next AfterInterruption() {
    const bool may_continue =
        options_.streaming == StreamingPolicy::kContinueOnce && !continuing_ && !tool_call_ &&
        Classify(error_->kind) != ErrorClass::kCallerFault && error_->kind != ErrorKind::kCancelled;
    if (!may_continue) return Next::kDone;
    continuing_ = true;
    return Next::kNextTarget;
  }

  Next AfterFailure(const FailoverTarget& target) {
    switch (Classify(error_->kind)) {
      case ErrorClass::kCallerFault:
        if (!IsTooLarge(*error_)) return Next::kDone;
        needs_larger_context_ = true;
        break;
      case ErrorClass::kLocal:
        if (error_->kind == ErrorKind::kCancelled || error_->kind == ErrorKind::kSpendLimit ||
            error_->kind == ErrorKind::kStreamInterrupted) {
          return Next::kDone;
        }
        break;
      case ErrorClass::kRateLimited:
        if (error_->retry_after) {
          const TimePoint until = chain_.clock.Now() + *error_->retry_after;
          if (limited_ == nullptr || until < limited_until_) {
            limited_ = &target;
            limited_until_ = until;
          }
        }
        break;
      case ErrorClass::kTransient:
      case ErrorClass::kQuotaExhausted:
      case ErrorClass::kCredential:
      case ErrorClass::kModelUnavailable:
      case ErrorClass::kProtocolFault:
        break;
    }
    return Next::kNextTarget;
  }

  bool WorthWaiting() const {
    if (needs_larger_context_ && !limited_->larger_context) return false;
    if (limited_until_ - chain_.clock.Now() > options_.max_rate_limit_wait) return false;
    return options_.max_rate_limit_wait > Duration::zero() &&
           (!deadline_ || limited_until_ < *deadline_);
  }

  void Interrupt(const TokenWatch& watch) {
    interrupted_ = true;
    tool_call_ = tool_call_ || watch.tool_call();
    prefix_ += watch.text();
    prefix_tokens_ += watch.tokens();
    if (!first_token_) first_token_ = watch.first();
    if (!first_output_token_) first_output_token_ = watch.first_output();
  }

  std::shared_ptr<CircuitBreaker> BreakerOf(const FailoverTarget& target) const {
    if (target.breaker != nullptr || options_.breakers == nullptr) return target.breaker;
    const std::string& model = target.model ? *target.model : request_.model;
    return options_.breakers->Get(BreakerKey::Of(target.provider->Identity(), model));
  }

  CompletionRequest Alter(const FailoverTarget& target, std::optional<TimePoint> deadline) const {
    CompletionRequest altered = request_;
    if (target.model) altered.model = *target.model;
    altered.deadline = deadline;
    if (continuing_ && !prefix_.empty()) altered.messages.push_back({Role::kAssistant, prefix_});
    return altered;
  }

  // The first invocation is free.
  bool Pay() {
    paid_ = false;
    if (attempts_.empty() || options_.budget == nullptr) return true;
    paid_ = options_.budget->TryWithdraw();
    return paid_;
  }
  void Refund() {
    if (std::exchange(paid_, false)) options_.budget->Return();
  }

  void NoteRejection(Duration remaining_wait) {
    shortest_wait_ = std::min(shortest_wait_.value_or(remaining_wait), remaining_wait);
  }

  void FailLocally(ErrorKind kind, const char* reason) {
    if (error_ && error_->kind == kind) return;
    Error error{.kind = kind, .message = reason, .provider = chain_.identity.name};
    if (error_) {
      error.message += "; last error: " + Describe(*error_);
      error.retry_after = error_->retry_after;
    }
    error_ = std::move(error);
  }

  Result<Completion> Finish() {
    if (completion_) {
      Completion& completion = *completion_;
      completion.attempts = std::move(attempts_);
      if (interrupted_) {
        completion.text.insert(0, prefix_);
        completion.token_events += prefix_tokens_;
        completion.usage.output += prefix_tokens_;
        completion.token_source = TokenSource::kCountedEvents;
        completion.timings.first_token = first_token_;
        if (first_output_token_) completion.timings.first_output_token = first_output_token_;
      }
      return std::move(completion);
    }
    if (!error_) {
      error_ = Error{.kind = ErrorKind::kCircuitOpen,
                     .message = "no circuit breaker of the chain admits a call",
                     .provider = chain_.identity.name};
      if (shortest_wait_ && *shortest_wait_ != Duration::max())
        error_->retry_after = shortest_wait_;
    }
    Error& error = *error_;
    if (interrupted_) {
      if (Classify(error.kind) != ErrorClass::kCallerFault && error.kind != ErrorKind::kCancelled) {
        error.message =
            "after " + std::to_string(prefix_tokens_) + " token events: " + Describe(error);
        error.kind = ErrorKind::kStreamInterrupted;
      }
      error.after_first_token = true;
      error.partial_text = prefix_;
      error.partial_tokens = prefix_tokens_;
    }
    error.attempts = std::move(attempts_);
    return std::move(error);
  }

  Chain& chain_;
  const FailoverOptions& options_;
  const CompletionRequest& request_;
  StreamObserver* const observer_;
  const std::uint64_t backoff_stream_;
  std::optional<TimePoint> deadline_;

  std::vector<llmload::Attempt> attempts_;
  std::optional<Completion> completion_;
  std::optional<Error> error_;             // the last one
  std::optional<Duration> shortest_wait_;  // of the breakers that rejected
  bool paid_ = false;                      // the invocation under way cost a token of the budget
  bool needs_larger_context_ = false;
  const FailoverTarget* limited_ =
      nullptr;  // of those that answered 429, the first to be free again
  TimePoint limited_until_{};

  bool interrupted_ = false;  // failed after the first token
  bool continuing_ = false;
  bool tool_call_ = false;
  std::string prefix_;  // content before the interruption
  std::int64_t prefix_tokens_ = 0;
  std::optional<TimePoint> first_token_;
  std::optional<TimePoint> first_output_token_;
};

FailoverProvider::FailoverProvider(std::vector<FailoverTarget> targets, FailoverOptions options,
                                   Clock& clock)
    : chain_([&] {
        resilience::CheckFailoverOptions(targets, options);
        return std::make_shared<Chain>(std::move(targets), std::move(options), clock);
      }()) {}

FailoverProvider::~FailoverProvider() = default;

const ProviderIdentity& FailoverProvider::Identity() const noexcept { return chain_->identity; }

const std::vector<FailoverTarget>& FailoverProvider::targets() const noexcept {
  return chain_->targets;
}

const FailoverOptions& FailoverProvider::options() const noexcept { return chain_->options; }

template <class Visit>
void FailoverProvider::ForEachProvider(Visit visit) const {
  const auto& targets = chain_->targets;
  for (auto target = targets.begin(); target != targets.end(); ++target) {
    const bool visited = std::any_of(targets.begin(), target, [&](const FailoverTarget& earlier) {
      return earlier.provider == target->provider;
    });
    if (!visited) visit(*target->provider);
  }
}

ConnectionCounters FailoverProvider::Connections() const {
  ConnectionCounters sum;
  ForEachProvider([&](const Provider& provider) { sum += provider.Connections(); });
  return sum;
}

ProviderSettings FailoverProvider::Settings() const {
  ProviderSettings all{.longest_call = Duration::zero()};
  for (const FailoverTarget& target : chain_->targets) {
    const auto own = target.provider->Settings().longest_call;
    const auto& limit = target.deadlines.total;
    const auto attempt = own && limit ? std::min(*own, *limit) : own ? own : limit;
    if (attempt && all.longest_call) {
      *all.longest_call += *attempt * (1 + chain_->options.retries_per_target);
    } else {
      all.longest_call = std::nullopt;
    }
  }
  if (const auto& total = chain_->options.total_deadline) {
    all.longest_call = std::min(all.longest_call.value_or(*total), *total);
  }
  ForEachProvider([&](const Provider& provider) { resilience::AddDetails(all, provider); });
  return all;
}

std::optional<std::string> FailoverProvider::AdaptTo(const Error& refusal) {
  for (const FailoverTarget& target : chain_->targets) {
    if (target.provider->Identity().name == refusal.provider) {
      return target.provider->AdaptTo(refusal);
    }
  }
  return {};
}

asio::awaitable<Result<Completion>> FailoverProvider::Complete(const CompletionRequest& request,
                                                               StreamObserver* observer) {
  return Run::Start(chain_, request, observer);
}

}  // namespace llmload
