#include "src/wire/timestamp.h"

#include <algorithm>
#include <array>

#include "src/core/text/ascii.h"

namespace llmload::wire {
namespace {

// Nullopt unless all parts are there and in their ranges.
std::optional<std::chrono::sys_seconds> Compose(std::optional<int> year, std::optional<int> month,
                                                std::optional<int> day, std::optional<int> hour,
                                                std::optional<int> minute,
                                                std::optional<int> second) {
  if (!year || !month || !day || !hour || !minute || !second) return {};
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned int>(*month)),
                                         std::chrono::day(static_cast<unsigned int>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return {};  // 60: a leap second
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

// "Z" or "+01:00". "-0130", without a colon, is not an offset.
std::optional<std::chrono::minutes> ParseOffset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return {};
  const auto hours = ParseDigits(text.substr(1, 2));
  const auto minutes = ParseDigits(text.substr(4, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return {};
  const std::chrono::minutes offset(*hours * 60 + *minutes);
  return text[0] == '-' ? -offset : offset;
}

}  // namespace

std::optional<int> ParseDigits(std::string_view text) {
  if (text.empty() || text.size() > 9) return {};
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<std::chrono::sys_seconds> ParseHttpDate(std::string_view text) {
  // Sun, 06 Nov 1994 08:49:37 GMT
  // 0    5  8   12   17 20 23 26
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  static constexpr std::string_view kDays = "Mon Tue Wed Thu Fri Sat Sun";
  text = text::Trim(text);
  if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT" ||
      kDays.find(text.substr(0, 3)) == std::string_view::npos) {
    return {};
  }
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return {};
  return Compose(ParseDigits(text.substr(12, 4)), static_cast<int>(month - kMonths.begin()) + 1,
                 ParseDigits(text.substr(5, 2)), ParseDigits(text.substr(17, 2)),
                 ParseDigits(text.substr(20, 2)), ParseDigits(text.substr(23, 2)));
}

std::optional<std::chrono::sys_seconds> ParseRfc3339(std::string_view text) {
  // 2026-11-24T09:30:00
  // 0    5  8  11 14 17
  text = text::Trim(text);
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) {
    return {};
  }
  const auto local = Compose(ParseDigits(text.substr(0, 4)), ParseDigits(text.substr(5, 2)),
                             ParseDigits(text.substr(8, 2)), ParseDigits(text.substr(11, 2)),
                             ParseDigits(text.substr(14, 2)), ParseDigits(text.substr(17, 2)));
  std::string_view rest = text.substr(19);
  if (rest.starts_with('.')) {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    if (end == 1) return {};
    rest.remove_prefix(end);
  }
  const auto offset = ParseOffset(rest);
  if (!local || !offset) return {};
  return *local - *offset;
}

}  // namespace llmload::wire
