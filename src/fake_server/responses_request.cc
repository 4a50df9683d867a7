// Requests of OpenAI's Responses API.
#include <array>
#include <map>

#include "src/fake_server/openai_check.h"

namespace llmload::fake_server::openai {
namespace {

constexpr std::array<std::string_view, 31> kResponsesParameters = {"background",
                                                                   "context_management",
                                                                   "conversation",
                                                                   "include",
                                                                   "input",
                                                                   "instructions",
                                                                   "max_output_tokens",
                                                                   "max_tool_calls",
                                                                   "metadata",
                                                                   "model",
                                                                   "moderation",
                                                                   "parallel_tool_calls",
                                                                   "previous_response_id",
                                                                   "prompt",
                                                                   "prompt_cache_key",
                                                                   "prompt_cache_options",
                                                                   "prompt_cache_retention",
                                                                   "reasoning",
                                                                   "safety_identifier",
                                                                   "service_tier",
                                                                   "store",
                                                                   "stream",
                                                                   "stream_options",
                                                                   "temperature",
                                                                   "text",
                                                                   "tool_choice",
                                                                   "tools",
                                                                   "top_logprobs",
                                                                   "top_p",
                                                                   "truncation",
                                                                   "user"};

// The items of `input`.
class InputReader {
 public:
  /// @param continues  what came before is stored at the service
  InputReader(std::string_view model, bool for_json, bool continues)
      : model_(model), for_json_(for_json), continues_(continues) {}

  void Read(const Json& input) {
    if (input.is_string()) return Count(input.get_ref<const std::string&>());
    if (!continues_ || !input.is_array()) {
      RequireElements(input, "input", "one of a string or array of input items");
    }
    for (std::size_t i = 0; i < input.size(); ++i) ReadItem(input[i], At("input", i));
    if (continues_) return;
    for (const auto& [call, answered] : calls_) {
      if (answered) continue;
      Refuse("No tool output found for function call " + call + ".", "input", std::nullopt);
    }
  }

  void Count(const std::string& text) {
    bytes_ += static_cast<std::int64_t>(text.size());
    if (for_json_) mentions_json_ = mentions_json_ || MentionsJson(text);
  }

  std::int64_t prompt_tokens() const { return (bytes_ + 3) / 4 + images_ * kImageTokens; }
  bool mentions_json() const { return mentions_json_; }
  bool ends_with_result() const { return ends_with_result_; }

 private:
  void ReadItem(const Json& item, const std::string& path) {
    RequireObject(item, path);
    const Json* const given = Member(item, "type");
    if (given == nullptr) Required(item, path, "role");
    static const Json kMessage = "message";
    const Json& type = given == nullptr ? kMessage : *given;
    CheckChoice(type, Join(path, "type"), Types());
    ends_with_result_ = type == "function_call_output";
    if (type == "message") return ReadMessage(item, path);
    if (type == "item_reference") {
      RequiredString(item, path, "id");
    } else if (type == "function_call") {
      calls_.try_emplace(RequiredString(item, path, "call_id"), false);
      RequiredString(item, path, "name");
      Count(RequiredString(item, path, "arguments"));
    } else if (type == "function_call_output") {
      ReadResult(item, path);
    }
  }

  static Names Types() {
    static constexpr std::array<std::string_view, 24> kTypes = {"message",
                                                                "item_reference",
                                                                "function_call",
                                                                "function_call_output",
                                                                "reasoning",
                                                                "compaction",
                                                                "custom_tool_call",
                                                                "custom_tool_call_output",
                                                                "file_search_call",
                                                                "web_search_call",
                                                                "computer_call",
                                                                "computer_call_output",
                                                                "image_generation_call",
                                                                "code_interpreter_call",
                                                                "local_shell_call",
                                                                "local_shell_call_output",
                                                                "shell_call",
                                                                "shell_call_output",
                                                                "apply_patch_call",
                                                                "apply_patch_call_output",
                                                                "mcp_list_tools",
                                                                "mcp_approval_request",
                                                                "mcp_approval_response",
                                                                "mcp_call"};
    return kTypes;
  }

  void ReadResult(const Json& item, const std::string& path) {
    const std::string& call = RequiredString(item, path, "call_id");
    const Json& output = Required(item, path, "output");
    if (output.is_string()) {
      Count(output.get_ref<const std::string&>());
    } else if (!output.is_array()) {
      RefuseType(Join(path, "output"), "one of a string or array of objects", output);
    }
    const auto found = calls_.find(call);
    if (found != calls_.end()) {
      found->second = true;
    } else if (!continues_) {
      Refuse("No tool call found for function call output with call_id " + call + ".", "input",
             std::nullopt);
    }
  }

  void ReadMessage(const Json& item, const std::string& path) {
    static constexpr std::array<std::string_view, 4> kRoles = {"assistant", "system", "developer",
                                                               "user"};
    const Json& role = Required(item, path, "role");
    CheckChoice(role, Join(path, "role"), kRoles);
    const Json& content = Required(item, path, "content");
    if (content.is_string()) return Count(content.get_ref<const std::string&>());
    if (!content.is_array()) {
      RefuseType(Join(path, "content"), "one of a string or array of objects", content);
    }
    for (std::size_t i = 0; i < content.size(); ++i) {
      ReadPart(content[i], At(Join(path, "content"), i), role == "assistant");
    }
  }

