// Amounts of money, exact to a billionth of a dollar.
#ifndef LLMLOAD_SPEND_MONEY_H_
#define LLMLOAD_SPEND_MONEY_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace llmload {

/// An amount in US dollars, kept as a whole number of nano-dollars, so that sums are exact in
/// whatever order they are made. Holds up to nine billion dollars.
class Money {
 public:
  constexpr Money() = default;
  static constexpr Money Nanos(std::int64_t nanos) { return Money(nanos); }
  static constexpr Money Dollars(std::int64_t dollars) { return Money(dollars * kNanos); }

  constexpr std::int64_t nanos() const noexcept { return nanos_; }
  /// For reports and bounds of criteria.
  constexpr double dollars() const noexcept { return static_cast<double>(nanos_) / kNanos; }

  constexpr Money& operator+=(Money other) noexcept {
    nanos_ += other.nanos_;
    return *this;
  }
  constexpr Money& operator-=(Money other) noexcept {
    nanos_ -= other.nanos_;
    return *this;
  }
  friend constexpr Money operator+(Money a, Money b) noexcept { return a += b; }
  friend constexpr Money operator-(Money a, Money b) noexcept { return a -= b; }
  friend constexpr auto operator<=>(const Money&, const Money&) = default;

 private:
  static constexpr std::int64_t kNanos = 1'000'000'000;
  explicit constexpr Money(std::int64_t nanos) : nanos_(nanos) {}

  std::int64_t nanos_ = 0;
};

/// "$4.65", "$0.0064", "$12,000.00": at least two decimals, and of an amount below a dollar two
/// significant digits. Rounded to nearest.
std::string ToString(Money amount);

/// A budget: "5", "0.05", "$5". Throws `ConfigurationError` that names `name`, the text and what is
/// accepted, unless it is above 0 and at most a million dollars, with nine decimals at most.
Money ParseBudget(std::string_view name, std::string_view text);

}  // namespace llmload

#endif  // LLMLOAD_SPEND_MONEY_H_
