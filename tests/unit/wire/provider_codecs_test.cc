// Request bodies, and answers that are not streamed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "src/wire/anthropic_codec.h"
#include "src/wire/bedrock_codec.h"
#include "src/wire/ndjson_parser.h"
#include "src/wire/ollama_codec.h"
#include "tests/support/answer_recording.h"
#include "tests/unit/wire/wire_fixture.h"

namespace llmload::wire {
namespace {

using test_support::DecodeWhole;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

CompletionRequest Conversation() {
  CompletionRequest request;
  request.model = "m";
  request.messages = {{Role::kSystem, "Be \"brief\"."},
                      {Role::kUser, "Hi"},
                      {Role::kAssistant, "Yes?"},
                      {Role::kSystem, "Really."},
                      {Role::kUser, "Go\n"}};
  request.max_tokens = 7;
  request.temperature = 0.5;
  return request;
}

CompletionRequest Question() {
  CompletionRequest request;
  request.model = "m";
  request.messages = {{Role::kUser, "Hi"}};
  return request;
}

TEST(AnthropicRequest, HoistsSystemMessages) {
  CompletionRequest request = Conversation();
  request.stream = true;
  std::string body;
  EncodeAnthropicRequest(request, AnthropicHost::kAnthropic, body);
  EXPECT_EQ(body, R"({"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Hi"},)"
                  R"({"role":"assistant","content":"Yes?"},{"role":"user","content":"Go\n"}],)"
                  R"("system":"Be \"brief\".\n\nReally.","temperature":0.5,"stream":true})");
}

TEST(AnthropicRequest, HasABoundAndOnBedrockAVersion) {
  std::string body;
  EncodeAnthropicRequest(Question(), AnthropicHost::kBedrock, body);
  EXPECT_EQ(body, R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":1024,)"
                  R"("messages":[{"role":"user","content":"Hi"}]})");
}

TEST(ConverseRequest, HasBlocksAndInferenceConfig) {
  std::string body;
  EncodeConverseRequest(Conversation(), body);
  EXPECT_EQ(body, R"({"messages":[{"role":"user","content":[{"text":"Hi"}]},)"
                  R"({"role":"assistant","content":[{"text":"Yes?"}]},)"
                  R"({"role":"user","content":[{"text":"Go\n"}]}],)"
                  R"("system":[{"text":"Be \"brief\"."},{"text":"Really."}],)"
                  R"("inferenceConfig":{"maxTokens":7,"temperature":0.5}})");
  body.clear();
  EncodeConverseRequest(Question(), body);
  EXPECT_EQ(body, R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}]})");
}

TEST(TitanRequest, IsAPromptOrATranscript) {
  std::string body;
  EncodeTitanRequest(Question(), body);
  EXPECT_EQ(body, R"({"inputText":"Hi"})");
  body.clear();
  EncodeTitanRequest(Conversation(), body);
  EXPECT_EQ(body, R"({"inputText":"Be \"brief\".\nUser: Hi\nBot: Yes?\nReally.\nUser: Go\n\nBot:",)"
                  R"("textGenerationConfig":{"maxTokenCount":7,"temperature":0.5}})");
}

TEST(OllamaRequest, SaysWhetherItStreams) {
  std::string body;
  EncodeOllamaRequest(Question(), std::nullopt, body);
  EXPECT_EQ(body, R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":false})");
  CompletionRequest request = Question();
  request.stream = true;
  request.max_tokens = 7;
  request.temperature = std::numeric_limits<double>::infinity();
  body.clear();
  EncodeOllamaRequest(request, false, body);
  EXPECT_EQ(body, R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,)"
                  R"("think":false,"options":{"num_predict":7,"temperature":null}})");
}

