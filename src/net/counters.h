// Where an HTTP client counts what `ConnectionCounters` report.
#ifndef LLMLOAD_NET_COUNTERS_H_
#define LLMLOAD_NET_COUNTERS_H_

#include <atomic>
#include <cstdint>

#include "llmload/core/time.h"
#include "llmload/provider/connection_counters.h"

namespace llmload::net {

/// Thread-safe. On cache lines of their own, because all threads write them.
struct alignas(64) Counters {
  std::atomic<std::uint64_t> connects{0};
  std::atomic<std::uint64_t> tls_handshakes{0};
  std::atomic<std::uint64_t> tls_resumptions{0};
  std::atomic<std::uint64_t> dns_lookups{0};
  std::atomic<std::uint64_t> reuses{0};
  std::atomic<std::uint64_t> stale{0};
  // Nanoseconds.
  std::atomic<Duration::rep> dns_time{0};
  std::atomic<Duration::rep> connect_time{0};
  std::atomic<Duration::rep> tls_time{0};

  ConnectionCounters Read() const noexcept;
};

inline void Count(std::atomic<std::uint64_t>& counter) noexcept {
  counter.fetch_add(1, std::memory_order_relaxed);
}

inline void AddTime(std::atomic<Duration::rep>& sum, Duration time) noexcept {
  sum.fetch_add(time.count(), std::memory_order_relaxed);
}

}  // namespace llmload::net

#endif  // LLMLOAD_NET_COUNTERS_H_
