// What the requests of a run ask. Request k is made from the options, the seed and k alone, so a
// run can be repeated, however many workers share it.
#ifndef LLMLOAD_LOAD_PROMPT_SOURCE_H_
#define LLMLOAD_LOAD_PROMPT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"
#include "llmload/load/arrival_trace.h"
#include "llmload/provider/completion.h"

namespace llmload {

/// llmload's estimate of the tokens of a text: ceil(bytes / 4). Tokenizers differ, and this one
/// figure is stated instead of hidden; what the provider counted is in `Usage::input`, beside it in
/// the report.
constexpr std::uint64_t EstimateTokens(std::string_view text) { return (text.size() + 3) / 4; }

/// Makes requests. All functions may be called from any thread at any time.
class PromptSource {
 public:
  virtual ~PromptSource() = default;
  /// Request `index` of the run, from 0. The same index gives the same request.
  virtual CompletionRequest MakeRequest(std::uint64_t index) const = 0;
  /// One line for reports.
  virtual std::string Describe() const = 0;
};

/// What every request of a source has in common.
struct RequestTemplate {
  std::string model;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  bool stream = true;
};

/// One prompt for all.
struct FixedPromptOptions {
  RequestTemplate request;
  std::string prompt = "Reply with a short greeting.";
};

/// Made-up words, other ones for each request, so that no cache can answer.
struct SyntheticPromptOptions {
  RequestTemplate request;
  /// `EstimateTokens` of each prompt is drawn evenly from [min_tokens, max_tokens]; 1 to 10^6.
  std::uint32_t min_tokens = 256;
  std::uint32_t max_tokens = 256;
  std::uint64_t seed = 1;
};

/// Prompts that begin alike, as those of one application do: they show what a prefix cache is
/// worth.
struct SharedPrefixOptions {
  RequestTemplate request;
  double shared_fraction = 0.5;        ///< of the requests that begin with a shared prefix; 0 to 1
  std::uint32_t prefix_tokens = 1024;  ///< `EstimateTokens` of a prefix; 1 to 10^6
  std::uint32_t suffix_tokens = 64;    ///< of what follows and is each request's own; 1 to 10^6
  std::uint32_t prefixes = 1;          ///< different shared prefixes; 1 to 1000, 10^8 bytes in all
  std::uint64_t seed = 1;
};

enum class DatasetOrder : std::uint8_t {
  kSequential,  ///< line after line, and from the first again
  kRandom,      ///< drawn with replacement, from the seed
};

/// Prompts from a JSONL file: one object a line, with `prompt` (a string) or `messages` (an array
/// of
/// `{"role": "system" | "user" | "assistant", "content": string}`), and optionally `max_tokens` (a
/// whole number), which overrides the template's. Blank lines are skipped; anything else, an
/// unknown field too, is an error.
struct DatasetOptions {
  RequestTemplate request;
  DatasetOrder order = DatasetOrder::kSequential;
  std::uint64_t seed = 1;  ///< of `kRandom`
  // Bounds: beyond them the file is refused, because all of it is kept in memory.
  std::size_t max_bytes = std::size_t{256} << 20;
  std::size_t max_line_bytes = std::size_t{4} << 20;
  std::size_t max_prompts = 1'000'000;
};

/// Prompts of the sizes in a trace; to be used with a `TraceReplay` of the same trace.
struct TracePromptOptions {
  RequestTemplate request;
  std::shared_ptr<const ArrivalTrace> trace;
  /// Index of the request for the trace's first arrival: the number of arrivals in the phases
  /// before it (`CountArrivalsByPhase`). Requests outside the trace are made as if it went round.
  std::uint64_t first_request = 0;
  std::uint32_t default_input_tokens = 256;  ///< where the trace has no `input_tokens`; 1 to 10^6
  std::uint64_t seed = 1;
};

// Each throws `ConfigurationError` that names the field, or file, line and field, of what it does
// not accept.
std::shared_ptr<const PromptSource> MakePromptSource(FixedPromptOptions options);
std::shared_ptr<const PromptSource> MakePromptSource(const SyntheticPromptOptions& options);
std::shared_ptr<const PromptSource> MakePromptSource(const SharedPrefixOptions& options);
std::shared_ptr<const PromptSource> MakePromptSource(const TracePromptOptions& options);
/// `name` stands for the input in messages.
std::shared_ptr<const PromptSource> ReadDataset(std::istream& input, std::string_view name,
                                                const DatasetOptions& options);
std::shared_ptr<const PromptSource> LoadDataset(const std::filesystem::path& path,
                                                const DatasetOptions& options);

}  // namespace llmload

#endif  // LLMLOAD_LOAD_PROMPT_SOURCE_H_
