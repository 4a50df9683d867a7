// The messages and the system prompt of a request of Anthropic's.
#include "src/fake_server/anthropic_reader.h"

#include <array>

#include "src/fake_server/request_json.h"

namespace llmload::fake_server {
namespace {

constexpr std::array<std::string_view, 18> kBlockTypes = {"bash_code_execution_tool_result",
                                                          "code_execution_tool_result",
                                                          "container_upload",
                                                          "document",
                                                          "image",
                                                          "mcp_tool_result",
                                                          "mcp_tool_use",
                                                          "redacted_thinking",
                                                          "search_result",
                                                          "server_tool_use",
                                                          "text",
                                                          "text_editor_code_execution_tool_result",
                                                          "thinking",
                                                          "tool_result",
                                                          "tool_search_tool_result",
                                                          "tool_use",
                                                          "web_fetch_tool_result",
                                                          "web_search_tool_result"};
constexpr std::array<std::string_view, 5> kResultTypes = {"document", "image", "search_result",
                                                          "text", "tool_reference"};
constexpr std::array<std::string_view, 1> kSystemTypes = {"text"};
constexpr std::array<std::string_view, 4> kImageTypes = {"image/jpeg", "image/png", "image/gif",
                                                         "image/webp"};

}  // namespace

const std::string& AnthropicReader::Tag(const Json& value, const std::string& path,
                                        Names types) const {
  check_.Dictionary(value, path);
  const std::string& type = check_.RequiredString(value, path, "type");
  if (!Contains(types, type)) {
    std::string list;
    for (const std::string_view name : types) {
      list.append(list.empty() ? "'" : ", '").append(name).append("'");
    }
    check_.RefuseAt(path,
                    "Input tag '" + type +
                        "' found using 'type' does not match any of the expected tags: " + list);
  }
  return type;
}

Duration AnthropicReader::ReadCacheControl(const Json& object, const std::string& path) {
  static constexpr std::array<std::string_view, 1> kTypes = {"ephemeral"};
  static constexpr std::array<std::string_view, 2> kLives = {"5m", "1h"};
  static constexpr std::array<std::string_view, 2> kMembers = {"type", "ttl"};
  const Json* const control = Find(object, "cache_control");
  if (control == nullptr) return Duration::zero();
  const std::string at = RequestChecker::Join(path, "cache_control");
  const std::string tagged = at + "." + Tag(*control, at, kTypes);
  const Json* const life = Find(*control, "ttl");
  if (life != nullptr) check_.OneOf(*life, tagged + ".ttl", kLives);
  OnlyKnown(*control, tagged, kMembers);
  ++cache_marks_;
  return std::chrono::minutes(life != nullptr && *life == "1h" ? 60 : 5);
}

void AnthropicReader::EndBlock(std::string_view role, const Json& block, Duration life) {
  if (!caches_) return;
  if (!block.is_object()) return AppendPrefix(request_, role, block, bytes_, life);
  // What is to be kept is the same prompt, wherever it says so.
  Json said = block;
  said.erase("cache_control");
  AppendPrefix(request_, role, said, bytes_, life);
}

void AnthropicReader::ReadText(const Json& block, const std::string& at) {
  static constexpr std::array<std::string_view, 4> kMembers = {"type", "text", "cache_control",
                                                               "citations"};
  const std::string& text = check_.RequiredString(block, at, "text");
  if (text.empty()) {
    if (Find(block, "cache_control") != nullptr) {
      check_.RefuseAt(at, "cache_control cannot be set for empty text blocks");
    }
    check_.RefuseAt("messages", "text content blocks must be non-empty");
  }
  if (IsBlank(text)) {
    check_.RefuseAt("messages", "text content blocks must contain non-whitespace text");
  }
  OnlyKnown(block, at, kMembers);
  bytes_ += static_cast<std::int64_t>(text.size());
}

void AnthropicReader::ReadImage(const Json& block, const std::string& at) {
  static constexpr std::array<std::string_view, 3> kMembers = {"type", "source", "cache_control"};
  static constexpr std::array<std::string_view, 3> kSources = {"base64", "file", "url"};
  constexpr std::size_t kMaxBytes = 5U << 20;
  OnlyKnown(block, at, kMembers);
  const Json& source = check_.Required(block, at, "source");
  const std::string source_path = at + ".source";
  const std::string& kind = Tag(source, source_path, kSources);
  const std::string path = source_path + "." + kind;
  if (kind == "file") {
    check_.RequiredString(source, path, "file_id");
    return;
  }
  if (kind == "url") {
    if (!check_.RequiredString(source, path, "url").starts_with("https://")) {
      check_.RefuseAt(path + ".url", "Only HTTPS URLs are supported.");
    }
    return;
  }
  const Json& media_type = check_.Required(source, path, "media_type");
  check_.OneOf(media_type, path + ".media_type", kImageTypes);
  const std::string& data = check_.RequiredString(source, path, "data");
  if (data.empty()) check_.RefuseAt(path, "image cannot be empty");
  const std::string_view actual = ImageFormatOf(data);
  if (actual.empty()) check_.RefuseAt(path, "invalid base64 data");
  if (const std::size_t size = data.size() / 4 * 3; size > kMaxBytes) {
    check_.RefuseAt(path, "image exceeds 5 MB maximum: " + std::to_string(size) + " bytes > " +
                              std::to_string(kMaxBytes) + " bytes");
  }
  if (actual == "unknown") RequestChecker::Refuse("Could not process image");
  if (media_type != "image/" + std::string(actual)) {
    check_.RefuseAt(path + ".data", "The image was specified using the " +
                                        media_type.get<std::string>() +
                                        " media type, but the image appears to be a image/" +
                                        std::string(actual) + " image");
  }
}

void AnthropicReader::ReadToolUse(const Json& block, const std::string& at) {
  static constexpr std::array<std::string_view, 6> kMembers = {
      "type", "id", "name", "input", "cache_control", "caller"};
  const std::string& id = check_.RequiredString(block, at, "id");
  if (!IsToolName(id, id.size())) {
    check_.RefuseAt(at + ".id", "String should match pattern '^[a-zA-Z0-9_-]+$'");
  }
  if (check_.RequiredString(block, at, "name").empty()) {
    check_.RefuseAt(at + ".name", "String should have at least 1 character");
  }
  check_.Dictionary(check_.Required(block, at, "input"), at + ".input");
  OnlyKnown(block, at, kMembers);
  if (!call_ids_.insert(id).second) {
    check_.RefuseAt("messages", "`tool_use` ids must be unique");
  }
}

void AnthropicReader::ReadToolResult(const Json& block, const std::string& at) {
  static constexpr std::array<std::string_view, 5> kMembers = {"type", "tool_use_id", "content",
                                                               "is_error", "cache_control"};
  check_.RequiredString(block, at, "tool_use_id");
  check_.OptionalBoolean(block, at, "is_error", false);
  OnlyKnown(block, at, kMembers);
  const Json* const content = Find(block, "content");
  if (content == nullptr) return;
  if (content->is_string()) {
    bytes_ += static_cast<std::int64_t>(content->get_ref<const std::string&>().size());
    return;
  }
  const std::string path = at + ".content";
  check_.List(*content, path);
  for (std::size_t i = 0; i < content->size(); ++i) {
    ReadBlock((*content)[i], RequestChecker::Join(path, i), kResultTypes, nullptr);
  }
}

// `turn` is null inside a tool result and in the system prompt.
Duration AnthropicReader::ReadBlock(const Json& block, const std::string& path, Names types,
                                    ToolTurn* turn) {
  const std::string& type = Tag(block, path, types);
  const std::string at = path + "." + type;
  const auto only_for = [&](bool assistant) {
    if (turn == nullptr || turn->assistant == assistant) return;
    check_.RefuseAt(path.substr(0, path.find(".content")),
                    "`" + type + "` blocks can only be in `" + (assistant ? "assistant" : "user") +
                        "` messages");
  };
  if (type == "text") {
    ReadText(block, at);
  } else if (type == "image") {
    only_for(false);
    ReadImage(block, at);
  } else if (type == "document") {
    check_.Dictionary(check_.Required(block, at, "source"), at + ".source");
  } else if (type == "tool_use") {
    only_for(true);
    ReadToolUse(block, at);
    if (turn != nullptr) turn->calls.push_back(block["id"].get_ref<const std::string&>());
  } else if (type == "tool_result") {
    only_for(false);
    ReadToolResult(block, at);
    // A result that something else precedes does not answer its call.
    if (turn != nullptr && only_results_) {
      turn->results.push_back({path, block["tool_use_id"].get_ref<const std::string&>()});
    }
  } else if (type == "thinking") {
    only_for(true);
    check_.RequiredString(block, at, "signature");
    check_.RequiredString(block, at, "thinking");
  } else if (type == "redacted_thinking") {
    only_for(true);
    check_.RequiredString(block, at, "data");
  }
  if (turn != nullptr && type != "tool_result") only_results_ = false;
  return ReadCacheControl(block, at);
}

void AnthropicReader::ReadSystem(const Json& body) {
  const Json* const system = Find(body, "system");
  if (system == nullptr) return;
  if (system->is_string()) {
    bytes_ += static_cast<std::int64_t>(system->get_ref<const std::string&>().size());
    return EndBlock("system", *system, Duration::zero());
  }
  check_.List(*system, "system");
  for (std::size_t i = 0; i < system->size(); ++i) {
    const Json& block = (*system)[i];
    EndBlock("system", block,
             ReadBlock(block, RequestChecker::Join("system", i), kSystemTypes, nullptr));
  }
}

void AnthropicReader::ReadMessages(const Json& body) {
  static constexpr std::array<std::string_view, 2> kRoles = {"user", "assistant"};
  static constexpr std::array<std::string_view, 2> kMembers = {"role", "content"};
  const Json& messages = check_.List(check_.Required(body, "", "messages"), "messages");
  if (messages.empty()) check_.RefuseAt("messages", "at least one message is required");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Json& message = messages[i];
    const std::string path = RequestChecker::Join("messages", i);
    check_.Dictionary(message, path);
    const Json& role = check_.Required(message, path, "role");
    if (role == "system") {
      check_.RefuseAt("messages",
                      "Unexpected role \"system\". The Messages API accepts a top-level `system` "
                      "parameter, not \"system\" as an input message role.");
    }
    check_.OneOf(role, path + ".role", kRoles);
    OnlyKnown(message, path, kMembers);
    const bool assistant = role == "assistant";
    // Messages of one role in a row are one turn.
    if (turns_.empty() || turns_.back().assistant != assistant) {
      ToolTurn& turn = turns_.emplace_back();
      turn.index = i;
      turn.assistant = assistant;
      only_results_ = true;
    }
    const bool last = i + 1 == messages.size();
    const Json& content = check_.Required(message, path, "content");
    const std::string content_path = path + ".content";
    if (!content.is_string()) check_.List(content, content_path);
    const bool is_empty =
        content.is_string() ? content.get_ref<const std::string&>().empty() : content.empty();
    if (is_empty && !(assistant && last)) {
      check_.RefuseAt(path,
                      "all messages must have non-empty content except for the optional final "
                      "assistant message");
    }
    if (content.is_array()) {
      for (std::size_t k = 0; k < content.size(); ++k) {
        EndBlock(assistant ? "assistant" : "user", content[k],
                 ReadBlock(content[k], RequestChecker::Join(content_path, k), kBlockTypes,
                           &turns_.back()));
      }
    } else {
      const auto& text = content.get_ref<const std::string&>();
      if (!is_empty && IsBlank(text)) {
        check_.RefuseAt("messages", "text content blocks must contain non-whitespace text");
      }
      only_results_ = false;
      bytes_ += static_cast<std::int64_t>(text.size());
      EndBlock(assistant ? "assistant" : "user", content, Duration::zero());
    }
    if (!last || !assistant || is_empty) continue;
    const Json* const text = content.is_string() ? &content : Find(content.back(), "text");
    if (text != nullptr && IsBlank(text->get_ref<const std::string&>().substr(
                               text->get_ref<const std::string&>().size() - 1))) {
      check_.RefuseAt("messages", "final assistant content cannot end with trailing whitespace");
    }
  }
  const ToolPairing pairing{
      .on_unknown_result =
          [this](const ToolTurn&, const ToolTurn::Result& result) {
            check_.RefuseAt(result.path,
                            "unexpected `tool_use_id` found in `tool_result` blocks: " +
                                std::string(result.id) +
                                ". Each `tool_result` block must have a corresponding `tool_use` "
                                "block in the previous message.");
          },
      .on_second_result =
          [this](const ToolTurn&, const ToolTurn::Result& result) {
            check_.RefuseAt(result.path,
                            "each tool_use must have a single result. Found multiple "
                            "`tool_result` blocks with id: " +
                                std::string(result.id));
          },
      .on_unanswered =
          [this](const ToolTurn& turn, const std::string& ids) {
            check_.RefuseAt(RequestChecker::Join("messages", turn.index),
                            "`tool_use` ids were found without `tool_result` blocks immediately "
                            "after: " +
                                ids +
                                ". Each `tool_use` block must have a corresponding `tool_result` "
                                "block in the next message.");
          }};
  pairing.Check(turns_);
  request_.after_tool_result = !turns_.back().results.empty();
  request_.prompt_tokens = (bytes_ + 3) / 4;
}

}  // namespace llmload::fake_server
