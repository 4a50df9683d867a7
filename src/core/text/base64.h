// Base64 (RFC 4648, section 4).
#ifndef LLMLOAD_SRC_CORE_TEXT_BASE64_H_
#define LLMLOAD_SRC_CORE_TEXT_BASE64_H_

#include <string>
#include <string_view>

namespace llmload::text {

/// Replaces `out` with what `text` encodes. False unless `text` is canonical base64 with its
/// padding.
bool DecodeBase64(std::string_view text, std::string& out);

void AppendBase64(std::string_view bytes, std::string& out);

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_BASE64_H_
