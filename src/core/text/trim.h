// Text without the blanks around it.
#ifndef LLMLOAD_SRC_CORE_TEXT_TRIM_H_
#define LLMLOAD_SRC_CORE_TEXT_TRIM_H_

#include <string_view>

namespace llmload {

/// `text` without spaces and tabs at either end, nor the carriage return that a line of another
/// system ends with.
constexpr std::string_view Trim(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace llmload

#endif  // LLMLOAD_SRC_CORE_TEXT_TRIM_H_
