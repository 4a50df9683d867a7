#include "src/load/azure_trace.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/core/text/parse.h"
#include "src/load/jsonl.h"

namespace llmload {
namespace {

constexpr std::string_view kAzureHeader = "TIMESTAMP,ContextTokens,GeneratedTokens";
constexpr std::string_view kTimestamps =
    "a date and a time, as in 2023-11-16 18:17:03.9799600 or 2024-05-10 00:00:00.009930+00:00";

// The functions Take... take a piece of a date or a time off the front of a text.

// A number of exactly so many digits; -1, and nothing taken, if they are not there.
int TakeDigits(std::string_view& text, std::size_t digits) {
  const std::string_view number = text.substr(0, digits);
  if (number.size() < digits || !std::all_of(number.begin(), number.end(), text::IsDigit)) {
    return -1;
  }
  int value = 0;
  for (const char digit : number) value = value * 10 + (digit - '0');
  text.remove_prefix(digits);
  return value;
}

bool TakeOneOf(std::string_view& text, std::string_view accepted) {
  if (text.empty() || accepted.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Digits beyond nanoseconds are cut.
std::chrono::nanoseconds TakeFraction(std::string_view& text) {
  std::chrono::nanoseconds fraction{};
  if (!TakeOneOf(text, ".")) return fraction;
  std::chrono::nanoseconds unit = std::chrono::milliseconds(100);
  for (int digit = TakeDigits(text, 1); digit >= 0; digit = TakeDigits(text, 1)) {
    fraction += digit * unit;
    unit /= 10;
  }
  return fraction;
}

// "Z", "+01:00" or nothing.
std::optional<std::chrono::minutes> TakeZone(std::string_view& text) {
  const bool east = text.starts_with('+');
  if (!TakeOneOf(text, "+-")) {
    TakeOneOf(text, "Zz");
    return std::chrono::minutes(0);
  }
  const int hours = TakeDigits(text, 2);
  TakeOneOf(text, ":");
  const int minutes = TakeDigits(text, 2);
  if (hours < 0 || minutes < 0) return std::nullopt;
  return std::chrono::minutes((east ? 1 : -1) * (hours * 60 + minutes));
}

std::optional<std::chrono::sys_time<Duration>> ParseInstant(std::string_view text) {
  const int year = TakeDigits(text, 4);
  bool good = year >= 1970 && year < 2200 && TakeOneOf(text, "-");
  const int month = TakeDigits(text, 2);
  good = TakeOneOf(text, "-") && good;
  const int day = TakeDigits(text, 2);
  good = TakeOneOf(text, " T") && good;
  const int hour = TakeDigits(text, 2);
  good = TakeOneOf(text, ":") && good;
  const int minute = TakeDigits(text, 2);
  good = TakeOneOf(text, ":") && good;
  const int second = TakeDigits(text, 2);
  const std::chrono::nanoseconds fraction = TakeFraction(text);
  const std::optional<std::chrono::minutes> zone = TakeZone(text);
  const auto in = [](int value, int max) { return value >= 0 && value <= max; };
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!good || !date.ok() || !in(hour, 23) || !in(minute, 59) || !in(second, 60) || !zone ||
      !text.empty()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + fraction - *zone;
}

std::uint32_t ReadSize(const JsonlLine& line, std::string_view field, std::string_view text) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end || value > ArrivalTrace::kMaxTokens) {
    line.Reject(field, text, "a whole number, 0 to " + std::to_string(ArrivalTrace::kMaxTokens));
  }
  return std::max(value, std::uint32_t{1});
}

struct AzureRow {
  std::chrono::sys_time<Duration> instant;
  std::uint32_t input_tokens = 0;
  std::uint32_t output_tokens = 0;
};

AzureRow ReadRow(const JsonlLine& line, std::string_view text) {
  const std::vector<std::string_view> values = text::SplitAt(text, ',');
  if (values.size() != 3) line.RejectText(text, "three values, split by commas");
  const std::string_view timestamp = text::Trim(values[0]);
  const auto instant = ParseInstant(timestamp);
  if (!instant) line.Reject("TIMESTAMP", timestamp, kTimestamps);
  return {.instant = *instant,
          .input_tokens = ReadSize(line, "ContextTokens", text::Trim(values[1])),
          .output_tokens = ReadSize(line, "GeneratedTokens", text::Trim(values[2]))};
}

}  // namespace

std::vector<ArrivalTrace::Entry> ReadAzureTrace(TextInput& input, std::string_view name,
                                                std::string_view otherwise) {
  std::string text;
  const JsonlLine header(name, input.line());
  input.ReadLine(text, ArrivalTrace::kMaxLineBytes);
  if (text::Lower(text::Trim(text)) != text::Lower(kAzureHeader)) {
    std::string accepted(otherwise);
    if (!otherwise.empty()) accepted += ", or ";
    header.RejectText(text, accepted.append("the header ").append(kAzureHeader));
  }
  std::vector<AzureRow> rows;
  for (std::uint64_t number = input.line(); input.ReadLine(text, ArrivalTrace::kMaxLineBytes);
       number = input.line()) {
    const std::string_view row = text::Trim(text);
    if (row.empty()) continue;
    if (rows.size() == ArrivalTrace::kMaxEntries) {
      throw ConfigurationError::Invalid(
          name, "more", "at most " + std::to_string(ArrivalTrace::kMaxEntries) + " lines");
    }
    rows.push_back(ReadRow(JsonlLine(name, number), row));
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const AzureRow& a, const AzureRow& b) { return a.instant < b.instant; });
  std::vector<ArrivalTrace::Entry> entries;
  entries.reserve(rows.size());
  for (const AzureRow& row : rows) {
    entries.push_back({.at = row.instant - rows.front().instant,
                       .input_tokens = row.input_tokens,
                       .output_tokens = row.output_tokens});
  }
  if (entries.empty()) {
    throw ConfigurationError::Invalid(name, "", "at least one line with an arrival");
  }
  if (entries.back().at > ArrivalTrace::kMaxOffset) {
    throw ConfigurationError::Invalid(
        name, std::to_string(ToSeconds(entries.back().at)) + " s from the first to the last",
        "30 days at most");
  }
  return entries;
}

}  // namespace llmload
