#include "llmload/service/target_check.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "llmload/service/aws_credentials.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

constexpr Duration kCheckTimeout = std::chrono::seconds(30);
constexpr std::size_t kMaxAdaptations = 3;

// The whole run would fail with this error.
bool IsMisconfiguration(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kTlsFailure:
    case ErrorKind::kCredential:
    case ErrorKind::kQuotaExhausted:
    case ErrorKind::kModelUnavailable:
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kContextLength:
    case ErrorKind::kUnexpectedRedirect:
      return true;
    default:
      return false;
  }
}

bool IsDown(ErrorKind kind) {
  return kind == ErrorKind::kDnsFailure || kind == ErrorKind::kConnectFailure ||
         kind == ErrorKind::kConnectTimeout;
}

}  // namespace

namespace {

// The outcome of one request, sent from an event loop of its own.
Result<Completion> Ask(Provider& provider, const CompletionRequest& request, Clock& clock) {
  asio::io_context context(1);
  std::optional<Result<Completion>> outcome;
  std::exception_ptr failure;
  asio::co_spawn(context, provider.Complete(request, nullptr),
                 [&](std::exception_ptr thrown, std::optional<Result<Completion>> result) {
                   failure = std::move(thrown);
                   outcome = std::move(result);
                 });
  clock.Run(context);
  if (failure) std::rethrow_exception(failure);
  return outcome ? *std::move(outcome) : Result<Completion>(Completion{});
}

}  // namespace

TargetCheck CheckTarget(const Target& target, CompletionRequest request, Clock& clock) {
  request.deadline = clock.Now() + kCheckTimeout;
  TargetCheck check;
  Result<Completion> outcome = Ask(*target.provider, request, clock);
  while (outcome.has_error() && check.adaptations.size() < kMaxAdaptations) {
    auto adaptation = target.provider->AdaptTo(outcome.error());
    if (!adaptation) break;
    check.adaptations.push_back(*std::move(adaptation));
    outcome = Ask(*target.provider, request, clock);
  }
  if (outcome.has_value()) return check;
  const Error& error = outcome.error();
  // A credential that was not even found is like a key that is not set.
  const bool no_credential =
      error.kind == ErrorKind::kCredential && error.provider_code == kNoAwsCredentials;
  if (IsDown(error.kind) || no_credential) {
    check.state = TargetState::kUnavailable;
    check.message = "target unavailable: " + target.url + ": " + Describe(error);
  } else if (IsMisconfiguration(error.kind)) {
    check.state = TargetState::kMisconfigured;
    check.message = "the first request to " + target.url +
                    " failed, and so would all others: " + Describe(error);
    if (error.kind == ErrorKind::kCredential && !target.credential_help.empty()) {
      check.message += "\n" + target.credential_help;
    }
  }
  return check;
}

}  // namespace llmload
