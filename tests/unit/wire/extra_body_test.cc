// Members that a user adds to request bodies, in every API.
#include "src/wire/extra_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "llmload/core/environment.h"
#include "src/wire/anthropic_codec.h"
#include "src/wire/bedrock_codec.h"
#include "src/wire/ollama_codec.h"
#include "src/wire/openai_codec.h"

namespace llmload::wire {
namespace {

using ::testing::HasSubstr;

CompletionRequest Asking() {
  CompletionRequest request;
  request.model = "m";
  request.messages = {{Role::kUser, "Hi"}};
  request.max_tokens = 7;
  request.temperature = 0.5;
  return request;
}

std::string WhyRefused(std::string_view json, const BodyForm& form) {
  try {
    const ExtraBody extra(json, form);
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ExtraBody, IsAddedAsItIsWritten) {
  const ExtraBody extra(R"({ "top_p": 0.90, "stop" : ["a", "b"],"x":{}, "temperature":null})",
                        kOpenAiBody);
  CompletionRequest request = Asking();
  request.stream = true;
  std::string body;
  EncodeOpenAiRequest(request, {}, body, &extra);
  EXPECT_EQ(body, R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":7,)"
                  R"("stream":true,"stream_options":{"include_usage":true},)"
                  R"("top_p":0.90,"stop":["a", "b"],"x":{},"temperature":null})");
}

TEST(ExtraBody, IsMergedIntoTheObjectsOfTheApi) {
  std::string body;
  const ExtraBody options(R"({"options":{"top_k":40,"temperature":0},"think":false})", kOllamaBody);
  EncodeOllamaRequest(Asking(), true, body, &options);
  EXPECT_EQ(body, R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":false,)"
                  R"("options":{"num_predict":7,"top_k":40,"temperature":0},"think":false})");

  body.clear();
  const ExtraBody config(
      R"({"inferenceConfig":{"topP":0.5},"additionalModelRequestFields":{"k":1}})", kConverseBody);
  CompletionRequest request = Asking();
  request.max_tokens.reset();
  request.temperature.reset();
  EncodeConverseRequest(request, body, &config);
  EXPECT_EQ(body, R"({"messages":[{"role":"user","content":[{"text":"Hi"}]}],)"
                  R"("inferenceConfig":{"topP":0.5},"additionalModelRequestFields":{"k":1}})");

  body.clear();
  const ExtraBody stream(R"({"stream_options":{"include_obfuscation":false}})", kOpenAiBody);
  request.stream = true;
  EncodeOpenAiRequest(request, {}, body, &stream);
  EXPECT_THAT(body,
              HasSubstr(R"("stream_options":{"include_usage":true,"include_obfuscation":false}})"));

  body.clear();
  const ExtraBody titan(R"({"textGenerationConfig":{"topP":1}})", kTitanBody);
  EncodeTitanRequest(Asking(), body, &titan);
  EXPECT_THAT(body, HasSubstr(R"({"maxTokenCount":7,"temperature":0.5,"topP":1}})"));

  body.clear();
  const ExtraBody anthropic(R"({"temperature":1,"top_k":5})", kAnthropicBody);
  EncodeAnthropicRequest(Asking(), AnthropicHost::kAnthropic, body, &anthropic);
  EXPECT_EQ(body, R"({"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Hi"}],)"
                  R"("temperature":1,"top_k":5})");
}

TEST(ExtraBody, OfARequestGoesBeforeThatOfTheOptions) {
  const ExtraBody extra(R"({"a":1,"o":{"x":1,"y":{"deep":1}},"b":{"gone":1}})",
                        R"({"a":2,"o":{"y":{"er":2}},"b":3,"c":4})", kAnthropicBody);
  EXPECT_EQ(extra.top(), R"(,"a":2,"o":{"x":1,"y":{"deep":1,"er":2}},"b":3,"c":4)");
}

TEST(ExtraBody, RefusesWhatDecidesTheMeasurementByNameAndSaysWhatToUse) {
  const struct {
    const BodyForm& form;
    const char* json;
    const char* name;
    const char* use;
  } kCases[] = {
      {kOpenAiBody, R"({"model":"x"})", "\"model\"", "--model"},
      {kOpenAiBody, R"({"mo\u0064el":"x"})", "\"model\"", "--model"},
      {kOpenAiBody, R"({"messages":[]})", "\"messages\"", "--prompt"},
      {kOpenAiBody, R"({"stream":true})", "\"stream\"", "--stream"},
      {kOpenAiBody, R"({"max_tokens":1})", "\"max_tokens\"", "--max-tokens"},
      {kOpenAiBody, R"({"max_completion_tokens":1})", "\"max_completion_tokens\"", "--max-tokens"},
      {kOpenAiBody, R"({"stream_options":{"include_usage":false}})",
       "\"stream_options.include_usage\"", "--stream-options"},
      {kOpenAiBody, R"({"stream_options":1})", "\"stream_options\"", "an object"},
      {kAnthropicBody, R"({"system":"x"})", "\"system\"", "--prompt"},
      {kAnthropicBody, R"({"max_tokens":1})", "\"max_tokens\"", "--max-tokens"},
      {kConverseBody, R"({"inferenceConfig":{"maxTokens":1}})", "\"inferenceConfig.maxTokens\"",
       "--max-tokens"},
      {kTitanBody, R"({"inputText":"x"})", "\"inputText\"", "--prompt"},
      {kTitanBody, R"({"textGenerationConfig":{"maxTokenCount":1}})",
       "\"textGenerationConfig.maxTokenCount\"", "--max-tokens"},
      {kOllamaBody, R"({"options":{"num_predict":1}})", "\"options.num_predict\"", "--max-tokens"},
  };
  for (const auto& refused : kCases) {
    const std::string message = WhyRefused(refused.json, refused.form);
    EXPECT_THAT(message, HasSubstr(std::string("extra_body: got ") + refused.name)) << message;
    EXPECT_THAT(message, HasSubstr(refused.use)) << refused.json;
  }
}

TEST(ExtraBody, RefusesWhatIsNoObjectWithThePlace) {
  EXPECT_THAT(WhyRefused(R"({"a":1,})", kOpenAiBody), HasSubstr("from byte 8 on"));
  EXPECT_THAT(WhyRefused("{\"a\":NaN}", kOpenAiBody), HasSubstr("from byte 6 on"));
  EXPECT_THAT(WhyRefused("", kOpenAiBody), HasSubstr("from byte 1 on"));
  EXPECT_THAT(WhyRefused("[1]", kOpenAiBody), HasSubstr("a JSON object"));
  EXPECT_THAT(WhyRefused(R"({"a":1,"a":2})", kOpenAiBody), HasSubstr("each member once"));
  EXPECT_THAT(WhyRefused(R"({"a":1e999})", kOpenAiBody), HasSubstr("a double can hold"));
  std::string deep(300, '[');
  deep.append(300, ']');
  EXPECT_THAT(WhyRefused("{\"a\":" + deep + "}", kOpenAiBody), HasSubstr("levels deep"));
}

}  // namespace
}  // namespace llmload::wire
