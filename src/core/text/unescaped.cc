#include "src/core/text/unescaped.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <utility>

#include "src/core/text/utf8.h"

namespace llmload::text {
namespace {

// What `size` bytes at the front of a text stand for: a byte, or a character of Unicode.
struct Escape {
  char32_t value = 0;
  std::size_t size = 1;  // 1: it is no escape
  bool is_character = false;
};

// `digits` as a whole; false unless they are a number of that base.
bool ReadCode(std::string_view digits, int base, std::uint32_t& code) {
  const char* const end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, code, base);
  return failure == std::errc() && stop == end && code <= 0x10FFFF;
}

Escape NoEscape(char c) { return {static_cast<unsigned char>(c), 1}; }

Escape ReadBackslash(std::string_view text) {
  if (text.size() < 2) return NoEscape(text[0]);
  std::uint32_t code = 0;
  const char kind = text[1];
  if (kind == 'u' && text.size() >= 6 && ReadCode(text.substr(2, 4), 16, code)) {
    return {code, 6, true};
  }
  if (kind == 'u' && text.substr(2, 1) == "{") {
    const std::size_t close = text.substr(0, 12).find('}');
    if (close != std::string_view::npos && ReadCode(text.substr(3, close - 3), 16, code)) {
      return {code, close + 1, true};
    }
  }
  if (kind == 'x' && text.size() >= 4 && ReadCode(text.substr(2, 2), 16, code)) return {code, 4};
  if (kind >= '0' && kind <= '3' && text.size() >= 4 && ReadCode(text.substr(1, 3), 8, code)) {
    return {code, 4};
  }
  const bool is_space = std::string_view("bfnrt").find(kind) != std::string_view::npos;
  return {is_space ? U' ' : static_cast<unsigned char>(kind), 2};
}

Escape ReadEntity(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char32_t>, 5> kNames{
      {{"amp", U'&'}, {"lt", U'<'}, {"gt", U'>'}, {"quot", U'"'}, {"apos", U'\''}}};
  const std::size_t close = text.substr(0, 12).find(';');
  if (close == std::string_view::npos) return NoEscape(text[0]);
  const std::string_view name = text.substr(1, close - 1);
  for (const auto& [known, value] : kNames) {
    if (name == known) return {value, close + 1};
  }
  std::uint32_t code = 0;
  const bool is_hex = name.starts_with("#x") || name.starts_with("#X");
  if (name.starts_with('#') && ReadCode(name.substr(is_hex ? 2 : 1), is_hex ? 16 : 10, code)) {
    return {code, close + 1, true};
  }
  return NoEscape(text[0]);
}

// What a reader of JSON, source code, a URL or HTML sees at the front of `text`.
Escape ReadCharacter(std::string_view text) {
  std::uint32_t code = 0;
  switch (text[0]) {
    case '\\':
      return ReadBackslash(text);
    case '%':
      if (text.size() >= 3 && ReadCode(text.substr(1, 2), 16, code)) return {code, 3};
      return NoEscape('%');
    case '&':
      return ReadEntity(text);
    default:
      return NoEscape(text[0]);
  }
}

}  // namespace

Unescaped::Unescaped(std::string_view source) {
  text_.reserve(source.size());
  for (std::size_t at = 0; at < source.size();) {
    const Escape read = ReadCharacter(source.substr(at));
    if (read.is_character) {
      AppendUtf8(read.value, text_);
    } else {
      text_.push_back(static_cast<char>(read.value));
    }
    at += read.size;
    if (read.size > 1) jumps_.push_back({text_.size(), at});
  }
}

std::size_t Unescaped::SourceOf(std::size_t at) const {
  const auto after = std::upper_bound(jumps_.begin(), jumps_.end(), at,
                                      [](std::size_t p, const Jump& jump) { return p < jump.at; });
  if (after == jumps_.begin()) return at;
  const Jump& last = *std::prev(after);
  return last.source + (at - last.at);
}

}  // namespace llmload::text
