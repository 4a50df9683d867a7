#include <algorithm>
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

Role ReadRole(const JsonlLine& line, const nlohmann::json& value, std::string_view field) {
  const std::string role = line.ReadString(value, field);
  if (role == "system") return Role::kSystem;
  if (role == "user") return Role::kUser;
  if (role == "assistant") return Role::kAssistant;
  line.Reject(field, role, "system, user or assistant");
}

Message ReadMessage(const JsonlLine& line, const nlohmann::json& value, const std::string& field) {
  if (!value.is_object()) line.Reject(field, value.dump(), "an object");
  line.CheckMembers(value, field + ".", {"role", "content"});
  const auto role = value.find("role");
  const auto content = value.find("content");
  if (role == value.end()) line.Reject(field + ".role", "", "system, user or assistant");
  if (content == value.end()) line.Reject(field + ".content", "", "a string");
  return {.role = ReadRole(line, *role, field + ".role"),
          .content = line.ReadString(*content, field + ".content")};
}

Prompt ReadPrompt(const JsonlLine& line, const nlohmann::json& object) {
  line.CheckMembers(object, "", {"prompt", "messages", "max_tokens"});
  const auto text = object.find("prompt");
  const auto messages = object.find("messages");
  const bool has_messages = messages != object.end();
  if ((text != object.end()) == has_messages) {
    line.Reject("prompt", has_messages ? "both prompt and messages" : "",
                "either prompt or messages");
  }
  Prompt prompt;
  if (has_messages) {
    if (!messages->is_array()) line.Reject("messages", messages->dump(), "an array");
    for (const nlohmann::json& message : *messages) {
      const std::string field = "messages[" + std::to_string(prompt.messages.size()) + "]";
      prompt.messages.push_back(ReadMessage(line, message, field));
    }
    if (prompt.messages.empty()) line.Reject("messages", "[]", "at least one message");
  } else {
    prompt.messages.push_back({.role = Role::kUser, .content = line.ReadString(*text, "prompt")});
  }
  if (std::all_of(prompt.messages.begin(), prompt.messages.end(),
                  [](const Message& message) { return message.content.empty(); })) {
    line.Reject(has_messages ? "messages" : "prompt", "", "a text that is not empty");
  }
  if (const auto tokens = object.find("max_tokens"); tokens != object.end()) {
    constexpr auto kMax = static_cast<std::uint32_t>(std::numeric_limits<int>::max());
    prompt.max_tokens = static_cast<int>(line.ReadInteger(*tokens, "max_tokens", 1, kMax));
  }
  return prompt;
}

class DatasetSource final : public PromptSource {
 public:
  DatasetSource(std::vector<Prompt> prompts, const DatasetPrompts& dataset, RequestTemplate request,
                std::uint64_t seed)
      : prompts_(std::move(prompts)),
        name_(dataset.path.string()),
        order_(dataset.order),
        request_(std::move(request)),
        seed_(dataset.seed.value_or(seed)) {}

  CompletionRequest MakeRequest(std::uint64_t index) const override {
    const std::uint64_t chosen = order_ == DatasetOrder::kSequential
                                     ? index % prompts_.size()
                                     : Random::Stream(seed_, index).Below(prompts_.size());
    const Prompt& prompt = prompts_[chosen];
    return {.model = request_.model,
            .messages = prompt.messages,
            .max_tokens = prompt.max_tokens ? prompt.max_tokens : request_.max_tokens,
            .temperature = request_.temperature,
            .stream = request_.stream};
  }
  std::string Describe() const override {
    return std::to_string(prompts_.size()) + " prompts of " + name_ +
           (order_ == DatasetOrder::kSequential ? ", in order" : ", at random");
  }

 private:
  const std::vector<Prompt> prompts_;
  const std::string name_;
  const DatasetOrder order_;
  const RequestTemplate request_;
  const std::uint64_t seed_;
};

}  // namespace

std::shared_ptr<const PromptSource> ReadDataset(std::istream& input, const DatasetPrompts& dataset,
                                                const RequestTemplate& request,
                                                std::uint64_t seed) {
  const std::string name = dataset.path.string();
  std::vector<Prompt> prompts;
  const JsonlBounds bounds{.max_line_bytes = dataset.max_line_bytes,
                           .max_bytes = dataset.max_bytes,
                           .max_lines = dataset.max_prompts};
  ReadJsonl(input, name, bounds, [&](const JsonlLine& line, const nlohmann::json& object) {
    prompts.push_back(ReadPrompt(line, object));
  });
  if (prompts.empty()) {
    throw ConfigurationError::Invalid(name, "", "at least one line with a prompt");
  }
  return std::make_shared<DatasetSource>(std::move(prompts), dataset, request, seed);
}

}  // namespace llmload
