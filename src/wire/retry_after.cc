#include "src/wire/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace llmload::wire {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

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

std::optional<int> ParseDigits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::optional<std::chrono::sys_seconds> ParseHttpDate(std::string_view text) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  // 0    5  8   12   17 20 23 26
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  static constexpr std::string_view kDays = "Mon Tue Wed Thu Fri Sat Sun";
  text = Trim(text);
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT" ||
      kDays.find(text.substr(0, 3)) == std::string_view::npos) {
    return {};
  }
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  const auto day = ParseDigits(text.substr(5, 2));
  const auto year = ParseDigits(text.substr(12, 4));
  const auto hour = ParseDigits(text.substr(17, 2));
  const auto minute = ParseDigits(text.substr(20, 2));
  const auto second = ParseDigits(text.substr(23, 2));
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return {};
  const std::chrono::year_month_day date{
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned int>(month - kMonths.begin()) + 1),
      std::chrono::day(static_cast<unsigned int>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return {};  // 60: a leap second
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

std::optional<Duration> ParseRetryAfter(const RetryAfterHeaders& headers,
                                        std::chrono::system_clock::time_point now) {
  if (auto milliseconds = ParseDecimal(Trim(headers.retry_after_ms))) {
    if (const auto wait = Bounded(*milliseconds / 1000)) return wait;
  }
  const std::string_view retry_after = Trim(headers.retry_after);
  if (const auto wait = Bounded(ParseDecimal(retry_after))) return wait;
  const auto until = ParseHttpDate(retry_after);
  if (!until) return {};
  const auto served = ParseHttpDate(headers.date);
  const auto wait = served ? std::chrono::duration<double>(*until - *served)
                           : std::chrono::duration<double>(*until - now);
  return Bounded(wait.count());
}

}  // namespace llmload::wire
