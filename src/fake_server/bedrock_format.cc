// Bedrock's Converse and InvokeModel: event-stream frames around JSON.
#include <array>

#include "src/core/text/base64.h"
#include "src/fake_server/answer_format.h"
#include "src/fake_server/anthropic_events.h"
#include "src/wire/event_stream.h"

namespace llmload::fake_server {
namespace {

using wire::EventStreamHeader;
using wire::EventStreamType;

EventStreamHeader Text(std::string_view name, std::string_view value) {
  return {.name = name, .type = EventStreamType::kString, .number = 0, .bytes = value};
}

class BedrockFormat final : public AnswerFormat {
 public:
  BedrockFormat(const AnswerFacts& facts, std::string id, std::string request_id)
      : AnswerFormat(std::move(request_id)),
        facts_(facts),
        protocol_(facts.request.protocol),
        anthropic_(facts, std::move(id)) {}

  std::string_view StreamType() const override { return "application/vnd.amazon.eventstream"; }

  void AppendFields(HeadWriter& head) const override {
    head.Field("x-amzn-RequestId", request_id());
    if (protocol_ == Protocol::kConverse) return;
    if (facts_.request.stream) {
      head.Field("X-Amzn-Bedrock-Content-Type", "application/json");
    } else {
      head.Field("X-Amzn-Bedrock-Input-Token-Count", facts_.request.fresh_tokens())
          .Field("X-Amzn-Bedrock-Output-Token-Count", facts_.tokens)
          .Field("X-Amzn-Bedrock-Cache-Read-Input-Token-Count", facts_.request.cache.read)
          .Field("X-Amzn-Bedrock-Cache-Write-Input-Token-Count", facts_.request.cache.written)
          .Field("X-Amzn-Bedrock-Invocation-Latency", Milliseconds(facts_.total));
    }
  }

  void AppendBegin(BodyWriter& body) override {
    if (protocol_ == Protocol::kConverse) {
      Event(body, "messageStart", {"{\"p\":\"", Padding(0), "\",\"role\":\"assistant\"}"});
    } else if (protocol_ == Protocol::kInvokeAnthropic) {
      Chunk(body, {anthropic_.MessageStart()});
      if (facts_.content.calls.empty()) Chunk(body, {AnthropicEvents::BlockStart()});
    }
  }

  void AppendToken(BodyWriter& body, std::string_view text) override {
    ++event_;
    switch (protocol_) {
      case Protocol::kInvokeAnthropic:
        return Chunk(body, {AnthropicEvents::kDeltaBegin, text, AnthropicEvents::kDeltaEnd});
      case Protocol::kInvokeTitan:
        return AppendTitan(body, text, false);
      default:
        return Event(body, "contentBlockDelta",
                     {"{\"contentBlockIndex\":0,\"delta\":{\"text\":\"", text, "\"},\"p\":\"",
                      Padding(event_), "\"}"});
    }
  }

  void AppendCallBegin(BodyWriter& body, std::size_t call) override {
    if (protocol_ == Protocol::kInvokeAnthropic) {
      call_delta_ = AnthropicEvents::CallDeltaBegin(call);
      return Chunk(body, {anthropic_.CallStart(call)});
    }
    const ToolCall& made = facts_.content.calls[call];
    call_delta_ =
        "{\"contentBlockIndex\":" + std::to_string(call) + ",\"delta\":{\"toolUse\":{\"input\":\"";
    Event(body, "contentBlockStart",
          {"{\"contentBlockIndex\":", std::to_string(call), ",\"p\":\"", Padding(event_),
           "\",\"start\":{\"toolUse\":{\"name\":", Quoted(made.name),
           ",\"toolUseId\":", Quoted(made.id), "}}}"});
  }

  void AppendCallPiece(BodyWriter& body, std::size_t, std::string_view json) override {
    ++event_;
    if (protocol_ == Protocol::kInvokeAnthropic) {
      return Chunk(body, {call_delta_, json, AnthropicEvents::kDeltaEnd});
    }
    Event(body, "contentBlockDelta", {call_delta_, json, "\"}},\"p\":\"", Padding(event_), "\"}"});
  }

  void AppendCallEnd(BodyWriter& body, std::size_t call) override { EndBlock(body, call); }

