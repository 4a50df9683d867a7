// Requests of the APIs other than OpenAI's, checked as their services do.
#include <algorithm>
#include <array>
#include <span>

#include "src/fake_server/chat_request.h"
#include "src/fake_server/error_dialect.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {
namespace {

using Json = nlohmann::json;
using Names = std::span<const std::string_view>;

struct Refusal {
  std::string message;
};

const Json* Find(const Json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool Contains(Names names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What differs between the services is how they word it.
class Checker {
 public:
  explicit Checker(Protocol protocol) : protocol_(protocol) {}

  [[noreturn]] void Refuse(const std::string& path, const std::string& problem) const {
    switch (protocol_) {
      case Protocol::kAnthropic:
        throw Refusal{path + ": " + problem};
      case Protocol::kOllama:
        throw Refusal{path + " " + problem};
      default:
        throw Refusal{"Malformed input request: #/" + path + ": " + problem +
                      ", please reformat your input and try again."};
    }
  }

  const Json& Required(const Json& object, const std::string& path, std::string_view name) const {
    const Json* const value = Find(object, name);
    if (value == nullptr) Refuse(Join(path, name), "Field required");
    return *value;
  }

  std::string String(const Json& value, const std::string& path) const {
    if (!value.is_string()) Refuse(path, "Input should be a valid string");
    return value.get<std::string>();
  }

  void Number(const Json& object, const std::string& path, std::string_view name, double min,
              double max) const {
    const Json* const value = Find(object, name);
    if (value == nullptr) return;
    if (!value->is_number()) Refuse(Join(path, name), "Input should be a valid number");
    const double number = value->get<double>();
    if (!(number >= min && number <= max)) {
      Refuse(Join(path, name), "Input should be between " + Short(min) + " and " + Short(max));
    }
  }

  std::optional<std::int64_t> Count(const Json& object, const std::string& path,
                                    std::string_view name, std::int64_t min) const {
    const Json* const value = Find(object, name);
    if (value == nullptr) return {};
    if (!value->is_number_integer()) Refuse(Join(path, name), "Input should be a valid integer");
    const auto number = value->get<std::int64_t>();
    if (number < min || number > 1'000'000'000) {
      Refuse(Join(path, name), "Input should be greater than or equal to " + std::to_string(min));
    }
    return number;
  }

  bool Boolean(const Json& object, std::string_view name, bool usual) const {
    const Json* const value = Find(object, name);
    if (value == nullptr) return usual;
    if (!value->is_boolean()) Refuse(std::string(name), "Input should be a valid boolean");
    return value->get<bool>();
  }

  void OnlyKnown(const Json& object, const std::string& path, Names names) const {
    for (const auto& member : object.items()) {
      if (!Contains(names, member.key())) {
        Refuse(Join(path, member.key()), "Extra inputs are not permitted");
      }
    }
  }

  static std::string Join(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
  }

 private:
  static std::string Short(double number) {
    return std::to_string(static_cast<std::int64_t>(number));
  }

  const Protocol protocol_;
};

// The bytes of the texts in `content`: a text, or a list of blocks.
std::int64_t TextBytes(const Checker& check, const Json& content, const std::string& path) {
  if (content.is_string()) {
    return static_cast<std::int64_t>(content.get_ref<const std::string&>().size());
  }
  if (!content.is_array()) check.Refuse(path, "Input should be a valid list");
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string at = path + "." + std::to_string(i);
    if (!content[i].is_object()) check.Refuse(at, "Input should be a valid dictionary");
    if (const Json* const text = Find(content[i], "text")) {
      bytes += static_cast<std::int64_t>(check.String(*text, at + ".text").size());
    }
  }
  return bytes;
}

// The bytes of all messages' texts.
std::int64_t Messages(const Checker& check, const Json& body, Names roles, bool may_be_text) {
  const Json& messages = check.Required(body, "", "messages");
  if (!messages.is_array()) check.Refuse("messages", "Input should be a valid list");
  if (messages.empty()) check.Refuse("messages", "at least one message is required");
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string path = "messages." + std::to_string(i);
    if (!messages[i].is_object()) check.Refuse(path, "Input should be a valid dictionary");
    const std::string role =
        check.String(check.Required(messages[i], path, "role"), path + ".role");
    if (!Contains(roles, role)) check.Refuse(path + ".role", "Unexpected role \"" + role + "\"");
    const Json& content = check.Required(messages[i], path, "content");
    if (!may_be_text && !content.is_array()) {
      check.Refuse(path + ".content", "Input should be a valid list");
    }
    bytes += TextBytes(check, content, path + ".content");
  }
  return bytes;
}

using Parsed = std::variant<ChatRequest, ApiError>;

// Runs `read` over the body; then what is checked alike for all.
template <class Read>
Parsed Parse(std::string_view text, const Route& route, const FakeLlmServerOptions& options,
             Read read) {
  const Json body = ParseJson(text);
  if (!body.is_object()) {
    return Invalid(route.protocol, route.protocol == Protocol::kOllama
                                       ? "invalid character in request body"
                                       : "The request body is not valid JSON.");
  }
  ChatRequest request;
  request.protocol = route.protocol;
  request.operation = route.operation;
  request.model = route.model;
  request.stream = route.stream;
  try {
    read(Checker(route.protocol), body, request);
  } catch (const Refusal& refusal) {
    return Invalid(route.protocol, refusal.message);
  }
  if (!options.models.empty() && std::find(options.models.begin(), options.models.end(),
                                           request.model) == options.models.end()) {
    return UnknownModel(route.protocol, request.model);
  }
  const std::int64_t output = request.max_tokens.value_or(0);
  if (options.context_length && request.prompt_tokens + output > *options.context_length) {
    return PromptTooLong(route.protocol, *options.context_length, request.prompt_tokens, output);
  }
  return request;
}

constexpr std::array<std::string_view, 2> kTurns = {"user", "assistant"};

}  // namespace

