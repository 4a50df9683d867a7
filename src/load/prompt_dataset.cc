#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"
#include "llmload/load/prompt_source.h"
#include "src/load/azure_trace.h"
#include "src/load/jsonl.h"
#include "src/load/prompt_formats.h"
#include "src/load/text_input.h"

namespace llmload {
namespace {

std::string DescribeOrder(DatasetOrder order) {
  return order == DatasetOrder::kSequential ? ", in order" : ", at random";
}

// The record that a request is made of, of `count`.
std::uint64_t ChooseRecord(DatasetOrder order, std::uint64_t seed, std::uint64_t index,
                           std::uint64_t count) {
  return order == DatasetOrder::kSequential ? index % count
                                            : Random::Stream(seed, index).Below(count);
}

std::string ConversationsSkipped(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " conversation" : " conversations") +
         " without a human turn";
}

class DatasetSource final : public PromptSource {
 public:
  DatasetSource(std::vector<DatasetPrompt> prompts, std::uint64_t skipped,
                const DatasetPrompts& dataset, RequestTemplate request, std::uint64_t seed)
      : prompts_(std::move(prompts)),
        skipped_(skipped),
        name_(dataset.path.string()),
        order_(dataset.order),
        request_(std::move(request)),
        seed_(dataset.seed.value_or(seed)) {}

  CompletionRequest MakeRequest(std::uint64_t index) const override {
    const DatasetPrompt& prompt = prompts_[ChooseRecord(order_, seed_, index, prompts_.size())];
    return {.model = request_.model,
            .messages = prompt.messages,
            .max_tokens = prompt.max_tokens ? prompt.max_tokens : request_.max_tokens,
            .temperature = request_.temperature,
            .stream = request_.stream,
            .tags = prompt.tags,
            .extra_body = prompt.extra_body};
  }
  std::string Describe() const override {
    return std::to_string(prompts_.size()) + " prompts of " + name_ + DescribeOrder(order_) +
           (skipped_ > 0 ? "; skipped: " + ConversationsSkipped(skipped_) : "");
  }
  std::optional<std::vector<std::string>> TagNames() const override {
    std::set<std::string> names;
    for (const DatasetPrompt& prompt : prompts_) {
      for (const RequestTag& tag : prompt.tags) names.insert(tag.name);
    }
    return std::vector<std::string>(names.begin(), names.end());
  }

 private:
  const std::vector<DatasetPrompt> prompts_;
  const std::uint64_t skipped_;
  const std::string name_;
  const DatasetOrder order_;
  const RequestTemplate request_;
  const std::uint64_t seed_;
};

// Made-up prompts of the sizes that a trace recorded.
class TraceSizes final : public PromptSource {
 public:
  TraceSizes(std::vector<ArrivalTrace::Entry> entries, const DatasetPrompts& dataset,
             const RequestTemplate& request, std::uint64_t seed)
      : count_(entries.size()),
        name_(dataset.path.string()),
        order_(dataset.order),
        seed_(dataset.seed.value_or(seed)),
        sizes_(MakePromptSource(
            TracePrompts{.trace = std::make_shared<const ArrivalTrace>(std::move(entries)),
                         .seed = seed_},
            request, seed)) {}

  // In order, the texts of the second round differ from those of the first.
  CompletionRequest MakeRequest(std::uint64_t index) const override {
    return sizes_->MakeRequest(
        order_ == DatasetOrder::kSequential ? index : ChooseRecord(order_, seed_, index, count_));
  }
  std::string Describe() const override {
    return std::to_string(count_) + " sizes of " + name_ + DescribeOrder(order_) +
           ": synthetic prompts (4 bytes a token)";
  }
  std::optional<std::vector<std::string>> TagNames() const override {
    return std::vector<std::string>();
  }

 private:
  const std::uint64_t count_;
  const std::string name_;
  const DatasetOrder order_;
  const std::uint64_t seed_;
  const std::shared_ptr<const PromptSource> sizes_;
};

}  // namespace

std::shared_ptr<const PromptSource> ReadDataset(std::istream& input, const DatasetPrompts& dataset,
                                                const RequestTemplate& request,
                                                std::uint64_t seed) {
  const std::string name = dataset.path.string();
  TextInput text(input, name);
  const int first = text.PeekPastSpace();
  const bool is_json = first == '{' || first == '[' || first == TextInput::kEnd;
  if (dataset.format == DatasetFormat::kAzureTrace ||
      (dataset.format == DatasetFormat::kDetect && !is_json)) {
    const std::string_view otherwise = dataset.format == DatasetFormat::kDetect
                                           ? "a JSON object on each line, or an array of them"
                                           : "";
    std::vector<ArrivalTrace::Entry> entries = ReadAzureTrace(text, name, otherwise);
    try {
      return std::make_shared<TraceSizes>(std::move(entries), dataset, request, seed);
    } catch (const ConfigurationError& error) {  // a size that is too large
      throw ConfigurationError(name + ": " + error.what());
    }
  }
  std::vector<DatasetPrompt> prompts;
  std::uint64_t skipped = 0;
  std::size_t bytes = 0;
  DatasetFormat format = dataset.format;
  const JsonlBounds bounds{.max_line_bytes = dataset.max_line_bytes,
                           .max_lines = dataset.max_prompts};
  ReadJsonl(text, name, bounds, [&](const JsonlLine& line, const nlohmann::json& object) {
    if (format == DatasetFormat::kDetect) format = FormatOf(object);
    std::optional<DatasetPrompt> prompt = ReadPrompt(format, line, object);
    if (!prompt) {
      ++skipped;
      return;
    }
    bytes += prompt->extra_body.size();
    for (const Message& message : prompt->messages) bytes += message.content.size();
    if (bytes > dataset.max_bytes) {
      throw ConfigurationError::Invalid(
          name, "more", "prompts of at most " + std::to_string(dataset.max_bytes) + " bytes");
    }
    prompts.push_back(std::move(*prompt));
  });
  if (prompts.empty()) {
    throw ConfigurationError::Invalid(name, skipped > 0 ? ConversationsSkipped(skipped) : "",
                                      "at least one line with a prompt");
  }
  return std::make_shared<DatasetSource>(std::move(prompts), skipped, dataset, request, seed);
}

}  // namespace llmload