  void AppendFinish(BodyWriter& body) override {
    // The blocks of calls have ended.
    if (facts_.content.calls.empty()) EndBlock(body, 0);
    switch (protocol_) {
      case Protocol::kInvokeAnthropic:
        return Chunk(body, {anthropic_.MessageDelta()});
      case Protocol::kInvokeTitan:
        return;
      default:
        return Event(body, "messageStop",
                     {"{", MoreFields(), "\"p\":\"", Padding(event_ + 2), "\",\"stopReason\":\"",
                      StopReason(), "\"}"});
    }
  }

  void AppendTerminal(BodyWriter& body) override {
    switch (protocol_) {
      case Protocol::kInvokeAnthropic:
        return Chunk(
            body,
            {"{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":", Metrics(), "}"});
      case Protocol::kInvokeTitan:
        return AppendTitan(body, "", true);
      default:
        return Event(body, "metadata",
                     {"{\"metrics\":{\"latencyMs\":", std::to_string(Milliseconds(facts_.total)),
                      "},\"p\":\"", Padding(event_ + 3), "\",\"usage\":", Usage(), "}"});
    }
  }

  void AppendError(BodyWriter& body, std::string_view code) override {
    const std::string name(code.empty() ? "internalServerException" : code);
    const std::array<EventStreamHeader, 3> headers = {Text(":exception-type", name),
                                                      Text(":content-type", "application/json"),
                                                      Text(":message-type", "exception")};
    const std::string_view text = name == "throttlingException"
                                      ? "Too many requests"
                                      : "The system encountered an unexpected error during "
                                        "processing. Try your request again.";
    Frame(body, headers, "{\"message\":\"" + std::string(text) + "\"}");
  }

  void AppendBroken(BodyWriter& body) override {
    Event(body, protocol_ == Protocol::kConverse ? "contentBlockDelta" : "chunk",
          {call_delta_.empty() ? "{\"contentBlockIndex\":0,\"delta\":{\"text\":\""
                               : std::string_view(call_delta_)});
  }

  std::string UnaryBody(std::string_view text) const override {
    switch (protocol_) {
      case Protocol::kInvokeAnthropic:
        return anthropic_.UnaryBody(text);
      case Protocol::kInvokeTitan:
        return "{\"inputTextTokenCount\":" + std::to_string(facts_.request.prompt_tokens) +
               ",\"results\":[{\"tokenCount\":" + std::to_string(facts_.tokens) +
               ",\"outputText\":\"" + std::string(text) + "\",\"completionReason\":\"" +
               std::string(CompletionReason()) + "\"}]}";
      default:
        return "{" + MoreFields() +
               "\"metrics\":{\"latencyMs\":" + std::to_string(Milliseconds(facts_.total)) +
               "},\"output\":{\"message\":{\"content\":[" + Content(text) +
               "],\"role\":\"assistant\"}},\"stopReason\":\"" + std::string(StopReason()) +
               "\",\"usage\":" + Usage() + "}";
    }
  }

 private:
  void Frame(BodyWriter& body, std::span<const EventStreamHeader> headers,
             std::string_view payload) {
    frame_.clear();
    wire::AppendEventStreamMessage(headers, payload, frame_);
    body.Append({frame_});
  }

  void Event(BodyWriter& body, std::string_view type,
             std::initializer_list<std::string_view> parts) {
    payload_.clear();
    for (const std::string_view part : parts) payload_.append(part);
    const std::array<EventStreamHeader, 3> headers = {Text(":event-type", type),
                                                      Text(":content-type", "application/json"),
                                                      Text(":message-type", "event")};
    Frame(body, headers, payload_);
  }

  // One event of the vendor's, in base64.
  void Chunk(BodyWriter& body, std::initializer_list<std::string_view> parts) {
    inner_.clear();
    for (const std::string_view part : parts) inner_.append(part);
    encoded_.clear();
    text::AppendBase64(inner_, encoded_);
    Event(body, "chunk", {"{\"bytes\":\"", encoded_, "\",\"p\":\"", Padding(event_), "\"}"});
  }

  void AppendTitan(BodyWriter& body, std::string_view text, bool last) {
    if (last) {
      Chunk(body, {"{\"outputText\":\"\",\"index\":0,\"totalOutputTextTokenCount\":",
                   std::to_string(facts_.tokens), ",\"completionReason\":\"", CompletionReason(),
                   "\",\"inputTextTokenCount\":", std::to_string(facts_.request.prompt_tokens),
                   ",\"amazon-bedrock-invocationMetrics\":", Metrics(), "}"});
    } else {
      Chunk(body, {"{\"outputText\":\"", text,
                   "\",\"index\":0,\"totalOutputTextTokenCount\":null,\"completionReason\":null,"
                   "\"inputTextTokenCount\":null}"});
    }
  }

  std::string_view CompletionReason() const {
    if (facts_.cut) return "LENGTH";
    return facts_.content.stop_sequence ? "STOP_CRITERIA_MET" : "FINISH";
  }

  // Titan's models have no blocks.
  void EndBlock(BodyWriter& body, std::size_t index) {
    if (protocol_ == Protocol::kInvokeAnthropic) Chunk(body, {AnthropicEvents::BlockStop(index)});
    if (protocol_ != Protocol::kConverse) return;
    Event(body, "contentBlockStop",
          {"{\"contentBlockIndex\":", std::to_string(index), ",\"p\":\"", Padding(event_ + 1),
           "\"}"});
  }

  // Of Converse, as what follows.
  std::string_view StopReason() const {
    if (facts_.cut) return "max_tokens";
    if (!facts_.content.calls.empty()) return "tool_use";
    return facts_.content.stop_sequence ? "stop_sequence" : "end_turn";
  }

  std::string MoreFields() const {
    if (!facts_.request.repeats_stop_sequence) return {};
    const auto& sequence = facts_.content.stop_sequence;
    const std::string field = "{\"stop_sequence\":" + (sequence ? Quoted(*sequence) : "null") + "}";
    return "\"additionalModelResponseFields\":" +
           (facts_.request.stream ? "{\"delta\":" + field + "}" : field) + ",";
  }

  std::string Content(std::string_view text) const {
    const auto& calls = facts_.content.calls;
    std::string blocks;
    if (calls.empty() || !text.empty()) blocks = "{\"text\":\"" + std::string(text) + "\"}";
    for (const ToolCall& call : calls) {
      blocks.append(blocks.empty() ? "" : ",")
          .append("{\"toolUse\":{\"input\":")
          // Arguments that the output limit has cut are no JSON.
          .append(call.complete ? call.arguments : "{}")
          .append(",\"name\":" + Quoted(call.name) + ",\"toolUseId\":" + Quoted(call.id) + "}}");
    }
    return blocks;
  }

  std::string Metrics() const {
    return "{\"inputTokenCount\":" + std::to_string(facts_.request.fresh_tokens()) +
           ",\"outputTokenCount\":" + std::to_string(facts_.tokens) +
           ",\"invocationLatency\":" + std::to_string(Milliseconds(facts_.total)) +
           ",\"firstByteLatency\":" + std::to_string(Milliseconds(facts_.ttft)) + "}";
  }

  std::string Usage() const {
    const CacheUse& cache = facts_.request.cache;
    return "{\"cacheReadInputTokens\":" + std::to_string(cache.read) +
           ",\"cacheWriteInputTokens\":" + std::to_string(cache.written) +
           ",\"inputTokens\":" + std::to_string(facts_.request.fresh_tokens()) +
           ",\"outputTokens\":" + std::to_string(facts_.tokens) +
           ",\"totalTokens\":" + std::to_string(facts_.request.prompt_tokens + facts_.tokens) + "}";
  }

  const AnswerFacts& facts_;
  const Protocol protocol_;
  const AnthropicEvents anthropic_;
  int event_ = 0;
  std::string call_delta_;  // of the latest call, up to the piece of its arguments
  std::string payload_;
  std::string frame_;
  std::string inner_;
  std::string encoded_;
};

// 8-4-4-4-12, as AWS's request ids.
std::string Uuid(Random& random) {
  std::string text = Identifier("", 36, random);
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) text[dash] = '-';
  for (char& c : text) {
    if (c > 'f') c = static_cast<char>('0' + c % 10);
  }
  return text;
}

}  // namespace

std::unique_ptr<AnswerFormat> MakeBedrockFormat(const AnswerFacts& facts, Random& random) {
  std::string id = Identifier("msg_bdrk_01", 22, random);
  return std::make_unique<BedrockFormat>(facts, std::move(id), Uuid(random));
}

}  // namespace llmload::fake_server
