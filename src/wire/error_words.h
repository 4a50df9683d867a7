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

/// The API that answers with `json` if things go well: "Anthropic's API", "OpenAI's API" or
/// "Ollama's API"; empty if it is none of their answers.
std::string_view ApiOf(std::string_view json);

/// What a body is that should be `expected` (with its article): an HTML page with its title, the
/// answer of another API, JSON of something else, or else how it begins.
std::string DescribeUnknownAnswer(std::string_view expected, std::string_view body);

/// The same for the answer of `api`.
std::string DescribeAnswerOf(std::string_view api);

/// True if a message of these two says that another service answers at this address, which no
/// repeat will change; false if the answer may just have been damaged.
bool IsFromAnotherService(std::string_view message);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_ERROR_WORDS_H_
