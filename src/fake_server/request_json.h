// The JSON of request bodies.
#ifndef LLMLOAD_SRC_FAKE_SERVER_REQUEST_JSON_H_
#define LLMLOAD_SRC_FAKE_SERVER_REQUEST_JSON_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace llmload::fake_server {

/// How deep a body may nest. Real services have such bounds as well; requests that mean something,
/// with the schemas of their tools, stay far below it. What is done with a parsed body may
/// therefore be recursive.
inline constexpr std::size_t kMaxNesting = 200;

/// The document, or a discarded value if `text` is not JSON or nests deeper than `kMaxNesting`. A
/// deep text costs one pass over its bytes, and no memory.
nlohmann::json ParseJson(std::string_view text);

/// A JSON text that fits `schema`, a JSON Schema: its required properties, or all if it requires
/// none, down to a bounded depth and size; a constant, or the first value of an enumeration; else
/// a value of the right type, within the bounds of numbers and lengths. Patterns are not followed.
/// @param text  what strings consist of
std::string SampleJson(const nlohmann::json& schema, std::string_view text);

/// "png", "jpeg", "gif" or "webp" if `base64` encodes what begins as such an image; "unknown" if it
/// is something else, and empty if it is not base64.
std::string_view ImageFormatOf(std::string_view base64);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_REQUEST_JSON_H_
