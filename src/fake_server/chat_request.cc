#include "src/fake_server/chat_request.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "src/fake_server/error_dialect.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {
namespace {

using Json = nlohmann::json;

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

// Validation stops at the first fault; it travels as an exception within this file only.
struct Refusal {
  ApiError error;
};

[[noreturn]] void Refuse(std::string message, std::optional<std::string> param,
                         std::optional<std::string> code) {
  ApiError error;
  error.message = std::move(message);
  error.param = std::move(param);
  error.code = std::move(code);
  throw Refusal{std::move(error)};
}

std::string_view KindOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_float:
      return "a decimal";
    case Json::value_t::null:
      return "null";
    default:
      return "an integer";
  }
}

[[noreturn]] void RefuseType(const std::string& param, std::string_view expected, const Json& got) {
  Refuse("Invalid type for '" + param + "': expected " + std::string(expected) + ", but got " +
             std::string(KindOf(got)) + " instead.",
         param, "invalid_type");
}

// The member, or null if it is absent or JSON null: the service takes both alike.
const Json* Member(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

std::string Print(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", number);
  return text.data();
}

void CheckRange(const std::string& param, double value, double min, double max,
                const std::string& kind) {
  if (value >= min && value <= max) return;
  const bool above = value > max;
  Refuse("Invalid '" + param + "': " + kind + (above ? " above maximum" : " below minimum") +
             " value. Expected a value " + (above ? "<= " + Print(max) : ">= " + Print(min)) +
             ", but got " + Print(value) + " instead.",
         param, kind + (above ? "_above_max_value" : "_below_min_value"));
}

void CheckDecimal(const Json& body, const std::string& name, double min, double max) {
  const Json* const value = Member(body, name);
  if (value == nullptr) return;
  if (!value->is_number()) RefuseType(name, "a decimal", *value);
  CheckRange(name, value->get<double>(), min, max, "decimal");
}

std::optional<std::int64_t> CheckInteger(const Json& body, const std::string& name, double min,
                                         double max) {
  const Json* const value = Member(body, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) RefuseType(name, "an integer", *value);
  CheckRange(name, value->get<double>(), min, max, "integer");
  return value->get<std::int64_t>();
}

bool CheckBoolean(const Json& body, const std::string& name, const std::string& path) {
  const Json* const value = Member(body, name);
  if (value == nullptr) return false;
  if (!value->is_boolean()) RefuseType(path, "a boolean", *value);
  return value->get<bool>();
}

template <std::size_t N>
void CheckChoice(const Json& value, const std::string& param,
                 const std::array<std::string_view, N>& accepted) {
  if (!value.is_string()) RefuseType(param, "one of several strings", value);
  const auto& text = value.get_ref<const std::string&>();
  if (std::find(accepted.begin(), accepted.end(), text) != accepted.end()) return;
  std::string list;
  for (std::size_t i = 0; i < N; ++i) {
    list.append(i == 0 ? "" : (i + 1 == N ? ", and " : ", "));
    list.append("'").append(accepted[i]).append("'");
  }
  Refuse("Invalid value: '" + text + "'. Supported values are: " + list + ".", param,
         "invalid_value");
}

void CheckKind(const Json& body, const std::string& name, Json::value_t kind,
               std::string_view expected) {
  const Json* const value = Member(body, name);
  if (value != nullptr && value->type() != kind) RefuseType(name, expected, *value);
}

// Bytes of text in a `content` member.
std::int64_t CheckContent(const Json& content, const std::string& path) {
  if (content.is_string()) {
    return static_cast<std::int64_t>(content.get_ref<const std::string&>().size());
  }
  if (!content.is_array()) RefuseType(path, "one of a string or array of objects", content);
  if (content.empty()) {
    Refuse("Invalid '" + path +
               "': empty array. Expected an array with minimum length 1, but got an empty array "
               "instead.",
           path, "empty_array");
  }
  static constexpr std::array<std::string_view, 5> kParts = {"text", "image_url", "input_audio",
                                                             "file", "refusal"};
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string part_path = path + "[" + std::to_string(i) + "]";
    const Json& part = content[i];
    if (!part.is_object()) RefuseType(part_path, "an object", part);
    const Json* const type = Member(part, "type");
    if (type == nullptr) {
      Refuse("Missing required parameter: '" + part_path + ".type'.", part_path + ".type",
             "missing_required_parameter");
    }
    CheckChoice(*type, part_path + ".type", kParts);
    if (*type != "text") continue;
    const Json* const text = Member(part, "text");
    if (text == nullptr) {
      Refuse("Missing required parameter: '" + part_path + ".text'.", part_path + ".text",
             "missing_required_parameter");
    }
    if (!text->is_string()) RefuseType(part_path + ".text", "a string", *text);
    bytes += static_cast<std::int64_t>(text->get_ref<const std::string&>().size());
  }
  return bytes;
}

