#include "src/net/counters.h"

#include "llmload/provider/http_options.h"

namespace llmload {
namespace net {

Counters& ProcessCounters() noexcept {
  static Counters counters;
  return counters;
}

}  // namespace net

ConnectionCounters ReadConnectionCounters() noexcept {
  const net::Counters& counters = net::ProcessCounters();
  constexpr auto kRelaxed = std::memory_order_relaxed;
  ConnectionCounters snapshot;
  snapshot.connects = counters.connects.load(kRelaxed);
  snapshot.tls_handshakes = counters.tls_handshakes.load(kRelaxed);
  snapshot.tls_resumptions = counters.tls_resumptions.load(kRelaxed);
  snapshot.dns_lookups = counters.dns_lookups.load(kRelaxed);
  snapshot.reuses = counters.reuses.load(kRelaxed);
  snapshot.stale = counters.stale.load(kRelaxed);
  snapshot.dns_time = Duration(counters.dns_time.load(kRelaxed));
  snapshot.connect_time = Duration(counters.connect_time.load(kRelaxed));
  snapshot.tls_time = Duration(counters.tls_time.load(kRelaxed));
  return snapshot;
}

}  // namespace llmload
