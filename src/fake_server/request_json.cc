#include "src/fake_server/request_json.h"

#include "src/core/text/base64.h"

namespace llmload::fake_server {
namespace {

// Of a text that is JSON; of any other it may say anything.
bool NestsTooDeep(std::string_view text) {
  if (text.size() <= kMaxNesting) return false;
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxNesting) return true;
    } else if (c == ']' || c == '}') {
      if (depth > 0) --depth;
    }
  }
  return false;
}

}  // namespace

nlohmann::json ParseJson(std::string_view text) {
  if (NestsTooDeep(text)) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string_view ImageFormatOf(std::string_view base64) {
  using namespace std::string_view_literals;
  std::string bytes;
  if (!text::DecodeBase64(base64, bytes)) return {};
  const std::string_view image = bytes;
  if (image.starts_with("\x89PNG\r\n\x1a\n"sv)) return "png";
  if (image.starts_with("\xff\xd8\xff"sv)) return "jpeg";
  if (image.starts_with("GIF87a"sv) || image.starts_with("GIF89a"sv)) return "gif";
  if (image.starts_with("RIFF"sv) && image.size() >= 12 && image.substr(8, 4) == "WEBP"sv) {
    return "webp";
  }
  return "unknown";
}

}  // namespace llmload::fake_server
