// What all providers that speak HTTPS have in common: deadlines, bounds, connection counters.
#ifndef LLMLOAD_PROVIDER_HTTP_OPTIONS_H_
#define LLMLOAD_PROVIDER_HTTP_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "llmload/core/clock.h"

namespace llmload {

/// Deadlines of one provider call. Each is a kind of error of its own (`ErrorKind`), and each must
/// be positive. The deadline of the request bounds the call too.
struct ProviderTimeouts {
  Duration connect =
      std::chrono::seconds(5);             ///< name resolution and TCP connect, over all addresses
  Duration tls = std::chrono::seconds(5);  ///< TLS handshake
  /// From the last byte of the request to the first token (streaming) or the first byte of the
  /// answer.
  Duration first_token = std::chrono::seconds(30);
  Duration idle = std::chrono::seconds(15);   ///< between two reads of an answer that has begun
  Duration total = std::chrono::seconds(60);  ///< of the whole call
};

/// Bounds of what a server may send. Beyond them a call fails with `ErrorKind::kResponseTooLarge`.
/// Each must be positive.
struct ProviderLimits {
  std::size_t header_bytes = std::size_t{64} << 10;  ///< status line and header fields
  std::size_t event_bytes = std::size_t{1} << 20;    ///< one event of a stream
  std::size_t body_bytes = std::size_t{16}
                           << 20;  ///< body of an answer, or text collected from a stream
};

/// How a provider connects to its service.
struct HttpOptions {
  /// File of PEM certificates of authorities to trust beside the system's; empty: none. Certificate
  /// and host name are always verified.
  std::string ca_file;
  std::string ca_pem;  ///< the same, as text
  /// Accept http:// to a host that is not this machine: the key goes in clear text.
  bool allow_clear_text = false;
  /// "http://host:port" of a proxy that is asked to CONNECT; empty: none. `ProxyFromEnvironment`
  /// knows the usual variables.
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

/// What the HTTPS providers of this process did on the network so far.
struct ConnectionCounters {
  std::uint64_t connects = 0;         ///< TCP connections established
  std::uint64_t tls_handshakes = 0;   ///< TLS handshakes completed
  std::uint64_t tls_resumptions = 0;  ///< those of them that resumed an earlier session
  std::uint64_t dns_lookups = 0;      ///< names asked of the system's resolver
  std::uint64_t reuses = 0;           ///< requests sent on a pooled connection
  std::uint64_t stale = 0;            ///< pooled connections found closed, before or on use
  // Sums.
  Duration dns_time{};      ///< waited for names, by all who waited; looked-up ones cost nothing
  Duration connect_time{};  ///< of the `connects`
  Duration tls_time{};      ///< of the `tls_handshakes`

  /// Empty without any.
  std::optional<Duration> MeanDns() const noexcept { return Mean(dns_time, dns_lookups); }
  std::optional<Duration> MeanConnect() const noexcept { return Mean(connect_time, connects); }
  std::optional<Duration> MeanTls() const noexcept { return Mean(tls_time, tls_handshakes); }

 private:
  static std::optional<Duration> Mean(Duration sum, std::uint64_t count) noexcept {
    if (count == 0) return std::nullopt;
    return sum / static_cast<Duration::rep>(count);
  }
};

/// A snapshot, thread-safe. Sums over all providers; take differences.
ConnectionCounters ReadConnectionCounters() noexcept;

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_HTTP_OPTIONS_H_
