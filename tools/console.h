// What the commands print for people.
#ifndef LLMLOAD_TOOLS_CONSOLE_H_
#define LLMLOAD_TOOLS_CONSOLE_H_

#include <cstddef>
#include <cstdio>
#include <string_view>

namespace llmload::tools {

/// Prints `text` to `out` in lines that fit its columns, and flushes. What goes on in the next line
/// begins there `hang` columns to the right. Only the ends of lines are kept of the controls that
/// `text` may hold.
void PrintFitted(std::FILE* out, std::string_view text, std::size_t hang = 0);

/// The same for a terminal, with a `hang` of two. To a file or a pipe `text` goes as it stands, so
/// that a log can be searched for a sentence.
void PrintMessage(std::FILE* out, std::string_view text);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_CONSOLE_H_
