// A limit of requests per minute, shared by the server's threads.
#ifndef LLMLOAD_SRC_FAKE_SERVER_RATE_LIMITER_H_
#define LLMLOAD_SRC_FAKE_SERVER_RATE_LIMITER_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>

#include "llmload/core/time.h"

namespace llmload::fake_server {

/// The generic cell rate algorithm (ITU-T I.371) with the burst of one second's worth of requests:
/// services quantise a per-minute limit to windows of about a second.
class RateLimiter {
 public:
  explicit RateLimiter(std::optional<int> per_minute)
      : per_minute_(per_minute.value_or(0)),
        interval_(per_minute_ > 0 ? Duration(std::chrono::minutes(1)).count() / per_minute_ : 0),
        burst_(interval_ * std::max(per_minute_ / 60, 1)) {}

  bool IsLimited() const noexcept { return per_minute_ > 0; }
  int per_minute() const noexcept { return per_minute_; }

  /// Takes one request from the limit; or says how long to wait for the next.
  std::optional<Duration> Take(TimePoint now) noexcept {
    if (!IsLimited()) return std::nullopt;
    const Duration::rep at = now.time_since_epoch().count();
    Duration::rep full_until = full_until_.load();
    for (;;) {
      const Duration::rep next = std::max(full_until, at) + interval_;
      if (next - at > burst_) return Duration(next - at - burst_);
      if (full_until_.compare_exchange_weak(full_until, next)) return std::nullopt;
    }
  }

 private:
  int per_minute_;
  Duration::rep interval_;
  Duration::rep burst_;
  std::atomic<Duration::rep> full_until_{0};
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_RATE_LIMITER_H_
