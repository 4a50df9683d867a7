// The options of `llmload bench`, parsed and checked before anything runs.
#ifndef LLMLOAD_TOOLS_BENCH_OPTIONS_H_
#define LLMLOAD_TOOLS_BENCH_OPTIONS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "llmload/report/output.h"
#include "llmload/run/run_plan.h"
#include "llmload/service/target.h"

namespace llmload::tools {

struct BenchOptions {
  ProviderChoice provider = ProviderChoice::kFake;
  TargetOverrides target;
  bool spend = false;               ///< a service that may cost money is meant
  std::optional<pid_t> server_pid;  ///< of the process that serves the target, where given

  RunPlan plan;  ///< without lanes and samplers
  std::vector<OutputSpec> outputs;
  bool quiet = false;  ///< no progress, no plan
};

/// Parses what follows "bench" on the command line; what is not given there comes from the
/// environment (`LLMLOAD_PROVIDER`, `LLMLOAD_MODEL`, `LLMLOAD_SEED`, `LLMLOAD_LOCAL_PID`,
/// `LLMLOAD_OUTPUT`, `LLMLOAD_UNTIL_CONCLUSIVE`, `LLMLOAD_FORMAT`). Reads the files of traces and
/// data sets. Empty if help is asked for.
///
/// Throws `ConfigurationError` or `boost::program_options::error` that names the option, its value
/// and what is accepted.
std::optional<BenchOptions> ParseBenchOptions(const std::vector<std::string>& arguments);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_OPTIONS_H_
