// What services charge for tokens.
#ifndef LLMLOAD_SPEND_PRICE_TABLE_H_
#define LLMLOAD_SPEND_PRICE_TABLE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "llmload/provider/completion.h"
#include "llmload/spend/money.h"

namespace llmload {

/// The price of a million tokens of each class.
struct Price {
  Money input;
  std::optional<Money> cached_input;  ///< empty: as `input`
  std::optional<Money> cache_write;   ///< empty: 1.25 x `input`
  Money output;                       ///< reasoning tokens are output tokens
  /// A request with more input tokens than this costs the `long_` prices, all of it; 0: there is no
  /// such step.
  std::int64_t long_above = 0;
  Money long_input;
  std::optional<Money> long_cached_input;  ///< empty: as `long_input`
  Money long_output;
  std::string as_of;   ///< the day on which it was known, as in 2026-07-24; empty: the user's own
  std::string source;  ///< where it is from

  bool IsFree() const;
  friend bool operator==(const Price&, const Price&) = default;
};

/// What `usage` costs: each class of tokens at its price, rounded up to a nano-dollar once.
Money CostOf(const Usage& usage, const Price& price);

/// What a request with at most these tokens can cost, whatever the cache does: its input at the
/// dearest price that may apply.
Money WorstCostOf(std::int64_t input_tokens, std::int64_t output_tokens, const Price& price);

/// "in=2.5,out=10[,cached=1.25][,write=3.1]", in dollars for a million tokens, or "free". Throws
/// `ConfigurationError` that names `name`, the text and what is accepted.
Price ParsePrice(std::string_view name, std::string_view text);

/// Prices by provider and model.
class PriceTable {
 public:
  /// The prices that llmload was built with (data/prices.csv).
  static const PriceTable& Builtin();

  /// A file in the form of data/prices.csv. Throws `ConfigurationError` that names file, line,
  /// column, value and what is accepted.
  static PriceTable Read(const std::filesystem::path& file);

  /// The same from a text that `name` stands for in messages.
  static PriceTable Parse(std::string_view text, const std::string& name);

  /// The price of `model` at `provider` (as in `LLMLOAD_PROVIDER`), which may be written with a
  /// date or version at its end ("gpt-4o-2024-08-06", "...-20250929", "...-v1:0") or, for Bedrock,
  /// with the region of an inference profile before it ("us."). Null if it is not known: nothing
  /// else is guessed.
  const Price* Find(std::string_view provider, std::string_view model) const;

  std::size_t size() const noexcept { return prices_.size(); }

  /// The latest `as_of` of the table.
  const std::string& as_of() const noexcept { return as_of_; }

 private:
  std::map<std::pair<std::string, std::string>, Price, std::less<>> prices_;
  std::string as_of_;
};

/// A sentence if `as_of` is more than 180 days before `today` (both as in 2026-07-24).
std::optional<std::string> WarningOfAge(std::string_view as_of, std::string_view today);

}  // namespace llmload

#endif  // LLMLOAD_SPEND_PRICE_TABLE_H_
