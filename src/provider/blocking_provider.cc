#include "llmload/provider/blocking_provider.h"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/wakeup.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

constexpr unsigned kMaxThreads = 10'000;

TimePoint RealNow() { return std::chrono::steady_clock::now(); }

Error ErrorOf(ErrorKind kind, std::string message) {
  return Error{.kind = kind, .message = std::move(message)};
}

// Instants and tokens of a call, as far as its function told of them.
struct Progress {
  std::optional<TimePoint> begun;  // by the function
  std::optional<TimePoint> first_token;
  std::optional<TimePoint> first_output_token;
  std::optional<TimePoint> last_token;
  std::int64_t tokens = 0;
  std::string text;  // the answer content
};

void FillIn(Completion& completion, const Progress& progress, TimePoint started,
            TimePoint finished) {
  const auto fill = [](auto& instant, const auto& value) {
    if (!instant) instant = value;
  };
  Timings& timings = completion.timings;
  fill(timings.connection_wait, std::optional(progress.begun.value_or(finished) - started));
  fill(timings.sent, progress.begun);
  fill(timings.first_token, progress.first_token);
  fill(timings.first_output_token, progress.first_output_token);
  fill(timings.last_token, progress.last_token);
  fill(timings.first_byte, progress.first_token);
  fill(timings.completed, std::optional(finished));
  if (progress.tokens == 0) return;
  if (completion.text.empty()) completion.text = progress.text;
  if (completion.token_events == 0) completion.token_events = progress.tokens;
  if (completion.usage.output == 0) {
    completion.usage.output = progress.tokens;
    completion.token_source = TokenSource::kCountedEvents;
  }
}

void FillIn(Error& error, const Progress& progress) {
  if (progress.tokens == 0) return;
  error.after_first_token = true;
  if (error.partial_text.empty()) error.partial_text = progress.text;
  if (error.partial_tokens == 0) error.partial_tokens = progress.tokens;
}

}  // namespace

// One call, shared by the coroutine that waits for it and the thread that answers it.
class BlockingProvider::Job final : public BlockingCall {
 public:
  using Queue = std::list<std::shared_ptr<Job>>;

  struct Token {
    TokenKind kind;
    std::string text;
    TimePoint at;
  };

  Job(CompletionRequest request, Wakeup::Notifier wake)
      : request_(std::move(request)), wake_(std::move(wake)) {}

  // For the function.
  std::stop_token StopToken() const override { return stop_.get_token(); }
  std::optional<TimePoint> Deadline() const override { return request_.deadline; }
  using BlockingCall::OnToken;
  void OnToken(std::string_view text, TokenKind kind) override {
    if (!request_.stream || text.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      if (stop_.stop_requested()) return;
      tokens_.push_back({kind, std::string(text), RealNow()});
    }
    wake_();
  }

  // For the thread.
  void Answer(const BlockingFunction& function) {
    {
      const std::lock_guard lock(mutex_);
      begun_ = RealNow();
    }
    try {
      Finish(function(request_, *this));
    } catch (const std::exception& thrown) {
      Finish(ErrorOf(ErrorKind::kInternal,
                     std::string("exception from the blocking function: ") + thrown.what()));
    } catch (...) {
      Finish(ErrorOf(ErrorKind::kInternal, "exception from the blocking function"));
    }
  }
  void Finish(Result<Completion> result) {
    {
      const std::lock_guard lock(mutex_);
      result_ = std::move(result);
      finished_ = RealNow();
    }
    wake_();
  }

  // For the coroutine, and the provider's destructor.
  void Stop() { stop_.request_stop(); }
  std::vector<Token> TakeTokens() {
    const std::lock_guard lock(mutex_);
    return std::exchange(tokens_, {});
  }
  std::optional<Result<Completion>> TakeResult(TimePoint& finished) {
    const std::lock_guard lock(mutex_);
    finished = finished_;
    return std::exchange(result_, std::nullopt);
  }
  std::optional<TimePoint> Begun() const {
    const std::lock_guard lock(mutex_);
    return begun_;
  }

  // Where it waits for a thread; the pool's mutex guards it.
  std::optional<Queue::iterator> place;

 private:
  const CompletionRequest request_;
  const Wakeup::Notifier wake_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  std::vector<Token> tokens_;
  std::optional<Result<Completion>> result_;
  std::optional<TimePoint> begun_;
  TimePoint finished_{};
};

// The threads and what they have to do. Shared with the calls under way, which may outlive the
// provider; the threads may not.
class BlockingProvider::Pool {
 public:
  Pool(BlockingFunction function, unsigned threads) : function_(std::move(function)) {
    threads_.reserve(threads);
    try {
      while (threads_.size() < threads) threads_.emplace_back([this] { Work(); });
    } catch (...) {
      Close();
      throw;
    }
  }

  void Submit(std::shared_ptr<Job> job) {
    {
      const std::lock_guard lock(mutex_);
      if (!closed_) {
        const auto place = waiting_.insert(waiting_.end(), std::move(job));
        (*place)->place = place;
        job = nullptr;
      }
    }
    if (job) {
      Refuse(*job);
    } else {
      work_.notify_one();
    }
  }

