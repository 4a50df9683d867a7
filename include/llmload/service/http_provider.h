// What all providers that call a service over HTTPS have in common.
#ifndef LLMLOAD_SERVICE_HTTP_PROVIDER_H_
#define LLMLOAD_SERVICE_HTTP_PROVIDER_H_

#include <memory>

#include "llmload/provider/provider.h"

namespace llmload {

/// A provider over HTTP/1.1 with kept-alive connections, per io_context.
///
/// A call is sent once: no retry, no redirect, not even when a pooled connection turns out to be
/// closed (`ErrorKind::kStaleConnection`). That is for the resilience layer to decide.
///
/// Streaming: `Completion::usage` is what the service said, else its `output` counts token events
/// (`TokenSource`).
///
/// Errors: every kind of the groups "network", "deadlines", "what the service said" and "protocol"
/// of `ErrorKind`. `Error::message` may quote the service, never a secret.
///
/// Thread safety: as `Provider`. The executor of the calling coroutine has to be an `io_context`'s
/// or a strand on one.
///
/// The constructors of the classes derived from it throw `ConfigurationError` if an option cannot
/// be used, and open no connection. The clock they take gives the instants in timings and tells how
/// far `CompletionRequest::deadline` is; the network's own deadlines pass in real time. It must
/// outlive the provider and its calls.
class HttpProvider : public Provider {
 public:
  ~HttpProvider() override;
  HttpProvider(const HttpProvider&) = delete;
  HttpProvider& operator=(const HttpProvider&) = delete;

  const ProviderIdentity& Identity() const noexcept final;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) final;

  /// What differs from API to API; private to the library.
  class Api;

 protected:
  explicit HttpProvider(std::shared_ptr<Api> api);

 private:
  const std::shared_ptr<Api> api_;  // shared with the calls under way
};

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_HTTP_PROVIDER_H_