Parsed ParseAnthropicRequest(std::string_view text, const Route& route,
                             const FakeLlmServerOptions& options) {
  const bool on_bedrock = IsBedrock(route.protocol);
  return Parse(
      text, route, options, [&](const Checker& check, const Json& body, ChatRequest& request) {
        static constexpr std::array<std::string_view, 17> kMembers = {
            "model",          "messages",     "max_tokens", "system",
            "stream",         "temperature",  "top_p",      "top_k",
            "stop_sequences", "metadata",     "tools",      "tool_choice",
            "thinking",       "service_tier", "container",  "context_management",
            "mcp_servers"};
        static constexpr std::array<std::string_view, 12> kBedrockMembers = {
            "anthropic_version", "anthropic_beta", "messages", "max_tokens",     "system",
            "temperature",       "top_p",          "top_k",    "stop_sequences", "tools",
            "tool_choice",       "thinking"};
        if (!options.allow_unknown_parameters) {
          check.OnlyKnown(body, "", on_bedrock ? Names(kBedrockMembers) : Names(kMembers));
        }
        if (on_bedrock) {
          const std::string version =
              check.String(check.Required(body, "", "anthropic_version"), "anthropic_version");
          if (version != "bedrock-2023-05-31") {
            check.Refuse("anthropic_version", "Input should be 'bedrock-2023-05-31'");
          }
        } else {
          request.model = check.String(check.Required(body, "", "model"), "model");
          request.stream = check.Boolean(body, "stream", false);
        }
        check.Required(body, "", "max_tokens");
        request.max_tokens = check.Count(body, "", "max_tokens", 1);
        std::int64_t bytes = Messages(check, body, kTurns, true);
        if (const Json* const system = Find(body, "system")) {
          bytes += TextBytes(check, *system, "system");
        }
        check.Number(body, "", "temperature", 0, 1);
        check.Number(body, "", "top_p", 0, 1);
        check.Count(body, "", "top_k", 0);
        request.prompt_tokens = (bytes + 3) / 4;
      });
}

Parsed ParseConverseRequest(std::string_view text, const Route& route,
                            const FakeLlmServerOptions& options) {
  return Parse(text, route, options,
               [](const Checker& check, const Json& body, ChatRequest& request) {
                 std::int64_t bytes = Messages(check, body, kTurns, false);
                 if (const Json* const system = Find(body, "system")) {
                   if (!system->is_array()) check.Refuse("system", "Input should be a valid list");
                   bytes += TextBytes(check, *system, "system");
                 }
                 if (const Json* const config = Find(body, "inferenceConfig")) {
                   if (!config->is_object()) {
                     check.Refuse("inferenceConfig", "Input should be a valid dictionary");
                   }
                   request.max_tokens = check.Count(*config, "inferenceConfig", "maxTokens", 1);
                   check.Number(*config, "inferenceConfig", "temperature", 0, 1);
                   check.Number(*config, "inferenceConfig", "topP", 0, 1);
                 }
                 request.prompt_tokens = (bytes + 3) / 4;
               });
}

Parsed ParseTitanRequest(std::string_view text, const Route& route,
                         const FakeLlmServerOptions& options) {
  return Parse(
      text, route, options, [&](const Checker& check, const Json& body, ChatRequest& request) {
        static constexpr std::array<std::string_view, 2> kMembers = {"inputText",
                                                                     "textGenerationConfig"};
        if (!options.allow_unknown_parameters) check.OnlyKnown(body, "", kMembers);
        const std::string prompt = check.String(check.Required(body, "", "inputText"), "inputText");
        if (prompt.empty()) check.Refuse("inputText", "expected minLength: 1, actual: 0");
        if (const Json* const config = Find(body, "textGenerationConfig")) {
          if (!config->is_object()) {
            check.Refuse("textGenerationConfig", "Input should be a valid dictionary");
          }
          request.max_tokens = check.Count(*config, "textGenerationConfig", "maxTokenCount", 0);
          check.Number(*config, "textGenerationConfig", "temperature", 0, 1);
          check.Number(*config, "textGenerationConfig", "topP", 0, 1);
        }
        request.prompt_tokens = (static_cast<std::int64_t>(prompt.size()) + 3) / 4;
      });
}

Parsed ParseOllamaRequest(std::string_view text, const Route& route,
                          const FakeLlmServerOptions& options) {
  return Parse(text, route, options,
               [](const Checker& check, const Json& body, ChatRequest& request) {
                 static constexpr std::array<std::string_view, 4> kRoles = {"system", "user",
                                                                            "assistant", "tool"};
                 const Json* const model = Find(body, "model");
                 // NOLINTNEXTLINE(readability-container-size-empty): of JSON, `empty` is about null
                 if (model == nullptr || *model == "") check.Refuse("model", "is required");
                 request.model = check.String(*model, "model");
                 request.stream = check.Boolean(body, "stream", true);
                 request.prompt_tokens = (Messages(check, body, kRoles, true) + 3) / 4;
                 if (const Json* const settings = Find(body, "options")) {
                   if (!settings->is_object()) check.Refuse("options", "should be an object");
                   // Negative: without a bound.
                   const auto limit = check.Count(*settings, "options", "num_predict", -2);
                   if (limit && *limit >= 0) request.max_tokens = limit;
                   check.Number(*settings, "options", "temperature", 0, 100);
                 }
               });
}

}  // namespace llmload::fake_server
