#include <fstream>
#include <limits>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"
#include "llmload/load/prompt_source.h"
#include "src/load/jsonl.h"

namespace llmload {
namespace {

struct Prompt {
  std::vector<Message> messages;
  std::optional<int> max_tokens;
};

Role ReadRole(JsonlLine& line, std::string_view field) {
  const std::string role = line.ReadString(field);
  if (role == "system") return Role::kSystem;
  if (role == "user") return Role::kUser;
  if (role == "assistant") return Role::kAssistant;
  line.Reject(field, role, "system, user or assistant");
}

Message ReadMessage(JsonlLine& line, std::size_t index) {
  const std::string where = "messages[" + std::to_string(index) + "]";
  Message message;
  bool has_role = false;
  bool has_content = false;
  line.ReadObject(where, [&](std::string_view field) {
    const std::string path = where + "." + std::string(field);
    if (field == "role") {
      message.role = ReadRole(line, path);
      has_role = true;
    } else if (field == "content") {
      message.content = line.ReadString(path);
      has_content = true;
    } else {
      line.RejectUnknown(path, "role or content");
    }
  });
  if (!has_role) line.Reject(where + ".role", "", "system, user or assistant");
  if (!has_content) line.Reject(where + ".content", "", "a string");
  return message;
}

Prompt ReadPrompt(JsonlLine& line) {
  Prompt prompt;
  std::optional<std::string> text;
  bool has_messages = false;
  line.ForEachMember([&](std::string_view field) {
    if (field == "prompt") {
      text = line.ReadString(field);
    } else if (field == "messages") {
      has_messages = true;
      line.ReadArray(field,
                     [&] { prompt.messages.push_back(ReadMessage(line, prompt.messages.size())); });
    } else if (field == "max_tokens") {
      prompt.max_tokens = static_cast<int>(
          line.ReadInteger(field, 1, static_cast<std::uint32_t>(std::numeric_limits<int>::max())));
    } else {
      line.RejectUnknown(field, "prompt, messages or max_tokens");
    }
  });
  if (text.has_value() == has_messages) {
    line.Reject("prompt", has_messages ? "both prompt and messages" : "",
                "either prompt or messages");
  }
  if (text) prompt.messages.push_back({.role = Role::kUser, .content = *std::move(text)});
  if (prompt.messages.empty()) line.Reject("messages", "[]", "at least one message");
  bool empty = true;
  for (const Message& message : prompt.messages) empty = empty && message.content.empty();
  if (empty) line.Reject(has_messages ? "messages" : "prompt", "", "a text that is not empty");
  return prompt;
}

class DatasetPrompts final : public PromptSource {
 public:
  DatasetPrompts(std::vector<Prompt> prompts, std::string name, DatasetOptions options)
      : prompts_(std::move(prompts)), name_(std::move(name)), options_(std::move(options)) {}

  CompletionRequest MakeRequest(std::uint64_t index) const override {
    const std::uint64_t chosen = options_.order == DatasetOrder::kSequential
                                     ? index % prompts_.size()
                                     : Random::Stream(options_.seed, index).Below(prompts_.size());
    const Prompt& prompt = prompts_[chosen];
    const RequestTemplate& request = options_.request;
    return {.model = request.model,
            .messages = prompt.messages,
            .max_tokens = prompt.max_tokens ? prompt.max_tokens : request.max_tokens,
            .temperature = request.temperature,
            .stream = request.stream};
  }
  std::string Describe() const override {
    return std::to_string(prompts_.size()) + " prompts of " + name_ +
           (options_.order == DatasetOrder::kSequential ? ", in order" : ", at random");
  }

 private:
  const std::vector<Prompt> prompts_;
  const std::string name_;
  const DatasetOptions options_;
};

}  // namespace

std::shared_ptr<const PromptSource> ReadDataset(std::istream& input, std::string_view name,
                                                const DatasetOptions& options) {
  std::vector<Prompt> prompts;
  const JsonlBounds bounds{.max_line_bytes = options.max_line_bytes,
                           .max_bytes = options.max_bytes,
                           .max_lines = options.max_prompts};
  ReadJsonl(input, name, bounds, [&](JsonlLine& line) { prompts.push_back(ReadPrompt(line)); });
  if (prompts.empty()) {
    throw ConfigurationError::Invalid(name, "", "at least one line with a prompt");
  }
  return std::make_shared<DatasetPrompts>(std::move(prompts), std::string(name), options);
}

std::shared_ptr<const PromptSource> LoadDataset(const std::filesystem::path& path,
                                                const DatasetOptions& options) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw ConfigurationError::Invalid("data set", path.string(), "a file that can be read");
  }
  return ReadDataset(file, path.string(), options);
}

}  // namespace llmload
