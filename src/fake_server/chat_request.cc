#include "src/fake_server/chat_request.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "src/core/text/echo_code.h"
#include "src/fake_server/openai_check.h"

namespace llmload::fake_server {
namespace openai {
namespace {

constexpr std::array<std::string_view, 37> kParameters = {"audio",
                                                          "frequency_penalty",
                                                          "function_call",
                                                          "functions",
                                                          "logit_bias",
                                                          "logprobs",
                                                          "max_completion_tokens",
                                                          "max_tokens",
                                                          "messages",
                                                          "metadata",
                                                          "modalities",
                                                          "model",
                                                          "moderation",
                                                          "n",
                                                          "parallel_tool_calls",
                                                          "prediction",
                                                          "presence_penalty",
                                                          "prompt_cache_key",
                                                          "prompt_cache_options",
                                                          "prompt_cache_retention",
                                                          "reasoning_effort",
                                                          "response_format",
                                                          "safety_identifier",
                                                          "seed",
                                                          "service_tier",
                                                          "stop",
                                                          "store",
                                                          "stream",
                                                          "stream_options",
                                                          "temperature",
                                                          "tool_choice",
                                                          "tools",
                                                          "top_logprobs",
                                                          "top_p",
                                                          "user",
                                                          "verbosity",
                                                          "web_search_options"};

// What of the messages decides the answer, and how many there are of what.
class ChatReader {
 public:
  /// @param for_json  the word "json" is looked for
  ChatReader(std::string_view model, bool for_json) : model_(model), for_json_(for_json) {}

  void ReadMessages(const Json& messages) {
    RequireElements(messages, "messages", "an array of objects");
    for (std::size_t i = 0; i < messages.size(); ++i) ReadMessage(messages[i], i);
    RequireNoUnanswered(messages.size());
  }

  std::int64_t prompt_tokens() const { return (bytes_ + 3) / 4 + images_ * kImageTokens; }
  bool mentions_json() const { return mentions_json_; }
  bool ends_with_tool() const { return ends_with_tool_; }

 private:
  void ReadMessage(const Json& message, std::size_t index) {
    static constexpr std::array<std::string_view, 6> kRoles = {
        "system", "assistant", "user", "function", "tool", "developer"};
    const std::string path = At("messages", index);
    RequireObject(message, path);
    const Json& role = Required(message, path, "role");
    CheckChoice(role, Join(path, "role"), kRoles);
    ends_with_tool_ = role == "tool";
    if (ends_with_tool_) {
      ReadToolResult(message, path, index);
    } else {
      RequireNoUnanswered(index);
      call_ids_.clear();
      answered_.clear();
    }
    const Json* const calls = Member(message, "tool_calls");
    if (role == "assistant" && calls != nullptr) ReadCalls(*calls, Join(path, "tool_calls"));
    const Json* const content = Member(message, "content");
    if (content != nullptr) {
      return ReadContent(*content, path, role.get_ref<const std::string&>());
    }
    const bool may_lack_content =
        role == "assistant" && (calls != nullptr || Member(message, "function_call") != nullptr ||
                                Member(message, "refusal") != nullptr);
    if (!may_lack_content) {
      Refuse("Invalid value for 'content': expected a string, got null.", Join(path, "content"),
             std::nullopt);
    }
  }

  // The service writes the paths of these messages in its own way.
  static std::string OldPath(std::size_t index, const std::string& name) {
    return "messages.[" + std::to_string(index) + "]." + name;
  }

  void ReadToolResult(const Json& message, const std::string& path, std::size_t index) {
    const std::string& id = RequiredString(message, path, "tool_call_id");
    if (call_ids_.empty()) {
      Refuse(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
          "with 'tool_calls'.",
          OldPath(index, "role"), std::nullopt);
    }
    const auto call = answered_.find(id);
    if (call == answered_.end()) {
      Refuse("Invalid parameter: 'tool_call_id' of '" + id +
                 "' not found in 'tool_calls' of previous message.",
             OldPath(index, "tool_call_id"), std::nullopt);
    }
    call->second = true;
  }

  // @param index  of the message that should have been an answer
  void RequireNoUnanswered(std::size_t index) {
    std::string missing;
    for (const std::string& id : call_ids_) {
      if (!answered_[id]) missing += (missing.empty() ? "" : ", ") + id;
    }
    if (missing.empty()) return;
    Refuse(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: " +
            missing,
        OldPath(index, "role"), std::nullopt);
  }

