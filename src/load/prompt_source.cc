#include "llmload/load/prompt_source.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"

namespace llmload {
namespace {

constexpr std::uint32_t kMaxPromptTokens = 1'000'000;
constexpr std::uint32_t kMaxPrefixes = 1000;
constexpr std::uint64_t kMaxPrefixBytes = 100'000'000;
constexpr std::size_t kBytesPerToken = 4;

// Words that every tokenizer knows, mostly as one token each.
constexpr std::array<std::string_view, 64> kWords = {
    "about", "after", "again", "air",   "along", "also",  "and",   "area",  "back", "base",
    "big",   "book",  "both",  "call",  "case",  "city",  "clear", "could", "day",  "deep",
    "door",  "each",  "early", "earth", "even",  "every", "face",  "fact",  "few",  "field",
    "find",  "fire",  "first", "food",  "form",  "four",  "game",  "give",  "good", "group",
    "hand",  "head",  "high",  "home",  "house", "idea",  "keep",  "kind",  "land", "large",
    "last",  "left",  "life",  "light", "line",  "list",  "long",  "make",  "many", "mind",
    "money", "month", "move",  "name"};

// Random streams of one seed that do not overlap, whatever the index.
enum class Use : std::uint64_t { kText = 1, kSize = 2, kChoice = 3, kPrefix = 4 };

Random StreamFor(std::uint64_t seed, Use use, std::uint64_t index) {
  const std::uint64_t mixed = Random::Stream(seed, static_cast<std::uint64_t>(use)).Next();
  return Random::Stream(mixed, index);
}

// Text of which `EstimateTokens` is exactly `tokens`.
void AppendWords(std::string& text, std::uint32_t tokens, Random random) {
  const std::size_t end = text.size() + tokens * kBytesPerToken;
  text.reserve(end + 8);
  while (text.size() < end) {
    text.append(kWords[random.Below(kWords.size())]).push_back(' ');
  }
  text.resize(end);
  text.back() = '.';
}

CompletionRequest Make(const RequestTemplate& request) {
  return {.model = request.model,
          .max_tokens = request.max_tokens,
          .temperature = request.temperature,
          .stream = request.stream};
}

CompletionRequest Make(const RequestTemplate& request, std::string prompt) {
  CompletionRequest made = Make(request);
  made.messages.push_back({.role = Role::kUser, .content = std::move(prompt)});
  return made;
}

void CheckTokens(std::string_view field, std::uint32_t tokens) {
  if (tokens == 0 || tokens > kMaxPromptTokens) {
    throw ConfigurationError::Invalid(field, std::to_string(tokens), "1 to 1000000 tokens");
  }
}

class FixedSource final : public PromptSource {
 public:
  FixedSource(const FixedPrompt& options, const RequestTemplate& request)
      : request_(Make(request, options.prompt)) {}

  CompletionRequest MakeRequest(std::uint64_t) const override { return request_; }
  std::string Describe() const override {
    return "one prompt of about " +
           std::to_string(EstimateTokens(request_.messages.front().content)) + " tokens";
  }

 private:
  const CompletionRequest request_;
};

class SyntheticSource final : public PromptSource {
 public:
  SyntheticSource(const SyntheticPrompts& options, RequestTemplate request, std::uint64_t seed)
      : options_(options), request_(std::move(request)), seed_(options.seed.value_or(seed)) {
    CheckTokens("SyntheticPrompts::min_tokens", options.min_tokens);
    CheckTokens("SyntheticPrompts::max_tokens", options.max_tokens);
    if (options.max_tokens < options.min_tokens) {
      throw ConfigurationError::Invalid("SyntheticPrompts::max_tokens",
                                        std::to_string(options.max_tokens), "min_tokens or more");
    }
  }

  CompletionRequest MakeRequest(std::uint64_t index) const override {
    const std::uint64_t range = std::uint64_t{1} + options_.max_tokens - options_.min_tokens;
    const auto extra = static_cast<std::uint32_t>(StreamFor(seed_, Use::kSize, index).Below(range));
    std::string prompt;
    AppendWords(prompt, options_.min_tokens + extra, StreamFor(seed_, Use::kText, index));
    return Make(request_, std::move(prompt));
  }
  std::string Describe() const override {
    const std::string low = std::to_string(options_.min_tokens);
    const std::string range = options_.max_tokens == options_.min_tokens
                                  ? low
                                  : low + " to " + std::to_string(options_.max_tokens);
    return "synthetic prompts of " + range + " tokens (4 bytes each)";
  }

