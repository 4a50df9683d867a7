// Options that all providers over HTTPS have in common.
#ifndef LLMLOAD_PROVIDER_HTTP_OPTIONS_H_
#define LLMLOAD_PROVIDER_HTTP_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "llmload/core/time.h"

namespace llmload {

/// Deadlines of one provider call. Each is a kind of error of its own (`ErrorKind`), and each must
/// be positive. The deadline of the request bounds the call too.
struct ProviderTimeouts {
  /// Name resolution and TCP connect, over all addresses.
  Duration connect = std::chrono::seconds(5);
  Duration tls = std::chrono::seconds(5);  ///< TLS handshake
  /// From the last byte of the request to the first token (streaming) or the first byte of the
  /// answer.
  Duration first_token = std::chrono::seconds(30);
  Duration idle = std::chrono::seconds(15);   ///< between two reads of an answer that has started
  Duration total = std::chrono::seconds(60);  ///< of the whole call
};

/// Bounds of the size of an answer. Beyond them a call fails with `ErrorKind::kResponseTooLarge`.
/// Each must be positive.
struct ProviderLimits {
  std::size_t header_bytes = std::size_t{64} << 10;  ///< status line and header fields
  std::size_t event_bytes = std::size_t{1} << 20;    ///< one event of a stream
  /// Body of an answer, or text collected from a stream.
  std::size_t body_bytes = std::size_t{16} << 20;
};

/// How a provider connects to its service.
struct HttpOptions {
  /// File of PEM certificates of authorities to trust beside the system's; empty: none. Certificate
  /// and host name are always verified.
  std::string ca_file;
  std::string ca_pem;  ///< such certificates as text
  /// Whether http:// is accepted for a host that is not this machine: the key is sent in clear
  /// text.
  bool allow_clear_text = false;
  /// "http://host:port" of a proxy that is asked to CONNECT; empty: none. `ProxyFromEnvironment`
  /// reads the usual variables.
  std::string proxy;
  ProviderTimeouts timeouts;
  ProviderLimits limits;
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