  void ReadCalls(const Json& calls, const std::string& path) {
    static constexpr std::array<std::string_view, 2> kTypes = {"function", "custom"};
    RequireElements(calls, path, "an array of objects");
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const std::string at = At(path, i);
      RequireObject(calls[i], at);
      const std::string& id = RequiredString(calls[i], at, "id");
      const Json& type = Required(calls[i], at, "type");
      CheckChoice(type, Join(at, "type"), kTypes);
      const std::string kind = type.get<std::string>();
      const Json& body = Required(calls[i], at, kind);
      RequireObject(body, Join(at, kind));
      RequiredString(body, Join(at, kind), "name");
      const char* const input = kind == "function" ? "arguments" : "input";
      Count(RequiredString(body, Join(at, kind), input));
      call_ids_.push_back(id);
      answered_[id] = false;
    }
  }

  void ReadContent(const Json& content, const std::string& message, const std::string& role) {
    const std::string path = Join(message, "content");
    if (content.is_string()) return Count(content.get_ref<const std::string&>());
    RequireElements(content, path, "one of a string or array of objects");
    for (std::size_t i = 0; i < content.size(); ++i) {
      ReadPart(content[i], At(path, i), message, role);
    }
  }

  void ReadPart(const Json& part, const std::string& path, const std::string& message,
                const std::string& role) {
    static constexpr std::array<std::string_view, 5> kParts = {"text", "image_url", "input_audio",
                                                               "file", "refusal"};
    RequireObject(part, path);
    const Json& type = Required(part, path, "type");
    CheckChoice(type, Join(path, "type"), kParts);
    const std::string kind = type.get<std::string>();
    if (kind == "text" || kind == "refusal") return Count(RequiredString(part, path, kind));
    const Json& body = Required(part, path, kind);
    RequireObject(body, Join(path, kind));
    if (kind != "image_url") return;
    if (role != "user") {
      Refuse("Invalid '" + message +
                 "'. Image URLs are only allowed for messages with role 'user', but this message "
                 "with role '" +
                 role + "' contains an image URL.",
             message, "invalid_value");
    }
    static constexpr std::array<std::string_view, 3> kDetails = {"auto", "low", "high"};
    if (const Json* const detail = Member(body, "detail")) {
      CheckChoice(*detail, Join(path, "image_url.detail"), kDetails);
    }
    CheckImage(Required(body, Join(path, kind), "url"), path, "image_url.url", model_);
    ++images_;
  }

  void Count(const std::string& text) {
    bytes_ += static_cast<std::int64_t>(text.size());
    if (for_json_) mentions_json_ = mentions_json_ || MentionsJson(text);
  }

  const std::string_view model_;
  const bool for_json_;
  // Of the latest assistant message, until another follows the results of its calls.
  std::vector<std::string> call_ids_;
  std::map<std::string, bool> answered_;
  std::int64_t bytes_ = 0;
  std::int64_t images_ = 0;
  bool mentions_json_ = false;
  bool ends_with_tool_ = false;
};

void ReadStop(const Json& body, ChatRequest& request) {
  const Json* const stop = Member(body, "stop");
  if (stop == nullptr) return;
  const auto add = [&request](const Json& sequence) {
    const auto& text = sequence.get_ref<const std::string&>();
    if (!text.empty()) request.stop.push_back(text);
  };
  if (stop->is_string()) return add(*stop);
  if (!stop->is_array()) RefuseType("stop", "one of a string or array of strings", *stop);
  if (stop->size() > 4) {
    Refuse(
        "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an "
        "array with length " +
            std::to_string(stop->size()) + " instead.",
        "stop", "array_above_max_length");
  }
  for (std::size_t i = 0; i < stop->size(); ++i) {
    if (!(*stop)[i].is_string()) RefuseType(At("stop", i), "a string", (*stop)[i]);
    add((*stop)[i]);
  }
}

void ReadStreamOptions(const Json& body, ChatRequest& request) {
  const Json* const options = Member(body, "stream_options");
  if (options == nullptr) return;
  RequireObject(*options, "stream_options");
  if (!request.stream) {
    Refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
           "stream_options", std::nullopt);
  }
  if (Member(*options, "include_obfuscation") != nullptr) {
    request.include_obfuscation = CheckBoolean(*options, "include_obfuscation", "stream_options");
  }
  request.include_usage = CheckBoolean(*options, "include_usage", "stream_options");
}

bool IsReasoningModel(std::string_view model) {
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4") ||
         model.starts_with("gpt-5");
}

std::optional<std::int64_t> ReadOutputLimit(const Json& body, const std::string& model) {
  constexpr double kMax = 1e18;
  const auto old_name = CheckInteger(body, "max_tokens", 1, kMax);
  const auto new_name = CheckInteger(body, "max_completion_tokens", 1, kMax);
  if (old_name && new_name) {
    Refuse("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
           "max_tokens", "invalid_parameter_combination");
  }
  if (old_name && IsReasoningModel(model)) {
    Refuse(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "max_tokens", "unsupported_parameter");
  }
  const auto limit = old_name ? old_name : new_name;
  if (limit) CheckOutputLimit(*limit, old_name ? "max_tokens" : "max_completion_tokens", model);
  return limit;
}

void CheckSampling(const Json& body) {
  CheckCommon(body);
  CheckDecimal(body, "frequency_penalty", -2, 2);
  CheckDecimal(body, "presence_penalty", -2, 2);
  CheckInteger(body, "seed", -9.3e18, 9.3e18);
  if (Member(body, "top_logprobs") != nullptr && !CheckBoolean(body, "logprobs")) {
    Refuse("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
           "top_logprobs", std::nullopt);
  }
  CheckBoolean(body, "logprobs");
  CheckKind(body, "logit_bias", Json::value_t::object, "an object");
  static constexpr std::array<std::string_view, 7> kEfforts = {"none", "minimal", "low", "medium",
                                                               "high", "xhigh",   "max"};
  if (const Json* const effort = Member(body, "reasoning_effort")) {
    CheckChoice(*effort, "reasoning_effort", kEfforts);
  }
}

}  // namespace

