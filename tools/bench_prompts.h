// What the requests of `llmload bench` ask, from its options.
#ifndef LLMLOAD_TOOLS_BENCH_PROMPTS_H_
#define LLMLOAD_TOOLS_BENCH_PROMPTS_H_

#include <string_view>

#include "llmload/load/load_profile.h"
#include "llmload/load/prompt_source.h"

namespace llmload::tools {

// Each throws `ConfigurationError` that names the option, the value and what is accepted.

/// `--prompt-tokens N[..M]`.
Prompts PromptsOfTokens(std::string_view text);

/// `--shared-prefix KEY=VALUE[,KEY=VALUE]...` with fraction, prefix, suffix, prefixes.
Prompts PromptsWithSharedPrefix(std::string_view text);

/// What `--format NAME` says: the form of a data set, or that of a trace, or of either. What it
/// does not say is recognised by content.
struct FileFormat {
  DatasetFormat dataset = DatasetFormat::kDetect;
  TraceFormat trace = TraceFormat::kDetect;
};

/// `--format NAME`, or the environment variable `name`.
FileFormat ParseFormat(std::string_view name, std::string_view text);

/// `--dataset FILE` with `--dataset-order`. Reads the file once, to see that it can be used.
Prompts PromptsOfDataset(std::string_view file, std::string_view order, DatasetFormat format);

/// Without an option: the sizes of the trace, if `shape` replays exactly one, or else one prompt
/// for all.
Prompts UsualPrompts(const LoadShape& shape);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_PROMPTS_H_
