// What the parsers of several APIs check alike: tool calls with their results, the most
// tokens that a model gives.
#ifndef LLMLOAD_SRC_FAKE_SERVER_CONVERSATION_H_
#define LLMLOAD_SRC_FAKE_SERVER_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/fake_server/chat_request.h"
#include "src/fake_server/request_checker.h"

namespace llmload::fake_server {

/// The tool calls and results of one turn. They refer to the JSON of the request.
struct ToolTurn {
  struct Result {
    std::string path;  ///< of its block
    std::string_view id;
  };
  std::size_t index = 0;  ///< of its first message
  bool assistant = false;
  std::vector<std::string_view> calls;
  std::vector<Result> results;  ///< those that stand before everything else of the turn
};

/// Finds a result without a call in the turn before, a second result of one call, and a call
/// without a result in the turn after. Each handler refuses the request in the words of its API.
struct ToolPairing {
  std::function<void(const ToolTurn& turn, const ToolTurn::Result& result)> on_unknown_result;
  std::function<void(const ToolTurn& turn, const ToolTurn::Result& result)> on_second_result;
  /// @param ids  of the calls without a result, with commas between them
  std::function<void(const ToolTurn& turn, const std::string& ids)> on_unanswered;

  void Check(const std::vector<ToolTurn>& turns) const;
};

/// The most tokens that `model` gives in one answer.
std::int64_t MaxOutputOf(std::string_view model);

/// Letters, digits, hyphens and low lines, from 1 to `max` of them: what names of tools consist of.
bool IsToolName(std::string_view text, std::size_t max);

/// A tool that may be called, with arguments that fit `schema`.
Tool CallableTool(const std::string& name, const nlohmann::json& schema,
                  const FakeLlmServerOptions& options);
/// Leaves the tool of this name alone, and demands that it is called.
void ChooseTool(ChatRequest& request, std::string_view name);

/// Appends what `block` says to the prompt whose prefixes the request has.
/// @param role   whose words these are
/// @param bytes  of text in the prompt, up to the end of the block
/// @param life   how long to keep the prompt so far; 0: not at all
void AppendPrefix(ChatRequest& request, std::string_view role, const nlohmann::json& block,
                  std::int64_t bytes, Duration life);

/// Parses `text`, has `read` check it and fill in the request, and checks what every API checks
/// alike. A `RequestRefusal` out of `read` becomes the answer.
std::variant<ChatRequest, ApiError> ParseWith(
    std::string_view text, const Route& route, const FakeLlmServerOptions& options,
    const std::function<void(const RequestChecker& check, const nlohmann::json& body,
                             ChatRequest& request)>& read);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_CONVERSATION_H_
