// `llmload fake-server`: the fake LLM server as a process of its own.
#ifndef LLMLOAD_TOOLS_FAKE_SERVER_COMMAND_H_
#define LLMLOAD_TOOLS_FAKE_SERVER_COMMAND_H_

#include <string>
#include <vector>

namespace llmload::tools {

/// Runs until SIGINT or SIGTERM (or --max-time), then prints the counters as one line of JSON.
/// @param arguments  what follows "fake-server" on the command line
/// @return the exit status; throws `ConfigurationError` or `boost::program_options::error` for bad
/// options
int RunFakeServer(const std::vector<std::string>& arguments);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_FAKE_SERVER_COMMAND_H_
