#include "src/wire/error_words.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "src/wire/anthropic_codec.h"
#include "src/wire/openai_codec.h"
#include "tests/support/answer_recording.h"
#include "tests/unit/wire/wire_fixture.h"

namespace llmload::wire {
namespace {

TEST(UnknownAnswer, NamesWhatAnswersInPlaceOfTheService) {
  struct Case {
    const char* body;
    const char* message;
    bool other_service;
  };
  const Case cases[] = {
      {"<!DOCTYPE html><html><head><title>Sign in &amp; go</title></head></html>",
       "the answer is HTML: \"Sign in & go\"", true},
      {"\r\n<HTML><BODY>hi</BODY></HTML>", "the answer is HTML without a title", true},
      {R"({"type":"message","role":"assistant","content":[]})",
       "the answer is one of Anthropic's API", true},
      {"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n",
       "the answer is one of Anthropic's API", true},
      {R"({"id":"x","choices":[{"index":0}]})", "the answer is one of OpenAI's API", true},
      {"{\"model\":\"m\",\"message\":{},\"done\":false}\n{\"model\":\"m\",\"done\":true}\n",
       "the answer is one of Ollama's API", true},
      {R"({"status":"ok"})",
       R"(the answer is JSON, but not an answer: it begins with "{"status":"ok"}")", true},
      {R"({"choices":[]})",
       R"(the answer is JSON, but not an answer: it begins with "{"choices":[]}")", true},
      {R"({"choices":[{"index")",
       R"(the answer is not an answer: it begins with "{"choices":[{"index"")", false},
      {" \n", "the answer is empty", false},
      {"OK", R"(the answer is not an answer: it begins with "OK")", false},
  };
  for (const Case& item : cases) {
    const std::string message = DescribeUnknownAnswer("an answer", item.body);
    EXPECT_EQ(message, item.message);
    EXPECT_EQ(IsFromAnotherService(message), item.other_service) << message;
  }
}

TEST(UnknownAnswer, IsKnownByTheFirstEventOfAStream) {
  EXPECT_EQ(test_support::DecodeStream(
                [] { return std::make_unique<OpenAiAnswerDecoder>(kLimit); },
                {"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"}),
            "malformed_response=: the answer is one of Anthropic's API\n");
  EXPECT_EQ(
      test_support::DecodeStream([] { return std::make_unique<AnthropicAnswerDecoder>(kLimit); },
                                 {"data: {\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n"}),
      "malformed_response=: the answer is one of OpenAI's API\n");
}

}  // namespace
}  // namespace llmload::wire
