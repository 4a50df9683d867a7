// Requests of Bedrock's Converse, and the bodies of Titan's models.
#include <array>
#include <set>

#include "src/fake_server/conversation.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {
namespace {

constexpr std::array<std::string_view, 12> kContentBlocks = {
    "text",  "image",       "toolUse",          "toolResult",       "document",
    "video", "cachePoint",  "reasoningContent", "citationsContent", "searchResult",
    "audio", "guardContent"};
constexpr std::array<std::string_view, 3> kSystemBlocks = {"text", "cachePoint", "guardContent"};
constexpr std::array<std::string_view, 6> kToolResultBlocks = {"json",     "text",  "image",
                                                               "document", "video", "searchResult"};

class ConverseReader {
 public:
  using Json = nlohmann::json;

  /// @param request  is filled in
  /// @param caches   part of the prompt is to be kept
  ConverseReader(const RequestChecker& check, const FakeLlmServerOptions& options,
                 ChatRequest& request, bool caches)
      : check_(check), options_(options), request_(request), caches_(caches) {}

  void ReadToolConfig(const Json& body);
  void ReadSystem(const Json& body);
  void ReadMessages(const Json& body);
  void ReadOutputConfig(const Json& body);
  void ReadFieldPaths(const Json& body);

 private:
  void ReadBlock(const Json& block, const std::string& path, ToolTurn& turn);
  void ReadText(const Json& text, const std::string& path, std::string_view kind);
  void ReadImage(const Json& image, const std::string& path);
  void ReadToolUse(const Json& use, const std::string& path, ToolTurn& turn);
  void ReadToolResult(const Json& result, const std::string& path, ToolTurn& turn);
  void ReadTool(const Json& tool, const std::string& path);
  void ReadToolChoice(const Json& choice);
  void ReadName(const Json& value, const std::string& path);

  void EndBlock(std::string_view role, std::string_view key, const Json& block);

  // The one member of a union.
  const std::string& Key(const Json& value, const std::string& path, std::string_view kind,
                         Names names) const;

