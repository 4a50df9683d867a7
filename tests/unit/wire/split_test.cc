// Streams are decoded alike wherever they are cut.
#include <gtest/gtest.h>

#include <array>
#include <ostream>

#include "src/core/text/base64.h"
#include "src/wire/anthropic_codec.h"
#include "src/wire/bedrock_codec.h"
#include "src/wire/event_stream.h"
#include "src/wire/ollama_codec.h"
#include "src/wire/openai_codec.h"
#include "tests/support/answer_recording.h"
#include "tests/unit/wire/wire_fixture.h"

namespace llmload::wire {
namespace {

using test_support::DecodeStream;
using test_support::MakeDecoder;

struct StreamCase {
  std::string name;
  MakeDecoder make;
  std::string stream;
  std::string expected;
};

void PrintTo(const StreamCase& item, std::ostream* out) { *out << item.name; }

std::string Frame(std::string_view type, std::string_view payload) {
  const std::array headers = {TextHeader(":event-type", type),
                              TextHeader(":content-type", "application/json"),
                              TextHeader(":message-type", "event")};
  std::string frame;
  AppendEventStreamMessage(headers, payload, frame);
  return frame;
}

std::string Exception(std::string_view name, std::string_view payload) {
  const std::array headers = {TextHeader(":exception-type", name),
                              TextHeader(":content-type", "application/json"),
                              TextHeader(":message-type", "exception")};
  std::string frame;
  AppendEventStreamMessage(headers, payload, frame);
  return frame;
}

std::string InvokeChunk(std::string_view json) {
  std::string payload = "{\"p\":\"abc\",\"bytes\":\"";
  text::AppendBase64(json, payload);
  return Frame("chunk", payload + "\"}");
}

template <class Decoder, class... Arguments>
MakeDecoder Maker(Arguments... arguments) {
  return [=] { return std::make_unique<Decoder>(arguments..., kLimit); };
}

const char* const kOpenAiChunk =
    R"({"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":)";

std::vector<StreamCase> Cases() {
  const auto chunk = [](const std::string& delta, const std::string& finish) {
    return "data: " + (kOpenAiChunk + delta) + ",\"finish_reason\":" + finish + "}]}";
  };
  const std::string role = chunk(R"({"role":"assistant","content":""})", "null");
  const std::string usage =
      R"(data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}})";
  const std::string openai_expected =
      "model=m\nmodel=m\nreasoning=hm\nmodel=m\ncontent=Grü\nmodel=m\ncontent=ße \"世\"\nmodel=m\n"
      "finish=stop\nusage=9/4/2 3/1 "
      R"({"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}})"
      "\ndone=\n";
  const auto openai_stream = [&](const std::string& end_of_line) {
    std::string stream = ": a comment" + end_of_line;
    for (const std::string& event :
         {role, chunk(R"({"reasoning_content":"hm"})", "null"),
          chunk(R"({"content":"Grü"})", "null"), chunk(R"({"content":"ße \"世\""})", "null"),
          chunk("{}", R"("stop")"), usage, std::string("data: [DONE]")}) {
      stream += event + end_of_line + end_of_line;
    }
    return stream;
  };

  const std::string anthropic_start =
      R"({"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":9,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":1}}})";
  const std::string anthropic_delta =
      R"({"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3},"type":"message_delta"})";
  const std::vector<std::string> anthropic = {
      anthropic_start,
      R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}})",
      R"({"type":"ping"})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}})",
      R"({"type":"content_block_stop","index":0})",
      R"({"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"ße \"世\""}})",
      R"({"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"clock"}})",
      R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}})",
      R"({"type":"something_new","delta":{}})",
      anthropic_delta,
      R"({"type":"message_stop"})"};
  const std::string usage_start =
      R"({"input_tokens":9,"cache_read_input_tokens":4,"cache_creation_input_tokens":2,"output_tokens":1})";
  const std::string anthropic_expected =
      "usage=15/4/2 1/0 " + usage_start +
      "\nmodel=claude\nreasoning=hm\ncontent=ße \"世\"\ntool=clock\ntool={}\nusage=15/4/2 3/0 [" +
      usage_start + R"(,{"output_tokens":3}])" + "\nfinish=end_turn\ndone=\n";
  std::string anthropic_stream;
  std::string bedrock_anthropic;
  for (const std::string& event : anthropic) {
    anthropic_stream += "event: x\r\ndata: " + event + "\r\n\r\n";
    bedrock_anthropic += InvokeChunk(event);
  }

  const std::string converse =
      Frame("messageStart", R"({"p":"ab","role":"assistant"})") +
      Frame("contentBlockStart",
            R"({"contentBlockIndex":0,"start":{"toolUse":{"name":"clock","toolUseId":"t"}}})") +
      Frame("contentBlockDelta",
            R"({"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}})") +
      Frame("contentBlockDelta",
            R"({"contentBlockIndex":1,"delta":{"text":"ße \"世\""},"p":"abcdef"})") +
      Frame("contentBlockDelta", R"({"contentBlockIndex":2,"delta":{"toolUse":{"input":"{}"}}})") +
      Frame("somethingNew", "{}") + Frame("contentBlockStop", R"({"contentBlockIndex":0})") +
      Frame("messageStop", R"({"stopReason":"end_turn"})");
  const std::string metadata =
      R"({"inputTokens":9,"outputTokens":3,"totalTokens":18,"cacheReadInputTokens":4,"cacheWriteInputTokens":2})";
  const std::string converse_expected =
      "tool=clock\nreasoning=hm\ncontent=ße \"世\"\ntool={}\nfinish=end_turn\n";

  const std::string titan =
      InvokeChunk(
          R"({"outputText":"ße","index":0,"completionReason":null,"inputTextTokenCount":9,"totalOutputTextTokenCount":null})") +
      InvokeChunk(
          R"({"outputText":"","completionReason":"FINISH","inputTextTokenCount":null,"totalOutputTextTokenCount":3,"amazon-bedrock-invocationMetrics":{"inputTokenCount":9}})");

  const std::string ollama =
      R"({"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm"},"done":false})"
      "\n"
      R"({"model":"m","message":{"content":"ße \"世\""},"done":false})"
      "\r\n\n"
      R"({"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":3})";
  const std::string ollama_expected =
      "model=m\nreasoning=hm\nmodel=m\ncontent=ße \"世\"\nmodel=m\nfinish=stop\nusage=9/0/0 3/0 "
      R"({"prompt_eval_count":9,"eval_count":3})"
      "\ndone=\n";

  using OpenAi = OpenAiAnswerDecoder;
  const MakeDecoder make_converse = Maker<ConverseAnswerDecoder>();
  return {
      {"OpenAiLf", Maker<OpenAi>(), openai_stream("\n"), openai_expected},
      {"OpenAiCrLf", Maker<OpenAi>(), openai_stream("\r\n"), openai_expected},
      {"OpenAiCr", Maker<OpenAi>(), openai_stream("\r"), openai_expected},
      {"OpenAiWithoutDone", Maker<OpenAi>(), chunk("{}", R"("stop")"),
       "model=m\nfinish=stop\ndone=\n"},
      {"OpenAiTruncated", Maker<OpenAi>(), role + "\n\n",
       "model=m\ntruncated_stream=: the stream ended with neither output nor a finish reason\n"},
      {"OpenAiError", Maker<OpenAi>(),
       "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":503}}\n\n",
       "overloaded=server_error: busy\n"},
      {"OpenAiBroken", Maker<OpenAi>(), "data: {\"choices\":[\n\n",
       "malformed_response=: an event of the stream is not a JSON object: it begins with "
       "\"{\"choices\":[\"\n"},
      {"OpenAiAzureFirstChunk", Maker<OpenAi>(),
       R"(data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]})"
       "\n\ndata: [DONE]\n\n",
       "truncated_stream=: the stream ended with neither output nor a finish reason\n"},
      {"Anthropic", Maker<AnthropicAnswerDecoder>(), anthropic_stream, anthropic_expected},
      {"AnthropicTruncated", Maker<AnthropicAnswerDecoder>(), "data: " + anthropic_delta + "\n\n",
       "usage=0/0/0 3/0 {\"output_tokens\":3}\nfinish=end_turn\n"
       "truncated_stream=: the stream ended without message_stop\n"},
      {"AnthropicError", Maker<AnthropicAnswerDecoder>(),
       "event: error\ndata: "
       R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"
       "\n\n",
       "overloaded=overloaded_error: Overloaded\n"},
      {"Converse", make_converse,
       converse + Frame("metadata", R"({"metrics":{"latencyMs":1},"usage":)" + metadata + "}"),
       converse_expected + "usage=15/4/2 3/0 " + metadata + "\ndone=\n"},
      {"ConverseWithoutMetadata", make_converse, converse,
       converse_expected + "truncated_stream=: the stream ended without its last event\n"},
      {"ConverseHalfAFrame", make_converse, converse + Frame("metadata", "{}").substr(0, 20),
       converse_expected + "truncated_stream=: the stream ended inside a message\n"},
      {"ConverseException", make_converse,
       Exception("throttlingException", R"({"message":"Too many requests"})"),
       "rate_limited=throttlingException: Too many requests\n"},
      {"InvokeAnthropic", Maker<InvokeModelAnswerDecoder>(BedrockFamily::kAnthropic),
       bedrock_anthropic, anthropic_expected},
      {"InvokeTitan", Maker<InvokeModelAnswerDecoder>(BedrockFamily::kTitan), titan,
       "content=ße\nfinish=FINISH\nusage=9/0/0 3/0 "
       R"({"inputTextTokenCount":9,"totalOutputTextTokenCount":3})"
       "\ndone=\n"},
      {"InvokeTitanTruncated", Maker<InvokeModelAnswerDecoder>(BedrockFamily::kTitan),
       titan.substr(0, titan.size() / 2), "truncated_stream=: the stream ended inside a message\n"},
      {"Ollama", Maker<OllamaAnswerDecoder>(), ollama, ollama_expected},
      {"OllamaTruncated", Maker<OllamaAnswerDecoder>(),
       R"({"message":{"content":"a"},"done":false})",
       "content=a\ntruncated_stream=: the stream ended before a line that says done\n"},
      {"OllamaError", Maker<OllamaAnswerDecoder>(), "{\"error\":\"unexpected EOF\"}\n",
       "server_error=: unexpected EOF\n"},
  };
}

