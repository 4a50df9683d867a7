// What the place that something is printed to can show.
#ifndef LLMLOAD_SRC_REPORT_TERMINAL_H_
#define LLMLOAD_SRC_REPORT_TERMINAL_H_

#include <cstddef>
#include <cstdio>

namespace llmload::report {

bool IsTty(std::FILE* out) noexcept;

/// Columns for what is printed to `out`: those of the terminal, from 40 to 100, and 100 for a file
/// or a pipe.
std::size_t ColumnsOf(std::FILE* out) noexcept;

/// True for a terminal that knows colours, unless the environment variable NO_COLOR is set and not
/// empty.
bool HasColours(std::FILE* out) noexcept;

/// True for a terminal on which a line can be rewritten and somebody looks at it: not TERM=dumb,
/// and not the job of a CI, which sets the environment variable CI.
bool IsLive(std::FILE* out) noexcept;

}  // namespace llmload::report

#endif  // LLMLOAD_SRC_REPORT_TERMINAL_H_