  const RequestChecker& check_;
  const FakeLlmServerOptions& options_;
  ChatRequest& request_;
  const bool caches_;
  std::int64_t bytes_ = 0;  // of text
  bool has_tool_config_ = false;
  bool has_tool_blocks_ = false;
  std::set<std::string_view> tools_;
};

const std::string& ConverseReader::Key(const Json& value, const std::string& path,
                                       std::string_view kind, Names names) const {
  check_.Dictionary(value, path);
  const std::string* key = nullptr;
  bool is_known = true;
  for (auto member = value.begin(); member != value.end(); ++member) {
    if (member->is_null()) continue;
    is_known = is_known && key == nullptr && Contains(names, member.key());
    key = &member.key();
  }
  if (key == nullptr || !is_known) {
    std::string list;
    for (const std::string_view name : names) list.append(list.empty() ? "" : ", ").append(name);
    RequestChecker::Refuse(std::string(kind) + " object at " + path +
                           " must set one of the following keys: " + list + ".");
  }
  return *key;
}

// A cache point has the prompt before it kept.
void ConverseReader::EndBlock(std::string_view role, std::string_view key, const Json& block) {
  if (!caches_) return;
  if (key != "cachePoint") return AppendPrefix(request_, role, block, bytes_, Duration::zero());
  const Json* const ttl = Find(block["cachePoint"], "ttl");
  if (request_.prefixes.empty()) return;
  request_.prefixes.back().life =
      ttl != nullptr && *ttl == "1h" ? std::chrono::minutes(60) : std::chrono::minutes(5);
}

void ConverseReader::ReadText(const Json& text, const std::string& path, std::string_view kind) {
  const std::string& value = check_.String(text, path + ".text");
  if (IsBlank(value)) {
    RequestChecker::Refuse("The text field in the " + std::string(kind) + " object at " + path +
                           " is blank. Add text to the text field, and try again.");
  }
  bytes_ += static_cast<std::int64_t>(value.size());
}

void ConverseReader::ReadImage(const Json& image, const std::string& path) {
  static constexpr std::array<std::string_view, 4> kFormats = {"png", "jpeg", "gif", "webp"};
  static constexpr std::array<std::string_view, 2> kSources = {"bytes", "s3Location"};
  check_.Dictionary(image, path);
  const Json& format = check_.Required(image, path, "format");
  check_.OneOf(format, path + ".format", kFormats);
  const Json& source = check_.Required(image, path, "source");
  if (Key(source, path + ".source", "ImageSource", kSources) != "bytes") return;
  const std::string_view actual =
      ImageFormatOf(check_.RequiredString(source, path + ".source", "bytes"));
  if (actual.empty()) {
    check_.RefuseAt(path + ".source.bytes", "Member must be valid base64");
  }
  if (actual == "unknown") {
    RequestChecker::Refuse("The model returned the following errors: Could not process image");
  }
  if (format != std::string(actual)) {
    RequestChecker::Refuse(
        "The model returned the following errors: " + path +
        ": The image was specified using the image/" + format.get<std::string>() +
        " media type, but the image appears to be a image/" + std::string(actual) + " image");
  }
}

void ConverseReader::ReadName(const Json& value, const std::string& path) {
  const std::string& name = check_.String(value, path);
  if (name.empty() || name.size() > 64) {
    check_.RefuseAt(path, name.empty() ? "Member must have length greater than or equal to 1"
                                       : "Member must have length less than or equal to 64");
  }
  if (!IsToolName(name, 64)) {
    check_.RefuseAt(path, "Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+");
  }
}

void ConverseReader::ReadToolUse(const Json& use, const std::string& path, ToolTurn& turn) {
  check_.Dictionary(use, path);
  ReadName(check_.Required(use, path, "toolUseId"), path + ".toolUseId");
  ReadName(check_.Required(use, path, "name"), path + ".name");
  const Json& input = check_.Required(use, path, "input");
  if (!input.is_object()) {
    RequestChecker::Refuse("The format of the value at " + path +
                           ".input is invalid. Provide a json object for the field and try again.");
  }
  if (!turn.assistant) {
    RequestChecker::Refuse("The toolUse block at " + path +
                           " is only allowed in a message with the role assistant.");
  }
  turn.calls.push_back(use["toolUseId"].get_ref<const std::string&>());
}

void ConverseReader::ReadToolResult(const Json& result, const std::string& path, ToolTurn& turn) {
  static constexpr std::array<std::string_view, 2> kStates = {"success", "error"};
  check_.Dictionary(result, path);
  ReadName(check_.Required(result, path, "toolUseId"), path + ".toolUseId");
  const Json* const status = Find(result, "status");
  if (status != nullptr) check_.OneOf(*status, path + ".status", kStates);
  const Json& content = check_.List(check_.Required(result, path, "content"), path + ".content");
  if (content.empty() && status != nullptr && *status == "error") {
    RequestChecker::Refuse("The content field at " + path +
                           " cannot be empty when status value is error.");
  }
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string at = RequestChecker::Join(path + ".content", i);
    const std::string& key = Key(content[i], at, "ToolResultContentBlock", kToolResultBlocks);
    if (key == "text") {
      bytes_ += static_cast<std::int64_t>(check_.String(content[i]["text"], at + ".text").size());
    } else if (key == "image") {
      ReadImage(content[i]["image"], at + ".image");
    }
  }
  if (turn.assistant) {
    RequestChecker::Refuse("The toolResult block at " + path +
                           " is only allowed in a message with the role user.");
  }
  turn.results.push_back({path, result["toolUseId"].get_ref<const std::string&>()});
}

void ConverseReader::ReadBlock(const Json& block, const std::string& path, ToolTurn& turn) {
  const std::string& key = Key(block, path, "ContentBlock", kContentBlocks);
  const Json& value = block[key];
  const std::string at = path + "." + key;
  if (key == "text") {
    ReadText(value, path, "ContentBlock");
  } else if (key == "image") {
    ReadImage(value, at);
  } else if (key == "toolUse") {
    has_tool_blocks_ = true;
    ReadToolUse(value, at, turn);
  } else if (key == "toolResult") {
    has_tool_blocks_ = true;
    ReadToolResult(value, at, turn);
  } else {
    check_.Dictionary(value, at);
  }
  EndBlock(turn.assistant ? "assistant" : "user", key, block);
}

