// A gmock `Provider`, and actions that answer as providers do: later, in pieces, or not at all.
//
//   MockProvider aws("aws");
//   EXPECT_CALL(aws, Complete).WillRepeatedly(FailAfter(clock, 50ms, ErrorKind::kOverloaded));
#ifndef LLMLOAD_MOCKS_MOCK_PROVIDER_H_
#define LLMLOAD_MOCKS_MOCK_PROVIDER_H_

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"

namespace llmload::mocks {

/// A provider whose `Complete` is mocked.
class MockProvider : public Provider {
 public:
  explicit MockProvider(std::string name = "mock")
      : identity_{.name = std::move(name), .region = {}, .credential = {}} {}
  explicit MockProvider(ProviderIdentity identity) : identity_(std::move(identity)) {}

  const ProviderIdentity& Identity() const noexcept override { return identity_; }

  MOCK_METHOD(boost::asio::awaitable<Result<Completion>>, Complete,
              (const CompletionRequest& request, StreamObserver* observer), (override));

 private:
  const ProviderIdentity identity_;
};

namespace actions {

/// What a scripted answer does. The named actions below make the usual ones.
struct Script {
  Duration first_after{};  ///< before the first token, or before the failure if there are none
  std::vector<std::string> tokens = {};  ///< handed to the observer of a streamed request
  Duration gap{};                        ///< between tokens
  std::optional<Error> error = {};       ///< in the end; empty: success
  bool hang = false;                     ///< never ends by itself
};

/// Plays `script` on `clock`. Answers and errors carry neither a provider's name nor attempts: an
/// action does not know whose it is, and the caller fills in what is missing.
boost::asio::awaitable<Result<Completion>> Play(Script script, Clock* clock,
                                                const CompletionRequest* request,
                                                StreamObserver* observer);

/// An action that plays `script`; usable with WillOnce and WillRepeatedly.
inline auto PlayScript(Clock& clock, Script script) {
  return [clock = &clock, script = std::move(script)](const CompletionRequest& request,
                                                      StreamObserver* observer) {
    return Play(script, clock, &request, observer);
  };
}

}  // namespace actions

/// Succeeds with `text` after `delay`.
inline auto RespondAfter(Clock& clock, Duration delay, std::string text = "ok") {
  return actions::PlayScript(clock, {.first_after = delay, .tokens = {std::move(text)}});
}

/// Succeeds at once.
inline auto Respond(Clock& clock, std::string text = "ok") {
  return RespondAfter(clock, Duration::zero(), std::move(text));
}

/// Fails with `error` after `delay`.
inline auto FailAfter(Clock& clock, Duration delay, Error error) {
  return actions::PlayScript(clock, {.first_after = delay, .error = std::move(error)});
}

/// Fails with an error of `kind` after `delay`.
inline auto FailAfter(Clock& clock, Duration delay, ErrorKind kind) {
  Error error;
  error.kind = kind;
  error.message = "scripted failure";
  return FailAfter(clock, delay, std::move(error));
}

/// Streams `tokens`, the first after `first_after`, the others `gap` apart, and succeeds.
inline auto StreamTokens(Clock& clock, std::vector<std::string> tokens, Duration first_after,
                         Duration gap) {
  return actions::PlayScript(clock,
                             {.first_after = first_after, .tokens = std::move(tokens), .gap = gap});
}

/// Streams `tokens` and then ends as a cut connection does (`kTruncatedStream`).
inline auto CutAfterTokens(Clock& clock, std::vector<std::string> tokens, Duration first_after,
                           Duration gap) {
  Error error;
  error.kind = ErrorKind::kTruncatedStream;
  error.message = "connection cut";
  return actions::PlayScript(clock, {.first_after = first_after,
                                     .tokens = std::move(tokens),
                                     .gap = gap,
                                     .error = std::move(error)});
}

/// Streams `tokens` and then falls silent until cancelled: for idle deadlines.
inline auto StallAfterTokens(Clock& clock, std::vector<std::string> tokens, Duration first_after,
                             Duration gap) {
  return actions::PlayScript(
      clock, {.first_after = first_after, .tokens = std::move(tokens), .gap = gap, .hang = true});
}

/// Never answers; ends only when cancelled.
inline auto Hang(Clock& clock) { return actions::PlayScript(clock, {.hang = true}); }

}  // namespace llmload::mocks

#endif  // LLMLOAD_MOCKS_MOCK_PROVIDER_H_
