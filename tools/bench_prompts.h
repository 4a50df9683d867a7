// What the requests of `llmload bench` ask, from its options.
#ifndef LLMLOAD_TOOLS_BENCH_PROMPTS_H_
#define LLMLOAD_TOOLS_BENCH_PROMPTS_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "llmload/load/load_profile.h"
#include "llmload/load/prompt_source.h"

namespace llmload::tools {

using Source = std::shared_ptr<const PromptSource>;

// Each throws `ConfigurationError` that names the option, the value and what is accepted.

/// `--prompt-tokens N[..M]`.
Source PromptsOfTokens(std::string_view text, const RequestTemplate& request, std::uint64_t seed);

/// `--shared-prefix KEY=VALUE[,KEY=VALUE]...` with fraction, prefix, suffix, prefixes.
Source PromptsWithSharedPrefix(std::string_view text, const RequestTemplate& request,
                               std::uint64_t seed);

/// `--dataset FILE` with `--dataset-order`.
Source PromptsOfDataset(std::string_view file, std::string_view order,
                        const RequestTemplate& request, std::uint64_t seed);

/// Without an option: the sizes of the trace, if `shape` replays exactly one, or else one prompt
/// for all.
Source UsualPrompts(const LoadShape& shape, const RequestTemplate& request, std::uint64_t seed);

}  // namespace llmload::tools

#endif  // LLMLOAD_TOOLS_BENCH_PROMPTS_H_
