#include "src/core/text/parse.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/core/text/ascii.h"

namespace llmload::text {
namespace {

constexpr std::string_view kTimeAccepted =
    "a time with its unit (us, ms, s, m, h), as in 250ms or 1.5s, up to 720h";
constexpr std::string_view kPositiveTimeAccepted =
    "a time above 0 with its unit (us, ms, s, m, h), as in 250ms or 1.5s, up to 720h";
constexpr std::string_view kRateAccepted =
    "requests per second, as in 10, 2.5/s or 1000/min, up to 1e7/s";
constexpr double kMaxNanoseconds = 720.0 * 3600 * 1e9;
constexpr double kMaxRate = 1e7;
constexpr double kMaxSize = 1e12;

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 7> kTimeUnits = {
    {{"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}}};
constexpr std::array<Unit, 5> kRateUnits = {
    {{"", 1}, {"/s", 1}, {"/m", 60}, {"/min", 60}, {"/h", 3600}}};

constexpr std::array<Unit, 6> kSizeUnits = {
    {{"", 1}, {"B", 1}, {"KB", 1024}, {"KiB", 1024}, {"MB", 1048576}, {"MiB", 1048576}}};

// The number at the front of `text`, and in `rest` what follows it.
std::optional<double> LeadingNumber(std::string_view text, std::string_view& rest) {
  double value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || !std::isfinite(value) || std::signbit(value)) return std::nullopt;
  rest = text.substr(static_cast<std::size_t>(stop - text.data()));
  return value;
}

Duration ParseTimeFrom(double min, std::string_view name, std::string_view text,
                       std::string_view accepted) {
  std::string_view rest;
  if (const auto value = LeadingNumber(text, rest)) {
    if (rest.empty() && *value == 0 && min == 0) return Duration::zero();
    for (const Unit& unit : kTimeUnits) {
      if (unit.name != rest) continue;
      const double nanoseconds = std::round(*value * unit.factor);
      if (nanoseconds < min || nanoseconds > kMaxNanoseconds) break;
      return Duration(static_cast<Duration::rep>(nanoseconds));
    }
  }
  throw ConfigurationError::Invalid(name, text, accepted);
}

}  // namespace

Duration ParseTime(std::string_view name, std::string_view text) {
  return ParseTimeFrom(0, name, text, kTimeAccepted);
}

Duration ParsePositiveTime(std::string_view name, std::string_view text) {
  return ParseTimeFrom(1, name, text, kPositiveTimeAccepted);
}

double ParseRate(std::string_view name, std::string_view text) {
  std::string_view rest;
  if (const auto value = LeadingNumber(text, rest)) {
    for (const Unit& unit : kRateUnits) {
      if (unit.name != rest) continue;
      const double per_second = *value / unit.factor;
      if (per_second > kMaxRate) break;
      return per_second;
    }
  }
  throw ConfigurationError::Invalid(name, text, kRateAccepted);
}

double ParseShare(std::string_view name, std::string_view text) {
  constexpr std::string_view kAccepted = "a share from 0 to 1, or from 0% to 100%";
  if (!text.ends_with('%')) return ParseNumber<double>(name, text, 0, 1, kAccepted);
  try {
    const std::string_view number = Trim(text.substr(0, text.size() - 1));
    return ParseNumber<double>(name, number, 0, 100, kAccepted) / 100;
  } catch (const ConfigurationError&) {
    throw ConfigurationError::Invalid(name, text, kAccepted);
  }
}

std::uint64_t ParseSize(std::string_view name, std::string_view text) {
  std::string_view rest;
  if (const auto value = LeadingNumber(text, rest)) {
    for (const Unit& unit : kSizeUnits) {
      if (unit.name != rest) continue;
      const double bytes = *value * unit.factor;
      if (bytes > kMaxSize) break;
      return static_cast<std::uint64_t>(bytes);
    }
  }
  throw ConfigurationError::Invalid(name, text, "a size (4096, 200KB, 1.5MB), up to 1e12 bytes");
}

std::optional<std::pair<std::string_view, std::string_view>> SplitRange(std::string_view text) {
  for (const std::string_view sign : {"..", "-"}) {
    const std::size_t at = text.find(sign);
    if (at == std::string_view::npos) continue;
    return std::pair(text.substr(0, at), text.substr(at + sign.size()));
  }
  return std::nullopt;
}

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace llmload::text
