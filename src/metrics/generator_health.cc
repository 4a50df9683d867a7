#include "llmload/metrics/generator_health.h"

namespace llmload {

ConnectionCounters Difference(const ConnectionCounters& later,
                              const ConnectionCounters& earlier) noexcept {
  return {.connects = later.connects - earlier.connects,
          .tls_handshakes = later.tls_handshakes - earlier.tls_handshakes,
          .tls_resumptions = later.tls_resumptions - earlier.tls_resumptions,
          .dns_lookups = later.dns_lookups - earlier.dns_lookups,
          .reuses = later.reuses - earlier.reuses,
          .stale = later.stale - earlier.stale,
          .dns_time = later.dns_time - earlier.dns_time,
          .connect_time = later.connect_time - earlier.connect_time,
          .tls_time = later.tls_time - earlier.tls_time};
}

}  // namespace llmload
