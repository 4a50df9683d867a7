// Data sets in the forms of others: ShareGPT, batch files of OpenAI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/load/prompt_source.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const PromptSource> ReadAs(DatasetFormat format, const std::string& text) {
  std::istringstream input(text);
  return ReadDataset(input, {.path = "d", .format = format}, {.model = "run", .max_tokens = 16}, 1);
}

std::string WhyNot(DatasetFormat format, const std::string& text) {
  try {
    ReadAs(format, text);
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

constexpr const char* kShareGpt = R"([
  {"id": "a", "conversations": [
    {"from": "human", "value": "First?"}, {"from": "gpt", "value": "Yes."},
    {"from": "human", "value": "Second?"}]},
  {"id": "b", "conversations": []},
  {"id": "c", "conversations": [{"from": "gpt", "value": "Go on."}]},
  {"id": "d", "conversations": [
    {"from": "system", "value": "Be brief."}, {"from": "gpt", "value": null},
    {"from": "human", "value": ""}, {"from": "user", "value": "Third?", "markdown": null}]}
])";

TEST(PromptFormats, ShareGptAsksTheFirstHumanTurnOfEachConversation) {
  for (const DatasetFormat format : {DatasetFormat::kDetect, DatasetFormat::kShareGpt}) {
    const auto source = ReadAs(format, kShareGpt);
    const CompletionRequest first = source->MakeRequest(0);
    ASSERT_EQ(first.messages.size(), 1u);
    EXPECT_EQ(first.messages[0].role, Role::kUser);
    EXPECT_EQ(first.messages[0].content, "First?");
    EXPECT_EQ(first.max_tokens, 16);
    const CompletionRequest second = source->MakeRequest(1);
    ASSERT_EQ(second.messages.size(), 2u);
    EXPECT_EQ(second.messages[0].role, Role::kSystem);
    EXPECT_EQ(second.messages[0].content, "Be brief.");
    EXPECT_EQ(second.messages[1].content, "Third?");
    EXPECT_EQ(source->MakeRequest(2).messages[0].content, "First?");
  }
}

TEST(PromptFormats, APromptMayAddMembersToTheBody) {
  const auto source = ReadAs(DatasetFormat::kPrompts,
                             R"({"prompt": "a", "extra_body": {"top_p": 0.5, "o": {"x": []}}})"
                             "\n"
                             R"({"prompt": "b"})");
  EXPECT_EQ(source->MakeRequest(0).extra_body, R"({"o":{"x":[]},"top_p":0.5})");
  EXPECT_EQ(source->MakeRequest(1).extra_body, "");
  EXPECT_THAT(WhyNot(DatasetFormat::kPrompts, R"({"prompt": "a", "extra_body": 1})"),
              HasSubstr("extra_body: got \"1\", expected an object"));
}

TEST(PromptFormats, ShareGptCountsTheConversationsWithoutAHumanTurn) {
  EXPECT_EQ(ReadAs(DatasetFormat::kDetect, kShareGpt)->Describe(),
            "2 prompts of d, in order; skipped: 2 conversations without a human turn");
  EXPECT_EQ(WhyNot(DatasetFormat::kDetect, R"({"conversations": []})"),
            "d: got \"1 conversation without a human turn\", expected at least one line with a "
            "prompt");
}

TEST(PromptFormats, ABatchFileGivesItsMessagesAndBounds) {
  const std::string text =
      R"({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "x", )"
      R"("messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "name": "n", )"
      R"("content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}], )"
      R"("max_tokens": 1000, "temperature": 0}})"
      "\n"
      R"({"custom_id": "2", "body": {"messages": [{"role": "user", "content": "Hi"}], )"
      R"("max_tokens": null, "max_completion_tokens": 7}})"
      "\n"
      R"({"custom_id": "3", "body": {"messages": [{"role": "user", "content": "Ho"}]}})";
  for (const DatasetFormat format : {DatasetFormat::kDetect, DatasetFormat::kOpenAiBatch}) {
    const auto source = ReadAs(format, text);
    const CompletionRequest first = source->MakeRequest(0);
    EXPECT_EQ(first.model, "run");
    ASSERT_EQ(first.messages.size(), 2u);
    EXPECT_EQ(first.messages[0].role, Role::kSystem);
    EXPECT_EQ(first.messages[1].content, "Hello");
    EXPECT_EQ(first.max_tokens, 1000);
    EXPECT_EQ(source->MakeRequest(1).max_tokens, 7);
    EXPECT_EQ(source->MakeRequest(2).max_tokens, 16);
  }
}

