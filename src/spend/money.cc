#include "llmload/spend/money.h"

#include <array>
#include <cstdlib>

#include "llmload/core/environment.h"
#include "src/spend/decimal.h"

namespace llmload {
namespace {

constexpr std::array<std::int64_t, 10> kPowersOfTen = {
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

// Decimals to show: two significant digits of an amount below a dollar, and two at least.
std::size_t DecimalsOf(std::int64_t nanos) {
  std::size_t decimals = 2;
  while (decimals < 9 && nanos != 0 && nanos < kPowersOfTen[10 - decimals]) ++decimals;
  return decimals;
}

}  // namespace

std::string ToString(Money amount) {
  const std::int64_t nanos = std::abs(amount.nanos());
  const std::size_t decimals = DecimalsOf(nanos);
  const std::int64_t unit = kPowersOfTen[9 - decimals];
  const std::int64_t rounded = (nanos + unit / 2) / unit;
  std::string whole = std::to_string(rounded / kPowersOfTen[decimals]);
  for (std::size_t at = whole.size(); at > 3; at -= 3) whole.insert(at - 3, ",");
  const std::string part = std::to_string(rounded % kPowersOfTen[decimals]);
  return (amount.nanos() < 0 ? "-$" : "$") + whole + "." +
         std::string(decimals - part.size(), '0') + part;
}

Money ParseBudget(std::string_view name, std::string_view text) {
  constexpr std::int64_t kMost = 1'000'000;
  const std::string_view number = text.starts_with('$') ? text.substr(1) : text;
  const auto amount = spend::ParseDecimal(number, kMost);
  if (!amount || *amount == Money()) {
    throw ConfigurationError::Invalid(
        name, text, "US dollars, as in 5 or 0.05: above 0, and a million at most");
  }
  return *amount;
}

}  // namespace llmload