void ConverseReader::ReadSystem(const Json& body) {
  const Json* const system = check_.OptionalList(body, "", "system");
  if (system == nullptr) return;
  for (std::size_t i = 0; i < system->size(); ++i) {
    const std::string path = RequestChecker::Join("system", i);
    const Json& block = (*system)[i];
    const std::string& key = Key(block, path, "SystemContentBlock", kSystemBlocks);
    if (key == "text") {
      ReadText(block["text"], path, "SystemContentBlock");
    } else {
      check_.Dictionary(block[key], path + "." + key);
    }
    EndBlock("system", key, block);
  }
}

void ConverseReader::ReadMessages(const Json& body) {
  static constexpr std::array<std::string_view, 2> kRoles = {"user", "assistant"};
  const Json& messages = check_.List(check_.Required(body, "", "messages"), "messages");
  std::vector<ToolTurn> turns;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string path = RequestChecker::Join("messages", i);
    const Json& message = check_.Dictionary(messages[i], path);
    const Json& role = check_.Required(message, path, "role");
    check_.OneOf(role, path + ".role", kRoles);
    const Json& content = check_.List(check_.Required(message, path, "content"), path + ".content");
    if (content.empty()) {
      RequestChecker::Refuse("The content field in the Message object at " + path +
                             " is empty. Add a ContentBlock object to the content field and try "
                             "again.");
    }
    ToolTurn& turn = turns.emplace_back();
    turn.index = i;
    turn.assistant = role == "assistant";
    for (std::size_t k = 0; k < content.size(); ++k) {
      ReadBlock(content[k], RequestChecker::Join(path + ".content", k), turn);
    }
  }
  if (turns.empty() || turns.front().assistant) {
    RequestChecker::Refuse(
        "A conversation must start with a user message. Try again with a conversation that starts "
        "with a user message.");
  }
  for (std::size_t i = 1; i < turns.size(); ++i) {
    if (turns[i].assistant == turns[i - 1].assistant) {
      RequestChecker::Refuse(
          "A conversation must alternate between user and assistant roles. Make sure the "
          "conversation alternates between user and assistant roles and try again.");
    }
  }
  if (has_tool_blocks_ && !has_tool_config_) {
    RequestChecker::Refuse(
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.");
  }
  const auto too_many = [](const ToolTurn& turn, const ToolTurn::Result&) {
    RequestChecker::Refuse("The number of toolResult blocks at messages." +
                           std::to_string(turn.index) +
                           ".content exceeds the number of toolUse blocks of previous turn.");
  };
  const ToolPairing pairing{.on_unknown_result = too_many,
                            .on_second_result = too_many,
                            .on_unanswered = [](const ToolTurn& turn, const std::string& ids) {
                              RequestChecker::Refuse("Expected toolResult blocks at messages." +
                                                     std::to_string(turn.index + 1) +
                                                     ".content for the following Ids: " + ids);
                            }};
  pairing.Check(turns);
  request_.after_tool_result = !turns.back().results.empty();
  request_.prompt_tokens = (bytes_ + 3) / 4;
}

