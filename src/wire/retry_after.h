// The wait that a service asks for.
#ifndef LLMLOAD_WIRE_RETRY_AFTER_H_
#define LLMLOAD_WIRE_RETRY_AFTER_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "llmload/core/time.h"

namespace llmload::wire {

/// The longest wait that is returned; longer ones are cut to it.
inline constexpr Duration kMaxRetryAfter = std::chrono::hours(24);

/// Returns the value of a header field by its lower-case name; empty if it is absent.
using FieldLookup = std::function<std::string_view(std::string_view name)>;

/// The wait that the header of an error answer asks for; nullopt if there is none, or if it is
/// zero, negative, past or not readable. In this order: `retry-after-ms` (milliseconds, also with a
/// fraction); `retry-after` (seconds, also with a fraction, or an HTTP date); `x-amz-retry-after`
/// (milliseconds); the latest of `x-ratelimit-reset-requests` and `-tokens` (durations as in
/// "6m0s") and of `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-reset` (RFC
/// 3339), for limits that are used up.
/// @param now  wall time that instants are relative to if the answer has no readable `date`
std::optional<Duration> ReadRetryAfter(const FieldLookup& field,
                                       std::chrono::system_clock::time_point now);

/// The wait that an error message asks for: "Please retry after 26 seconds", "Please try again in
/// 1m2.5s", "in 250ms".
std::optional<Duration> ParseRetryText(std::string_view message);

/// A duration as Go writes it ("1h2m3.5s", "20ms"), which includes those of Protocol Buffers'
/// JSON ("34s"). Bounded by `kMaxRetryAfter`; nullopt unless it is above zero.
std::optional<Duration> ParseGoDuration(std::string_view text);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_RETRY_AFTER_H_
