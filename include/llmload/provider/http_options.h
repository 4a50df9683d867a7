// What all providers that speak HTTPS have in common: deadlines, bounds, connection counters.
#ifndef LLMLOAD_PROVIDER_HTTP_OPTIONS_H_
#define LLMLOAD_PROVIDER_HTTP_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

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

/// What the HTTPS providers of this process did on the network so far.
struct ConnectionCounters {
  std::uint64_t connects = 0;        ///< TCP connections established
  std::uint64_t tls_handshakes = 0;  ///< TLS handshakes completed
  std::uint64_t dns_lookups = 0;     ///< names asked of the system's resolver
  std::uint64_t reuses = 0;          ///< requests sent on a pooled connection
  std::uint64_t stale = 0;           ///< pooled connections found closed, before or on use
};

/// A snapshot, thread-safe. Sums over all providers; take differences.
ConnectionCounters ReadConnectionCounters() noexcept;

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_HTTP_OPTIONS_H_
