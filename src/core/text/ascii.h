// Small questions and changes of ASCII text, whatever the locale. Other bytes stay as they are.
#ifndef LLMLOAD_SRC_CORE_TEXT_ASCII_H_
#define LLMLOAD_SRC_CORE_TEXT_ASCII_H_

#include <algorithm>
#include <string>
#include <string_view>

namespace llmload::text {

constexpr bool IsDigit(char c) noexcept { return c >= '0' && c <= '9'; }

constexpr bool IsLetterOrDigit(char c) noexcept {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// True for the characters below the space, and for DEL.
constexpr bool IsControl(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// Value of a hexadecimal digit of either case; -1 for any other character.
constexpr int HexValue(char c) noexcept {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr char Lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// `text` in lower case.
inline std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = Lower(c);
  return lower;
}

/// `text` without spaces and tabs at either end, and without the carriage return that ends a line
/// of another system.
constexpr std::string_view Trim(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// Position of the first `phrase` in `text`, upper and lower case being the same; npos if there is
/// none.
inline std::size_t FindIgnoringCase(std::string_view text, std::string_view phrase) {
  const auto at = std::search(text.begin(), text.end(), phrase.begin(), phrase.end(),
                              [](char a, char b) { return Lower(a) == Lower(b); });
  if (at == text.end() && !phrase.empty()) return std::string_view::npos;
  return static_cast<std::size_t>(at - text.begin());
}

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_ASCII_H_
