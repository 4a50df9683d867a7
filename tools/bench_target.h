// The options of `llmload bench` that say what the service needs.
#ifndef LLMLOAD_TOOLS_BENCH_TARGET_H_
#define LLMLOAD_TOOLS_BENCH_TARGET_H_

#include <boost/program_options/options_description.hpp>
#include <cstddef>

#include "tools/bench_given.h"
#include "tools/bench_options.h"

namespace llmload::tools {

/// Headers, body, path, deadlines and connections, for the help and the parser.
boost::program_options::options_description DescribeService(std::size_t width,
                                                            std::size_t text_width);

/// Reads them into `options.target` and `options.plan.stop`. Throws `ConfigurationError` that names
/// the option, the value and what is accepted.
void ReadService(const Given& given, BenchOptions& options);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_TARGET_H_
