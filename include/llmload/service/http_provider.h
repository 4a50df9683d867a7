// What all providers that call a service over HTTPS have in common.
#ifndef LLMLOAD_SERVICE_HTTP_PROVIDER_H_
#define LLMLOAD_SERVICE_HTTP_PROVIDER_H_

#include <memory>
#include <optional>
#include <string>

#include "llmload/provider/provider.h"

namespace llmload {

/// A provider over HTTP/1.1 with kept-alive connections, per io_context.
///
/// A call is sent once: there is no retry and no redirect, not even if a pooled connection turns
/// out to be closed (`ErrorKind::kStaleConnection`). The resilience layer decides about retries.
///
/// Streaming: `Completion::usage` is the service's. If it sent none, `output` counts token events
/// (`TokenSource`).
///
/// Errors: every kind of the groups "network", "deadlines", "refusals of the service" and
/// "protocol" of `ErrorKind`. `Error::message` may quote the service, never a secret.
///
/// Thread safety: as `Provider`. The executor of the calling coroutine has to be an `io_context`'s
/// or a strand on one.
///
/// The constructors of the classes derived from it throw `ConfigurationError` if an option cannot
/// be used, and open no connection. The clock that they take gives the instants in timings, and is
/// the clock of `CompletionRequest::deadline`; the network's own deadlines pass in real time. It
/// must outlive the provider and its calls.
class HttpProvider : public Provider {
 public:
  ~HttpProvider() override;
  HttpProvider(const HttpProvider&) = delete;
  HttpProvider& operator=(const HttpProvider&) = delete;

  const ProviderIdentity& Identity() const noexcept final;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) final;
  /// Counts the connections to the service, but not those that fetch credentials.
  ConnectionCounters Connections() const final;
  ProviderSettings Settings() const final;
  std::optional<std::string> AdaptTo(const Error& refusal) final;

  /// The service that is called, and how; private to the library.
  class Service;

 protected:
  explicit HttpProvider(std::shared_ptr<Service> service);

 private:
  const std::shared_ptr<Service> service_;  // shared with the calls under way
};

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_HTTP_PROVIDER_H_
