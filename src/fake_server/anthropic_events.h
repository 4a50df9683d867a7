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
  static std::string BlockStart() {
    return "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
           "\"text\":\"\"}}";
  }
  static std::string BlockStop() { return "{\"type\":\"content_block_stop\",\"index\":0}"; }
  std::string MessageDelta() const {
    return "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" + StopReason() +
           "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":" +
           std::to_string(facts_.tokens) + "}}";
  }
  std::string UnaryBody(std::string_view text) const {
    return "{\"id\":\"" + id_ + "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":" +
           Quoted(facts_.request.model) + ",\"content\":[{\"type\":\"text\",\"text\":\"" +
           std::string(text) + "\"}],\"stop_reason\":\"" + StopReason() +
           "\",\"stop_sequence\":null,\"usage\":" + Usage(facts_.tokens) + "}";
  }

 private:
  std::string StopReason() const { return facts_.cut ? "max_tokens" : "end_turn"; }
  std::string Usage(int output) const {
    return "{\"input_tokens\":" + std::to_string(facts_.request.prompt_tokens) +
           ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":" +
           std::to_string(output) + ",\"service_tier\":\"standard\"}";
  }

  const AnswerFacts& facts_;
  const std::string id_;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_ANTHROPIC_EVENTS_H_
