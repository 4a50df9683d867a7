#include "llmload/spend/price_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/core/text/parse.h"
#include "src/spend/builtin_prices.h"
#include "src/spend/decimal.h"

namespace llmload {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kDearest = 10'000;  // dollars for a million tokens
// More tokens than any request has; beyond, products would overflow.
constexpr std::int64_t kMostTokens = 1'000'000'000;
constexpr const char* kAmountAccepted =
    "dollars for a million tokens, from 0 to 10000 with at most nine decimals";

// Adds up tokens at their prices exactly.
class Bill {
 public:
  void Add(std::int64_t tokens, Money per_million) {
    tokens = std::clamp<std::int64_t>(tokens, 0, kMostTokens);
    const std::int64_t price = per_million.nanos();
    whole_ += tokens / kMillion * price;
    // Each part of the product is small: the price is at most 10^13, the rest below 10^6.
    const std::uint64_t rest =
        static_cast<std::uint64_t>(tokens % kMillion) * static_cast<std::uint64_t>(price);
    whole_ += static_cast<std::int64_t>(rest / kMillion);
    rest_ += static_cast<std::int64_t>(rest % kMillion);
  }
  Money RoundedUp() const { return Money::Nanos(whole_ + (rest_ + kMillion - 1) / kMillion); }

 private:
  std::int64_t whole_ = 0;
  std::int64_t rest_ = 0;  // millionths
};

// 1.25 x, rounded up.
Money WithQuarter(Money price) { return price + Money::Nanos((price.nanos() + 3) / 4); }

struct InputPrices {
  Money fresh;
  Money cached;
  Money written;
  Money output;
};

InputPrices PricesFor(std::int64_t input_tokens, const Price& price) {
  const bool is_long = price.long_above > 0 && input_tokens > price.long_above;
  if (!is_long) {
    return {.fresh = price.input,
            .cached = price.cached_input.value_or(price.input),
            .written = price.cache_write.value_or(WithQuarter(price.input)),
            .output = price.output};
  }
  // The table has no price for writes of long prompts: they cost as much more as short ones do.
  const Money extra = price.cache_write.value_or(WithQuarter(price.input)) - price.input;
  return {.fresh = price.long_input,
          .cached = price.long_cached_input.value_or(price.long_input),
          .written = price.long_input + extra + extra,
          .output = price.long_output};
}

// One line of a table, taken apart at its commas.
class Row {
 public:
  Row(std::string_view line, std::size_t number, const std::string& file)
      : cells_(text::SplitAt(line, ',')), number_(number), file_(file) {}

  std::size_t size() const { return cells_.size(); }
  std::string_view operator[](std::size_t column) const { return cells_[column]; }

  [[noreturn]] void Refuse(std::size_t column, std::string_view name,
                           std::string_view accepted) const {
    const std::string_view cell = column < cells_.size() ? cells_[column] : std::string_view();
    throw ConfigurationError::Invalid(
        Place() + ", column " + std::to_string(column + 1) + " (" + std::string(name) + ")", cell,
        accepted);
  }

  std::string Place() const { return file_ + ", line " + std::to_string(number_); }

