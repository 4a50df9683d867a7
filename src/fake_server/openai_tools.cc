// What chat completions and responses have in common: tools, the choice of them, and the format of
// the answer.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "src/fake_server/openai_check.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server::openai {
namespace {

std::string Dump(const Json& value) { return value.is_null() ? "\"None\"" : value.dump(); }

// What a schema is for, as messages name it.
struct SchemaUse {
  std::string of;  ///< "function 'name'"
  std::string param;
  std::optional<std::string> code;
  bool strict = false;

  [[noreturn]] void Refuse(const std::string& problem) const {
    openai::Refuse("Invalid schema for " + of + ": " + problem, param, code);
  }
};

// The top level of an object's schema.
void CheckSchema(const Json& schema, const SchemaUse& use) {
  RequireObject(schema, use.param);
  const Json type = schema.value("type", Json());
  if (type != "object") {
    use.Refuse("schema must be a JSON Schema of 'type: \"object\"', got 'type: " + Dump(type) +
               "'.");
  }
  static const Json kNone = Json::object();
  const Json* const given = Member(schema, "properties");
  const Json& properties = given == nullptr ? kNone : *given;
  RequireObject(properties, Join(use.param, "properties"));
  for (const auto& property : properties.items()) {
    const Json& value = property.value();
    if (value.is_object() && value.value("type", Json()) == "array" && !value.contains("items")) {
      use.Refuse("In context=('properties', '" + property.key() +
                 "'), array schema missing items.");
    }
  }
  if (!use.strict) return;
  if (schema.value("additionalProperties", Json()) != false) {
    use.Refuse("In context=(), 'additionalProperties' is required to be supplied and to be false.");
  }
  std::set<std::string> required;
  if (const Json* const names = Member(schema, "required"); names != nullptr && names->is_array()) {
    for (const Json& name : *names)
      required.insert(name.is_string() ? name.get<std::string>() : "");
  }
  for (const auto& property : properties.items()) {
    if (!required.contains(property.key())) {
      use.Refuse(
          "In context=(), 'required' is required to be supplied and to be an array including every "
          "key in properties. Missing '" +
          property.key() + "'.");
    }
  }
}

// Where a tool or a choice of one keeps what belongs to its type.
struct Holder {
  const Json& object;
  std::string path;
};

Holder HolderOf(const Json& object, const std::string& path, const std::string& type, bool nested) {
  if (!nested) return {object, path};
  const Json& inner = Required(object, path, type);
  RequireObject(inner, Join(path, type));
  return {inner, Join(path, type)};
}

// Functions can be called. Other kinds of tools are accepted, and never called.
class ToolReader {
 public:
  ToolReader(const ToolSyntax& syntax, const FakeLlmServerOptions& options, ChatRequest& request)
      : syntax_(syntax), options_(options), request_(request) {}

  void ReadTools(const Json& tools) {
    if (syntax_.nested) {
      RequireElements(tools, "tools", "an array of objects");
    } else if (!tools.is_array()) {
      RefuseType("tools", "an array of objects", tools);
    }
    constexpr std::size_t kMax = 128;
    if (tools.size() > kMax) {
      Refuse(
          "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an "
          "array with length " +
              std::to_string(tools.size()) + " instead.",
          "tools", "array_above_max_length");
    }
    for (std::size_t i = 0; i < tools.size(); ++i) ReadTool(tools[i], At("tools", i));
  }

  void ReadChoice(const Json& choice) {
    static constexpr std::array<std::string_view, 3> kModes = {"none", "auto", "required"};
    if (choice.is_string()) {
      CheckChoice(choice, "tool_choice", kModes);
      return Apply(choice.get_ref<const std::string&>());
    }
    if (!choice.is_object()) RefuseType("tool_choice", "one of a string or object", choice);
    const Json& type = Required(choice, "tool_choice", "type");
    CheckChoice(type, "tool_choice.type", TypesOfChoices());
    if (type == "allowed_tools") return ReadAllowed(choice);
    if (type != "function") return request_.tools.clear();
    const std::string name = ReadName(choice, "tool_choice");
    request_.must_call = true;
    request_.parallel_calls = false;
    std::erase_if(request_.tools, [&name](const Tool& tool) { return tool.name != name; });
  }

 private:
  Names Types() const {
    static constexpr std::array<std::string_view, 2> kNested = {"function", "custom"};
    static constexpr std::array<std::string_view, 14> kFlat = {"function",
                                                               "custom",
                                                               "file_search",
                                                               "web_search",
                                                               "web_search_2025_08_26",
                                                               "web_search_preview",
                                                               "web_search_preview_2025_03_11",
                                                               "computer_use_preview",
                                                               "code_interpreter",
                                                               "image_generation",
                                                               "mcp",
                                                               "local_shell",
                                                               "shell",
                                                               "apply_patch"};
    return syntax_.nested ? Names(kNested) : Names(kFlat);
  }

  Names TypesOfChoices() const {
    static constexpr std::array<std::string_view, 3> kNested = {"allowed_tools", "function",
                                                                "custom"};
    static constexpr std::array<std::string_view, 12> kFlat = {"allowed_tools",
                                                               "function",
                                                               "custom",
                                                               "file_search",
                                                               "web_search_preview",
                                                               "web_search_preview_2025_03_11",
                                                               "computer_use_preview",
                                                               "code_interpreter",
                                                               "image_generation",
                                                               "mcp",
                                                               "shell",
                                                               "apply_patch"};
    return syntax_.nested ? Names(kNested) : Names(kFlat);
  }

