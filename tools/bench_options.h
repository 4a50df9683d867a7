// The options of `llmload bench`, parsed and checked before anything runs.
#ifndef LLMLOAD_TOOLS_BENCH_OPTIONS_H_
#define LLMLOAD_TOOLS_BENCH_OPTIONS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/judge/criterion.h"
#include "llmload/load/load_profile.h"
#include "llmload/load/prompt_source.h"
#include "llmload/metrics/metrics_summary.h"
#include "llmload/service/target.h"

namespace llmload::tools {

/// `--json -`.
inline constexpr const char* kStandardOutput = "-";

struct BenchOptions {
  ProviderChoice provider = ProviderChoice::kFake;
  TargetOverrides target;
  bool spend = false;               ///< a service that may cost money is meant
  std::optional<pid_t> server_pid;  ///< of the process that serves the target, where given

  LoadShape shape;
  unsigned workers = 0;  ///< 0: one per core
  std::uint64_t seed = 1;

  RequestTemplate request;
  std::shared_ptr<const PromptSource> prompts;  ///< never null

  std::vector<Criterion> objectives;
  LatencyObjectives good_request;  ///< for goodput
  std::string json_file;           ///< empty: none; or `kStandardOutput`
  bool quiet = false;
};

/// Parses what follows "bench" on the command line; what is not given there comes from the
/// environment (`LLMLOAD_PROVIDER`, `LLMLOAD_MODEL`, `LLMLOAD_SEED`, `LLMLOAD_LOCAL_PID`). Reads
/// the files of traces and data sets. Nothing if help is asked for.
///
/// Throws `ConfigurationError` or `boost::program_options::error` that names the option, its value
/// and what is accepted.
std::optional<BenchOptions> ParseBenchOptions(const std::vector<std::string>& arguments);

/// The text of `llmload bench --help`.
std::string BenchHelp();

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_OPTIONS_H_
