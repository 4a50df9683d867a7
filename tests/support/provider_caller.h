// Calls of a provider from a test that is not a coroutine.
#ifndef LLMLOAD_TESTS_SUPPORT_PROVIDER_CALLER_H_
#define LLMLOAD_TESTS_SUPPORT_PROVIDER_CALLER_H_

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "llmload/provider/provider.h"

namespace llmload::test_support {

/// Calls on one io_context, so that connections are reused from call to call.
class ProviderCaller {
 public:
  /// Runs until the io_context has nothing left to do: a call that left a timer behind would hang
  /// here.
  Result<Completion> Call(Provider& provider, const CompletionRequest& request,
                          StreamObserver* observer = nullptr);

  /// `count` calls at once.
  std::vector<Result<Completion>> CallTogether(Provider& provider, const CompletionRequest& request,
                                               int count);

  /// A call through a strand of the io_context.
  Result<Completion> CallOnStrand(Provider& provider, const CompletionRequest& request);

  /// Cancels the call once `condition` is true. True if it then ended with operation_aborted, and
  /// at once: without waiting for a timer, a socket or another thread.
  bool CallAndCancel(Provider& provider, const CompletionRequest& request,
                     const std::function<bool()>& condition, StreamObserver* observer = nullptr);

  /// As above, after `delay`.
  bool CallAndCancel(Provider& provider, const CompletionRequest& request, Duration delay);

  /// Starts a call and destroys the io_context under it after `delay`.
  static void CallAndAbandon(Provider& provider, const CompletionRequest& request, Duration delay);

 private:
  boost::asio::io_context context_{1};
};

/// Keeps what it sees.
class RecordingObserver final : public StreamObserver {
 public:
  void OnToken(const TokenEvent& event) override;

  std::vector<std::string> texts;
  std::vector<TokenKind> kinds;
  std::vector<TimePoint> instants;
};

/// "Hello" to model "m".
CompletionRequest TestRequest(bool stream);

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_PROVIDER_CALLER_H_
