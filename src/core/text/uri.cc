#include "src/core/text/uri.h"

#include <algorithm>
#include <cstddef>

#include "src/core/text/ascii.h"

namespace llmload::text {
namespace {

bool IsUnreserved(char c) {
  return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

}  // namespace

void AppendUriEncoded(std::string_view bytes, bool encode_slash, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : bytes) {
    if (IsUnreserved(c) || (c == '/' && !encode_slash)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[byte >> 4U]);
      out.push_back(kDigits[byte & 15U]);
    }
  }
}

std::string UriDecoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low >= 0) {
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

std::string ShownUrl(std::string_view text) {
  constexpr std::size_t kMinKey = 16;
  if (text.find('@') != std::string_view::npos) return "(hidden: it has an @)";
  if (text.size() >= kMinKey && text.find_first_of(".:/ ") == std::string_view::npos) {
    return "(hidden: it looks like a key)";
  }
  const std::size_t end = std::min(text.find_first_of("?#"), text.size());
  std::string shown(text.substr(0, end));
  if (end < text.size()) shown.append(text.substr(end, 1)).append("(hidden)");
  return shown;
}

}  // namespace llmload::text