void ConverseReader::ReadTool(const Json& tool, const std::string& path) {
  static constexpr std::array<std::string_view, 3> kTools = {"toolSpec", "systemTool",
                                                             "cachePoint"};
  static constexpr std::array<std::string_view, 1> kSchemas = {"json"};
  const std::string& key = Key(tool, path, "Tool", kTools);
  const std::string at = path + "." + key;
  const Json& value = check_.Dictionary(tool[key], at);
  EndBlock("tools", key, tool);
  if (key == "cachePoint") return;
  ReadName(check_.Required(value, at, "name"), at + ".name");
  if (!tools_.insert(value["name"].get_ref<const std::string&>()).second) {
    RequestChecker::Refuse("The tool names in toolConfig.tools must be unique. " + at +
                           ".name is used more than once.");
  }
  if (key == "systemTool") return;
  const std::string* const description = check_.OptionalString(value, at, "description");
  if (description != nullptr && description->empty()) {
    check_.RefuseAt(at + ".description", "Member must have length greater than or equal to 1");
  }
  const std::string schema_path = at + ".inputSchema";
  const Json& schema = check_.Required(value, at, "inputSchema");
  Key(schema, schema_path, "ToolInputSchema", kSchemas);
  const Json& json = check_.Dictionary(schema["json"], schema_path + ".json");
  const Json* const type = Find(json, "type");
  if (type == nullptr || *type != "object") {
    RequestChecker::Refuse("The value at " + schema_path +
                           ".json.type must be one of the following: object.");
  }
  request_.tools.push_back(CallableTool(value["name"], json, options_));
}

void ConverseReader::ReadToolChoice(const Json& choice) {
  static constexpr std::array<std::string_view, 3> kChoices = {"auto", "any", "tool"};
  const std::string path = "toolConfig.toolChoice";
  const std::string& key = Key(choice, path, "ToolChoice", kChoices);
  const Json& value = check_.Dictionary(choice[key], path + "." + key);
  request_.must_call = key != "auto";
  if (key != "tool") return;
  const std::string& name = check_.RequiredString(value, path + ".tool", "name");
  if (!tools_.contains(name)) {
    RequestChecker::Refuse("The provided toolChoice " + name +
                           " is not a tool in toolConfig.tools.");
  }
  ChooseTool(request_, name);
}

void ConverseReader::ReadToolConfig(const Json& body) {
  const Json* const config = check_.OptionalDictionary(body, "", "toolConfig");
  if (config == nullptr) return;
  has_tool_config_ = true;
  const Json& tools =
      check_.List(check_.Required(*config, "toolConfig", "tools"), "toolConfig.tools");
  if (tools.empty()) {
    check_.RefuseAt("toolConfig.tools", "Member must have length greater than or equal to 1");
  }
  for (std::size_t i = 0; i < tools.size(); ++i) {
    ReadTool(tools[i], RequestChecker::Join("toolConfig.tools", i));
  }
  if (const Json* const choice = Find(*config, "toolChoice")) ReadToolChoice(*choice);
}

// Of the fields that a model's own answer may have, the stop sequence is the one there is.
void ConverseReader::ReadFieldPaths(const Json& body) {
  const std::string name = "additionalModelResponseFieldPaths";
  const Json* const paths = check_.OptionalList(body, "", name);
  if (paths == nullptr) return;
  for (std::size_t i = 0; i < paths->size(); ++i) {
    const std::string& path = check_.String((*paths)[i], RequestChecker::Join(name, i));
    if (!path.starts_with("/")) {
      check_.RefuseAt(RequestChecker::Join(name, i), "Member must be a JSON pointer");
    }
    if (path == (request_.stream ? "/delta/stop_sequence" : "/stop_sequence")) {
      request_.repeats_stop_sequence = true;
    }
  }
}

void ConverseReader::ReadOutputConfig(const Json& body) {
  static constexpr std::array<std::string_view, 1> kTypes = {"json_schema"};
  static constexpr std::array<std::string_view, 1> kStructures = {"jsonSchema"};
  const Json* const config = check_.OptionalDictionary(body, "", "outputConfig");
  if (config == nullptr) return;
  const Json* const format = check_.OptionalDictionary(*config, "outputConfig", "textFormat");
  if (format == nullptr) return;
  const std::string path = "outputConfig.textFormat";
  check_.OneOf(check_.Required(*format, path, "type"), path + ".type", kTypes);
  const Json& structure = check_.Required(*format, path, "structure");
  Key(structure, path + ".structure", "OutputFormatStructure", kStructures);
  const std::string at = path + ".structure.jsonSchema";
  const Json& schema = check_.Dictionary(structure["jsonSchema"], at);
  // The schema is a text with JSON in it.
  const Json parsed = ParseJson(check_.RequiredString(schema, at, "schema"));
  if (!parsed.is_object()) check_.RefuseAt(at + ".schema", "Member must be a valid JSON schema");
  request_.json = SampleJson(parsed, SampleText(options_));
}

}  // namespace

