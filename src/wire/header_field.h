#ifndef LLMLOAD_WIRE_HEADER_FIELD_H_
#define LLMLOAD_WIRE_HEADER_FIELD_H_

#include <string_view>

namespace llmload::wire {

/// A header field of a request or of an answer.
struct HeaderField {
  std::string_view name;
  std::string_view value;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_HEADER_FIELD_H_
