#include "src/core/text/echo_code.h"

#include <algorithm>
#include <cstddef>

namespace llmload::text {
namespace {

// No letter that is easily taken for another one, or for a digit.
constexpr std::string_view kCodeLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
static_assert(kCodeLetters.size() == 32);
constexpr std::size_t kRandomLetters = 6;
constexpr std::size_t kCodeSize = kRandomLetters + 1;
constexpr std::string_view kEchoRequest = "\nBegin your answer with the code ";
// In the body of a request the line feed is escaped.
constexpr std::string_view kEchoRequestInJson = kEchoRequest.substr(1);

// Of the first six letters; `npos` if one of them is not a letter of codes.
std::size_t CheckLetter(std::string_view letters) noexcept {
  std::size_t sum = 0;
  for (const char letter : letters) {
    const std::size_t value = kCodeLetters.find(letter);
    if (value == std::string_view::npos) return value;
    sum = (sum * 3 + value + 7) % kCodeLetters.size();
  }
  return sum;
}

bool IsEchoCode(std::string_view word) noexcept {
  if (word.size() != kCodeSize) return false;
  const std::size_t check = CheckLetter(word.substr(0, kRandomLetters));
  return check != std::string_view::npos && word.back() == kCodeLetters[check];
}

}  // namespace

std::string EchoCode(std::uint64_t bits) {
  std::string code;
  for (std::size_t i = 0; i < kRandomLetters; ++i, bits >>= 5U) {
    code += kCodeLetters[bits % kCodeLetters.size()];
  }
  code += kCodeLetters[CheckLetter(code)];
  return code;
}

void AppendEchoRequest(std::string& prompt, std::string_view code) {
  prompt.append(kEchoRequest).append(code) += '.';
}

std::string_view EchoCodeAtEnd(std::string_view prompt) noexcept {
  constexpr std::size_t kSize = kEchoRequest.size() + kCodeSize + 1;
  if (prompt.size() < kSize) return {};
  const std::string_view end = prompt.substr(prompt.size() - kSize);
  if (end.substr(0, kEchoRequest.size()) != kEchoRequest) return {};
  return end.substr(kEchoRequest.size(), kCodeSize);
}

std::string_view LastEchoCode(std::string_view text) noexcept {
  std::string_view code;
  for (std::size_t at = text.find(kEchoRequestInJson); at != std::string_view::npos;
       at = text.find(kEchoRequestInJson, at)) {
    at += kEchoRequestInJson.size();
    const std::string_view found = text.substr(at, kCodeSize);
    if (IsEchoCode(found)) code = found;
  }
  return code;
}

bool HasSomeEchoCode(std::string_view text) noexcept {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  for (auto begin = std::find_if(text.begin(), text.end(), is_letter); begin != text.end();) {
    const auto end = std::find_if_not(begin, text.end(), is_letter);
    if (IsEchoCode(text.substr(static_cast<std::size_t>(begin - text.begin()),
                               static_cast<std::size_t>(end - begin)))) {
      return true;
    }
    begin = std::find_if(end, text.end(), is_letter);
  }
  return false;
}

}  // namespace llmload::text
