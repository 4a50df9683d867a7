// A limit of requests per minute, shared by the server's threads.
#ifndef LLMLOAD_SRC_FAKE_SERVER_RATE_LIMITER_H_
#define LLMLOAD_SRC_FAKE_SERVER_RATE_LIMITER_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "llmload/core/time.h"

namespace llmload::fake_server {

/// What an answer tells about the limit of requests, in its header fields and in its text. The
/// defaults are those of a server without a limit, whose clients are told of a generous one.
struct RateState {
  std::int64_t limit = 10'000;                    ///< requests per minute
  std::int64_t remaining = 9'999;                 ///< requests that would pass now
  Duration reset = std::chrono::milliseconds(6);  ///< until as many pass as ever do at once
  std::optional<Duration> wait = {};              ///< of a refusal: until the next one passes
  /// How much the server's wall clock is ahead, for APIs that name the instant of the reset.
  std::chrono::seconds clock_offset{0};

  /// The same limit for a request that is refused. The reset is the wait then: what a client is
  /// told in several places is one time.
  /// @param for_how_long  if known
  RateState Refused(std::optional<Duration> for_how_long) const {
    return {.limit = limit,
            .remaining = 0,
            .reset = for_how_long.value_or(reset),
            .wait = for_how_long,
            .clock_offset = clock_offset};
  }
};

/// The generic cell rate algorithm (ITU-T I.371) with the burst of one second's worth of requests:
/// services quantise a per-minute limit to windows of about a second.
class RateLimiter {
 public:
  explicit RateLimiter(std::optional<int> per_minute)
      : per_minute_(per_minute.value_or(0)),
        interval_(per_minute_ > 0 ? Duration(std::chrono::minutes(1)).count() / per_minute_ : 0),
        burst_(interval_ * std::max(per_minute_ / 60, 1)) {}

  /// Takes one request from the limit, and says what is left of it; `wait` is set if it was
  /// refused.
  RateState Take(TimePoint now) noexcept {
    RateState state;
    if (per_minute_ == 0) return state;
    state.limit = per_minute_;
    const Duration::rep at = now.time_since_epoch().count();
    Duration::rep full_until = full_until_.load();
    for (;;) {
      const Duration::rep next = std::max(full_until, at) + interval_;
      if (next - at > burst_) return state.Refused(Duration(next - at - burst_));
      if (full_until_.compare_exchange_weak(full_until, next)) {
        state.remaining = (burst_ - (next - at)) / interval_;
        state.reset = Duration(next - at);
        return state;
      }
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
