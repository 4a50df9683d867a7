// Checks requests of Anthropic's Messages API.
#ifndef LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_READER_H_
#define LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_READER_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/fake_server/conversation.h"
#include "src/fake_server/request_checker.h"

namespace llmload::fake_server {

/// Reads the parts of one request, which has to outlive it. Tools come first: what follows refers
/// to them.
class AnthropicReader {
 public:
  using Json = nlohmann::json;

  /// @param request  is filled in
  /// @param caches   part of the prompt is to be kept
  AnthropicReader(const RequestChecker& check, const FakeLlmServerOptions& options,
                  ChatRequest& request, bool caches)
      : check_(check), options_(options), request_(request), caches_(caches) {}

  void ReadTools(const Json& body);
  void ReadSystem(const Json& body);
  void ReadMessages(const Json& body);
  void ReadSettings(const Json& body);

 private:
  // How long to keep the prompt up to this block; 0: not at all.
  Duration ReadBlock(const Json& block, const std::string& path, Names types, ToolTurn* turn);
  void EndBlock(std::string_view role, const Json& block, Duration life);
  void ReadText(const Json& block, const std::string& at);
  void ReadImage(const Json& block, const std::string& at);
  void ReadToolUse(const Json& block, const std::string& at);
  void ReadToolResult(const Json& block, const std::string& at);
  void ReadTool(const Json& tool, const std::string& path);
  void ReadToolChoice(const Json& choice);
  void ReadThinking(const Json& body);
  void ReadOutputConfig(const Json& config);
  void ReadJsonFormat(const Json& format, const std::string& path);
  Duration ReadCacheControl(const Json& object, const std::string& path);
  void CheckClosed(const Json& schema, const std::string& path);

  // The text in `type`, which says what the rest of `value` is.
  const std::string& Tag(const Json& value, const std::string& path, Names types) const;
  void OnlyKnown(const Json& object, const std::string& path, Names names) const {
    if (!options_.allow_unknown_parameters) check_.OnlyKnown(object, path, names);
  }

  const RequestChecker& check_;
  const FakeLlmServerOptions& options_;
  ChatRequest& request_;
  const bool caches_;
  std::int64_t bytes_ = 0;  // of text
  int cache_marks_ = 0;
  std::set<std::string_view> tools_;
  std::set<std::string_view> call_ids_;
  std::vector<ToolTurn> turns_;
  bool only_results_ = true;  // so far in the latest turn
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_READER_H_
