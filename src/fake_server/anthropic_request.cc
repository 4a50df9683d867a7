// The tools and the settings of a request of Anthropic's, also in the bodies of Bedrock's
// InvokeModel.
#include <algorithm>
#include <array>

#include "src/fake_server/anthropic_reader.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {

void AnthropicReader::ReadTool(const Json& tool, const std::string& path) {
  check_.Dictionary(tool, path);
  const std::string* const type = check_.OptionalString(tool, path, "type");
  const bool custom = type == nullptr || *type == "custom";
  if (!custom) {
    // The service's own tools end in the date of their version, but for sets of MCP tools.
    static constexpr std::array<std::string_view, 9> kOwn = {
        "advisor_", "bash_",        "code_execution_", "computer_", "memory_",
        "mcp_",     "text_editor_", "tool_search_",    "web_fetch_"};
    const bool known = type->starts_with("web_search_") ||
                       std::any_of(kOwn.begin(), kOwn.end(), [type](std::string_view prefix) {
                         return type->starts_with(prefix);
                       });
    if (!known) {
      check_.RefuseAt(path, "Input tag '" + *type +
                                "' found using 'type' does not match any of the expected tags: "
                                "'bash_20250124', 'custom', 'text_editor_20250124', "
                                "'text_editor_20250429', 'text_editor_20250728', "
                                "'web_search_20250305'");
    }
  }
  const std::string at = custom ? path + ".custom" : path + "." + *type;
  const bool is_set = !custom && type->starts_with("mcp_");
  if (!is_set) {
    const std::string& name = check_.RequiredString(tool, at, "name");
    if (!IsToolName(name, 128)) {
      check_.RefuseAt(at + ".name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'");
    }
    if (!tools_.insert(name).second) check_.RefuseAt("tools", "Tool names must be unique.");
  }
  if (custom) {
    static constexpr std::array<std::string_view, 1> kSchemaTypes = {"object"};
    const std::string schema_path = at + ".input_schema";
    const Json& schema = check_.Required(tool, at, "input_schema");
    check_.Dictionary(schema, schema_path);
    check_.OneOf(check_.Required(schema, schema_path, "type"), schema_path + ".type", kSchemaTypes);
    check_.OptionalDictionary(schema, schema_path, "properties");
    check_.OptionalList(schema, schema_path, "required");
    check_.OptionalString(tool, at, "description");
    if (check_.OptionalBoolean(tool, at, "strict", false)) CheckClosed(schema, schema_path);
    static constexpr std::array<std::string_view, 10> kMembers = {
        "type",   "name",          "description",     "input_schema",   "cache_control",
        "strict", "defer_loading", "allowed_callers", "input_examples", "eager_input_streaming"};
    OnlyKnown(tool, at, kMembers);
    // The service runs its other tools itself.
    request_.tools.push_back(CallableTool(tool["name"], schema, options_));
  }
  EndBlock("tools", tool, ReadCacheControl(tool, at));
}

void AnthropicReader::ReadToolChoice(const Json& choice) {
  static constexpr std::array<std::string_view, 4> kTypes = {"any", "auto", "none", "tool"};
  static constexpr std::array<std::string_view, 3> kMembers = {"type", "name",
                                                               "disable_parallel_tool_use"};
  const std::string& type = Tag(choice, "tool_choice", kTypes);
  const std::string at = "tool_choice." + type;
  request_.parallel_calls = !check_.OptionalBoolean(choice, at, "disable_parallel_tool_use", false);
  OnlyKnown(choice, at, kMembers);
  if (type == "tool") {
    const std::string& name = check_.RequiredString(choice, at, "name");
    if (!tools_.contains(name)) {
      RequestChecker::Refuse("Tool '" + name + "' not found in provided tools");
    }
    ChooseTool(request_, name);
  } else if (type == "any") {
    // Without tools, the service takes "auto" and "none" only.
    if (tools_.empty()) {
      RequestChecker::Refuse(at + " may only be specified while providing tools");
    }
    request_.must_call = true;
  } else if (type == "none") {
    request_.tools.clear();
  }
}