class SplitStream : public ::testing::TestWithParam<StreamCase> {};

TEST_P(SplitStream, IsDecodedAsExpectedInOnePiece) {
  const StreamCase& item = GetParam();
  std::string decoded = DecodeStream(item.make, {item.stream});
  if (item.name == "InvokeTitanTruncated") decoded = decoded.substr(decoded.find("truncated"));
  EXPECT_EQ(decoded, item.expected);
}

TEST_P(SplitStream, IsDecodedAlikeCutAtEveryByte) {
  const StreamCase& item = GetParam();
  const std::string whole = DecodeStream(item.make, {item.stream});
  const std::string_view stream = item.stream;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    ASSERT_EQ(DecodeStream(item.make, {stream.substr(0, cut), stream.substr(cut)}), whole)
        << "cut at byte " << cut;
  }
}

TEST_P(SplitStream, IsDecodedAlikeByteByByte) {
  const StreamCase& item = GetParam();
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < item.stream.size(); ++i) {
    bytes.push_back(std::string_view(item.stream).substr(i, 1));
  }
  EXPECT_EQ(DecodeStream(item.make, bytes), DecodeStream(item.make, {item.stream}));
}

INSTANTIATE_TEST_SUITE_P(Every, SplitStream, ::testing::ValuesIn(Cases()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace llmload::wire
