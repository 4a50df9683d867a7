// Instants as text.
#ifndef LLMLOAD_WIRE_TIMESTAMP_H_
#define LLMLOAD_WIRE_TIMESTAMP_H_

#include <chrono>
#include <optional>
#include <string_view>

namespace llmload::wire {

/// An HTTP date in any of the three forms of RFC 9110, section 5.6.7: "Sun, 06 Nov 1994 08:49:37
/// GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". A year of two digits is the
/// one from 1970 to 2069.
std::optional<std::chrono::sys_seconds> ParseHttpDate(std::string_view text);

/// A date-time of RFC 3339 ("2026-11-24T09:30:00Z", "...T10:30:00.25+01:00"); a fraction of a
/// second is cut off.
std::optional<std::chrono::sys_seconds> ParseRfc3339(std::string_view text);

/// The number that `text` is, digits only; nullopt for any other text, and for an empty one.
std::optional<int> ParseDigits(std::string_view text);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_TIMESTAMP_H_
