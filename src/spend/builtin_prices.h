// The text of data/prices.csv.
#ifndef LLMLOAD_SRC_SPEND_BUILTIN_PRICES_H_
#define LLMLOAD_SRC_SPEND_BUILTIN_PRICES_H_

#include <string_view>

namespace llmload::spend {

extern const std::string_view kBuiltinPrices;

}  // namespace llmload::spend

#endif  // LLMLOAD_SRC_SPEND_BUILTIN_PRICES_H_
