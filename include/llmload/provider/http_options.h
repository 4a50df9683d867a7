// Options that all providers over HTTPS have in common.
#ifndef LLMLOAD_PROVIDER_HTTP_OPTIONS_H_
#define LLMLOAD_PROVIDER_HTTP_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "llmload/core/secret.h"
#include "llmload/core/time.h"

namespace llmload {

/// Deadlines of one provider call. Each is a kind of error of its own (`ErrorKind`), and each must
/// be positive. The deadline of the request bounds the call too. The defaults let a long answer
/// through, as the clients of the services do.
struct ProviderTimeouts {
  /// Name resolution and TCP connect, over all addresses.
  Duration connect = std::chrono::seconds(5);
  Duration tls = std::chrono::seconds(5);  ///< TLS handshake
  /// From the last byte of the request to the first token of a stream. A whole answer has no such
  /// deadline: nothing of it comes before the service has made all of it.
  Duration first_token = std::chrono::minutes(2);
  Duration idle = std::chrono::minutes(1);  ///< between two reads of an answer that has started
  /// Of the whole call, with the wait for a connection (`HttpOptions::max_connections`).
  Duration total = std::chrono::minutes(10);
};

/// Bounds of the size of an answer. Beyond them a call fails with `ErrorKind::kResponseTooLarge`.
/// Each must be positive.
struct ProviderLimits {
  std::size_t header_bytes = std::size_t{64} << 10;  ///< status line and header fields
  std::size_t event_bytes = std::size_t{1} << 20;    ///< one event of a stream
  /// Body of an answer, or text collected from a stream.
  std::size_t body_bytes = std::size_t{16} << 20;
};

/// A header field of your own.
struct HttpHeader {
  std::string name = {};
  Secret value = {};  ///< printable ASCII; never shown in any output
  /// Parts of the value that are secrets by themselves. They are redacted in all that a service
  /// says, as keys are.
  std::vector<Secret> secrets = {};
  /// Whether the whole value is redacted too. That of a field whose name holds "auth", "key",
  /// "token", "secret", "pass", "cookie", "cred", "sess", "sign", "sid" or "bearer" always is.
  bool redact = true;
};

/// How a provider connects to its service, and what it sends beside the request itself.
struct HttpOptions {
  /// File of PEM certificates of authorities to trust beside the system's; empty: none. Certificate
  /// and host name are always verified.
  std::string ca_file = {};
  std::string ca_pem = {};  ///< such certificates as text
  /// Whether http:// is accepted for a host that is not this machine: the key is sent in clear
  /// text.
  bool allow_clear_text = false;
  /// "http://host:port" of a proxy that is asked to CONNECT; empty: none. `ProxyFromEnvironment`
  /// reads the usual variables.
  std::string proxy = {};

  /// Sent with each request. One replaces the field of the same name that the provider sends
  /// itself; with `Authorization`, `x-api-key` or `api-key` none of the provider's own credentials
  /// is sent, and none is required. Refused are those that frame the message or name its content
  /// (Host, Connection, Content-Length, Content-Type, Accept-Encoding and the like).
  std::vector<HttpHeader> headers = {};
  /// A JSON object whose members are added to the body of each request; empty: none. Objects are
  /// merged member by member. A member that the provider writes itself and that decides what is
  /// measured (model, messages, streaming, the bound of the output) is refused. `temperature`
  /// replaces that of the request. See `CompletionRequest::extra_body`.
  std::string extra_body = {};
  /// Replaces the path of each request, that of the base URL included: it begins with '/' and may
  /// have a query, which is redacted as keys are. Empty: the path of the API behind that of the
  /// base URL. Azure OpenAI and Bedrock have the model in their paths and refuse another one.
  std::string path = {};

  ProviderTimeouts timeouts = {};
  ProviderLimits limits = {};
  /// Connections at once to the service, over all io_contexts; 0: as many as there are requests. A
  /// request beyond it waits until one is free, as long as `timeouts.total` allows; the wait is
  /// part of `Timings::connection_wait`. They wait in order of arrival within an io_context;
  /// between io_contexts, one that has a free connection goes first, up to 8 times in a row.
  std::size_t max_connections = 0;
  /// False: each request has a connection of its own, which is closed after the answer.
  bool reuse_connections = true;
  std::size_t max_idle_connections = 1024;  ///< kept per io_context
  Duration max_idle_time = std::chrono::seconds(30);
  Duration dns_ttl = std::chrono::seconds(60);
};

/// The proxy that `HTTPS_PROXY` or `https_proxy` names for `base_url`, unless `NO_PROXY` or
/// `no_proxy` excludes its host; empty: none. `NO_PROXY` is a list, split at commas, of host names
/// (they cover their subdomains), addresses, networks in CIDR form, or "*". The loopback host is
/// never proxied. Throws `ConfigurationError` for a malformed value.
std::string ProxyFromEnvironment(const std::string& base_url);

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_HTTP_OPTIONS_H_
