#include "src/net/counters.h"

namespace llmload::net {

ConnectionCounters Counters::Read() const noexcept {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  return {.connects = connects.load(kRelaxed),
          .tls_handshakes = tls_handshakes.load(kRelaxed),
          .tls_resumptions = tls_resumptions.load(kRelaxed),
          .dns_lookups = dns_lookups.load(kRelaxed),
          .reuses = reuses.load(kRelaxed),
          .stale = stale.load(kRelaxed),
          .dns_time = Duration(dns_time.load(kRelaxed)),
          .connect_time = Duration(connect_time.load(kRelaxed)),
          .tls_time = Duration(tls_time.load(kRelaxed))};
}

}  // namespace llmload::net
