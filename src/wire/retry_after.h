// The wait that a service asks for, in any of the places where services and gateways write it.
#ifndef LLMLOAD_WIRE_RETRY_AFTER_H_
#define LLMLOAD_WIRE_RETRY_AFTER_H_

#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include "llmload/core/time.h"
#include "src/wire/header_field.h"

namespace llmload::wire {

/// The longest wait that is returned; longer ones are cut to it.
inline constexpr Duration kMaxRetryAfter = std::chrono::hours(24);

/// The wait that the header of an error answer asks for; nullopt if there is none, or if it is
/// zero, negative, past or not readable. In this order: `retry-after-ms` and `x-ms-retry-after-ms`
/// (milliseconds, also with a fraction); `retry-after` (seconds, also with a fraction, a duration
/// as in "1m30s", or an HTTP date); `x-amz-retry-after` (milliseconds); the latest of all limits
/// that are used up. The reset of a limit is in a field with "ratelimit" or "rate-limit" and
/// "reset" in its name, as seconds, a duration, seconds or milliseconds since 1970, an RFC 3339
/// instant or an HTTP date. Its limit counts as used up if the field with "remaining" in place of
/// "reset" is 0 or absent. `ratelimit: limit=10, remaining=0, reset=5` (a draft of the IETF) is
/// read too.
/// @param fields  names in lower case
/// @param now     wall time that instants are relative to if the answer has no readable `date`
std::optional<Duration> ReadRetryAfter(std::span<const HeaderField> fields,
                                       std::chrono::system_clock::time_point now);

/// The wait that an error body in JSON asks for: a member `retryDelay`, `retry_after`,
/// `retry_after_ms` or one spelled like them, or a rate-limit header that a gateway copied into the
/// body, wherever in the body it stands.
std::optional<Duration> FindRetryHint(std::string_view json);

/// The wait that an error message asks for: "Please retry after 26 seconds", "Please try again in
/// 1m2.5s", "wait 2 minutes".
std::optional<Duration> ParseRetryText(std::string_view message);

/// A duration as Go writes it ("1h2m3.5s", "20ms"), which includes those of Protocol Buffers'
/// JSON ("34s"). Bounded by `kMaxRetryAfter`; nullopt unless it is above zero.
std::optional<Duration> ParseGoDuration(std::string_view text);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_RETRY_AFTER_H_
