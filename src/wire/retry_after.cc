#include "src/wire/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "src/core/text/ascii.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/json_fields.h"
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

// The seconds of a unit as Go writes it.
std::optional<double> UnitSeconds(std::string_view unit) {
  if (unit == "h") return 3600;
  if (unit == "m") return 60;
  if (unit == "s") return 1;
  if (unit == "ms") return 1e-3;
  if (unit == "us" || unit == "µs") return 1e-6;
  if (unit == "ns") return 1e-9;
  return {};
}

// The seconds of a unit in a sentence: "s", "seconds", "min".
std::optional<double> WordSeconds(std::string_view word) {
  if (const auto seconds = UnitSeconds(word)) return seconds;
  if (word.starts_with("millisec") || word == "msec") return 1e-3;
  if (word.starts_with("sec")) return 1;
  if (word.starts_with("min")) return 60;
  if (word.starts_with("hour") || word == "hr" || word == "hrs") return 3600;
  if (word == "d" || word == "day" || word == "days") return 86400;
  return {};
}

// Takes the longest prefix of `text` that consists of these characters off it.
std::string_view TakePrefix(std::string_view& text, std::string_view characters) {
  const std::string_view prefix =
      text.substr(0, std::min(text.find_first_not_of(characters), text.size()));
  text.remove_prefix(prefix.size());
  return prefix;
}

double SecondsUntil(std::chrono::sys_seconds instant, std::chrono::sys_seconds now) {
  // In seconds, because the instant in a header may be too far away for nanoseconds.
  return std::chrono::duration<double>(instant - now).count();
}

// A wait in any of its forms; a plain number above 10^8 is an instant.
std::optional<Duration> ParseReset(std::string_view text, std::chrono::sys_seconds now) {
  text = text::Trim(text);
  if (const auto number = ParseDecimal(text)) {
    constexpr double kFirstInstant = 1e8;        // in 1973, as seconds
    constexpr double kFirstMilliseconds = 1e11;  // as seconds, beyond the year 5000
    if (*number < kFirstInstant) return Bounded(number);
    const double seconds = *number < kFirstMilliseconds ? *number : *number / 1000;
    return Bounded(seconds - std::chrono::duration<double>(now.time_since_epoch()).count());
  }
  if (const auto wait = ParseGoDuration(text)) return wait;
  auto instant = ParseHttpDate(text);
  if (!instant) instant = ParseRfc3339(text);
  return instant ? Bounded(SecondsUntil(*instant, now)) : std::nullopt;
}

class Header {
 public:
  explicit Header(std::span<const HeaderField> fields) : fields_(fields) {}

  // Without white space around it; empty if there is no such field.
  std::string_view Get(std::string_view name) const {
    for (const HeaderField& field : fields_) {
      if (field.name == name) return text::Trim(field.value);
    }
    return {};
  }

  std::span<const HeaderField> fields() const { return fields_; }

 private:
  const std::span<const HeaderField> fields_;
};

bool IsReset(std::string_view name) {
  const bool limit = name.find("ratelimit") != std::string_view::npos ||
                     name.find("rate-limit") != std::string_view::npos;
  if (!limit || name.find("reset") == std::string_view::npos) return false;
  // Of the windows of a subscription, this one says which counts.
  return !name.starts_with("anthropic-ratelimit-unified-") ||
         name == "anthropic-ratelimit-unified-reset";
}

bool IsUsedUp(const Header& header, std::string name) {
  name.replace(name.find("reset"), 5, "remaining");
  const std::string_view remaining = header.Get(name);
  const auto number = ParseDecimal(remaining);
  return remaining.empty() || (number && *number == 0);
}

// "limit=10, remaining=0, reset=5", or "\"default\";r=0;t=5".
std::optional<Duration> ParseLimitList(std::string_view value, std::chrono::sys_seconds now) {
  std::string_view remaining;
  std::string_view reset;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find_first_of(",;"), value.size());
    const std::string_view item = text::Trim(value.substr(0, end));
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::string_view name = item.substr(0, equals);
    const std::string_view number = item.substr(std::min(equals + 1, item.size()));
    if (name == "remaining" || name == "r") remaining = number;
    if (name == "reset" || name == "t") reset = number;
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return remaining == "0" ? ParseReset(reset, now) : std::nullopt;
}

// The wait until the limits that are used up are reset.
std::optional<Duration> LatestReset(const Header& header, std::chrono::sys_seconds now) {
  std::optional<Duration> latest;
  const auto take = [&](std::optional<Duration> wait) {
    if (wait) latest = std::max(latest.value_or(Duration::zero()), *wait);
  };
  for (const HeaderField& field : header.fields()) {
    if (field.name == "ratelimit" || field.name == "x-ratelimit") {
      take(ParseLimitList(field.value, now));
    } else if (IsReset(field.name) && IsUsedUp(header, std::string(field.name))) {
      take(ParseReset(field.value, now));
    }
  }
  return latest;
}

// `name` in lower case, without what separates its words.
std::string Plain(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (text::IsLetterOrDigit(c)) plain.push_back(text::Lower(c));
  }
  return plain;
}

// Walks a JSON text for the first member that is a hint. Goes as deep as the cursor does.
class HintFinder {
 public:
  explicit HintFinder(std::chrono::sys_seconds now) : now_(now) {}