 private:
  std::vector<std::string_view> cells_;
  std::size_t number_;
  const std::string& file_;
};

// The columns of a table, in their order.
enum Column : std::size_t {
  kProvider,
  kModel,
  kInput,
  kCachedInput,
  kCacheWrite,
  kOutput,
  kLongAbove,
  kLongInput,
  kLongCachedInput,
  kLongOutput,
  kBatchInput,
  kMaxOutput,
  kAsOf,
  kSource,
};
constexpr std::array<std::string_view, kSource + 1> kColumns = {"provider",
                                                                "model",
                                                                "input_usd_per_mtok",
                                                                "cached_input_usd_per_mtok",
                                                                "cache_write_usd_per_mtok",
                                                                "output_usd_per_mtok",
                                                                "long_context_above_tokens",
                                                                "long_input_usd_per_mtok",
                                                                "long_cached_input_usd_per_mtok",
                                                                "long_output_usd_per_mtok",
                                                                "batch_input_usd_per_mtok",
                                                                "max_output_tokens",
                                                                "as_of",
                                                                "source"};

std::string HeaderLine() {
  std::string line;
  for (const std::string_view column : kColumns)
    line.append(line.empty() ? "" : ",").append(column);
  return line;
}

std::optional<Money> Amount(const Row& row, Column column) {
  if (row[column].empty()) return std::nullopt;
  const auto amount = spend::ParseDecimal(row[column], kDearest);
  if (!amount) row.Refuse(column, kColumns[column], kAmountAccepted);
  return amount;
}

Money RequiredAmount(const Row& row, Column column) {
  const auto amount = Amount(row, column);
  if (!amount) row.Refuse(column, kColumns[column], kAmountAccepted);
  return *amount;
}

std::int64_t Tokens(const Row& row, Column column) {
  std::int64_t tokens = 0;
  const std::string_view cell = row[column];
  if (cell.empty()) return 0;
  const auto [stop, failure] = std::from_chars(cell.data(), cell.data() + cell.size(), tokens);
  if (failure != std::errc() || stop != cell.data() + cell.size() || tokens < 1 ||
      tokens > kMostTokens) {
    row.Refuse(column, kColumns[column], "a whole number of tokens, or nothing");
  }
  return tokens;
}

// The day that "2026-07-24" names; nullopt for any other text.
std::optional<std::chrono::sys_days> DayOf(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  const auto parse = [&](std::size_t at, std::size_t size, auto& number) {
    const std::string_view part = text.substr(at, size);
    return std::from_chars(part.data(), part.data() + size, number).ptr == part.data() + size;
  };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  if (!parse(0, 4, year) || !parse(5, 2, month) || !parse(8, 2, day)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

Price PriceOf(const Row& row) {
  Price price;
  price.input = RequiredAmount(row, kInput);
  price.cached_input = Amount(row, kCachedInput);
  price.cache_write = Amount(row, kCacheWrite);
  price.output = RequiredAmount(row, kOutput);
  price.long_above = Tokens(row, kLongAbove);
  if (price.long_above > 0) {
    price.long_input = RequiredAmount(row, kLongInput);
    price.long_cached_input = Amount(row, kLongCachedInput);
    price.long_output = RequiredAmount(row, kLongOutput);
  }
  // Not used, but a table with a wrong value is not to be trusted.
  static_cast<void>(Amount(row, kBatchInput));
  static_cast<void>(Tokens(row, kMaxOutput));
  if (!DayOf(row[kAsOf])) row.Refuse(kAsOf, kColumns[kAsOf], "a day, as in 2026-07-24");
  price.as_of = row[kAsOf];
  price.source = row[kSource];
  return price;
}

bool IsDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// `model` without the version "-v1:0" or "-1:0" at its end; the same text if it has none.
std::string_view WithoutVersion(std::string_view model) {
  const std::size_t colon = model.rfind(':');
  const std::size_t dash = model.rfind('-');
  if (colon == std::string_view::npos || dash == std::string_view::npos || dash > colon) {
    return model;
  }
  std::string_view major = model.substr(dash + 1, colon - dash - 1);
  if (major.starts_with('v')) major.remove_prefix(1);
  const std::string_view minor = model.substr(colon + 1);
  if (major.empty() || minor.empty() || !IsDigits(major) || !IsDigits(minor)) return model;
  return model.substr(0, dash);
}

// `model` without "-2024-08-06" or "-20250929" at its end; the same text if it has none.
std::string_view WithoutDate(std::string_view model) {
  constexpr std::size_t kLong = 11;
  constexpr std::size_t kShort = 9;
  if (model.size() > kLong && model[model.size() - kLong] == '-' &&
      DayOf(model.substr(model.size() - kLong + 1))) {
    return model.substr(0, model.size() - kLong);
  }
  if (model.size() > kShort && model[model.size() - kShort] == '-' &&
      IsDigits(model.substr(model.size() - kShort + 1))) {
    return model.substr(0, model.size() - kShort);
  }
  return model;
}

// `model` without the region of an inference profile; the same text if it has none.
std::string_view WithoutRegion(std::string_view model) {
  for (const std::string_view region : {"us.", "eu.", "apac.", "jp.", "au.", "global."}) {
    if (model.starts_with(region)) return model.substr(region.size());
  }
  return model;
}

}  // namespace

bool Price::IsFree() const {
  return input == Money() && output == Money() && cache_write.value_or(Money()) == Money() &&
         long_input == Money() && long_output == Money();
}

Money CostOf(const Usage& usage, const Price& price) {
  const InputPrices prices = PricesFor(usage.input, price);
  const std::int64_t cached = std::max<std::int64_t>(usage.cached_input, 0);
  const std::int64_t written = std::max<std::int64_t>(usage.cache_write_input, 0);
  Bill bill;
  bill.Add(usage.input - cached - written, prices.fresh);
  bill.Add(cached, prices.cached);
  bill.Add(written, prices.written);
  bill.Add(usage.output, prices.output);
  return bill.RoundedUp();
}

Money WorstCostOf(std::int64_t input_tokens, std::int64_t output_tokens, const Price& price) {
  const auto worst = [&](std::int64_t input) {
    const InputPrices prices = PricesFor(input, price);
    Bill bill;
    bill.Add(input, std::max({prices.fresh, prices.cached, prices.written}));
    bill.Add(output_tokens, prices.output);
    return bill.RoundedUp();
  };
  // Below the step, a dearer price may apply to fewer tokens.
  return std::max(worst(input_tokens), worst(std::min(input_tokens, price.long_above)));
}

Price ParsePrice(std::string_view name, std::string_view text) {
  constexpr std::string_view kAccepted =
      "free, or in=USD,out=USD[,cached=USD][,write=USD] for a million tokens";
  Price price;
  if (text == "free") return price;
  bool has_input = false;
  bool has_output = false;
  for (const std::string_view part : text::SplitAt(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const auto amount = equals == std::string_view::npos
                            ? std::nullopt
                            : spend::ParseDecimal(part.substr(equals + 1), kDearest);
    if (!amount) throw ConfigurationError::Invalid(name, text, kAccepted);
    if (key == "in") {
      price.input = *amount;
      has_input = true;
    } else if (key == "out") {
      price.output = *amount;
      has_output = true;
    } else if (key == "cached") {
      price.cached_input = amount;
    } else if (key == "write") {
      price.cache_write = amount;
    } else {
      throw ConfigurationError::Invalid(name, text, kAccepted);
    }
  }
  if (!has_input || !has_output) throw ConfigurationError::Invalid(name, text, kAccepted);
  return price;
}

const PriceTable& PriceTable::Builtin() {
  static const PriceTable kTable = Parse(spend::kBuiltinPrices, "data/prices.csv");
  return kTable;
}

PriceTable PriceTable::Read(const std::filesystem::path& file) {
  std::ifstream input(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(input), {}};
  if (!input) {
    throw ConfigurationError::Invalid("price table", file.string(), "a file that can be read");
  }
  return Parse(text, file.string());
}

PriceTable PriceTable::Parse(std::string_view text, const std::string& name) {
  PriceTable table;
  const std::string header = HeaderLine();
  std::size_t number = 0;
  for (std::string_view line : text::SplitAt(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (number == 1) {
      if (line != header) {
        throw ConfigurationError::Invalid(name + ", line 1", line, "the columns " + header);
      }
      continue;
    }
    if (line.empty()) continue;
    const Row row(line, number, name);
    if (row.size() != kColumns.size()) {
      throw ConfigurationError(row.Place() + ": got " + std::to_string(row.size()) +
                               " cells, expected " + std::to_string(kColumns.size()) +
                               ", split at commas");
    }
    if (row[kProvider].empty()) row.Refuse(kProvider, kColumns[kProvider], "a provider");
    if (row[kModel].empty()) row.Refuse(kModel, kColumns[kModel], "a model");
    Price price = PriceOf(row);
    table.as_of_ = std::max(table.as_of_, price.as_of);
    const auto [entry, inserted] = table.prices_.try_emplace(
        {std::string(row[kProvider]), std::string(row[kModel])}, std::move(price));
    if (!inserted) row.Refuse(kModel, kColumns[kModel], "each model of a provider once");
  }
  if (number <= 1) throw ConfigurationError::Invalid(name, "", "the columns " + header);
  return table;
}

const Price* PriceTable::Find(std::string_view provider, std::string_view model) const {
  const std::string_view plain = provider == "bedrock" ? WithoutRegion(model) : model;
  for (const std::string_view name :
       {plain, WithoutVersion(plain), WithoutDate(plain), WithoutDate(WithoutVersion(plain))}) {
    const auto found = prices_.find(std::pair(std::string(provider), std::string(name)));
    if (found != prices_.end()) return &found->second;
  }
  return nullptr;
}

std::optional<std::string> WarningOfAge(std::string_view as_of, std::string_view today) {
  constexpr int kOldDays = 180;
  const auto known = DayOf(as_of);
  const auto now = DayOf(today);
  if (!known || !now || (*now - *known).count() <= kOldDays) return std::nullopt;
  return "the prices are of " + std::string(as_of) + ", " +
         std::to_string((*now - *known).count()) +
         " days ago: check them, or give your own (--price, LLMLOAD_PRICE)";
}

}  // namespace llmload
