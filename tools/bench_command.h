// `llmload bench`: the load engine from the command line.
#ifndef LLMLOAD_TOOLS_BENCH_COMMAND_H_
#define LLMLOAD_TOOLS_BENCH_COMMAND_H_

#include <string>
#include <vector>

#include "llmload/run/run_report.h"

namespace llmload::tools {

/// Runs a load and reports to the outputs asked for, with progress on standard error. SIGINT,
/// SIGTERM and SIGHUP end the run early.
/// @param arguments  what follows "bench" on the command line
/// @return the exit status (exit_status.h); throws `ConfigurationError` or
/// `boost::program_options::error` for bad options
int RunBench(const std::vector<std::string>& arguments);

/// The exit status for the verdict of a judged report. Without criteria a valid measurement of at
/// least one success is enough.
int ExitStatusOf(const RunReport& report) noexcept;

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_COMMAND_H_
