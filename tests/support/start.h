// Where the clock of a test stands when it begins: not at zero, which a value never set has too.
#ifndef LLMLOAD_TESTS_SUPPORT_START_H_
#define LLMLOAD_TESTS_SUPPORT_START_H_

#include <chrono>

#include "llmload/core/time.h"

namespace llmload::test_support {

inline constexpr TimePoint kStart{std::chrono::hours(1)};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_START_H_