  void ReadPart(const Json& part, const std::string& path, bool of_assistant) {
    static constexpr std::array<std::string_view, 2> kOutputs = {"output_text", "refusal"};
    static constexpr std::array<std::string_view, 3> kInputs = {"input_text", "input_image",
                                                                "input_file"};
    RequireObject(part, path);
    const Json& type = Required(part, path, "type");
    CheckChoice(type, Join(path, "type"), of_assistant ? Names(kOutputs) : Names(kInputs));
    if (type == "input_image") {
      static constexpr std::array<std::string_view, 3> kDetails = {"low", "high", "auto"};
      if (const Json* const detail = Member(part, "detail")) {
        CheckChoice(*detail, Join(path, "detail"), kDetails);
      }
      if (Member(part, "file_id") == nullptr) {
        CheckImage(Required(part, path, "image_url"), path, "image_url", model_);
      }
      ++images_;
    } else if (type != "input_file") {
      Count(RequiredString(part, path, type == "refusal" ? "refusal" : "text"));
    }
  }

  const std::string_view model_;
  const bool for_json_;
  const bool continues_;
  std::map<std::string, bool> calls_;  // by id: whether they have a result
  std::int64_t bytes_ = 0;
  std::int64_t images_ = 0;
  bool mentions_json_ = false;
  bool ends_with_result_ = false;
};

// True if the conversation so far is stored at the service; this one stores none, and trusts ids of
// the right form.
bool Continues(const Json& body) {
  const Json* const previous = Member(body, "previous_response_id");
  if (previous == nullptr) {
    return Member(body, "conversation") != nullptr || Member(body, "prompt") != nullptr;
  }
  if (!previous->is_string()) RefuseType("previous_response_id", "a string", *previous);
  const auto& id = previous->get_ref<const std::string&>();
  if (!id.starts_with("resp")) {
    Refuse("Invalid 'previous_response_id': '" + id + "'. Expected an ID that begins with 'resp'.",
           "previous_response_id", "invalid_value");
  }
  return true;
}

// The settings that a response repeats, with those that the service fills in.
std::string Echo(const Json& body) {
  static const Json kUsual = Json::parse(R"({
      "background": false, "instructions": null, "max_output_tokens": null, "max_tool_calls": null,
      "metadata": {}, "parallel_tool_calls": true, "previous_response_id": null,
      "prompt_cache_key": null, "reasoning": {"effort": null, "summary": null},
      "safety_identifier": null, "service_tier": "default", "store": true, "temperature": 1.0,
      "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tool_choice": "auto",
      "tools": [], "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled", "user": null})");
  Json echo = kUsual;
  for (auto& setting : echo.items()) {
    const Json* const given = Member(body, setting.key());
    if (given == nullptr || *given == "auto") continue;
    if (setting.key() == "text" || setting.key() == "reasoning") {
      setting.value().update(*given);
    } else {
      setting.value() = *given;
    }
  }
  const std::string object = echo.dump();
  return object.substr(1, object.size() - 2);
}

}  // namespace

ChatRequest ReadResponses(const Json& body, const Route& route,
                          const FakeLlmServerOptions& options) {
  static const ToolSyntax kSyntax{.nested = false, .format = "text.format"};
  ChatRequest request;
  request.protocol = route.protocol;
  request.operation = route.operation;
  request.model = CheckModel(body, route, options);
  if (!options.allow_unknown_parameters) CheckNames(body, kResponsesParameters);
  CheckKind(body, "text", Json::value_t::object, "an object");
  CheckKind(body, "reasoning", Json::value_t::object, "an object");
  CheckKind(body, "instructions", Json::value_t::string, "a string");
  const Json* const text = Member(body, "text");
  const bool for_json =
      ReadFormat(text == nullptr ? nullptr : Member(*text, "format"), kSyntax, options, request);
  const bool continues = Continues(body);
  InputReader reader(request.model, for_json, continues);
  if (const Json* const input = Member(body, "input")) {
    reader.Read(*input);
  } else if (!continues) {
    RefuseMissing("input");
  }
  if (for_json && !reader.mentions_json()) {
    Refuse(
        "Response input messages must contain the word 'json' in some form to use 'text.format' of "
        "type 'json_object'.",
        "input", std::nullopt);
  }
  if (const Json* const instructions = Member(body, "instructions")) {
    reader.Count(instructions->get_ref<const std::string&>());
  }
  request.prompt_tokens = reader.prompt_tokens();
  request.after_tool_result = reader.ends_with_result();
  request.stream = CheckBoolean(body, "stream");
  CheckKind(body, "stream_options", Json::value_t::object, "an object");
  if (const Json* const stream = Member(body, "stream_options")) {
    if (Member(*stream, "include_obfuscation") != nullptr) {
      request.include_obfuscation = CheckBoolean(*stream, "include_obfuscation", "stream_options");
    }
  }
  if (CheckBoolean(body, "background")) {
    Refuse("Background responses are not supported by this server.", "background",
           "unsupported_parameter");
  }
  CheckCommon(body);
  ReadTools(body, kSyntax, options, request);
  constexpr double kMax = 1e18;
  request.max_tokens = CheckInteger(body, "max_output_tokens", 16, kMax);
  if (request.max_tokens) {
    CheckOutputLimit(*request.max_tokens, "max_output_tokens", request.model);
  }
  CheckContext(request, options);
  request.echo = Echo(body);
  return request;
}

}  // namespace llmload::fake_server::openai