  void Visit(text::JsonCursor& cursor) {
    if (cursor.EnterArray()) {
      while (cursor.NextElement()) Visit(cursor);
      return;
    }
    if (!cursor.EnterObject()) return cursor.Skip();
    text::JsonString name;
    while (cursor.NextMember(name)) {
      std::string storage;
      const std::string plain = Plain(Text(name, storage));
      const auto type = cursor.Peek();
      const bool single =
          type == text::JsonCursor::Type::kString || type == text::JsonCursor::Type::kNumber;
      if (!single || !IsHint(plain)) {
        Visit(cursor);
        continue;
      }
      const std::string_view raw = cursor.ReadRaw();
      text::JsonCursor value(raw);
      std::string text_storage;
      std::string_view text = raw;
      if (type == text::JsonCursor::Type::kString) ReadView(value, text, text_storage);
      if (!found) found = Parse(plain, text);
    }
  }

  std::optional<Duration> found;

 private:
  static bool IsHint(std::string_view name) {
    static constexpr std::array<std::string_view, 8> kNames = {
        "retrydelay",  "retryafter",  "retryafterseconds", "retryafterms",
        "xretryafter", "waitseconds", "retryinseconds",    "retryaftermilliseconds"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
           (name.find("ratelimit") != std::string_view::npos &&
            name.find("reset") != std::string_view::npos);
  }

  std::optional<Duration> Parse(std::string_view name, std::string_view text) const {
    if (name.ends_with("ms") || name.ends_with("milliseconds")) {
      const auto number = ParseDecimal(text::Trim(text));
      return number ? Bounded(*number / 1000) : std::nullopt;
    }
    return ParseReset(text, now_);
  }

  const std::chrono::sys_seconds now_;
};

// A duration in words or symbols at the start of `text`: "26 seconds", "1m2.5s", "1 minute and 30
// seconds". Nullopt if there is none.
std::optional<double> ReadDuration(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\xC2\xB5";
  double seconds = 0;
  bool any = false;
  while (!text.empty() && text::IsDigit(text.front())) {
    std::string_view rest = text;
    TakePrefix(rest, kDigits);
    // A point belongs to the number only if digits follow; otherwise it ends the sentence.
    if (rest.size() > 1 && rest[0] == '.' && text::IsDigit(rest[1])) {
      rest.remove_prefix(1);
      TakePrefix(rest, kDigits);
    }
    const auto number = ParseDecimal(text.substr(0, text.size() - rest.size()));
    TakePrefix(rest, " ");
    const std::string unit = text::Lower(TakePrefix(rest, kLetters));
    const auto scale = WordSeconds(unit);
    if (!number || (!scale && (any || !unit.empty()))) break;
    seconds += *number * scale.value_or(1);
    any = true;
    if (!scale) break;  // a number without a unit: seconds
    text = rest;
    TakePrefix(text, " ,");
    if (text.starts_with("and ")) text.remove_prefix(4);
  }
  if (!any) return {};
  return seconds;
}

}  // namespace

std::optional<Duration> ReadRetryAfter(std::span<const HeaderField> fields,
                                       std::chrono::system_clock::time_point now) {
  const Header header(fields);
  const auto milliseconds = [&](std::string_view name) -> std::optional<Duration> {
    const auto value = ParseDecimal(header.Get(name));
    return value ? Bounded(*value / 1000) : std::nullopt;
  };
  for (const char* name : {"retry-after-ms", "x-ms-retry-after-ms"}) {
    if (const auto wait = milliseconds(name)) return wait;
  }
  const auto date = ParseHttpDate(header.Get("date"));
  const std::chrono::sys_seconds served =
      date ? *date : std::chrono::floor<std::chrono::seconds>(now);
  const std::string_view retry_after = header.Get("retry-after");
  if (const auto number = ParseDecimal(retry_after)) {
    if (const auto wait = Bounded(number)) return wait;
  } else if (const auto wait = ParseReset(retry_after, served)) {
    return wait;
  }
  if (const auto wait = milliseconds("x-amz-retry-after")) return wait;
  return LatestReset(header, served);
}

std::optional<Duration> FindRetryHint(std::string_view json) {
  text::JsonCursor cursor(json);
  HintFinder finder(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  finder.Visit(cursor);
  return finder.found;
}

std::optional<Duration> ParseGoDuration(std::string_view text) {
  double seconds = 0;
  bool any = false;
  while (!text.empty()) {
    const std::string_view number = TakePrefix(text, "0123456789.");
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
  static constexpr std::array<std::string_view, 12> kLeads = {
      "retry after", "retry in",     "try again in", "try again after", "retry your request in",
      "wait",        "available in", "reset in",     "resets in",       "reset after",
      "retry_after", "again within"};
  static constexpr std::array<std::string_view, 10> kFillers = {
      " ", ":", "=", "\"", "about ", "approximately ", "another ", "at least ", "for ", "~"};
  for (const std::string_view lead : kLeads) {
    const std::size_t at = text::FindIgnoringCase(message, lead);
    if (at == std::string_view::npos) continue;
    std::string_view rest = message.substr(at + lead.size());
    bool filler = true;
    while (filler) {
      filler = false;
      for (const std::string_view word : kFillers) {
        if (!rest.starts_with(word)) continue;
        rest.remove_prefix(word.size());
        filler = true;
      }
    }
    if (const auto wait = Bounded(ReadDuration(rest))) return wait;
  }
  return {};
}

}  // namespace llmload::wire
