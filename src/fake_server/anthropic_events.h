// The JSON of Anthropic's messages, which Bedrock's InvokeModel sends in frames of its own.
#ifndef LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_EVENTS_H_
#define LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_EVENTS_H_

#include <string>
#include <string_view>

#include "src/fake_server/answer_format.h"
#include "src/fake_server/api_error.h"

namespace llmload::fake_server {

class AnthropicEvents {
 public:
  static constexpr std::string_view kDeltaBegin =
      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":"
      "\"";
  static constexpr std::string_view kDeltaEnd = "\"}}";

  /// @param facts  has to outlive this
  AnthropicEvents(const AnswerFacts& facts, std::string id) : facts_(facts), id_(std::move(id)) {}

  std::string MessageStart() const {
    return "{\"type\":\"message_start\",\"message\":{\"id\":\"" + id_ +
           "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":" +
           Quoted(facts_.request.model) +
           ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":" + Usage(1) +
           "}}";
  }
  /// Of text.
  static std::string BlockStart() {
    return "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
           "\"text\":\"\"}}";
  }
  std::string CallStart(std::size_t call) const {
    return "{\"type\":\"content_block_start\",\"index\":" + std::to_string(call) +
           ",\"content_block\":" + CallBlock(call, "{}") + "}";
  }
  /// What stands before a piece of a call's arguments; `kDeltaEnd` stands after it.
  static std::string CallDeltaBegin(std::size_t call) {
    return "{\"type\":\"content_block_delta\",\"index\":" + std::to_string(call) +
           ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"";
  }
  static std::string BlockStop(std::size_t index) {
    return "{\"type\":\"content_block_stop\",\"index\":" + std::to_string(index) + "}";
  }
  std::string MessageDelta() const {
    return "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" + StopReason() +
           "\",\"stop_sequence\":" + StopSequence() +
           "},\"usage\":{\"output_tokens\":" + std::to_string(facts_.tokens) + "}}";
  }
  std::string UnaryBody(std::string_view text) const {
    return "{\"id\":\"" + id_ + "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":" +
           Quoted(facts_.request.model) + ",\"content\":[" + Content(text) +
           "],\"stop_reason\":\"" + StopReason() + "\",\"stop_sequence\":" + StopSequence() +
           ",\"usage\":" + Usage(facts_.tokens) + "}";
  }

 private:
  std::string StopReason() const {
    if (facts_.cut) return "max_tokens";
    if (!facts_.content.calls.empty()) return "tool_use";
    return facts_.content.stop_sequence ? "stop_sequence" : "end_turn";
  }
  std::string StopSequence() const {
    const auto& sequence = facts_.content.stop_sequence;
    return sequence ? Quoted(*sequence) : "null";
  }
  std::string CallBlock(std::size_t call, const std::string& input) const {
    const ToolCall& made = facts_.content.calls[call];
    return "{\"type\":\"tool_use\",\"id\":" + Quoted(made.id) + ",\"name\":" + Quoted(made.name) +
           ",\"input\":" + input + ",\"caller\":{\"type\":\"direct\"}}";
  }
  std::string Content(std::string_view text) const {
    const auto& calls = facts_.content.calls;
    std::string blocks;
    if (calls.empty() || !text.empty()) {
      blocks = "{\"type\":\"text\",\"text\":\"" + std::string(text) + "\"}";
    }
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (!blocks.empty()) blocks += ",";
      // Arguments that the output limit has cut are no JSON.
      blocks += CallBlock(i, calls[i].complete ? calls[i].arguments : "{}");
    }
    return blocks;
  }
  std::string Usage(int output) const {
    const CacheUse& cache = facts_.request.cache;
    return "{\"input_tokens\":" + std::to_string(facts_.request.fresh_tokens()) +
           ",\"cache_creation_input_tokens\":" + std::to_string(cache.written) +
           ",\"cache_read_input_tokens\":" + std::to_string(cache.read) +
           ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":" +
           std::to_string(cache.for_an_hour ? 0 : cache.written) +
           ",\"ephemeral_1h_input_tokens\":" +
           std::to_string(cache.for_an_hour ? cache.written : 0) + "}" +
           ",\"output_tokens\":" + std::to_string(output) + ",\"service_tier\":\"standard\"}";
  }

  const AnswerFacts& facts_;
  const std::string id_;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_EVENTS_H_
