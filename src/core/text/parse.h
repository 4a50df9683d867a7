// Values of options and environment variables, parsed here: the option library's own messages name
// neither what is accepted nor, for some types, that a value was cut short ("99999" as a 16-bit
// port).
#ifndef LLMLOAD_SRC_CORE_TEXT_PARSE_H_
#define LLMLOAD_SRC_CORE_TEXT_PARSE_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/time.h"

namespace llmload::text {

/// The number that `text` is, in [min, max]. Throws `ConfigurationError` that names `name`, the
/// text and what is accepted. So do all functions here.
template <class Number>
Number ParseNumber(std::string_view name, std::string_view text, Number min, Number max,
                   std::string_view accepted) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  // Written so that a NaN is refused.
  if (failure != std::errc() || stop != end || !(value >= min && value <= max)) {
    throw ConfigurationError::Invalid(name, text, accepted);
  }
  return value;
}

/// A time with its unit: us, ms, s, m (or min), h. "250ms", "1.5s"; 0 may do without. 0 to 30 days.
Duration ParseTime(std::string_view name, std::string_view text);

/// As `ParseTime`, but not zero.
Duration ParsePositiveTime(std::string_view name, std::string_view text);

/// Requests per second: "10", "10/s", "1000/min", "36000/h". 0 to 10^7 per second.
double ParseRate(std::string_view name, std::string_view text);

/// A share: "0.95" or "95%". 0 to 1.
double ParseShare(std::string_view name, std::string_view text);

/// A size in bytes: "4096", "200KB", "1.5MB" (KB = KiB = 1024 bytes, MB = MiB = 1024 KB). 0 to
/// 10^12.
std::uint64_t ParseSize(std::string_view name, std::string_view text);

/// The two sides of a range "N..M", or "N-M"; empty for any other text.
std::optional<std::pair<std::string_view, std::string_view>> SplitRange(std::string_view text);

/// `text` split at `separator`; one empty part for an empty text.
std::vector<std::string_view> SplitAt(std::string_view text, char separator);

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_PARSE_H_