 private:
  const SyntheticPrompts options_;
  const RequestTemplate request_;
  const std::uint64_t seed_;
};

class SharedPrefixSource final : public PromptSource {
 public:
  SharedPrefixSource(const SharedPrefixPrompts& options, RequestTemplate request,
                     std::uint64_t seed)
      : options_(options), request_(std::move(request)), seed_(options.seed.value_or(seed)) {
    if (!(options.shared_fraction >= 0 && options.shared_fraction <= 1)) {
      throw ConfigurationError::Invalid("SharedPrefixPrompts::shared_fraction",
                                        std::to_string(options.shared_fraction), "0 to 1");
    }
    CheckTokens("SharedPrefixPrompts::prefix_tokens", options.prefix_tokens);
    CheckTokens("SharedPrefixPrompts::suffix_tokens", options.suffix_tokens);
    const std::uint64_t bytes =
        std::uint64_t{options.prefixes} * options.prefix_tokens * kBytesPerToken;
    if (options.prefixes == 0 || options.prefixes > kMaxPrefixes || bytes > kMaxPrefixBytes) {
      throw ConfigurationError::Invalid("SharedPrefixPrompts::prefixes",
                                        std::to_string(options.prefixes),
                                        "1 to 1000, and 100 MB of prefixes at most");
    }
    for (std::uint32_t i = 0; i < options.prefixes; ++i) {
      AppendWords(prefixes_.emplace_back(), options.prefix_tokens,
                  StreamFor(seed_, Use::kPrefix, i));
    }
  }

  CompletionRequest MakeRequest(std::uint64_t index) const override {
    Random choice = StreamFor(seed_, Use::kChoice, index);
    Random text = StreamFor(seed_, Use::kText, index);
    std::string prompt;
    if (choice.Chance(options_.shared_fraction)) {
      prompt = prefixes_[choice.Below(prefixes_.size())];
      AppendWords(prompt, options_.suffix_tokens, text);
    } else {
      // As long as the others, so that length does not tell them apart.
      AppendWords(prompt, options_.prefix_tokens + options_.suffix_tokens, text);
    }
    return Make(request_, std::move(prompt));
  }
  std::string Describe() const override {
    char share[16];
    std::snprintf(share, sizeof share, "%.4g", options_.shared_fraction * 100);
    return std::string(share) + " % of prompts share " + std::to_string(options_.prefixes) +
           " prefix(es) of " + std::to_string(options_.prefix_tokens) + " tokens, each with " +
           std::to_string(options_.suffix_tokens) + " of its own (4 bytes a token)";
  }

 private:
  const SharedPrefixPrompts options_;
  const RequestTemplate request_;
  const std::uint64_t seed_;
  std::vector<std::string> prefixes_;
};

class TraceSource final : public PromptSource {
 public:
  TraceSource(const TracePrompts& options, RequestTemplate request, std::uint64_t seed)
      : options_(options), request_(std::move(request)), seed_(options.seed.value_or(seed)) {
    if (!options.trace) {
      throw ConfigurationError::Invalid("TracePrompts::trace", "", "a trace");
    }
    CheckTokens("TracePrompts::default_input_tokens", options.default_input_tokens);
    for (const ArrivalTrace::Entry& entry : options.trace->entries()) {
      if (entry.input_tokens) {
        CheckTokens("TracePrompts::trace: input_tokens", *entry.input_tokens);
      }
    }
  }

  CompletionRequest MakeRequest(std::uint64_t index) const override {
    const auto& entries = options_.trace->entries();
    const std::uint64_t before = options_.first_request % entries.size();
    const ArrivalTrace::Entry& entry =
        entries[(index % entries.size() + entries.size() - before) % entries.size()];
    std::string prompt;
    AppendWords(prompt, entry.input_tokens.value_or(options_.default_input_tokens),
                StreamFor(seed_, Use::kText, index));
    CompletionRequest request = Make(request_, std::move(prompt));
    if (entry.output_tokens) request.max_tokens = static_cast<int>(*entry.output_tokens);
    return request;
  }
  std::string Describe() const override {
    return "synthetic prompts of the sizes of " + std::to_string(options_.trace->entries().size()) +
           " arrivals (4 bytes a token)";
  }

 private:
  const TracePrompts options_;
  const RequestTemplate request_;
  const std::uint64_t seed_;
};

// Makes the source of each description.
struct Maker {
  const RequestTemplate& request;
  std::uint64_t seed;

  using Source = std::shared_ptr<const PromptSource>;
  Source operator()(const FixedPrompt& prompt) const {
    return std::make_shared<FixedSource>(prompt, request);
  }
  Source operator()(const SyntheticPrompts& prompts) const {
    return std::make_shared<SyntheticSource>(prompts, request, seed);
  }
  Source operator()(const SharedPrefixPrompts& prompts) const {
    return std::make_shared<SharedPrefixSource>(prompts, request, seed);
  }
  Source operator()(const TracePrompts& prompts) const {
    return std::make_shared<TraceSource>(prompts, request, seed);
  }
  Source operator()(const DatasetPrompts& dataset) const {
    std::ifstream file(dataset.path, std::ios::binary);
    if (!file) {
      throw ConfigurationError::Invalid("data set", dataset.path.string(),
                                        "a file that can be read");
    }
    return ReadDataset(file, dataset, request, seed);
  }
  Source operator()(const Source& source) const {
    if (!source) throw ConfigurationError::Invalid("Prompts", "null", "a prompt source");
    return source;
  }
};

}  // namespace

std::shared_ptr<const PromptSource> MakePromptSource(const Prompts& prompts,
                                                     const RequestTemplate& request,
                                                     std::uint64_t seed) {
  return std::visit(Maker{request, seed}, prompts);
}

}  // namespace llmload
