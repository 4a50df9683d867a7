// One call of one provider, within limits, watched for its first token.
#ifndef LLMLOAD_SRC_RESILIENCE_ATTEMPT_H_
#define LLMLOAD_SRC_RESILIENCE_ATTEMPT_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"
#include "llmload/provider/provider.h"

namespace llmload::resilience {

/// Forwards tokens to the caller's observer, and keeps them in case the stream breaks.
class TokenWatch final : public StreamObserver {
 public:
  /// `next` may be null.
  TokenWatch(const Clock& clock, StreamObserver* next) : clock_(clock), next_(next) {}

  void OnToken(const TokenEvent& event) override;

  std::int64_t tokens() const { return tokens_; }
  bool tool_call() const { return tool_call_; }
  /// The answer content so far.
  const std::string& text() const { return text_; }
  std::optional<TimePoint> first() const { return first_; }
  std::optional<TimePoint> first_output() const { return first_output_; }
  TimePoint last() const { return last_; }

 private:
  const Clock& clock_;
  StreamObserver* next_;
  std::int64_t tokens_ = 0;
  bool tool_call_ = false;
  std::string text_;
  std::optional<TimePoint> first_;
  std::optional<TimePoint> first_output_;
  TimePoint last_{};
};

struct AttemptLimits {
  std::optional<TimePoint> total;
  std::optional<Duration> first_token;  // these two only with a TokenWatch
  std::optional<Duration> idle;
};

/// Awaits `provider.Complete`. An exception from it becomes `kInternal`, and a limit that passes
/// becomes its kind of timeout; both errors hold the tokens that `watch` has seen. Throws
/// `operation_aborted` if the awaiting coroutine is cancelled; if it was cancelled before, the
/// provider is not called.
/// @param watch  null for requests that do not stream; then `observer` goes to the provider as it
/// is
boost::asio::awaitable<Result<Completion>> RunAttempt(Clock& clock, Provider& provider,
                                                      const CompletionRequest& request,
                                                      TokenWatch* watch, StreamObserver* observer,
                                                      AttemptLimits limits);

/// Moves `nested`, the attempts that a provider reports itself, to the end of `attempts`; or `own`,
/// if it reports none.
void TakeAttempts(std::vector<Attempt>& attempts, std::vector<Attempt>& nested, Attempt own);

/// Adds to `all` the details of `provider`, one of several, with its name.
void AddDetails(ProviderSettings& all, const Provider& provider);

/// Throws `operation_aborted` if the awaiting coroutine has been cancelled.
boost::asio::awaitable<void> ThrowIfCancelled();

}  // namespace llmload::resilience

#endif  // LLMLOAD_SRC_RESILIENCE_ATTEMPT_H_
