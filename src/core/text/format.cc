#include "src/core/text/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

#include "src/core/text/harmless.h"

namespace llmload::text {
namespace {

std::string Fixed(double value, int decimals) {
  std::array<char, 64> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          std::chars_format::fixed, decimals);
  if (error != std::errc{}) return "?";
  return {buffer.data(), end};
}

std::string Significant(double value, int digits) {
  if (value == 0) return "0";
  int exponent = static_cast<int>(std::floor(std::log10(std::abs(value))));
  // 9.996 rounds to 10.0 with three digits: one decimal less.
  const double step = std::pow(10.0, exponent - digits + 1);
  if (std::abs(std::round(value / step)) >= std::pow(10.0, digits)) ++exponent;
  return Fixed(value, std::clamp(digits - 1 - exponent, 0, 12));
}

}  // namespace

std::string FormatNumber(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "infinite" : "-infinite";
  if (std::abs(value) >= 1e15) {
    std::array<char, 32> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                            std::chars_format::scientific, digits - 1);
    return error == std::errc{} ? std::string(buffer.data(), end) : "?";
  }
  if (value == std::floor(value)) return Fixed(value, 0);
  std::string text = Significant(value, digits);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

std::string Grouped(std::string number) {
  const std::size_t first = number.starts_with('-') ? 1 : 0;
  std::size_t at = std::min(number.find_first_not_of("0123456789", first), number.size());
  while (at > first + 3) number.insert(at -= 3, 1, ',');
  return number;
}

std::string FormatCount(std::uint64_t count) { return Grouped(std::to_string(count)); }

std::string FormatPercent(double share, int digits) {
  return FormatNumber(share * 100, digits) + " %";
}

std::string FormatDuration(Duration value, int digits) {
  const double nanoseconds = static_cast<double>(value.count());
  const double size = std::abs(nanoseconds);
  if (value == Duration::zero()) return "0 s";
  if (size < 999.5) return FormatNumber(nanoseconds, digits) + " ns";
  if (size < 999.5e3) return Significant(nanoseconds / 1e3, digits) + " µs";
  if (size < 999.5e6) return Significant(nanoseconds / 1e6, digits) + " ms";
  return Significant(nanoseconds / 1e9, digits) + " s";
}

std::string FormatSpan(Duration value) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(value).count();
  const auto two = [](auto high, char unit, auto low, char low_unit) {
    return std::to_string(high) + unit + (low < 10 ? "0" : "") + std::to_string(low) + low_unit;
  };
  if (whole < 60) return std::to_string(whole) + "s";
  if (whole < 3600) return two(whole / 60, 'm', whole % 60, 's');
  if (whole < 86400) return two(whole / 3600, 'h', whole % 3600 / 60, 'm');
  return two(whole / 86400, 'd', whole % 86400 / 3600, 'h');
}

std::string FormatBytes(double bytes) {
  constexpr std::array<std::pair<double, std::string_view>, 3> kUnits{
      {{1e9, " GB"}, {1e6, " MB"}, {1e3, " kB"}}};
  for (const auto& [size, name] : kUnits) {
    if (std::abs(bytes) >= size) return Significant(bytes / size, 3).append(name);
  }
  return FormatNumber(bytes, 3) + " B";
}

std::string FormatQuantity(double value, std::string_view unit) {
  if (unit == "s" && std::abs(value) < 9e9) {
    const Duration duration(static_cast<Duration::rep>(std::llround(value * 1e9)));
    std::string text = FormatDuration(duration, 4);
    // 10.00 s reads better as 10 s.
    const auto space = text.find(' ');
    std::string number = text.substr(0, space);
    if (number.find('.') != std::string::npos) {
      number.erase(number.find_last_not_of('0') + 1);
      if (number.back() == '.') number.pop_back();
    }
    return number + text.substr(space);
  }
  if (unit == "bytes") return FormatBytes(value);
  std::string text = FormatNumber(value);
  if (!unit.empty()) text.append(unit.front() == '/' ? "" : " ").append(unit);
  return text;
}

std::string FormatInterval(const std::optional<double>& lower, const std::optional<double>& upper,
                           std::string_view unit) {
  if (lower && upper) return FormatQuantity(*lower, unit) + " to " + FormatQuantity(*upper, unit);
  if (lower) return FormatQuantity(*lower, unit) + " or more";
  return upper ? FormatQuantity(*upper, unit) + " or less" : "-";
}

std::string CleanLine(std::string_view text) {
  std::string clean = Harmless(text);
  // Runs of spaces become one.
  const auto end =
      std::unique(clean.begin(), clean.end(), [](char a, char b) { return a == ' ' && b == ' '; });
  clean.erase(end, clean.end());
  if (clean.starts_with(' ')) clean.erase(0, 1);
  if (clean.ends_with(' ')) clean.pop_back();
  for (const std::string_view command : {"<CTest", "<Dart", "[[PROPERTY"}) {
    for (auto at = clean.find(command); at != std::string::npos; at = clean.find(command, at + 2)) {
      clean.insert(at + 1, " ");
    }
  }
  return clean;
}

}  // namespace llmload::text