ChatRequest ReadChat(const Json& body, const Route& route, const FakeLlmServerOptions& options) {
  static const ToolSyntax kSyntax{.nested = true, .format = "response_format"};
  ChatRequest request;
  request.protocol = route.protocol;
  request.model = CheckModel(body, route, options);
  if (!options.allow_unknown_parameters) CheckNames(body, kParameters);
  const bool for_json = ReadFormat(Member(body, "response_format"), kSyntax, options, request);
  ChatReader reader(request.model, for_json);
  reader.ReadMessages(Required(body, "", "messages"));
  if (for_json && !reader.mentions_json()) {
    Refuse(
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
        "'json_object'.",
        "messages", std::nullopt);
  }
  request.prompt_tokens = reader.prompt_tokens();
  request.after_tool_result = reader.ends_with_tool();
  request.stream = CheckBoolean(body, "stream");
  ReadStreamOptions(body, request);
  CheckSampling(body);
  ReadStop(body, request);
  ReadTools(body, kSyntax, options, request);
  request.choices = static_cast<int>(CheckInteger(body, "n", 1, 128).value_or(1));
  request.max_tokens = ReadOutputLimit(body, request.model);
  CheckContext(request, options);
  return request;
}

}  // namespace openai

std::variant<ChatRequest, ApiError> ParseOpenAiRequest(std::string_view text, const Route& route,
                                                       const FakeLlmServerOptions& options) {
  try {
    const auto body = openai::ParseBody(text);
    return route.operation == Operation::kResponses ? openai::ReadResponses(body, route, options)
                                                    : openai::ReadChat(body, route, options);
  } catch (openai::Refusal& refusal) {
    return std::move(refusal.error);
  }
}

namespace {

std::variant<ChatRequest, ApiError> ParseByProtocol(std::string_view body, const Route& route,
                                                    const FakeLlmServerOptions& options) {
  switch (route.protocol) {
    case Protocol::kOpenAi:
    case Protocol::kAzure:
      return ParseOpenAiRequest(body, route, options);
    case Protocol::kAnthropic:
    case Protocol::kInvokeAnthropic:
      return ParseAnthropicRequest(body, route, options);
    case Protocol::kConverse:
      return ParseConverseRequest(body, route, options);
    case Protocol::kInvokeTitan:
      return ParseTitanRequest(body, route, options);
    case Protocol::kOllama:
      return ParseOllamaRequest(body, route, options);
  }
  return ApiError{};
}

}  // namespace

std::variant<ChatRequest, ApiError> ParseRequest(std::string_view body, const Route& route,
                                                 const FakeLlmServerOptions& options) {
  auto parsed = ParseByProtocol(body, route, options);
  if (auto* request = std::get_if<ChatRequest>(&parsed)) request->code = text::LastEchoCode(body);
  return parsed;
}

}  // namespace llmload::fake_server
