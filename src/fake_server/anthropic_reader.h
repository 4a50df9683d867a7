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

  /// @param strict  refuse members that the API does not know
  AnthropicReader(const RequestChecker& check, bool strict) : check_(check), strict_(strict) {}

  /// Of text so far.
  std::int64_t bytes() const noexcept { return bytes_; }

  void ReadTools(const Json& body);
  void ReadSystem(const Json& body);
  void ReadMessages(const Json& body);
  void ReadSettings(const Json& body, std::int64_t max_tokens);

 private:
  void ReadBlock(const Json& block, const std::string& path, Names types, ToolTurn* turn);
  void ReadText(const Json& block, const std::string& at);
  void ReadImage(const Json& block, const std::string& at);
  void ReadToolUse(const Json& block, const std::string& at);
  void ReadToolResult(const Json& block, const std::string& at);
  void ReadTool(const Json& tool, const std::string& path);
  void ReadToolChoice(const Json& choice);
  void ReadThinking(const Json& thinking, std::int64_t max_tokens);
  void ReadOutputConfig(const Json& config);
  void ReadJsonFormat(const Json& format, const std::string& path);
  void ReadCacheControl(const Json& object, const std::string& path);
  void CheckClosed(const Json& schema, const std::string& path);

  // The text in `type`, which says what the rest of `value` is.
  const std::string& Tag(const Json& value, const std::string& path, Names types) const;
  void OnlyKnown(const Json& object, const std::string& path, Names names) const {
    if (strict_) check_.OnlyKnown(object, path, names);
  }

  const RequestChecker& check_;
  const bool strict_;
  std::int64_t bytes_ = 0;
  int cache_marks_ = 0;
  std::set<std::string_view> tools_;
  std::set<std::string_view> call_ids_;
  std::vector<ToolTurn> turns_;
  bool only_results_ = true;  // so far in the latest turn
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_READER_H_
