// Checks of OpenAI's request bodies, in the words of the service: its chat completions and
// responses have them in common.
#ifndef LLMLOAD_SRC_FAKE_SERVER_OPENAI_CHECK_H_
#define LLMLOAD_SRC_FAKE_SERVER_OPENAI_CHECK_H_

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/fake_server/chat_request.h"

namespace llmload::fake_server::openai {

using Json = nlohmann::json;
using Names = std::span<const std::string_view>;

/// Validation stops at the first fault, which travels as this exception, within the parsers only.
struct Refusal {
  ApiError error;
};

// Each of these throws the `Refusal`. `param` is the path of the value: "messages[0].role".
[[noreturn]] void Refuse(std::string message, std::optional<std::string> param,
                         std::optional<std::string> code);
[[noreturn]] void RefuseType(const std::string& param, std::string_view expected, const Json& got);
[[noreturn]] void RefuseMissing(const std::string& param);

/// The member, or null if it is absent or JSON null: the service takes both alike.
const Json* Member(const Json& object, std::string_view name);
/// The member `name` of the object at `path`, which has to be there.
const Json& Required(const Json& object, const std::string& path, std::string_view name);
/// The same, and a string.
const std::string& RequiredString(const Json& object, const std::string& path,
                                  std::string_view name);
/// "path.name", or "name" of the body itself.
std::string Join(const std::string& path, std::string_view name);
std::string At(const std::string& path, std::size_t index);

void RequireObject(const Json& value, const std::string& param);
/// An array of at least one element.
void RequireElements(const Json& value, const std::string& param, std::string_view expected);
void CheckKind(const Json& body, std::string_view name, Json::value_t kind,
               std::string_view expected);
void CheckDecimal(const Json& body, std::string_view name, double min, double max);
std::optional<std::int64_t> CheckInteger(const Json& body, std::string_view name, double min,
                                         double max);
/// Absent: false.
bool CheckBoolean(const Json& object, std::string_view name, const std::string& path = {});
void CheckChoice(const Json& value, const std::string& param, Names accepted);
/// A name of at most 64 letters, digits, underscores and dashes.
void CheckName(const Json& value, const std::string& param);
/// No members but these.
void CheckNames(const Json& body, Names accepted);

/// The model that is asked for, which a deployment's path decides. It has to exist.
std::string CheckModel(const Json& body, const Route& route, const FakeLlmServerOptions& options);
/// Refuses an output limit that `model` cannot reach.
void CheckOutputLimit(std::int64_t limit, const std::string& param, std::string_view model);
/// Refuses a conversation that leaves the output no room.
void CheckContext(const ChatRequest& request, const FakeLlmServerOptions& options);

/// An image in a message: https, http, or a data URL of a PNG, JPEG, GIF or WebP. Refused if it is
/// none, or if the model sees none.
/// @param part  the path of the message's part
/// @param url   the path of the URL within the part
void CheckImage(const Json& value, const std::string& part, std::string_view url,
                std::string_view model);
/// What an image adds to the prompt's tokens: that of OpenAI's low detail.
inline constexpr std::int64_t kImageTokens = 85;

/// Whether `text` has the word "json" in any case, which the service demands of prompts for JSON.
bool MentionsJson(std::string_view text);

/// How one of the two APIs writes tools and the format of answers.
struct ToolSyntax {
  bool nested = true;  ///< chat: {"type":"function","function":{...}}; responses: flat
  std::string format;  ///< the parameter that holds the format
};

/// `tools`, `tool_choice` and `parallel_tool_calls`: sets the request's tools.
void ReadTools(const Json& body, const ToolSyntax& syntax, const FakeLlmServerOptions& options,
               ChatRequest& request);
/// The format of the answer: sets the JSON that is wanted. True if that is any object.
/// @param format  null: text
bool ReadFormat(const Json* format, const ToolSyntax& syntax, const FakeLlmServerOptions& options,
                ChatRequest& request);

/// The members that both APIs have, and their bounds.
void CheckCommon(const Json& body);

/// The body as an object; refused if it is none.
Json ParseBody(std::string_view text);

/// What the two APIs read of a body. They throw `Refusal`.
ChatRequest ReadChat(const Json& body, const Route& route, const FakeLlmServerOptions& options);
ChatRequest ReadResponses(const Json& body, const Route& route,
                          const FakeLlmServerOptions& options);

}  // namespace llmload::fake_server::openai

#endif  // LLMLOAD_SRC_FAKE_SERVER_OPENAI_CHECK_H_
