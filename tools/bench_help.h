// The options of `llmload bench` and the text that explains them.
#ifndef LLMLOAD_TOOLS_BENCH_HELP_H_
#define LLMLOAD_TOOLS_BENCH_HELP_H_

#include <boost/program_options/options_description.hpp>
#include <string>

namespace llmload::tools {

/// Every option with its description, in the groups in which help shows them.
boost::program_options::options_description DescribeBenchOptions();

/// The text of `llmload bench --help`.
std::string BenchHelp();

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_HELP_H_
