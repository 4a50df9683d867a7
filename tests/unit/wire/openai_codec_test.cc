#include "src/wire/openai_codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "llmload/core/random.h"
#include "src/wire/openai_usage.h"
#include "tests/support/sanitized.h"

namespace llmload::wire {
namespace {

nlohmann::json Encode(const CompletionRequest& request, OpenAiEncoding encoding = {}) {
  std::string body;
  EncodeOpenAiRequest(request, encoding, body);
  return nlohmann::json::parse(body);
}

CompletionRequest SmallRequest() {
  CompletionRequest request;
  request.model = "gpt-3.5-turbo";
  request.messages = {
      {Role::kSystem, "Be \"brief\"."}, {Role::kUser, "h\xC3\xA9llo\n"}, {Role::kAssistant, "ok"}};
  return request;
}

TEST(OpenAiCodec, EncodesARequest) {
  CompletionRequest request = SmallRequest();
  EXPECT_EQ(Encode(request), nlohmann::json::parse(R"({"model":"gpt-3.5-turbo","messages":[
      {"role":"system","content":"Be \"brief\"."},{"role":"user","content":"héllo\n"},
      {"role":"assistant","content":"ok"}]})"));
  request.max_tokens = 16;
  request.temperature = 0.5;
  request.stream = true;
  const nlohmann::json body = Encode(request);
  EXPECT_EQ(body["max_tokens"], 16);
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["stream_options"], nlohmann::json({{"include_usage", true}}));
}

TEST(OpenAiCodec, EncodesTheOptionsOfTheEndpoint) {
  CompletionRequest request = SmallRequest();
  request.max_tokens = 16;
  request.stream = true;
  const nlohmann::json body =
      Encode(request, {.max_completion_tokens = true, .include_usage = false});
  EXPECT_EQ(body["max_completion_tokens"], 16);
  EXPECT_FALSE(body.contains("max_tokens"));
  EXPECT_FALSE(body.contains("stream_options"));
}

TEST(OpenAiCodec, EncodesWhatJsonCannotHoldAsNull) {
  CompletionRequest request = SmallRequest();
  request.temperature = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(Encode(request)["temperature"].is_null());
}

TEST(OpenAiCodec, DecodesAnAnswer) {
  OpenAiDecoder decoder;
  const auto* answer = decoder.DecodeAnswer(R"({"id":"x","object":"chat.completion","created":1,
      "model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"a\u00e9\n",
      "refusal":null},"logprobs":null,"finish_reason":"stop"}],
      "usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,
      "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}})");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->content, "a\xC3\xA9\n");
  EXPECT_EQ(answer->finish_reason, "stop");
  EXPECT_EQ(answer->model, "m-1");
  ASSERT_TRUE(answer->usage.has_value());
  EXPECT_EQ(answer->usage->input, 10);
  EXPECT_EQ(answer->usage->cached_input, 4);
  EXPECT_EQ(answer->usage->output, 7);
  EXPECT_EQ(answer->usage->reasoning, 3);
  EXPECT_FALSE(answer->error.has_value());
}

TEST(OpenAiCodec, RefusesAnAnswerWithoutTheDocumentedShape) {
  OpenAiDecoder decoder;
  for (const char* body :
       {"", "null", "[]", "{}", "12", R"({"choices":[]})", R"({"choices":{}})",
        R"({"choices":[1]})", R"({"choices":[{}]} x)", "{\"choices\":[{\"mess"}) {
    EXPECT_EQ(decoder.DecodeAnswer(body), nullptr) << body;
  }
}

TEST(OpenAiCodec, DecodesAnAnswerWithAnError) {
  OpenAiDecoder decoder;
  const auto* answer = decoder.DecodeAnswer(R"({"error":{"message":"no","code":429}})");
  ASSERT_NE(answer, nullptr);
  ASSERT_TRUE(answer->error.has_value());
  EXPECT_EQ(answer->error->message, "no");
  EXPECT_EQ(answer->error->status, 429);
}

