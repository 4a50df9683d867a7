// One service over HTTPS: what all providers that call one have in common.
#ifndef LLMLOAD_SRC_SERVICE_HTTP_SERVICE_H_
#define LLMLOAD_SRC_SERVICE_HTTP_SERVICE_H_

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"
#include "llmload/provider/http_options.h"
#include "llmload/service/http_provider.h"
#include "src/net/http_client.h"
#include "src/net/url.h"
#include "src/service/dialect.h"

namespace llmload {

/// What a provider shares with its calls under way, which may outlive it: the service's address,
/// its connections, and the dialect that is spoken with it. Thread-safe.
class HttpProvider::Service {
 public:
  using MakeDialect = std::function<std::unique_ptr<Dialect>(const net::Url& base)>;

  /// Throws `ConfigurationError` if an option cannot be used. Opens no connection.
  /// @param base_url  the URL to whose path that of the API is appended
  /// @param clock     has to outlive the service
  Service(ProviderIdentity identity, const std::string& base_url, HttpOptions options,
          const Clock& clock, const MakeDialect& make_dialect);

  /// As `Provider::Complete`.
  /// @param self  this, which the call keeps alive
  static boost::asio::awaitable<Result<Completion>> Complete(std::shared_ptr<Service> self,
                                                             const CompletionRequest& request,
                                                             StreamObserver* observer);

  const ProviderIdentity identity;
  const HttpOptions options;
  const Clock& clock;
  const net::Endpoint endpoint;
  net::HttpClient client;
  const std::unique_ptr<Dialect> dialect;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_HTTP_SERVICE_H_
