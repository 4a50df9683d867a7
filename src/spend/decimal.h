// Decimal numbers, read exactly.
#ifndef LLMLOAD_SRC_SPEND_DECIMAL_H_
#define LLMLOAD_SRC_SPEND_DECIMAL_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "llmload/spend/money.h"

namespace llmload::spend {

/// "12", "0.075", "3.1": digits with at most nine decimals, from 0 to `most`. Nullopt for any other
/// text.
std::optional<Money> ParseDecimal(std::string_view text, std::int64_t most) noexcept;

}  // namespace llmload::spend

#endif  // LLMLOAD_SRC_SPEND_DECIMAL_H_