void AnthropicReader::ReadTools(const Json& body) {
  if (const Json* const tools = check_.OptionalList(body, "", "tools")) {
    for (std::size_t i = 0; i < tools->size(); ++i) {
      ReadTool((*tools)[i], RequestChecker::Join("tools", i));
    }
  }
  if (const Json* const choice = Find(body, "tool_choice")) ReadToolChoice(*choice);
}

void AnthropicReader::ReadThinking(const Json& body) {
  static constexpr std::array<std::string_view, 3> kTypes = {"adaptive", "disabled", "enabled"};
  const Json* const thinking = Find(body, "thinking");
  if (thinking == nullptr) return;
  const std::string& type = Tag(*thinking, "thinking", kTypes);
  if (type != "enabled") return;
  check_.Required(*thinking, "thinking.enabled", "budget_tokens");
  const auto budget = check_.OptionalCount(*thinking, "thinking.enabled", "budget_tokens", 1024);
  if (*request_.max_tokens <= *budget) {
    RequestChecker::Refuse("`max_tokens` must be greater than `thinking.budget_tokens`.");
  }
  const Json* const temperature = Find(body, "temperature");
  if (temperature != nullptr && *temperature != 1) {
    RequestChecker::Refuse("`temperature` may only be set to 1 when thinking is enabled.");
  }
  if (request_.must_call) {
    RequestChecker::Refuse("Thinking may not be enabled when tool_choice forces tool use.");
  }
}

// Objects without the promise that nothing else is in them are refused wherever they are.
void AnthropicReader::CheckClosed(const Json& schema, const std::string& path) {
  std::vector<const Json*> open = {&schema};
  while (!open.empty()) {
    const Json& value = *open.back();
    open.pop_back();
    if (value.is_object()) {
      const auto type = value.find("type");
      const auto more = value.find("additionalProperties");
      if (type != value.end() && *type == "object" && (more == value.end() || *more != false)) {
        check_.RefuseAt(path,
                        "For 'object' type, 'additionalProperties' must be explicitly set to "
                        "false");
      }
    }
    if (value.is_structured()) {
      for (const Json& part : value) open.push_back(&part);
    }
  }
}

void AnthropicReader::ReadJsonFormat(const Json& format, const std::string& path) {
  static constexpr std::array<std::string_view, 1> kTypes = {"json_schema"};
  static constexpr std::array<std::string_view, 2> kMembers = {"type", "schema"};
  check_.Dictionary(format, path);
  check_.OneOf(check_.Required(format, path, "type"), path + ".type", kTypes);
  const Json& schema = check_.Required(format, path, "schema");
  CheckClosed(check_.Dictionary(schema, path + ".schema"), path + ".schema");
  OnlyKnown(format, path, kMembers);
  request_.json = SampleJson(schema, SampleText(options_));
}

void AnthropicReader::ReadOutputConfig(const Json& config) {
  static constexpr std::array<std::string_view, 5> kEfforts = {"low", "medium", "high", "xhigh",
                                                               "max"};
  static constexpr std::array<std::string_view, 3> kMembers = {"effort", "format", "task_budget"};
  check_.Dictionary(config, "output_config");
  if (const Json* const effort = Find(config, "effort")) {
    check_.OneOf(*effort, "output_config.effort", kEfforts);
  }
  if (const Json* const format = Find(config, "format")) {
    ReadJsonFormat(*format, "output_config.format");
  }
  OnlyKnown(config, "output_config", kMembers);
}