TEST(OpenAiCodec, DecodesChunks) {
  OpenAiDecoder decoder;
  const auto decode = [&](std::string_view text) -> OpenAiMessage {
    const auto* message = decoder.DecodeChunk(text);
    EXPECT_NE(message, nullptr) << text;
    return message != nullptr ? *message : OpenAiMessage{};
  };
  const auto role = decode(
      R"({"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null})");
  EXPECT_TRUE(role.has_choice);
  EXPECT_EQ(role.content, "");
  EXPECT_FALSE(role.usage.has_value());

  EXPECT_EQ(
      decode(R"({"model":"m","choices":[{"delta":{"content":"hi"}}],"obfuscation":"zz"})").content,
      "hi");
  EXPECT_EQ(decode(R"({"choices":[{"delta":{"reasoning":"why"}}]})").reasoning, "why");
  EXPECT_EQ(decode(R"({"choices":[{"delta":{"reasoning_content":"w"}}]})").reasoning, "w");
  EXPECT_EQ(decode(R"({"choices":[{"delta":{"refusal":"I can't"}}]})").content, "I can't");
  EXPECT_EQ(
      decode(
          R"({"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}]})")
          .content,
      "ab");
  const auto tool = decode(
      R"({"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}}]})");
  EXPECT_TRUE(tool.has_tool_call);
  EXPECT_EQ(tool.tool_call, "f");
  EXPECT_EQ(
      decode(
          R"({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}}]})")
          .tool_call,
      "{\"a\"");
  const auto finish = decode(R"({"choices":[{"delta":{"content":"!"},"finish_reason":"length"}]})");
  EXPECT_EQ(finish.finish_reason, "length");
  EXPECT_EQ(finish.content, "!");

  const auto azure = decode(
      R"({"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"x":{"y":false}}]})");
  EXPECT_FALSE(azure.has_choice);
  const auto usage = decode(
      R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}})");
  ASSERT_TRUE(usage.usage.has_value());
  EXPECT_EQ(usage.usage->output, 5);
  const auto error =
      decode(R"({"error":{"message":"broke","type":"server_error","param":null,"code":null}})");
  ASSERT_TRUE(error.error.has_value());
  EXPECT_EQ(ProviderCode(*error.error), "server_error");
  EXPECT_FALSE(decode(R"({"error":null,"choices":[]})").error.has_value());
  EXPECT_EQ(decoder.DecodeChunk("{\"choices\":"), nullptr);
  EXPECT_EQ(decoder.DecodeChunk("[DONE]"), nullptr);
}

TEST(OpenAiCodec, DoesNotCopyPlainContent) {
  const std::string chunk = R"({"choices":[{"delta":{"content":"plain"}}]})";
  OpenAiDecoder decoder;
  const auto* message = decoder.DecodeChunk(chunk);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->content.data(), chunk.data() + chunk.find("plain"));
}

TEST(OpenAiCodec, NormalisesUsage) {
  const auto read = [](std::string_view text) {
    text::JsonCursor cursor(text);
    const auto usage = ReadOpenAiUsage(cursor);
    EXPECT_TRUE(cursor.Finished()) << text;
    return usage;
  };
  EXPECT_FALSE(read("null").has_value());
  EXPECT_FALSE(read("{}").has_value());
  EXPECT_FALSE(read(R"({"prompt_tokens":3})").has_value());
  EXPECT_FALSE(read(R"({"completion_tokens":null})").has_value());
  const auto odd = read(
      R"({"prompt_tokens":-3,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":9},
          "completion_tokens_details":{"reasoning_tokens":9}})");
  ASSERT_TRUE(odd.has_value());
  EXPECT_EQ(odd->input, 0);
  EXPECT_EQ(odd->cached_input, 0);
  EXPECT_EQ(odd->reasoning, 2);
  const auto nulls = read(
      R"({"completion_tokens":2,"prompt_tokens_details":null,"completion_tokens_details":null})");
  ASSERT_TRUE(nulls.has_value());
  EXPECT_EQ(nulls->output, 2);
}

TEST(OpenAiCodec, SurvivesArbitraryEdits) {
  const std::uint64_t seed = 99;
  Random random(seed);
  const std::string chunk =
      R"({"model":"m","choices":[{"delta":{"content":["\u00e9",{"text":"\n"}],"tool_calls":[{"function":{"name":"\t","arguments":"\""}}],"refusal":"r"},"finish_reason":"s"}],"usage":{"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":1}},"error":{"message":"e","code":1}})";
  OpenAiDecoder decoder;
  int decoded = 0;
  for (int round = 0; round < (test_support::kSanitized ? 10'000 : 50'000); ++round) {
    std::string text = chunk;
    for (std::uint64_t edit = 1 + random.Below(4); edit > 0; --edit) {
      const std::size_t from = random.Below(text.size());
      const std::size_t size = random.Below(24);
      const std::size_t to = random.Below(text.size());
      text.insert(to, text.substr(from, size));
      if (random.Chance(0.5)) text.erase(random.Below(text.size()), random.Below(24));
    }
    const auto* message = decoder.DecodeChunk(text);
    const auto reference = nlohmann::json::parse(text, nullptr, false);
    ASSERT_EQ(message != nullptr, reference.is_object()) << "seed " << seed << ": " << text;
    if (message != nullptr) {
      ++decoded;
      // Touch every view, for the sanitizers.
      std::string all;
      all.append(message->content).append(message->reasoning).append(message->tool_call);
      all.append(message->finish_reason).append(message->model);
      EXPECT_LE(all.size(), 2 * text.size());
    }
  }
  EXPECT_GT(decoded, 100);
}

}  // namespace
}  // namespace llmload::wire
