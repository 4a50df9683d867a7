#include "src/spend/decimal.h"

#include <charconv>
#include <cstddef>

namespace llmload::spend {
namespace {

// The number that digits alone make; nullopt for any other text.
std::optional<std::int64_t> ParseDigits(std::string_view text) noexcept {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  // from_chars would take a sign.
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Money> ParseDecimal(std::string_view text, std::int64_t most) noexcept {
  constexpr std::size_t kDecimals = 9;
  const std::size_t point = text.find('.');
  const auto whole = ParseDigits(text.substr(0, point));
  if (!whole || *whole > most) return std::nullopt;
  Money amount = Money::Dollars(*whole);
  if (point != std::string_view::npos) {
    const std::string_view decimals = text.substr(point + 1);
    auto nanos = ParseDigits(decimals);
    if (!nanos || decimals.size() > kDecimals) return std::nullopt;
    for (std::size_t i = decimals.size(); i < kDecimals; ++i) *nanos *= 10;
    amount += Money::Nanos(*nanos);
  }
  if (amount > Money::Dollars(most)) return std::nullopt;
  return amount;
}

}  // namespace llmload::spend