TEST(AnthropicAnswer, JoinsItsBlocks) {
  const auto make = [] { return std::make_unique<AnthropicAnswerDecoder>(kLimit); };
  EXPECT_EQ(
      DecodeWhole(make,
                  R"({"id":"msg","type":"message","role":"assistant","model":"claude",)"
                  R"("content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},)"
                  R"({"type":"text","text":"b"},{"type":"tool_use","name":"t","input":{"x":1}}],)"
                  R"("stop_reason":"end_turn","usage":{"input_tokens":9,"output_tokens":3,)"
                  R"("cache_read_input_tokens":4}})"),
      "usage=13/4/0 3/0 "
      R"({"input_tokens":9,"output_tokens":3,"cache_read_input_tokens":4})"
      "\nmodel=claude\nfinish=end_turn\nreasoning=hm\ncontent=ab\ntool={\"x\":1}\ndone=\n");
  for (const char* body : {"{}", "[]", "{\"content\":7}", "{\"content\":[]"}) {
    EXPECT_THAT(DecodeWhole(make, body), AllOf(StartsWith("malformed_response=: the answer is "),
                                               HasSubstr("not a message: it begins with")));
  }
  EXPECT_EQ(DecodeWhole(make, R"({"content":"text"})"), "content=text\ndone=\n");
  EXPECT_EQ(DecodeWhole(make, R"({"content":["text"]})"), "content=text\ndone=\n");
  // Found by a fuzzer: a text that is cut.
  EXPECT_THAT(DecodeWhole(make, "{\"content\":[\"te"), StartsWith("malformed_response="));
  EXPECT_EQ(DecodeWhole(make, R"({"type":"error","error":{"type":"api_error","message":"m"}})"),
            "server_error=api_error: m\n");
}

TEST(AnthropicAnswer, CountsThinkingAsAPartOfTheOutput) {
  const auto make = [] { return std::make_unique<AnthropicAnswerDecoder>(kLimit); };
  const std::string raw =
      R"({"input_tokens":9,"output_tokens":30,"output_tokens_details":{"thinking_tokens":20}})";
  EXPECT_EQ(DecodeWhole(make, R"({"content":[],"error":null,"usage":)" + raw + "}"),
            "usage=9/0/0 30/20 " + raw + "\ndone=\n");
}

TEST(AnthropicStream, KeepsTheFirstAndTheLastOfManyUsages) {
  AnthropicUsage usage;
  EXPECT_TRUE(usage.empty());
  const std::string first = R"({"input_tokens":9,"output_tokens":1})";
  usage.Take(first);
  EXPECT_EQ(usage.Raw(), first);
  for (int i = 2; i <= 1000; ++i) usage.Take(R"({"output_tokens":)" + std::to_string(i) + "}");
  EXPECT_EQ(usage.Raw(), "[" + first + R"(,{"output_tokens":1000}])");
  EXPECT_EQ(usage.Normalised().input, 9);
  EXPECT_EQ(usage.Normalised().output, 1000);
}

// Found by a fuzzer: parts of a sum must be small enough to be added up.
TEST(AnthropicAnswer, AddsUpCountsThatNoServiceCanMean) {
  const auto make = [] { return std::make_unique<AnthropicAnswerDecoder>(kLimit); };
  const std::string raw =
      R"({"input_tokens":9223372036854775807,"cache_read_input_tokens":9,"output_tokens":-5})";
  EXPECT_EQ(DecodeWhole(make, R"({"content":[],"usage":)" + raw + "}"),
            "usage=1000000000000009/9/0 0/0 " + raw +
                "\nmalformed_response=: the answer has neither output nor a finish reason\n");
}

TEST(ConverseAnswer, IsReadWhole) {
  const auto make = [] { return std::make_unique<ConverseAnswerDecoder>(kLimit); };
  EXPECT_EQ(
      DecodeWhole(
          make,
          R"({"output":{"message":{"role":"assistant","content":[)"
          R"({"reasoningContent":{"reasoningText":{"text":"hm"}}},{"text":"a"},{"text":"b"}]}},)"
          R"("stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":3,)"
          R"("totalTokens":12},"metrics":{"latencyMs":1}})"),
      "reasoning=hm\ncontent=a\ncontent=b\nfinish=end_turn\nusage=9/0/0 3/0 "
      R"({"inputTokens":9,"outputTokens":3,"totalTokens":12})"
      "\ndone=\n");
  EXPECT_EQ(DecodeWhole(make, ""), "malformed_response=: the answer is empty\n");
  for (const char* body : {"{}", R"({"output":{}})", R"({"output":{"message":{)"}) {
    EXPECT_THAT(DecodeWhole(make, body), AllOf(StartsWith("malformed_response=: the answer is "),
                                               HasSubstr("not a Converse response: it begins")));
  }
}