std::int64_t CheckMessage(const Json& message, const std::string& path) {
  static constexpr std::array<std::string_view, 6> kRoles = {"system",   "assistant", "user",
                                                             "function", "tool",      "developer"};
  if (!message.is_object()) RefuseType(path, "an object", message);
  const Json* const role = Member(message, "role");
  if (role == nullptr) {
    Refuse("Missing required parameter: '" + path + ".role'.", path + ".role",
           "missing_required_parameter");
  }
  CheckChoice(*role, path + ".role", kRoles);
  if (*role == "tool" && Member(message, "tool_call_id") == nullptr) {
    Refuse("Missing required parameter: '" + path + ".tool_call_id'.", path + ".tool_call_id",
           "missing_required_parameter");
  }
  const Json* const content = Member(message, "content");
  if (content != nullptr) return CheckContent(*content, path + ".content");
  const bool may_lack_content =
      *role == "assistant" &&
      (Member(message, "tool_calls") != nullptr || Member(message, "function_call") != nullptr ||
       Member(message, "refusal") != nullptr);
  if (!may_lack_content) {
    Refuse("Invalid value for 'content': expected a string, got null.", path + ".content",
           std::nullopt);
  }
  return 0;
}

std::int64_t CheckMessages(const Json& body) {
  const Json* const messages = Member(body, "messages");
  if (messages == nullptr) {
    Refuse("Missing required parameter: 'messages'.", "messages", "missing_required_parameter");
  }
  if (!messages->is_array()) RefuseType("messages", "an array of objects", *messages);
  if (messages->empty()) {
    Refuse(
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        "messages", "empty_array");
  }
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < messages->size(); ++i) {
    bytes += CheckMessage((*messages)[i], "messages[" + std::to_string(i) + "]");
  }
  return bytes;
}

void CheckStop(const Json& body) {
  const Json* const stop = Member(body, "stop");
  if (stop == nullptr || stop->is_string()) return;
  if (!stop->is_array()) RefuseType("stop", "one of a string or array of strings", *stop);
  if (stop->size() > 4) {
    Refuse(
        "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an "
        "array with length " +
            std::to_string(stop->size()) + " instead.",
        "stop", "array_above_max_length");
  }
  for (std::size_t i = 0; i < stop->size(); ++i) {
    if (!(*stop)[i].is_string()) {
      RefuseType("stop[" + std::to_string(i) + "]", "a string", (*stop)[i]);
    }
  }
}

void CheckStreamOptions(const Json& body, ChatRequest& request) {
  const Json* const options = Member(body, "stream_options");
  if (options == nullptr) return;
  if (!options->is_object()) RefuseType("stream_options", "an object", *options);
  if (!request.stream) {
    Refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
           "stream_options", std::nullopt);
  }
  if (Member(*options, "include_obfuscation") != nullptr) {
    request.include_obfuscation =
        CheckBoolean(*options, "include_obfuscation", "stream_options.include_obfuscation");
  }
  request.include_usage = CheckBoolean(*options, "include_usage", "stream_options.include_usage");
}

bool IsReasoningModel(std::string_view model) {
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4") ||
         model.starts_with("gpt-5");
}

std::optional<std::int64_t> CheckOutputLimit(const Json& body, const std::string& model) {
  constexpr double kMax = 1e9;
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
  return old_name ? old_name : new_name;
}

void CheckNames(const Json& body) {
  for (const auto& member : body.items()) {
    if (std::find(kParameters.begin(), kParameters.end(), member.key()) == kParameters.end()) {
      Refuse("Unknown parameter: '" + member.key() + "'.", member.key(), "unknown_parameter");
    }
  }
}