  void ReadTool(const Json& tool, const std::string& path) {
    RequireObject(tool, path);
    const Json& type = Required(tool, path, "type");
    CheckChoice(type, Join(path, "type"), Types());
    if (type != "function" && type != "custom") return;
    const Holder holder = HolderOf(tool, path, type.get<std::string>(), syntax_.nested);
    const Json& name = Required(holder.object, holder.path, "name");
    CheckName(name, Join(holder.path, "name"));
    if (type == "custom") return;
    if (const Json* const text = Member(holder.object, "description")) {
      if (!text->is_string()) RefuseType(Join(holder.path, "description"), "a string", *text);
    }
    const bool strict = CheckBoolean(holder.object, "strict", holder.path);
    static const Json kNoParameters = {{"type", "object"}};
    const Json* const given = Member(holder.object, "parameters");
    const Json& parameters = given == nullptr ? kNoParameters : *given;
    if (given != nullptr) {
      CheckSchema(parameters, {.of = "function '" + name.get<std::string>() + "'",
                               .param = Join(holder.path, "parameters"),
                               .code = "invalid_function_parameters",
                               .strict = strict});
    }
    request_.tools.push_back({.name = name.get<std::string>(),
                              .arguments = SampleJson(parameters, SampleText(options_))});
  }

  void Apply(const std::string& mode) {
    if (mode == "none") request_.tools.clear();
    request_.must_call = mode == "required";
  }

  // The name of a declared function.
  std::string ReadName(const Json& object, const std::string& path) {
    const Holder holder = HolderOf(object, path, "function", syntax_.nested);
    const std::string& name = RequiredString(holder.object, holder.path, "name");
    const bool declared = std::any_of(request_.tools.begin(), request_.tools.end(),
                                      [&name](const Tool& tool) { return tool.name == name; });
    if (!declared) {
      Refuse("Tool choice '" + name + "' not found in 'tools' parameter.", "tool_choice",
             std::nullopt);
    }
    return name;
  }

  void ReadAllowed(const Json& choice) {
    static constexpr std::array<std::string_view, 2> kModes = {"auto", "required"};
    const Holder holder = HolderOf(choice, "tool_choice", "allowed_tools", syntax_.nested);
    const Json& mode = Required(holder.object, holder.path, "mode");
    CheckChoice(mode, Join(holder.path, "mode"), kModes);
    const Json& allowed = Required(holder.object, holder.path, "tools");
    const std::string path = Join(holder.path, "tools");
    RequireElements(allowed, path, "an array of objects");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < allowed.size(); ++i) {
      RequireObject(allowed[i], At(path, i));
      if (Required(allowed[i], At(path, i), "type") != "function") continue;
      names.push_back(ReadName(allowed[i], At(path, i)));
    }
    std::erase_if(request_.tools, [&names](const Tool& tool) {
      return std::find(names.begin(), names.end(), tool.name) == names.end();
    });
    Apply(mode.get<std::string>());
  }

  const ToolSyntax& syntax_;
  const FakeLlmServerOptions& options_;
  ChatRequest& request_;
};

}  // namespace

void ReadTools(const Json& body, const ToolSyntax& syntax, const FakeLlmServerOptions& options,
               ChatRequest& request) {
  const Json* const tools = Member(body, "tools");
  const Json* const choice = Member(body, "tool_choice");
  const bool parallel_is_set = Member(body, "parallel_tool_calls") != nullptr;
  if (parallel_is_set) request.parallel_calls = CheckBoolean(body, "parallel_tool_calls");
  ToolReader reader(syntax, options, request);
  if (tools != nullptr) reader.ReadTools(*tools);
  const bool has_tools = tools != nullptr && !tools->empty();
  if (syntax.nested && !has_tools) {
    for (const char* const name : {"tool_choice", "parallel_tool_calls"}) {
      if (Member(body, name) == nullptr) continue;
      Refuse("Invalid value for '" + std::string(name) + "': '" + name +
                 "' is only allowed when 'tools' are specified.",
             name, std::nullopt);
    }
  }
  if (choice == nullptr) return;
  if (!has_tools && *choice == "required") {
    Refuse("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice",
           std::nullopt);
  }
  reader.ReadChoice(*choice);
}

bool ReadFormat(const Json* format, const ToolSyntax& syntax, const FakeLlmServerOptions& options,
                ChatRequest& request) {
  if (format == nullptr) return false;
  const std::string& param = syntax.format;
  RequireObject(*format, param);
  static constexpr std::array<std::string_view, 3> kTypes = {"json_object", "json_schema", "text"};
  const Json& type = Required(*format, param, "type");
  CheckChoice(type, Join(param, "type"), kTypes);
  if (type == "text") return false;
  if (type == "json_object") {
    static const Json kAnswer = {{"properties", {{"answer", {{"type", "string"}}}}}};
    request.json = SampleJson(kAnswer, SampleText(options));
    return true;
  }
  const Holder holder = HolderOf(*format, param, "json_schema", syntax.nested);
  const Json& name = Required(holder.object, holder.path, "name");
  CheckName(name, Join(holder.path, "name"));
  const Json& schema = Required(holder.object, holder.path, "schema");
  const bool strict = CheckBoolean(holder.object, "strict", holder.path);
  SchemaUse use{.of = "response_format '" + name.get<std::string>() + "'",
                .param = syntax.nested ? param : Join(param, "schema"),
                .code = std::nullopt,
                .strict = strict};
  if (!syntax.nested) use.code = "invalid_json_schema";
  CheckSchema(schema, use);
  request.json = SampleJson(schema, SampleText(options));
  return false;
}

}  // namespace llmload::fake_server::openai