TEST(TitanAnswer, IsReadWhole) {
  const auto make = [] {
    return std::make_unique<InvokeModelAnswerDecoder>(BedrockFamily::kTitan, kLimit);
  };
  EXPECT_EQ(
      DecodeWhole(make, R"({"inputTextTokenCount":9,"results":[{"tokenCount":3,"outputText":"a",)"
                        R"("completionReason":"FINISH"}]})"),
      "content=a\nfinish=FINISH\nusage=9/0/0 3/0 "
      R"({"inputTextTokenCount":9,"tokenCount":3})"
      "\ndone=\n");
  EXPECT_EQ(DecodeWhole(make, "{}"),
            "malformed_response=: the answer is JSON, but not a text completion: it begins with "
            "\"{}\"\n");
}

TEST(OllamaAnswer, IsReadWhole) {
  const auto make = [] { return std::make_unique<OllamaAnswerDecoder>(kLimit); };
  EXPECT_EQ(
      DecodeWhole(make, R"({"model":"m","message":{"role":"assistant","content":"a"},"done":true,)"
                        R"("done_reason":"length","eval_count":3})"),
      "model=m\ncontent=a\nfinish=length\nusage=0/0/0 3/0 {\"eval_count\":3}\ndone=\n");
  EXPECT_EQ(
      DecodeWhole(make, R"({"message":{"content":"a"},"done":true,"error":null,)"
                        R"("total_duration":5000000000,"load_duration":1,"prompt_eval_count":9,)"
                        R"("prompt_eval_duration":"?","eval_count":3,"eval_duration":2.5e9})"),
      "content=a\nusage=9/0/0 3/0 "
      R"({"total_duration":5000000000,"load_duration":1,"prompt_eval_count":9,)"
      R"("eval_count":3,"eval_duration":2.5e9})"
      "\ndone=\n");
  EXPECT_EQ(
      DecodeWhole(make, "{}"),
      "malformed_response=: the answer is JSON, but not a chat message: it begins with \"{}\"\n");
  EXPECT_EQ(DecodeWhole(make, R"({"error":"busy"})"), "server_error=: busy\n");
}

TEST(AnswerDecoders, TellAStreamByItsFirstCharacter) {
  const auto starts_stream = [](const AnswerDecoder& decoder, std::string_view firsts) {
    return std::all_of(firsts.begin(), firsts.end(),
                       [&](char first) { return decoder.MayBeStream(first); });
  };
  EXPECT_TRUE(starts_stream(AnthropicAnswerDecoder(kLimit), "de:ir"));
  EXPECT_TRUE(starts_stream(OllamaAnswerDecoder(kLimit), "{"));
  EXPECT_TRUE(starts_stream(ConverseAnswerDecoder(kLimit), std::string_view("\0\1", 2)));
  for (const char page : {'[', '<'}) {
    EXPECT_FALSE(AnthropicAnswerDecoder(kLimit).MayBeStream(page));
    EXPECT_FALSE(OllamaAnswerDecoder(kLimit).MayBeStream(page));
    EXPECT_FALSE(ConverseAnswerDecoder(kLimit).MayBeStream(page));
  }
  EXPECT_FALSE(AnthropicAnswerDecoder(kLimit).MayBeStream('{'));
  EXPECT_FALSE(ConverseAnswerDecoder(kLimit).MayBeStream('{'));
}

TEST(NdjsonParser, BoundsItsLines) {
  for (const std::string& text : {std::string(11, 'x'), std::string(11, 'x') + "\n"}) {
    NdjsonParser parser(10);
    std::string_view line;
    parser.Feed(text);
    EXPECT_EQ(parser.Next(line), NdjsonParser::Status::kTooLarge);
    EXPECT_EQ(parser.Next(line), NdjsonParser::Status::kTooLarge);
  }
  NdjsonParser parser(10);
  std::string_view line;
  parser.Feed("0123456789\n");
  EXPECT_EQ(parser.Next(line), NdjsonParser::Status::kLine);
  EXPECT_EQ(line, "0123456789");
}

}  // namespace
}  // namespace llmload::wire
