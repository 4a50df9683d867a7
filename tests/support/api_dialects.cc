#include "tests/support/api_dialects.h"

#include <array>
#include <utility>

#include "src/core/text/base64.h"
#include "src/wire/anthropic_codec.h"
#include "src/wire/bedrock_codec.h"
#include "src/wire/event_stream.h"
#include "src/wire/ollama_codec.h"
#include "src/wire/openai_codec.h"

namespace llmload::test_support {
namespace {

constexpr std::size_t kMaxEvent = 1 << 20;

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

// A reason as the value of a member; an empty one is null.
std::string Value(const std::string& reason) { return reason.empty() ? "null" : Quoted(reason); }

std::string Sse(const std::string& json) { return "data: " + json + "\n\n"; }

std::string Frame(std::string_view type, std::string_view payload) {
  const auto header = [](std::string_view name, std::string_view value) {
    return wire::EventStreamHeader{
        .name = name, .type = wire::EventStreamType::kString, .number = 0, .bytes = value};
  };
  const std::array headers = {header(":event-type", type), header(":message-type", "event")};
  std::string frame;
  wire::AppendEventStreamMessage(headers, payload, frame);
  return frame;
}

std::string InvokeChunk(const std::string& json) {
  std::string payload = "{\"bytes\":\"";
  text::AppendBase64(json, payload);
  return Frame("chunk", payload + "\"}");
}

ApiDialect OpenAi() {
  const auto chunk = [](const std::string& delta, const std::string& reason) {
    return Sse(R"({"model":"m","choices":[{"index":0,"delta":)" + delta +
               ",\"finish_reason\":" + Value(reason) + "}]}");
  };
  const auto usage = [](int output) {
    return "{\"prompt_tokens\":9,\"completion_tokens\":" + std::to_string(output) + "}";
  };
  ApiDialect api;
  api.name = "OpenAi";
  api.make = [] { return std::make_unique<wire::OpenAiAnswerDecoder>(kMaxEvent); };
  api.media_type = "text/event-stream";
  api.start = chunk(R"({"role":"assistant","content":""})", "");
  api.piece = [=](const std::string& text) {
    return chunk("{\"content\":" + Quoted(text) + "}", "");
  };
  api.finish = [=](const std::string& reason) { return chunk("{}", reason); };
  api.end = [=](const std::string&, int output) {
    return Sse("{\"choices\":[],\"usage\":" + usage(output) + "}") + Sse("[DONE]");
  };
  api.bare_end = Sse("[DONE]");
  api.event = Sse;
  api.whole = [=](const std::string& text, const std::string& reason, int output) {
    return R"({"model":"m","choices":[{"message":{"role":"assistant","content":)" + Quoted(text) +
           "},\"finish_reason\":" + Value(reason) + "}],\"usage\":" + usage(output) + "}";
  };
  api.good_reason = "stop";
  return api;
}

// The events of Anthropic's streams, each passed through `event`.
ApiDialect Anthropic(std::string name, std::function<std::string(const std::string&)> event) {
  ApiDialect api;
  api.name = std::move(name);
  api.start =
      event(
          R"({"type":"message_start","message":{"model":"m","usage":{"input_tokens":9,"output_tokens":0}}})") +
      event(
          R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})");
  api.piece = [event](const std::string& text) {
    return event(R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":)" +
                 Quoted(text) + "}}");
  };
  api.finish = [](const std::string&) { return std::string(); };
  api.bare_end = event(R"({"type":"message_stop"})");
  api.end = [event](const std::string& reason, int output) {
    return event(R"({"type":"message_delta","delta":{"stop_reason":)" + Value(reason) +
                 R"(},"usage":{"output_tokens":)" + std::to_string(output) + "}}") +
           event(R"({"type":"message_stop"})");
  };
  api.event = event;
  api.whole = [](const std::string& text, const std::string& reason, int output) {
    return R"({"type":"message","model":"m","content":[{"type":"text","text":)" + Quoted(text) +
           "}],\"stop_reason\":" + Value(reason) +
           R"(,"usage":{"input_tokens":9,"output_tokens":)" + std::to_string(output) + "}}";
  };
  api.good_reason = "end_turn";
  return api;
}

ApiDialect Converse() {
  ApiDialect api;
  api.name = "Converse";
  api.make = [] { return std::make_unique<wire::ConverseAnswerDecoder>(kMaxEvent); };
  api.media_type = "application/vnd.amazon.eventstream";
  api.start = Frame("messageStart", R"({"role":"assistant"})");
  api.piece = [](const std::string& text) {
    return Frame("contentBlockDelta",
                 R"({"contentBlockIndex":0,"delta":{"text":)" + Quoted(text) + "}}");
  };
  api.finish = [](const std::string& reason) {
    return Frame("messageStop", "{\"stopReason\":" + Value(reason) + "}");
  };
  api.end = [](const std::string&, int output) {
    return Frame("metadata",
                 R"({"usage":{"inputTokens":9,"outputTokens":)" + std::to_string(output) + "}}");
  };
  api.bare_end = Frame("messageStop", "{}") + Frame("metadata", "{}");
  api.event = [](const std::string& json) { return Frame("contentBlockDelta", json); };
  api.whole = [](const std::string& text, const std::string& reason, int output) {
    return R"({"output":{"message":{"role":"assistant","content":[{"text":)" + Quoted(text) +
           "}]}},\"stopReason\":" + Value(reason) + R"(,"usage":{"inputTokens":9,"outputTokens":)" +
           std::to_string(output) + "}}";
  };
  api.good_reason = "end_turn";
  return api;
}

ApiDialect Titan() {
  ApiDialect api;
  api.name = "InvokeTitan";
  api.make = [] {
    return std::make_unique<wire::InvokeModelAnswerDecoder>(wire::BedrockFamily::kTitan, kMaxEvent);
  };
  api.media_type = "application/vnd.amazon.eventstream";
  api.piece = [](const std::string& text) {
    return InvokeChunk("{\"outputText\":" + Quoted(text) + ",\"completionReason\":null}");
  };
  api.finish = [](const std::string&) { return std::string(); };
  api.end = [](const std::string& reason, int output) {
    return InvokeChunk("{\"outputText\":\"\",\"completionReason\":" + Value(reason) +
                       R"(,"inputTextTokenCount":9,"totalOutputTextTokenCount":)" +
                       std::to_string(output) + "}");
  };
  api.event = InvokeChunk;
  api.whole = [](const std::string& text, const std::string& reason, int output) {
    return "{\"inputTextTokenCount\":9,\"results\":[{\"outputText\":" + Quoted(text) +
           ",\"completionReason\":" + Value(reason) + ",\"tokenCount\":" + std::to_string(output) +
           "}]}";
  };
  api.good_reason = "FINISH";
  return api;
}

ApiDialect Ollama() {
  const auto line = [](const std::string& json) { return json + "\n"; };
  ApiDialect api;
  api.name = "Ollama";
  api.make = [] { return std::make_unique<wire::OllamaAnswerDecoder>(kMaxEvent); };
  api.media_type = "application/x-ndjson";
  api.piece = [=](const std::string& text) {
    return line(R"({"model":"m","message":{"content":)" + Quoted(text) + "},\"done\":false}");
  };
  api.finish = [](const std::string&) { return std::string(); };
  const auto last = [](const std::string& text, const std::string& reason, int output) {
    return R"({"model":"m","message":{"content":)" + Quoted(text) +
           "},\"done\":true,\"done_reason\":" + Value(reason) +
           ",\"prompt_eval_count\":9,\"eval_count\":" + std::to_string(output) + "}";
  };
  api.end = [=](const std::string& reason, int output) { return line(last("", reason, output)); };
  api.bare_end = line(R"({"model":"m","done":true})");
  api.event = line;
  api.whole = last;
  api.good_reason = "stop";
  return api;
}

}  // namespace

std::vector<ApiDialect> AllDialects() {
  ApiDialect messages = Anthropic("Anthropic", Sse);
  messages.make = [] { return std::make_unique<wire::AnthropicAnswerDecoder>(kMaxEvent); };
  messages.media_type = "text/event-stream";
  ApiDialect invoke = Anthropic("InvokeAnthropic", InvokeChunk);
  invoke.make = [] {
    return std::make_unique<wire::InvokeModelAnswerDecoder>(wire::BedrockFamily::kAnthropic,
                                                            kMaxEvent);
  };
  invoke.media_type = "application/vnd.amazon.eventstream";
  return {OpenAi(), messages, Converse(), invoke, Titan(), Ollama()};
}

}  // namespace llmload::test_support