void CheckSampling(const Json& body) {
  CheckDecimal(body, "temperature", 0, 2);
  CheckDecimal(body, "top_p", 0, 1);
  CheckDecimal(body, "frequency_penalty", -2, 2);
  CheckDecimal(body, "presence_penalty", -2, 2);
  CheckInteger(body, "top_logprobs", 0, 20);
  CheckInteger(body, "seed", -9.3e18, 9.3e18);
  if (Member(body, "top_logprobs") != nullptr && !CheckBoolean(body, "logprobs", "logprobs")) {
    Refuse("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
           "top_logprobs", std::nullopt);
  }
  CheckBoolean(body, "logprobs", "logprobs");
  CheckBoolean(body, "store", "store");
  CheckBoolean(body, "parallel_tool_calls", "parallel_tool_calls");
  CheckKind(body, "tools", Json::value_t::array, "an array of objects");
  CheckKind(body, "logit_bias", Json::value_t::object, "an object");
  CheckKind(body, "metadata", Json::value_t::object, "an object");
  CheckKind(body, "response_format", Json::value_t::object, "an object");
  CheckKind(body, "user", Json::value_t::string, "a string");
  static constexpr std::array<std::string_view, 7> kEfforts = {"none", "minimal", "low", "medium",
                                                               "high", "xhigh",   "max"};
  if (const Json* const effort = Member(body, "reasoning_effort")) {
    CheckChoice(*effort, "reasoning_effort", kEfforts);
  }
  static constexpr std::array<std::string_view, 6> kTiers = {"auto",  "default",  "flex",
                                                             "scale", "priority", "fast"};
  if (const Json* const tier = Member(body, "service_tier")) {
    CheckChoice(*tier, "service_tier", kTiers);
  }
}

ChatRequest Check(const Json& body, const Route& route, const FakeLlmServerOptions& options) {
  ChatRequest request;
  request.protocol = route.protocol;
  const Json* const model = Member(body, "model");
  // A deployment decides the model, whatever the body says.
  const bool by_path = !route.model.empty();
  if (by_path) request.model = route.model;
  if (model == nullptr && !by_path)
    Refuse("you must provide a model parameter", std::nullopt, std::nullopt);
  if (model != nullptr && !model->is_string()) RefuseType("model", "a string", *model);
  if (!by_path) request.model = model->get<std::string>();
  if (request.model.empty()) {
    Refuse("you must provide a model parameter", std::nullopt, std::nullopt);
  }
  if (!options.models.empty() && std::find(options.models.begin(), options.models.end(),
                                           request.model) == options.models.end()) {
    throw Refusal{UnknownModel(request.protocol, request.model)};
  }
  if (!options.allow_unknown_parameters) CheckNames(body);
  request.prompt_tokens = (CheckMessages(body) + 3) / 4;
  request.stream = CheckBoolean(body, "stream", "stream");
  CheckStreamOptions(body, request);
  CheckSampling(body);
  CheckStop(body);
  request.choices = static_cast<int>(CheckInteger(body, "n", 1, 128).value_or(1));
  request.max_tokens = CheckOutputLimit(body, request.model);
  const std::int64_t output = request.max_tokens.value_or(0);
  if (options.context_length && request.prompt_tokens + output > *options.context_length) {
    throw Refusal{ContextLengthExceeded(*options.context_length, request.prompt_tokens, output)};
  }
  return request;
}

}  // namespace

std::variant<ChatRequest, ApiError> ParseOpenAiRequest(std::string_view text, const Route& route,
                                                       const FakeLlmServerOptions& options) {
  try {
    const Json body = ParseJson(text);
    if (!body.is_object()) {
      Refuse(
          "We could not parse the JSON body of your request. (HINT: This likely means you "
          "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but "
          "what was sent was not valid JSON.)",
          std::nullopt, std::nullopt);
    }
    return Check(body, route, options);
  } catch (Refusal& refusal) {
    return std::move(refusal.error);
  }
}

std::variant<ChatRequest, ApiError> ParseRequest(std::string_view body, const Route& route,
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

}  // namespace llmload::fake_server
