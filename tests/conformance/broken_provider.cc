#include "tests/conformance/broken_provider.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace llmload::test_support {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

enum class State : std::uint8_t {
  kHealthy,
  kSlow,
  kHanging,
  kStalling,
  kBreaking,
  kFailing,
  kRefused
};

// Its name in answers.
const char* const kName = "own";

class BrokenProvider final : public Provider {
 public:
  BrokenProvider(Clock& clock, State state, Defect defect, ErrorKind kind, Secret credential)
      : clock_(clock),
        state_(state),
        defect_(defect),
        kind_(kind),
        credential_(std::move(credential)) {}

  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  std::uint64_t calls() const { return calls_; }

  asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                               StreamObserver* observer) override {
    if (Is(Defect::kIgnoresCancellation)) {
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    }
    if (under_way_ > 0 && Is(Defect::kIsOfNoUseOnceCancelled)) {
      co_return Error{.kind = ErrorKind::kConnectionReset, .message = "it was closed"};
    }
    ++under_way_;
    std::exception_ptr cancelled;
    try {
      Result<Completion> result = co_await Answer(request, observer);
      --under_way_;
      co_return result;
    } catch (const boost::system::system_error&) {
      cancelled = std::current_exception();
    }
    if (Is(Defect::kReturnsWhenCancelled)) {
      co_return Error{.kind = ErrorKind::kCancelled, .message = "cancelled", .provider = kName};
    }
    if (Is(Defect::kEndsLongAfterItIsCancelled)) {
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      co_await clock_.SleepFor(1s);
    }
    std::rethrow_exception(cancelled);
  }

 private:
  struct Stream {
    std::string text;
    std::int64_t events = 0;
    Timings timings;
  };

  bool Is(Defect defect) const { return defect_ == defect; }

  asio::awaitable<Result<Completion>> Answer(const CompletionRequest& request,
                                             StreamObserver* observer) {
    ++calls_;
    Attempt attempt{.provider = Is(Defect::kNamesAnother) ? "openai" : kName,
                    .region = {},
                    .model = request.model,
                    .error = {},
                    .started = clock_.Now()};
    Stream stream;
    std::optional<Error> failed;
    if (request.deadline && *request.deadline <= clock_.Now() &&
        !Is(Defect::kIgnoresAPassedDeadline)) {
      failed = Timeout();
    } else {
      failed = co_await Play(request, observer, stream);
    }
    attempt.finished = clock_.Now();
    if (failed) {
      if (Is(Defect::kRetriesSilently)) ++calls_;
      attempt.error = failed->kind;
      failed->provider = attempt.provider;
      if (!Is(Defect::kRecordsNothing)) failed->attempts.push_back(attempt);
      if (stream.events > 0 && !Is(Defect::kForgetsThatOutputHadBegun)) {
        failed->after_first_token = true;
        failed->partial_text = stream.text;
        failed->partial_tokens = stream.events;
      }
      co_return std::move(*failed);
    }
    if (Is(Defect::kTokenAfterTheEnd) && request.stream && observer != nullptr) {
      auto later = [](Clock& clock, StreamObserver* to) -> asio::awaitable<void> {
        co_await clock.SleepFor(5ms);
        to->OnToken({.text = "late", .at = clock.Now()});
      };
      asio::co_spawn(co_await asio::this_coro::executor, later(clock_, observer), asio::detached);
    }
    if (Is(Defect::kChangesItsIdentity)) identity_.region = "elsewhere";
    co_return Finish(request, std::move(stream), std::move(attempt));
  }

  Completion Finish(const CompletionRequest& request, Stream stream, Attempt attempt) const {
    Completion completion;
    completion.text = Is(Defect::kMixesCalls) ? shared_text_ : std::move(stream.text);
    if (Is(Defect::kAnswersNothing)) completion.text.clear();
    completion.finish_reason = "stop";
    completion.model = request.model;
    completion.provider = attempt.provider;
    completion.usage = {.input = 2, .cached_input = 1, .output = 4};
    if (Is(Defect::kNegativeUsage)) completion.usage.output = -1;
    if (Is(Defect::kPartLargerThanTheWhole)) completion.usage.cached_input = 3;
    completion.token_events = stream.events;
    completion.timings = stream.timings;
    completion.timings.completed = clock_.Now();
    if (Is(Defect::kNoFirstTokenInstant)) completion.timings.first_token.reset();
    if (!Is(Defect::kRecordsNothing)) completion.attempts.push_back(std::move(attempt));
    return completion;
  }

  // Sleeps until `at`, or until the deadline of `request` if that is first: then false.
  asio::awaitable<bool> Wait(const CompletionRequest& request, TimePoint at) {
    TimePoint deadline = request.deadline.value_or(TimePoint::max());
    if (Is(Defect::kIgnoresTheDeadline) || deadline <= clock_.Now()) deadline = TimePoint::max();
    if (Is(Defect::kEndsLongAfterTheDeadline) && request.deadline) deadline += 1s;
    if (Is(Defect::kEndsLongBeforeTheDeadline) && request.deadline) deadline = clock_.Now();
    co_await clock_.SleepUntil(std::min(at, deadline));
    co_return at <= deadline&& at != TimePoint::max();
  }

  // The answer in `stream`, or why there is none.
  asio::awaitable<std::optional<Error>> Play(const CompletionRequest& request,
                                             StreamObserver* observer, Stream& stream) {
    TimePoint first = clock_.Now() + 5ms;
    if (state_ == State::kSlow) first = clock_.Now() + 100ms;
    if (state_ == State::kHanging) first = TimePoint::max();
    if (Is(Defect::kBlocksTheThread) && state_ == State::kSlow) {
      std::this_thread::sleep_for(5ms);
    } else if (!co_await Wait(request, first)) {
      co_return Timeout();
    }
    if (state_ == State::kRefused) co_return Refusal();
    if (state_ == State::kFailing) {
      if (Is(Defect::kThrows)) throw std::runtime_error("connection reset by peer");
      const bool alike = Is(Defect::kAnswersAllErrorsAlike);
      co_return Error{.kind = alike ? ErrorKind::kServerError : kind_, .message = "as asked"};
    }
    std::vector<std::string> tokens = {"one ", "two ", "three ", "four"};
    if (Is(Defect::kTokensOutOfOrder)) std::swap(tokens[1], tokens[2]);
    if (Is(Defect::kTokenTwice)) tokens.insert(tokens.begin() + 1, tokens[0]);
    if (Is(Defect::kEmptyToken)) tokens.insert(tokens.begin(), "");
    shared_text_.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i == 2 && state_ == State::kBreaking && !Is(Defect::kTakesABrokenStreamForAnAnswer)) {
        co_return Error{.kind = ErrorKind::kConnectionReset, .message = "reset by peer"};
      }
      const bool stalls = i == 2 && state_ == State::kStalling;
      if (i > 0 && !co_await Wait(request, stalls ? TimePoint::max() : clock_.Now() + 1ms)) {
        co_return Timeout();
      }
      Emit(tokens[i], request, observer, stream);
    }
    if (Is(Defect::kTokensOutOfOrder) || Is(Defect::kTokenTwice))
      stream.text = "one two three four";
    co_return std::nullopt;
  }

  void Emit(const std::string& token, const CompletionRequest& request, StreamObserver* observer,
            Stream& stream) {
    const TimePoint now = clock_.Now();
    stream.text += token;
    shared_text_ += token;
    const bool tells = observer != nullptr && (request.stream || Is(Defect::kTokensOfAUnaryCall));
    const auto tell = [&] { observer->OnToken({.text = token, .at = now}); };
    if (tells && Is(Defect::kTokensOnAnotherThread)) {
      std::thread(tell).join();
    } else if (tells) {
      tell();
    }
    if (!request.stream) return;
    if (observer == nullptr && Is(Defect::kCountsForTheObserverOnly)) return;
    ++stream.events;
    if (!stream.timings.first_token) stream.timings.first_token = now;
    stream.timings.last_token = now;
  }

  static Error Timeout() {
    return {.kind = ErrorKind::kTotalTimeout, .message = "the deadline has passed"};
  }

  Error Refusal() const {
    const std::string key(credential_.Reveal().rbegin(), credential_.Reveal().rend());
    return {.kind = ErrorKind::kCredential,
            .message = "no such key: " + (Is(Defect::kLeaksTheSecret) ? key : "[redacted]")};
  }

  Clock& clock_;
  const State state_;
  const Defect defect_;
  const ErrorKind kind_;
  const Secret credential_;
  ProviderIdentity identity_{.name = kName, .region = {}, .credential = {}};
  std::uint64_t calls_ = 0;
  int under_way_ = 0;
  std::string shared_text_;
};

}  // namespace

ConformanceSubject SubjectWith(Defect defect) {
  const auto make = [defect](Clock& clock, State state, ErrorKind kind, const Secret& credential) {
    auto provider = std::make_shared<BrokenProvider>(clock, state, defect, kind, credential);
    return ConformanceTarget{.provider = provider,
                             .calls_seen = [provider] { return provider->calls(); }};
  };
  const auto in = [make](State state) {
    return [=](Clock& clock) { return make(clock, state, ErrorKind::kInternal, Secret()); };
  };
  ConformanceSubject subject;
  subject.virtual_time = true;
  subject.healthy = in(State::kHealthy);
  subject.slow = in(State::kSlow);
  subject.hanging = in(State::kHanging);
  subject.stalling = in(State::kStalling);
  subject.breaking = in(State::kBreaking);
  subject.failing = [make](Clock& clock, ErrorKind kind) {
    return make(clock, State::kFailing, kind, Secret());
  };
  subject.failures = {ErrorKind::kRateLimited, ErrorKind::kOverloaded, ErrorKind::kContentFilter};
  subject.refused = [make](Clock& clock, const Secret& credential) {
    return make(clock, State::kRefused, ErrorKind::kCredential, credential);
  };
  return subject;
}

}  // namespace llmload::test_support
