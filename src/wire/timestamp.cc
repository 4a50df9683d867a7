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

// "Sun" or "Sunday".
bool IsDay(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kDays = {
      "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
  return std::any_of(kDays.begin(), kDays.end(), [text](std::string_view day) {
    return text == day || text == day.substr(0, 3);
  });
}

// Of a date whose month is a name ("Nov") and whose time is "08:49:37".
std::optional<std::chrono::sys_seconds> ComposeDate(std::optional<int> year, std::string_view month,
                                                    std::optional<int> day, std::string_view time) {
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto found = std::find(kMonths.begin(), kMonths.end(), month);
  if (found == kMonths.end() || time[2] != ':' || time[5] != ':') return {};
  return Compose(year, static_cast<int>(found - kMonths.begin()) + 1, day,
                 ParseDigits(time.substr(0, 2)), ParseDigits(time.substr(3, 2)),
                 ParseDigits(time.substr(6, 2)));
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
  text = text::Trim(text);
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) {
    // Sun Nov  6 08:49:37 1994
    // 0   4   8  11       20
    if (text.size() != 24 || !IsDay(text.substr(0, 3)) || text[3] != ' ' || text[7] != ' ' ||
        text[10] != ' ' || text[19] != ' ') {
      return {};
    }
    const std::string_view day = text[8] == ' ' ? text.substr(9, 1) : text.substr(8, 2);
    return ComposeDate(ParseDigits(text.substr(20)), text.substr(4, 3), ParseDigits(day),
                       text.substr(11, 8));
  }
  // Sun, 06 Nov 1994 08:49:37 GMT, or Sunday, 06-Nov-94 08:49:37 GMT
  if (!IsDay(text.substr(0, comma)) || text.substr(comma, 2) != ", ") return {};
  const bool full_name = comma > 3;
  text.remove_prefix(comma + 2);
  const char separator = full_name ? '-' : ' ';
  const std::size_t year_size = full_name ? 2 : 4;
  if (text.size() != 20 + year_size || text[2] != separator || text[6] != separator ||
      text[7 + year_size] != ' ' || text.substr(16 + year_size) != " GMT") {
    return {};
  }
  auto year = ParseDigits(text.substr(7, year_size));
  if (year && full_name) *year += *year < 70 ? 2000 : 1900;
  return ComposeDate(year, text.substr(3, 3), ParseDigits(text.substr(0, 2)),
                     text.substr(8 + year_size, 8));
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