TEST(PromptFormats, ATraceOfAzureGivesItsSizes) {
  const std::string text =
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,10,5\r\n"
      "2023-11-16 18:17:04.0319600,20,0\r\n";
  for (const DatasetFormat format : {DatasetFormat::kDetect, DatasetFormat::kAzureTrace}) {
    const auto source = ReadAs(format, text);
    const std::uint64_t tokens[] = {10, 20, 10};
    const int bounds[] = {5, 1, 5};
    for (std::uint64_t i = 0; i < 3; ++i) {
      const CompletionRequest request = source->MakeRequest(i);
      EXPECT_EQ(EstimateTokens(request.messages.at(0).content), tokens[i]);
      EXPECT_EQ(request.max_tokens, bounds[i]);
    }
    EXPECT_NE(source->MakeRequest(0).messages[0].content,
              source->MakeRequest(2).messages[0].content);
    EXPECT_EQ(source->Describe(), "2 sizes of d, in order: synthetic prompts (4 bytes a token)");
  }
  EXPECT_EQ(WhyNot(DatasetFormat::kDetect, text + "2023-11-16 18:17:05,2000000,1\n"),
            "d: TracePrompts::trace: input_tokens: got \"2000000\", expected 1 to 1000000 tokens");
  std::istringstream input(text);
  const auto random = ReadDataset(input, {.path = "d", .order = DatasetOrder::kRandom}, {}, 1);
  int short_ones = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) short_ones += random->MakeRequest(i).max_tokens == 1;
  EXPECT_NEAR(short_ones, 500, 4.5 * 16);
}

TEST(PromptFormats, WhatDoesNotFitTheFormatIsNamedByLineAndField) {
  constexpr auto kOwn = DatasetFormat::kPrompts;
  constexpr auto kShare = DatasetFormat::kShareGpt;
  constexpr auto kBatch = DatasetFormat::kOpenAiBatch;
  constexpr auto kAny = DatasetFormat::kDetect;
  const std::string own = R"({"prompt": "a"})";
  const std::string share = R"({"conversations": [{"from": "human", "value": "a"}]})";
  const auto body = [](const std::string& fields) { return "{\"body\": {" + fields + "}}"; };
  const auto content = [&](const std::string& value) {
    return body(R"("messages": [{"role": "user", "content": )" + value + "}]");
  };
  struct Case {
    DatasetFormat format;
    std::string text;
    std::string said;
  };
  const std::vector<Case> cases = {
      {kShare, own, "d:1: conversations: got \"no such field\", expected an array of turns"},
      {kBatch, share, "d:1: body: got \"no such field\", expected the request"},
      {kOwn, "time,tokens", "d:1: line: got \"time,tokens\", expected valid JSON"},
      {kAny, "time,tokens",
       "got \"time,tokens\", expected a JSON object on each line, or an array"},
      {DatasetFormat::kAzureTrace, own,
       "got \"{\"prompt\": \"a\"}\", expected the header TIMESTAMP,"},
      {kOwn, share, "d:1: conversations: got \"an unknown field\", expected one of: prompt"},
      {kAny, share + "\n" + own, "d:2: conversations: got \"no such field\""},
      {kAny, own + "\n" + share, "d:2: conversations: got \"an unknown field\""},
      {kAny, R"({"conversations": {}})", "d:1: conversations: got \"{}\", expected an array"},
      {kAny, R"({"conversations": ["a"]})", "d:1: conversations[0]: got \"\"a\"\""},
      {kAny, R"({"conversations": [{"value": "a"}]})", "conversations[0].from: got \"no such"},
      {kAny, R"({"conversations": [{"from": "human"}]})", "conversations[0].value: got \"no such"},
      {kAny, R"({"conversations": [{"from": "human", "value": 5}]})", "[0].value: got \"5\""},
      {kAny, R"({"body": 5})", "d:1: body: got \"5\", expected an object"},
      {kAny, body(R"("input": "a")"), "d:1: body.messages: got \"no such field\""},
      {kAny, body(R"("messages": [])"), "d:1: body.messages: got \"[]\", expected a text"},
      {kAny, body(R"("messages": [5])"), "d:1: body.messages[0]: got \"5\""},
      {kAny, body(R"("messages": [{"role": "tool", "content": "a"}])"), "role: got \"tool\""},
      {kAny, content("null"), "body.messages[0].content: got \"null\", expected a string"},
      {kAny, content(R"([{"type": "image_url"}])"), "content[0].type: got \"image_url\""},
      {kAny, content(R"([{"type": 1}])"), "content[0].type: got \"1\""},
      {kAny, content(R"("a"}], "max_tokens": 0, "x": [{"a": "b")"), "body.max_tokens: got \"0\""},
  };
  for (const auto& [format, text, said] : cases) {
    EXPECT_THAT(WhyNot(format, text), HasSubstr(said)) << text;
  }
}

TEST(PromptFormats, TheBoundIsOnThePromptsThatAreKept) {
  const std::string text = R"({"conversations": [{"from": "human", "value": "0123456789"}, )"
                           R"({"from": "gpt", "value": "an answer that is not kept"}]})";
  std::istringstream small(text + "\n" + text);
  EXPECT_NO_THROW(ReadDataset(small, {.path = "d", .max_bytes = 20}, {}, 1));
  std::istringstream large(text + "\n" + text);
  EXPECT_THROW(ReadDataset(large, {.path = "d", .max_bytes = 19}, {}, 1), ConfigurationError);
}

}  // namespace
}  // namespace llmload
