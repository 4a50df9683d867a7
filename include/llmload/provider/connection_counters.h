// What providers do on the network, in numbers.
#ifndef LLMLOAD_PROVIDER_CONNECTION_COUNTERS_H_
#define LLMLOAD_PROVIDER_CONNECTION_COUNTERS_H_

#include <cstdint>
#include <optional>

#include "llmload/core/time.h"

namespace llmload {

/// Counts and times of connections. `Provider::Connections` returns them.
struct ConnectionCounters {
  std::uint64_t connects = 0;         ///< TCP connections established
  std::uint64_t tls_handshakes = 0;   ///< TLS handshakes completed
  std::uint64_t tls_resumptions = 0;  ///< TLS handshakes that resumed an earlier session
  std::uint64_t dns_lookups = 0;      ///< names asked of the system's resolver
  std::uint64_t reuses = 0;           ///< requests sent on a pooled connection
  std::uint64_t stale = 0;            ///< pooled connections found closed, before or on use
  // Sums.
  Duration dns_time{};      ///< waited for names by all requests; a cached name takes no time
  Duration connect_time{};  ///< of the `connects`
  Duration tls_time{};      ///< of the `tls_handshakes`

  /// Means of the times above. Empty if nothing of the kind has happened.
  std::optional<Duration> MeanDns() const noexcept { return Mean(dns_time, dns_lookups); }
  std::optional<Duration> MeanConnect() const noexcept { return Mean(connect_time, connects); }
  std::optional<Duration> MeanTls() const noexcept { return Mean(tls_time, tls_handshakes); }

  /// Counter by counter.
  ConnectionCounters& operator+=(const ConnectionCounters& other) noexcept {
    return Apply(other, [](auto& own, const auto& term) { own += term; });
  }
  ConnectionCounters& operator-=(const ConnectionCounters& other) noexcept {
    return Apply(other, [](auto& own, const auto& term) { own -= term; });
  }
  friend ConnectionCounters operator-(ConnectionCounters later,
                                      const ConnectionCounters& earlier) noexcept {
    return later -= earlier;
  }
  friend bool operator==(const ConnectionCounters&, const ConnectionCounters&) = default;

 private:
  template <class Operation>
  ConnectionCounters& Apply(const ConnectionCounters& other, Operation operation) noexcept {
    operation(connects, other.connects);
    operation(tls_handshakes, other.tls_handshakes);
    operation(tls_resumptions, other.tls_resumptions);
    operation(dns_lookups, other.dns_lookups);
    operation(reuses, other.reuses);
    operation(stale, other.stale);
    operation(dns_time, other.dns_time);
    operation(connect_time, other.connect_time);
    operation(tls_time, other.tls_time);
    return *this;
  }

  static std::optional<Duration> Mean(Duration sum, std::uint64_t count) noexcept {
    if (count == 0) return std::nullopt;
    return sum / static_cast<Duration::rep>(count);
  }
};

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_CONNECTION_COUNTERS_H_
