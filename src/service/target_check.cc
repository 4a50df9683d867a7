#include "llmload/service/target_check.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "llmload/service/aws_credentials.h"
#include "src/service/target_advice.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

// Of a provider without deadlines of its own.
constexpr Duration kCheckTimeout = std::chrono::seconds(30);
// Whoever waits for a load to begin does not wait as long as a request may take under load.
constexpr Duration kLongestCheck = std::chrono::minutes(2);
constexpr std::size_t kMaxAdaptations = 3;

// How long a failure that may pass is given to pass.
constexpr std::size_t kMostQuestions = 3;
constexpr Duration kPause = std::chrono::milliseconds(500);
constexpr Duration kTimeToAskAgain = std::chrono::seconds(3);
// A service that fails more slowly than that is not asked twice.
constexpr Duration kTimeToAskTwice = std::chrono::seconds(10);

constexpr Duration kFirstSign = std::chrono::seconds(2);

TargetState StateAfter(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kCredential:
      // A credential that was not even found is like a key that is not set.
      return error.provider_code == kNoAwsCredentials ? TargetState::kUnavailable
                                                      : TargetState::kMisconfigured;
    case ErrorKind::kDnsFailure:
    case ErrorKind::kConnectFailure:
    case ErrorKind::kConnectTimeout:
    case ErrorKind::kTlsTimeout:
    case ErrorKind::kFirstTokenTimeout:
    case ErrorKind::kIdleTimeout:
    case ErrorKind::kTotalTimeout:
    case ErrorKind::kConnectionReset:
    case ErrorKind::kStaleConnection:
    case ErrorKind::kServerError:
    case ErrorKind::kOverloaded:
    case ErrorKind::kStreamError:
      return TargetState::kUnavailable;
    case ErrorKind::kTlsFailure:
    case ErrorKind::kQuotaExhausted:
    case ErrorKind::kModelUnavailable:
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kContextLength:
    case ErrorKind::kUnexpectedRedirect:
    case ErrorKind::kMalformedResponse:
    case ErrorKind::kTruncatedStream:
    case ErrorKind::kResponseTooLarge:
      return TargetState::kMisconfigured;
    default:
      return TargetState::kReady;
  }
}

asio::awaitable<void> Watch(Clock& clock, TargetWait wait, const OnTargetWait& on_wait) {
  const TimePoint asked = clock.Now();
  for (wait.so_far = kFirstSign; wait.so_far < wait.limit; wait.so_far *= 2) {
    co_await clock.SleepUntil(asked + wait.so_far);
    on_wait(wait);
  }
}

// The outcome of one request, sent from an event loop of its own.
Result<Completion> Ask(const Target& target, CompletionRequest& request, Clock& clock,
                       const OnTargetWait& on_wait) {
  asio::io_context context(1);
  asio::cancellation_signal over;
  std::optional<Result<Completion>> outcome;
  std::exception_ptr failure;
  const Duration patience =
      std::min(target.provider->Settings().longest_call.value_or(Duration(kCheckTimeout)),
               Duration(kLongestCheck));
  request.deadline = clock.Now() + patience;
  if (on_wait) {
    asio::co_spawn(context,
                   Watch(clock, {.url = target.url, .so_far = {}, .limit = patience}, on_wait),
                   asio::bind_cancellation_slot(over.slot(), asio::detached));
  }
  asio::co_spawn(context, target.provider->Complete(request, nullptr),
                 [&](std::exception_ptr thrown, std::optional<Result<Completion>> result) {
                   failure = std::move(thrown);
                   outcome = std::move(result);
                   over.emit(asio::cancellation_type::terminal);
                 });
  clock.Run(context);
  if (failure) std::rethrow_exception(failure);
  return outcome ? *std::move(outcome) : Result<Completion>(Completion{});
}

void Pause(Clock& clock) {
  asio::io_context context(1);
  asio::co_spawn(context, clock.SleepFor(kPause), asio::detached);
  clock.Run(context);
}

std::string Sentence(const Target& target, const Error& error, TargetState state,
                     std::size_t questions) {
  std::string text = state == TargetState::kUnavailable ? "target unavailable: " + target.url
                                                        : "the first request to " + target.url;
  if (state == TargetState::kMisconfigured) {
    text += " failed, and so would all others";
  } else if (error.http_status >= 500) {
    text += " answers " + std::to_string(error.http_status) + " to everything";
  }
  if (questions > 1) text += " (asked " + std::to_string(questions) + " times)";
  text += ": " + Describe(error);
  const std::string advice = AdviceFor(target, error);
  if (advice.empty()) return text;
  while (text.ends_with('.')) text.pop_back();  // of the service's own words
  return text + "; " + advice;
}

}  // namespace

TargetCheck CheckTarget(const Target& target, CompletionRequest request, Clock& clock,
                        const OnTargetWait& on_wait) {
  TargetCheck check;
  const TimePoint begun = clock.Now();
  std::size_t questions = 0;  // in the form that the service takes
  while (true) {
    const Result<Completion> outcome = Ask(target, request, clock, on_wait);
    if (outcome.has_value()) return check;
    const Error& error = outcome.error();
    if (check.adaptations.size() < kMaxAdaptations) {
      if (auto adaptation = target.provider->AdaptTo(error)) {
        check.adaptations.push_back(*std::move(adaptation));
        continue;
      }
    }
    ++questions;
    const bool is_time =
        clock.Now() - begun + kPause < (questions == 1 ? kTimeToAskTwice : kTimeToAskAgain);
    if (!MayPass(error) || questions == kMostQuestions || !is_time) {
      check.state = StateAfter(error);
      if (check.state != TargetState::kReady) {
        check.message = Sentence(target, error, check.state, questions);
      }
      return check;
    }
    Pause(clock);
  }
}

}  // namespace llmload
