// The options of `llmload bench` and the text that explains them.
#ifndef LLMLOAD_TOOLS_BENCH_HELP_H_
#define LLMLOAD_TOOLS_BENCH_HELP_H_

#include <boost/program_options/options_description.hpp>
#include <cstddef>
#include <string>

namespace llmload::tools {

/// Every option with its description, in the groups in which help shows
/// them, for lines of `width` columns.
boost::program_options::options_description DescribeBenchOptions(std::size_t width = 100);

/// The text of `llmload bench --help`, in lines of at most `width` columns.
std::string BenchHelp(std::size_t width = 100);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_HELP_H_
