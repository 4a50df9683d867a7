// What the requests of a run ask. Request k depends on the options, the seed and k alone, so a run
// can be repeated, however many workers and shares it has.
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
#include <variant>
#include <vector>

#include "llmload/load/arrival_trace.h"
#include "llmload/provider/completion.h"

namespace llmload {

/// llmload's estimate of the tokens of a text: ceil(bytes / 4). Tokenizers differ; the figure that
/// the provider counted is in `Usage::input`, and the report has it too.
constexpr std::uint64_t EstimateTokens(std::string_view text) { return (text.size() + 3) / 4; }

/// Makes requests. All functions may be called from any thread at any time.
class PromptSource {
 public:
  virtual ~PromptSource() = default;
  /// Request `index` of the run, from 0. The same index gives the same request. An exception ends
  /// the run (`PromptSourceError`).
  virtual CompletionRequest MakeRequest(std::uint64_t index) const = 0;
  /// One line for reports.
  virtual std::string Describe() const = 0;
  /// The names of all tags that its requests can have, in ascending order; empty: not known. A plan
  /// is refused if a criterion asks for another one.
  virtual std::optional<std::vector<std::string>> TagNames() const { return std::nullopt; }
};

/// What every request of a source has in common.
struct RequestTemplate {
  std::string model;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  bool stream = true;
};

/// The same prompt for all requests.
struct FixedPrompt {
  std::string prompt = "Reply with a short greeting.";
};

/// Made-up words, different ones for each request, so that no cache can answer.
struct SyntheticPrompts {
  /// `EstimateTokens` of each prompt is drawn evenly from [min_tokens, max_tokens]; 1 to 10^6.
  std::uint32_t min_tokens = 256;
  std::uint32_t max_tokens = 256;
  std::optional<std::uint64_t> seed = std::nullopt;  ///< empty: the seed of the run
};

/// Prompts that begin alike, as those of one application do: they show what a prefix cache is
/// worth.
struct SharedPrefixPrompts {
  double shared_fraction = 0.5;        ///< of the requests that begin with a shared prefix; 0 to 1
  std::uint32_t prefix_tokens = 1024;  ///< `EstimateTokens` of a prefix; 1 to 10^6
  std::uint32_t suffix_tokens = 64;    ///< of what follows and differs per request; 1 to 10^6
  std::uint32_t prefixes = 1;          ///< different shared prefixes; 1 to 1000, 10^8 bytes in all
  std::optional<std::uint64_t> seed = std::nullopt;  ///< empty: the seed of the run
};

/// Prompts of the sizes in a trace; to be used with a `TraceReplay` of the same trace. An entry's
/// `output_tokens` override the template's `max_tokens`.
struct TracePrompts {
  std::shared_ptr<const ArrivalTrace> trace;
  /// The index of the request for the trace's first arrival: the number of arrivals in the phases
  /// before it (`CountArrivalsByPhase`). Requests outside the trace are made as if it were
  /// repeated.
  std::uint64_t first_request = 0;
  std::uint32_t default_input_tokens = 256;  ///< where the trace has no `input_tokens`; 1 to 10^6
  std::optional<std::uint64_t> seed = std::nullopt;  ///< empty: the seed of the run
};

/// The order in which a data set's prompts are asked.
enum class DatasetOrder : std::uint8_t {
  kSequential,  ///< line after line, and from the first again
  kRandom,      ///< drawn with replacement, from the seed
};

/// The form of a data set's records. JSON objects may stand one on each line (JSONL), or all of
/// them in one array.
enum class DatasetFormat : std::uint8_t {
  kDetect,  ///< that of the first record, told by its fields; `kAzureTrace` if it is not JSON
  /// `prompt` (a string) or `messages` (an array of `{"role": "system" | "user" | "assistant",
  /// "content": string}`), and optionally `max_tokens` (a whole number), `tags` (an object of at
  /// most 8 strings; names and values of 1 to 64 bytes): the tags of the request, and `extra_body`
  /// (an object: `CompletionRequest::extra_body`). An unknown field is an error.
  kPrompts,
  /// ShareGPT: `{"conversations": [{"from": "human", "value": string}, ...]}`. The prompt is the
  /// first human turn, with the system turn before it if there is one. A conversation without a
  /// human turn is skipped and counted in `PromptSource::Describe`.
  kShareGpt,
  /// A batch file of OpenAI: `{"custom_id": ..., "method": ..., "url": ..., "body": {"messages":
  /// [...], "max_tokens": N, ...}}`. Messages of text and the bound are used
  /// (`max_completion_tokens` likewise); the rest of the request is that of the run.
  kOpenAiBatch,
  /// `TraceFormat::kAzure`, of which the sizes are used and the instants are not: made-up prompts.
  kAzureTrace,
};

/// Prompts from a file. Its text is UTF-8 or UTF-16, with any line ends; blank
/// lines are skipped; half a surrogate pair becomes U+FFFD. A `max_tokens` of the file overrides
/// the template's.
struct DatasetPrompts {
  std::filesystem::path path;
  DatasetOrder order = DatasetOrder::kSequential;
  std::optional<std::uint64_t> seed = std::nullopt;  ///< of `kRandom`; empty: the seed of the run
  // Bounds: a file beyond them is refused. All prompts are kept in memory.
  std::size_t max_bytes = std::size_t{256} << 20;     ///< of all prompts; 1 GiB of the file
  std::size_t max_line_bytes = std::size_t{4} << 20;  ///< of a record
  std::size_t max_prompts = 1'000'000;
  DatasetFormat format = DatasetFormat::kDetect;
};

/// What the requests of a run ask: a description, or a source of the user's own.
using Prompts = std::variant<FixedPrompt, SyntheticPrompts, SharedPrefixPrompts, TracePrompts,
                             DatasetPrompts, std::shared_ptr<const PromptSource>>;

/// The source that `prompts` describes. Its requests are made from `request`; a seed that is not
/// set is `seed`. A source of the user's own is returned as it is: it decides on model, size and
/// streaming itself. Reads the file of `DatasetPrompts`.
///
/// Throws `ConfigurationError` that names the field, or file, line and field, of what it does not
/// accept; also for a null source.
std::shared_ptr<const PromptSource> MakePromptSource(const Prompts& prompts,
                                                     const RequestTemplate& request,
                                                     std::uint64_t seed);

/// The source of a data set that is read from `input`; `dataset.path` stands for it in messages.
/// Throws as `MakePromptSource` does.
std::shared_ptr<const PromptSource> ReadDataset(std::istream& input, const DatasetPrompts& dataset,
                                                const RequestTemplate& request, std::uint64_t seed);

}  // namespace llmload

#endif  // LLMLOAD_LOAD_PROMPT_SOURCE_H_