std::variant<ChatRequest, ApiError> ParseConverseRequest(std::string_view text, const Route& route,
                                                         const FakeLlmServerOptions& options) {
  const auto read = [&](const RequestChecker& check, const nlohmann::json& body,
                        ChatRequest& request) {
    ConverseReader reader(check, options, request,
                          text.find("\"cachePoint\"") != std::string_view::npos);
    reader.ReadToolConfig(body);
    reader.ReadSystem(body);
    reader.ReadMessages(body);
    reader.ReadOutputConfig(body);
    reader.ReadFieldPaths(body);
    if (const auto* const config = check.OptionalDictionary(body, "", "inferenceConfig")) {
      const std::string path = "inferenceConfig";
      request.max_tokens = check.OptionalCount(*config, path, "maxTokens", 1);
      check.OptionalNumber(*config, path, "temperature", 0, 1);
      check.OptionalNumber(*config, path, "topP", 0, 1);
      if (const auto* const stops = check.OptionalList(*config, path, "stopSequences")) {
        for (std::size_t i = 0; i < stops->size(); ++i) {
          const std::string at = RequestChecker::Join(path + ".stopSequences", i);
          if (check.String((*stops)[i], at).empty()) {
            check.RefuseAt(at, "Member must have length greater than or equal to 1");
          }
          request.stop.push_back((*stops)[i]);
        }
      }
    }
    const std::string limit = std::to_string(MaxOutputOf(request.model));
    if (request.max_tokens.value_or(0) > MaxOutputOf(request.model)) {
      RequestChecker::Refuse("The maximum tokens you requested exceeds the model limit of " +
                             limit + ". Try again with a maximum tokens value that is lower than " +
                             limit + ".");
    }
  };
  return ParseWith(text, route, options, read);
}

std::variant<ChatRequest, ApiError> ParseTitanRequest(std::string_view text, const Route& route,
                                                      const FakeLlmServerOptions& options) {
  const auto read = [&](const RequestChecker& check, const nlohmann::json& body,
                        ChatRequest& request) {
    static constexpr std::array<std::string_view, 2> kMembers = {"inputText",
                                                                 "textGenerationConfig"};
    if (!options.allow_unknown_parameters) check.OnlyKnown(body, "", kMembers);
    const std::string& prompt = check.RequiredString(body, "", "inputText");
    if (prompt.empty()) check.RefuseAt("inputText", "expected minLength: 1, actual: 0");
    if (const auto* const config = check.OptionalDictionary(body, "", "textGenerationConfig")) {
      const std::string path = "textGenerationConfig";
      request.max_tokens = check.OptionalCount(*config, path, "maxTokenCount", 0);
      const std::int64_t most = MaxOutputOf(request.model);
      if (request.max_tokens.value_or(0) > most) {
        check.RefuseAt(path + "/maxTokenCount", std::to_string(*request.max_tokens) +
                                                    " is not less or equal to " +
                                                    std::to_string(most));
      }
      check.OptionalNumber(*config, path, "temperature", 0, 1);
      check.OptionalNumber(*config, path, "topP", 0, 1);
      if (const auto* const stops = check.OptionalList(*config, path, "stopSequences")) {
        for (std::size_t i = 0; i < stops->size(); ++i) {
          const std::string at = RequestChecker::Join(path + ".stopSequences", i);
          const std::string& stop = check.String((*stops)[i], at);
          if (!stop.empty()) request.stop.push_back(stop);
        }
      }
    }
    request.prompt_tokens = (static_cast<std::int64_t>(prompt.size()) + 3) / 4;
  };
  return ParseWith(text, route, options, read);
}

}  // namespace llmload::fake_server
