#include "src/wire/retry_after.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "src/core/text/ascii.h"
#include "src/wire/timestamp.h"

namespace llmload::wire {
namespace {

// A decimal number: digits, perhaps with a fraction. No sign, exponent, "inf" or "nan".
std::optional<double> ParseDecimal(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return {};
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (failure == std::errc::result_out_of_range) return HUGE_VAL;
  if (failure != std::errc() || stop != end) return {};
  return value;
}

std::optional<Duration> Bounded(std::optional<double> seconds) {
  if (!seconds) return {};
  constexpr double kMaxSeconds = std::chrono::duration<double>(kMaxRetryAfter).count();
  const Duration wait(std::llround(std::min(*seconds, kMaxSeconds) * 1e9));
  if (wait <= Duration::zero()) return {};
  return wait;
}

std::optional<double> UnitSeconds(std::string_view unit) {
  if (unit == "h") return 3600;
  if (unit == "m") return 60;
  if (unit == "s") return 1;
  if (unit == "ms") return 1e-3;
  if (unit == "us" || unit == "µs") return 1e-6;
  if (unit == "ns") return 1e-9;
  return {};
}

// The longest prefix of `text` that consists of these characters.
std::string_view Prefix(std::string_view text, std::string_view characters) {
  return text.substr(0, std::min(text.find_first_not_of(characters), text.size()));
}

// The wait until the limits that are used up are reset.
std::optional<Duration> LatestReset(const FieldLookup& field, std::chrono::sys_seconds served) {
  std::optional<Duration> latest;
  const auto take = [&](std::optional<Duration> wait) {
    if (wait) latest = std::max(latest.value_or(Duration::zero()), *wait);
  };
  for (const char* what : {"requests", "tokens"}) {
    if (text::Trim(field(std::string("x-ratelimit-remaining-") + what)) != "0") continue;
    take(ParseGoDuration(text::Trim(field(std::string("x-ratelimit-reset-") + what))));
  }
  for (const char* what : {"requests", "tokens", "input-tokens", "output-tokens"}) {
    const std::string name = std::string("anthropic-ratelimit-") + what;
    if (text::Trim(field(name + "-remaining")) != "0") continue;
    if (const auto reset = ParseRfc3339(field(name + "-reset"))) {
      take(Bounded(std::chrono::duration<double>(*reset - served).count()));
    }
  }
  return latest;
}

}  // namespace

std::optional<Duration> ReadRetryAfter(const FieldLookup& field,
                                       std::chrono::system_clock::time_point now) {
  const auto milliseconds = [&](std::string_view name) -> std::optional<Duration> {
    const auto value = ParseDecimal(text::Trim(field(name)));
    return value ? Bounded(*value / 1000) : std::nullopt;
  };
  if (const auto wait = milliseconds("retry-after-ms")) return wait;
  const auto date = ParseHttpDate(field("date"));
  // In seconds, because the instant in a header may be too far away for nanoseconds.
  const std::chrono::sys_seconds served =
      date ? *date : std::chrono::floor<std::chrono::seconds>(now);
  const std::string_view retry_after = text::Trim(field("retry-after"));
  if (const auto wait = Bounded(ParseDecimal(retry_after))) return wait;
  if (const auto until = ParseHttpDate(retry_after)) {
    if (const auto wait = Bounded(std::chrono::duration<double>(*until - served).count())) {
      return wait;
    }
  }
  if (const auto wait = milliseconds("x-amz-retry-after")) return wait;
  return LatestReset(field, served);
}

std::optional<Duration> ParseGoDuration(std::string_view text) {
  double seconds = 0;
  bool any = false;
  while (!text.empty()) {
    const std::string_view number = Prefix(text, "0123456789.");
    text.remove_prefix(number.size());
    const std::string_view unit = text.substr(0, text.find_first_of("0123456789."));
    text.remove_prefix(unit.size());
    const auto value = ParseDecimal(number);
    const auto scale = UnitSeconds(unit);
    if (!value || !scale) return {};
    seconds += *value * *scale;
    any = true;
  }
  return any ? Bounded(seconds) : std::nullopt;
}

std::optional<Duration> ParseRetryText(std::string_view message) {
  for (const std::string_view lead : {"retry after ", "try again in "}) {
    const std::size_t found = text::FindIgnoringCase(message, lead);
    if (found == std::string_view::npos) continue;
    const std::string_view rest = message.substr(found + lead.size());
    const std::string_view number = Prefix(rest, "0123456789.");
    std::string_view behind = rest.substr(number.size());
    if (behind.starts_with(' ')) {
      behind.remove_prefix(1);
      const auto value = ParseDecimal(number);
      if (value && behind.starts_with("second")) return Bounded(*value);
      if (value && behind.starts_with("minute")) return Bounded(*value * 60);
      if (value && behind.starts_with("millisecond")) return Bounded(*value / 1000);
      continue;
    }
    std::string_view duration = Prefix(rest, "0123456789.hmsunµ");
    if (duration.ends_with('.')) duration.remove_suffix(1);  // of the sentence
    if (const auto wait = ParseGoDuration(duration)) return wait;
  }
  return {};
}

}  // namespace llmload::wire
