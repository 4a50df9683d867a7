// How long a service asks to wait.
#ifndef LLMLOAD_WIRE_RETRY_AFTER_H_
#define LLMLOAD_WIRE_RETRY_AFTER_H_

#include <chrono>
#include <optional>
#include <string_view>

#include "llmload/core/clock.h"

namespace llmload::wire {

/// Longest wait that is believed; longer ones are cut to it.
inline constexpr Duration kMaxRetryAfter = std::chrono::hours(24);

/// The headers that carry a wait; empty where absent.
struct RetryAfterHeaders {
  std::string_view retry_after;  ///< `Retry-After`: seconds, also with a fraction, or an HTTP date
  std::string_view
      retry_after_ms;     ///< `retry-after-ms`: milliseconds, also with a fraction; goes first
  std::string_view date;  ///< `Date` of the answer: what an HTTP date is relative to
};

/// The wait, or nothing if there is none, or if it is zero, negative, past or not readable.
/// @param now  wall time that an HTTP date is relative to if the answer has no readable `Date`
std::optional<Duration> ParseRetryAfter(const RetryAfterHeaders& headers,
                                        std::chrono::system_clock::time_point now);

/// An HTTP date in the preferred form of RFC 9110, section 5.6.7 ("Sun, 06 Nov 1994 08:49:37 GMT").
std::optional<std::chrono::sys_seconds> ParseHttpDate(std::string_view text);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_RETRY_AFTER_H_