  // Forgets a job that no thread has begun.
  void Withdraw(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex_);
    if (job->place) waiting_.erase(*std::exchange(job->place, std::nullopt));
  }

  void Close() {
    Job::Queue refused;
    Job::Queue running;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      refused.swap(waiting_);
      for (const auto& job : refused) job->place.reset();
      running = running_;
    }
    work_.notify_all();
    // Without the lock, because a callback of the function's may call the provider.
    for (const auto& job : running) job->Stop();
    for (const auto& job : refused) Refuse(*job);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  static void Refuse(Job& job) {
    job.Finish(
        ErrorOf(ErrorKind::kCancelled, "the provider was destroyed before a thread was free"));
  }

  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      work_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
      if (closed_) return;
      running_.splice(running_.begin(), waiting_, waiting_.begin());
      const auto own = running_.begin();
      const std::shared_ptr<Job> job = *own;
      job->place.reset();
      lock.unlock();
      job->Answer(function_);
      lock.lock();
      running_.erase(own);
    }
  }

  const BlockingFunction function_;
  std::mutex mutex_;
  std::condition_variable work_;
  bool closed_ = false;
  Job::Queue waiting_;
  Job::Queue running_;
  std::vector<std::thread> threads_;
};

BlockingProvider::BlockingProvider(BlockingFunction function, BlockingOptions options)
    : options_([&] {
        if (!function) throw ConfigurationError::Invalid("function", "null", "a function");
        if (options.identity.name.empty()) {
          throw ConfigurationError::Invalid("identity.name", "", "a name that is not empty");
        }
        if (options.threads == 0 || options.threads > kMaxThreads) {
          throw ConfigurationError::Invalid("threads", std::to_string(options.threads),
                                            "1 to " + std::to_string(kMaxThreads));
        }
        return std::move(options);
      }()),
      pool_(std::make_shared<Pool>(std::move(function), options_.threads)) {}

BlockingProvider::~BlockingProvider() { pool_->Close(); }

asio::awaitable<Result<Completion>> BlockingProvider::Complete(const CompletionRequest& request,
                                                               StreamObserver* observer) {
  return Run(pool_, options_.identity, request, observer);
}

asio::awaitable<Result<Completion>> BlockingProvider::Run(std::shared_ptr<Pool> pool,
                                                          ProviderIdentity identity,
                                                          const CompletionRequest& request,
                                                          StreamObserver* observer) {
  // Ends with the coroutine in whichever way that does.
  struct Stopper {
    ~Stopper() {
      job->Stop();
      pool->Withdraw(job);
    }
    std::shared_ptr<Pool> pool;
    std::shared_ptr<Job> job;
  };

  const TimePoint started = RealNow();
  const TimePoint deadline = request.deadline.value_or(TimePoint::max());
  Wakeup wakeup(co_await asio::this_coro::executor);
  const Stopper own{.pool = pool, .job = std::make_shared<Job>(request, wakeup.notifier())};
  Progress progress;
  const auto deliver = [&] {
    for (const Job::Token& token : own.job->TakeTokens()) {
      ++progress.tokens;
      progress.last_token = token.at;
      if (!progress.first_token) progress.first_token = token.at;
      if (token.kind == TokenKind::kContent) {
        if (!progress.first_output_token) progress.first_output_token = token.at;
        progress.text += token.text;
      }
      if (observer != nullptr) {
        observer->OnToken({.kind = token.kind, .text = token.text, .at = token.at});
      }
    }
  };

  std::optional<Result<Completion>> result;
  TimePoint finished = started;
  if (started < deadline) {
    pool->Submit(own.job);
    bool in_time = true;
    while (!result && in_time) {
      in_time = co_await wakeup.WaitUntil(deadline);
      result = own.job->TakeResult(finished);  // before the tokens, of which there are no more then
      deliver();
    }
  }
  if (!result) {
    finished = RealNow();
    result = ErrorOf(ErrorKind::kTotalTimeout, "the function had not returned at the deadline");
  }
  progress.begun = own.job->Begun();

  Attempt attempt{.provider = identity.name,
                  .region = identity.region,
                  .model = request.model,
                  .started = started,
                  .finished = finished};
  if (result->has_value()) {
    Completion completion = std::move(*result).value();
    FillIn(completion, progress, started, finished);
    completion.provider = identity.name;
    if (completion.attempts.empty()) {
      attempt.output_tokens = completion.usage.output;
      completion.attempts.push_back(std::move(attempt));
    }
    co_return completion;
  }
  Error error = std::move(*result).error();
  FillIn(error, progress);
  error.provider = identity.name;
  if (error.attempts.empty()) {
    attempt.error = error.kind;
    attempt.output_tokens = error.partial_tokens;
    error.attempts.push_back(std::move(attempt));
  }
  co_return error;
}

}  // namespace llmload
