// UTF-8 (Unicode 15, section 3.9), read and written.
#ifndef LLMLOAD_SRC_CORE_TEXT_UTF8_H_
#define LLMLOAD_SRC_CORE_TEXT_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace llmload::text {

/// What stands in the place of bytes that are not UTF-8: U+FFFD.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Length of the well-formed sequence (table 3-7) at `at`, which is before `end`; 0 if there is
/// none.
inline int Utf8Length(const char* at, const char* end) {
  const auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
  const auto tail = [&](int i) { return at + i < end && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

/// The beginning of `text`, of at most `max_bytes`, which does not end within a character.
inline std::string_view CutUtf8(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

/// Appends the character `code`, which is at most U+10FFFF.
inline void AppendUtf8(char32_t code, std::string& out) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

/// Takes the next character off the front of `text`, which is not empty. Of bytes that are not
/// UTF-8 it takes one with the continuation bytes behind it, so that a character that was cut
/// counts once, and returns U+FFFD.
inline char32_t NextCharacter(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto length = static_cast<std::size_t>(Utf8Length(text.data(), text.data() + text.size()));
  std::size_t taken = length > 0 ? length : 1;
  char32_t code = 0xFFFD;
  if (length == 1) {
    code = byte(0);
  } else if (length > 1) {
    code = byte(0) & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3FU);
  } else {
    while (taken < text.size() && (byte(taken) & 0xC0) == 0x80) ++taken;
  }
  text.remove_prefix(taken);
  return code;
}

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_UTF8_H_
