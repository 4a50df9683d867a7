// What a body that is not JSON says to people.
#ifndef LLMLOAD_WIRE_ERROR_WORDS_H_
#define LLMLOAD_WIRE_ERROR_WORDS_H_

#include <optional>
#include <string>
#include <string_view>

namespace llmload::wire {

/// The data of the first server-sent event of `body` that has any; nullopt if `body` does not
/// consist of such events.
std::optional<std::string> DataOfFirstEvent(std::string_view body);

/// True if `text` begins as server-sent events do, or is empty.
bool IsEventStream(std::string_view text);

/// `text` up to its first line end, without white space in front.
std::string_view FirstLine(std::string_view text);

/// The words of a body of an unexpected form: the title of an HTML page, code and message of an XML
/// document, all of a plain text.
std::string WordsOf(std::string_view body);

/// How such a body begins, in quotes, for a message about it: "it begins with \"...\""; for an HTML
/// page its title; "it is empty" for white space.
std::string Beginning(std::string_view body);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_ERROR_WORDS_H_
