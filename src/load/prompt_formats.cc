#include "src/load/prompt_formats.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "llmload/metrics/cell_keys.h"

namespace llmload {
namespace {

constexpr std::string_view kTextNotEmpty = "a text that is not empty";
constexpr std::string_view kRoles = "system, user or assistant";

bool HasText(const std::vector<Message>& messages) {
  return std::any_of(messages.begin(), messages.end(),
                     [](const Message& message) { return !message.content.empty(); });
}

int ReadMaxTokens(const JsonlLine& line, const nlohmann::json& value, std::string_view field) {
  constexpr auto kMax = static_cast<std::uint32_t>(std::numeric_limits<int>::max());
  return static_cast<int>(line.ReadInteger(value, field, 1, kMax));
}

const nlohmann::json& ReadArray(const JsonlLine& line, const nlohmann::json& value,
                                std::string_view field) {
  if (!value.is_array()) line.Reject(field, value.dump(), "an array");
  return value;
}

void CheckIsObject(const JsonlLine& line, const nlohmann::json& value, std::string_view field) {
  if (!value.is_object()) line.Reject(field, value.dump(), "an object");
}

Role ReadRole(const JsonlLine& line, const nlohmann::json& value, std::string_view field) {
  const std::string role = line.ReadString(value, field);
  if (role == "system") return Role::kSystem;
  if (role == "user") return Role::kUser;
  if (role == "assistant") return Role::kAssistant;
  line.Reject(field, role, kRoles);
}

// The messages of a chat completion, of which `read` reads one: `path` precedes its members.
std::vector<Message> ReadMessages(const JsonlLine& line, const nlohmann::json& messages,
                                  const std::string& field,
                                  Message (*read)(const JsonlLine&, const nlohmann::json&,
                                                  const std::string& path)) {
  std::vector<Message> found;
  for (const nlohmann::json& message : ReadArray(line, messages, field)) {
    const std::string each = field + "[" + std::to_string(found.size()) + "]";
    CheckIsObject(line, message, each);
    found.push_back(read(line, message, each + "."));
  }
  if (!HasText(found)) line.Reject(field, messages.dump(), kTextNotEmpty);
  return found;
}

// llmload's own form, in which an unknown field is taken for a misspelt one.

Message ReadOwnMessage(const JsonlLine& line, const nlohmann::json& message,
                       const std::string& path) {
  line.CheckMembers(message, path, {"role", "content"});
  const nlohmann::json& role = line.Member(message, path, "role", kRoles);
  const nlohmann::json& content = line.Member(message, path, "content", "a string");
  return {.role = ReadRole(line, role, path + "role"),
          .content = line.ReadString(content, path + "content")};
}

// An object of strings. "phase" and "model" are names that --slo keeps for itself.
std::vector<RequestTag> ReadTags(const JsonlLine& line, const nlohmann::json& object) {
  CheckIsObject(line, object, "tags");
  if (object.size() > kMostTags) line.Reject("tags", object.dump(), "8 tags or fewer");
  std::vector<RequestTag> tags;
  for (const auto& [name, value] : object.items()) {
    const std::string field = "tags." + name;
    const auto fits = [](std::string_view text) {
      return !text.empty() && text.size() <= kMostTagBytes &&
             text.find_first_of("{}=,\"") == std::string_view::npos;
    };
    if (!fits(name) || name == "phase" || name == "model") {
      line.Reject("tags", name,
                  "a name of 1 to 64 bytes without {}=,\" that is neither phase nor model");
    }
    tags.push_back({.name = name, .value = line.ReadString(value, field)});
    if (!fits(tags.back().value)) {
      line.Reject(field, tags.back().value, "a text of 1 to 64 bytes without {}=,\"");
    }
  }
  return tags;
}

DatasetPrompt ReadOwn(const JsonlLine& line, const nlohmann::json& object) {
  line.CheckMembers(object, "", {"prompt", "messages", "max_tokens", "tags", "extra_body"});
  const auto text = object.find("prompt");
  const auto messages = object.find("messages");
  const bool has_messages = messages != object.end();
  if ((text != object.end()) == has_messages) {
    line.Reject("prompt", has_messages ? "both prompt and messages" : JsonlLine::kMissing,
                "either prompt or messages");
  }
  DatasetPrompt prompt;
  if (has_messages) {
    prompt.messages = ReadMessages(line, *messages, "messages", ReadOwnMessage);
  } else {
    prompt.messages.push_back({.role = Role::kUser, .content = line.ReadString(*text, "prompt")});
    if (!HasText(prompt.messages)) line.Reject("prompt", "", kTextNotEmpty);
  }
  if (const auto tokens = object.find("max_tokens"); tokens != object.end()) {
    prompt.max_tokens = ReadMaxTokens(line, *tokens, "max_tokens");
  }
  if (const auto tags = object.find("tags"); tags != object.end()) {
    prompt.tags = ReadTags(line, *tags);
  }
  if (const auto extra = object.find("extra_body"); extra != object.end()) {
    CheckIsObject(line, *extra, "extra_body");
    prompt.extra_body = extra->dump();
  }
  return prompt;
}

// ShareGPT: {"conversations": [{"from": "human", "value": TEXT}, {"from": "gpt", ...}, ...]}. What
// else a record has (id, scores, languages) differs from one collection to the next.

std::optional<DatasetPrompt> ReadShareGpt(const JsonlLine& line, const nlohmann::json& object) {
  constexpr std::string_view kTurns = "an array of turns, each with from and value";
  const nlohmann::json& turns = line.Member(object, "", "conversations", kTurns);
  DatasetPrompt prompt;
  std::size_t index = 0;
  for (const nlohmann::json& turn : ReadArray(line, turns, "conversations")) {
    const std::string path = "conversations[" + std::to_string(index++) + "].";
    CheckIsObject(line, turn, path.substr(0, path.size() - 1));
    const std::string from =
        line.ReadString(line.Member(turn, path, "from", "human, gpt or system"), path + "from");
    const bool is_human = from == "human" || from == "user";
    if (!is_human && (from != "system" || !prompt.messages.empty())) continue;
    std::string text =
        line.ReadString(line.Member(turn, path, "value", "a string"), path + "value");
    if (text.empty()) continue;
    prompt.messages.push_back(
        {.role = is_human ? Role::kUser : Role::kSystem, .content = std::move(text)});
    if (is_human) return prompt;
  }
  return std::nullopt;
}

// OpenAI's batch files: {"custom_id": ..., "method": "POST", "url": ..., "body": REQUEST}. Of the
// request the messages and the bound of the answer are used, because models, tools and sampling are
// the run's.

std::string ReadContent(const JsonlLine& line, const nlohmann::json& content,
                        const std::string& field) {
  if (!content.is_array()) return line.ReadString(content, field);
  std::string text;
  std::size_t index = 0;
  for (const nlohmann::json& part : content) {
    const std::string path = field + "[" + std::to_string(index++) + "].";
    CheckIsObject(line, part, path.substr(0, path.size() - 1));
    constexpr std::string_view kTextPart = "a part of type text: other ones are not sent";
    const std::string type =
        line.ReadString(line.Member(part, path, "type", kTextPart), path + "type");
    if (type != "text") line.Reject(path + "type", type, kTextPart);
    text += line.ReadString(line.Member(part, path, "text", "a string"), path + "text");
  }
  return text;
}

Message ReadBatchMessage(const JsonlLine& line, const nlohmann::json& message,
                         const std::string& path) {
  const nlohmann::json& role = line.Member(message, path, "role", kRoles);
  const nlohmann::json& content = line.Member(message, path, "content", "a string");
  return {.role = role == "developer" ? Role::kSystem : ReadRole(line, role, path + "role"),
          .content = ReadContent(line, content, path + "content")};
}

DatasetPrompt ReadBatch(const JsonlLine& line, const nlohmann::json& object) {
  const nlohmann::json& body = line.Member(object, "", "body", "the request, an object");
  CheckIsObject(line, body, "body");
  const nlohmann::json& messages =
      line.Member(body, "body.", "messages", "an array, as a request for a chat completion has");
  DatasetPrompt prompt{.messages = ReadMessages(line, messages, "body.messages", ReadBatchMessage)};
  for (const char* const name : {"max_completion_tokens", "max_tokens"}) {
    const auto tokens = body.find(name);
    if (tokens == body.end() || tokens->is_null()) continue;
    prompt.max_tokens = ReadMaxTokens(line, *tokens, "body." + std::string(name));
  }
  return prompt;
}

}  // namespace

DatasetFormat FormatOf(const nlohmann::json& object) {
  if (object.contains("conversations")) return DatasetFormat::kShareGpt;
  if (object.contains("body")) return DatasetFormat::kOpenAiBatch;
  return DatasetFormat::kPrompts;
}

std::optional<DatasetPrompt> ReadPrompt(DatasetFormat format, const JsonlLine& line,
                                        const nlohmann::json& object) {
  switch (format) {
    case DatasetFormat::kShareGpt:
      return ReadShareGpt(line, object);
    case DatasetFormat::kOpenAiBatch:
      return ReadBatch(line, object);
    case DatasetFormat::kDetect:
    case DatasetFormat::kPrompts:
    case DatasetFormat::kAzureTrace:  // its records are not JSON
      break;
  }
  return ReadOwn(line, object);
}

}  // namespace llmload
