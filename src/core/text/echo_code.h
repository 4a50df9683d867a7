// A code at the end of a prompt that the answer has to begin with: what tells whose answer it is.
#ifndef LLMLOAD_SRC_CORE_TEXT_ECHO_CODE_H_
#define LLMLOAD_SRC_CORE_TEXT_ECHO_CODE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace llmload::text {

/// A code of seven capitals and digits. The last one is a check, so that a word is seldom taken for
/// a code. Of 2^30 codes, `bits` chooses one.
std::string EchoCode(std::uint64_t bits);

/// Asks for `code` at the end of `prompt`.
void AppendEchoRequest(std::string& prompt, std::string_view code);

/// The code that `prompt` asks for at its end; empty if there is none.
std::string_view EchoCodeAtEnd(std::string_view prompt) noexcept;

/// The last code that is asked for anywhere in `text`, such as the body of a request; empty if
/// there is none.
std::string_view LastEchoCode(std::string_view text) noexcept;

/// True if some word of `text` is a code.
bool HasSomeEchoCode(std::string_view text) noexcept;

}  // namespace llmload::text

#endif  // LLMLOAD_SRC_CORE_TEXT_ECHO_CODE_H_