void AnthropicReader::ReadSettings(const Json& body) {
  check_.OptionalNumber(body, "", "temperature", 0, 1);
  check_.OptionalNumber(body, "", "top_p", 0, 1);
  check_.OptionalCount(body, "", "top_k", 0);
  if (const Json* const stops = check_.OptionalList(body, "", "stop_sequences")) {
    for (std::size_t i = 0; i < stops->size(); ++i) {
      if (IsBlank(check_.String((*stops)[i], RequestChecker::Join("stop_sequences", i)))) {
        check_.RefuseAt("stop_sequences", "each stop sequence must contain non-whitespace");
      }
      request_.stop.push_back((*stops)[i]);
    }
  }
  if (const Json* const metadata = check_.OptionalDictionary(body, "", "metadata")) {
    static constexpr std::array<std::string_view, 1> kMembers = {"user_id"};
    check_.OptionalString(*metadata, "metadata", "user_id");
    OnlyKnown(*metadata, "metadata", kMembers);
  }
  if (const Json* const tier = Find(body, "service_tier")) {
    static constexpr std::array<std::string_view, 2> kTiers = {"auto", "standard_only"};
    check_.OneOf(*tier, "service_tier", kTiers);
  }
  ReadThinking(body);
  if (const Json* const config = Find(body, "output_config")) ReadOutputConfig(*config);
  if (const Json* const format = Find(body, "output_format")) {
    ReadJsonFormat(*format, "output_format");
  }
  const Duration life = ReadCacheControl(body, "");
  if (!request_.prefixes.empty() && life > Duration::zero()) request_.prefixes.back().life = life;
  if (cache_marks_ > 4) {
    RequestChecker::Refuse("A maximum of 4 blocks with cache_control may be provided. Found " +
                           std::to_string(cache_marks_) + ".");
  }
}

std::variant<ChatRequest, ApiError> ParseAnthropicRequest(std::string_view text, const Route& route,
                                                          const FakeLlmServerOptions& options) {
  const bool on_bedrock = IsBedrock(route.protocol);
  const auto read = [&](const RequestChecker& check, const nlohmann::json& body,
                        ChatRequest& request) {
    static constexpr std::array<std::string_view, 22> kMembers = {
        "model",          "messages",      "max_tokens",    "system",
        "stream",         "temperature",   "top_p",         "top_k",
        "stop_sequences", "metadata",      "tools",         "tool_choice",
        "thinking",       "service_tier",  "container",     "context_management",
        "mcp_servers",    "output_config", "output_format", "cache_control",
        "inference_geo",  "speed"};
    static constexpr std::array<std::string_view, 14> kBedrockMembers = {
        "anthropic_version", "anthropic_beta", "messages",      "max_tokens",     "system",
        "temperature",       "top_p",          "top_k",         "stop_sequences", "tools",
        "tool_choice",       "thinking",       "output_config", "cache_control"};
    if (!options.allow_unknown_parameters) {
      check.OnlyKnown(body, "", on_bedrock ? Names(kBedrockMembers) : Names(kMembers));
    }
    if (on_bedrock) {
      static constexpr std::array<std::string_view, 1> kVersions = {"bedrock-2023-05-31"};
      check.OneOf(check.Required(body, "", "anthropic_version"), "anthropic_version", kVersions);
    } else {
      request.model = check.RequiredString(body, "", "model");
      request.stream = check.OptionalBoolean(body, "", "stream", false);
    }
    check.Required(body, "", "max_tokens");
    request.max_tokens = check.OptionalCount(body, "", "max_tokens", 1);
    const std::int64_t most = MaxOutputOf(request.model);
    if (*request.max_tokens > most) {
      check.RefuseAt("max_tokens", std::to_string(*request.max_tokens) + " > " +
                                       std::to_string(most) +
                                       ", which is the maximum allowed number of output tokens "
                                       "for " +
                                       request.model);
    }
    AnthropicReader reader(check, options, request,
                           text.find("\"cache_control\"") != std::string_view::npos);
    reader.ReadTools(body);
    reader.ReadSystem(body);
    reader.ReadMessages(body);
    reader.ReadSettings(body);
  };
  return ParseWith(text, route, options, read);
}

}  // namespace llmload::fake_server
