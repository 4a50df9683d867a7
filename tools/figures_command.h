// The `figures` command: what reports measure, and by which names.
#ifndef LLMLOAD_TOOLS_FIGURES_COMMAND_H_
#define LLMLOAD_TOOLS_FIGURES_COMMAND_H_

#include <cstddef>
#include <string>
#include <vector>

namespace llmload::tools {

/// Every figure, count and metric with its unit and meaning, in lines of at most `width` columns.
std::string FiguresText(std::size_t width);

/// Prints `FiguresText`.
/// @param arguments  what follows "figures" on the command line
/// @return the exit status; throws as `ReadArguments` does for bad options
int RunFigures(const std::vector<std::string>& arguments);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_FIGURES_COMMAND_H_
