// A client that blocks its thread, as a provider.
#ifndef LLMLOAD_PROVIDER_BLOCKING_PROVIDER_H_
#define LLMLOAD_PROVIDER_BLOCKING_PROVIDER_H_

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include "llmload/core/time.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// What a blocking function knows of the call that it answers, and tells of it. Lives as long as
/// the function runs; to be used on its thread.
class BlockingCall {
 public:
  virtual ~BlockingCall() = default;

  /// Asked to stop when nobody waits for the answer any more: after the deadline, a cancellation,
  /// or in the provider's destructor. Who heeds it frees the thread for the next call.
  virtual std::stop_token StopToken() const = 0;
  /// `CompletionRequest::deadline`, on the steady clock.
  virtual std::optional<TimePoint> Deadline() const = 0;
  /// A token event of a stream, at this instant. Ignored for a request that is not streamed, for an
  /// empty text, and after the end of the call.
  virtual void OnToken(std::string_view text, TokenKind kind) = 0;
  /// The same for a token of the answer's text.
  void OnToken(std::string_view text) { OnToken(text, TokenKind::kContent); }
};

/// Answers one request on a thread of the provider, which it may block. The request is a copy.
using BlockingFunction = std::function<Result<Completion>(const CompletionRequest&, BlockingCall&)>;

struct BlockingOptions {
  ProviderIdentity identity = {.name = "blocking"};
  /// Calls at once, 1 to 10000. A further one waits for a thread, in order; the wait is
  /// `Timings::connection_wait`.
  unsigned threads = 64;
};

/// Wraps a blocking client:
///
///   BlockingProvider provider([&](const CompletionRequest& request, BlockingCall& call) {
///     return Ask(my_client, request.messages, call.StopToken());  // a Result<Completion>
///   });
///
/// What `function` leaves open is filled in: provider, attempts, timings, of a stream the text and,
/// without a usage, the count of token events. An exception from it is `ErrorKind::kInternal`.
///
/// A call ends at its deadline, and when it is cancelled, although its thread may still be blocked;
/// what comes of it then is dropped. The thread is free again when the function returns: a client
/// that blocks for ever takes a thread for ever.
///
/// Only for real time. The executor of the calling coroutine must be serial (a single-threaded
/// context or a strand).
class BlockingProvider final : public Provider {
 public:
  /// Starts the threads. Throws `ConfigurationError` for a null function, an empty name or a number
  /// of threads out of its range.
  /// @param function  called from several threads at once
  explicit BlockingProvider(BlockingFunction function, BlockingOptions options = {});
  /// Asks all functions to stop and waits until they have returned. Calls that still wait for a
  /// thread fail with `ErrorKind::kCancelled`.
  ~BlockingProvider() override;
  BlockingProvider(const BlockingProvider&) = delete;
  BlockingProvider& operator=(const BlockingProvider&) = delete;

  const ProviderIdentity& Identity() const noexcept override { return options_.identity; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;

 private:
  class Job;
  class Pool;

  static boost::asio::awaitable<Result<Completion>> Run(std::shared_ptr<Pool> pool,
                                                        ProviderIdentity identity,
                                                        const CompletionRequest& request,
                                                        StreamObserver* observer);

  const BlockingOptions options_;
  const std::shared_ptr<Pool> pool_;
};

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_BLOCKING_PROVIDER_H_
