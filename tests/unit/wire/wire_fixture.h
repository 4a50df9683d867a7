// Common ground of the tests of decoders.
#ifndef LLMLOAD_TESTS_UNIT_WIRE_WIRE_FIXTURE_H_
#define LLMLOAD_TESTS_UNIT_WIRE_WIRE_FIXTURE_H_

#include <cstddef>
#include <string_view>

#include "src/wire/event_stream.h"

namespace llmload::wire {

/// The most bytes that a decoder keeps, where a test is not about that.
inline constexpr std::size_t kLimit = 1 << 20;

inline EventStreamHeader TextHeader(std::string_view name, std::string_view value) {
  return {.name = name, .type = EventStreamType::kString, .number = 0, .bytes = value};
}

}  // namespace llmload::wire

#endif  // LLMLOAD_TESTS_UNIT_WIRE_WIRE_FIXTURE_H_
