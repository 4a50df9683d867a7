// What the fake server decides to answer, before it is worded as an API does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "src/core/text/base64.h"
#include "src/fake_server/answer_content.h"
#include "src/fake_server/rate_fields.h"
#include "src/fake_server/request_json.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

std::string Sample(const char* schema) { return SampleJson(json::parse(schema), "text"); }

TEST(SampleJson, FitsTheTypeAndItsBounds) {
  EXPECT_EQ(Sample(R"({"type":"string"})"), "\"text\"");
  EXPECT_EQ(Sample(R"({"type":["integer","null"],"minimum":3.5})"), "4");
  EXPECT_EQ(Sample(R"({"type":"integer","maximum":-2})"), "-2");
  EXPECT_EQ(Sample(R"({"type":"integer","exclusiveMinimum":7})"), "8");
  EXPECT_EQ(Sample(R"({"type":"integer","exclusiveMaximum":0})"), "-1");
  EXPECT_EQ(Sample(R"({"type":"number"})"), "1.5");
  EXPECT_EQ(Sample(R"({"type":"boolean"})"), "true");
  EXPECT_EQ(Sample(R"({"type":"null"})"), "null");
  EXPECT_EQ(Sample(R"({"enum":["ä","b"]})"), "\"ä\"");
  EXPECT_EQ(Sample(R"({"const":{"a":1}})"), "{\"a\":1}");
  EXPECT_EQ(Sample(R"({"type":"string","minLength":6})"), "\"textxx\"");
  EXPECT_EQ(Sample(R"({"type":"string","maxLength":2})"), "\"te\"");
  EXPECT_EQ(Sample(R"({"type":"string","format":"date"})"), "\"2026-01-31\"");
  EXPECT_EQ(Sample(R"({"type":"array","items":{"type":"integer"},"minItems":2})"), "[1,1]");
  EXPECT_EQ(Sample(R"({"anyOf":[{"type":"integer"},{"type":"null"}]})"), "1");
  EXPECT_EQ(Sample(R"({})"), "\"text\"");
  EXPECT_EQ(Sample("true"), "\"text\"");
}

TEST(SampleJson, HasTheRequiredPropertiesOrAll) {
  EXPECT_EQ(json::parse(Sample(R"({"type":"object","properties":{"a":{"type":"integer"},
      "b":{"enum":["x"]}},"required":["b","c"]})")),
            json::parse(R"({"b":"x","c":"text"})"));
  EXPECT_EQ(json::parse(Sample(R"({"properties":{"a":{"type":"integer"},"b":{"properties":{
      "c":{"type":"boolean"}}}}})")),
            json::parse(R"({"a":1,"b":{"c":true}})"));
  EXPECT_EQ(Sample(R"({"type":"object"})"), "{}");
}

TEST(SampleJson, FollowsReferencesAndEndsWhereTheyDoNot) {
  EXPECT_EQ(Sample(R"({"$defs":{"n":{"type":"integer"}},"type":"object",
      "properties":{"a":{"$ref":"#/$defs/n"}}})"),
            "{\"a\":1}");
  EXPECT_EQ(Sample(R"({"$ref":"nowhere"})"), "\"text\"");
  EXPECT_EQ(Sample(R"({"$ref":"#/a~"})"), "\"text\"");
  EXPECT_EQ(Sample(R"({"$ref":"#"})"), "\"text\"");
  // Each level has ten of the level below: 10^20 values, if they were all written out.
  json schema = {{"$ref", "#/$defs/20"}};
  for (int level = 20; level > 0; --level) {
    for (int i = 0; i < 10; ++i) {
      schema["$defs"][std::to_string(level)]["properties"][std::to_string(i)] = {
          {"$ref", "#/$defs/" + std::to_string(level - 1)}};
    }
  }
  const std::string sample = SampleJson(schema, "text");
  EXPECT_TRUE(json::accept(sample));
  EXPECT_LT(sample.size(), 100'000U);
}

TEST(RequestJson, NestsSoDeepAndNoDeeper) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseJson(nested(kMaxNesting)).is_array());
  EXPECT_TRUE(ParseJson(nested(kMaxNesting + 1)).is_discarded());
  EXPECT_TRUE(ParseJson(std::string(10'000'000, '[')).is_discarded());
  // Brackets in strings do not nest, and many that are closed again do not either.
  EXPECT_TRUE(ParseJson("[\"" + std::string(1000, '[') + "\\\"[\"]").is_array());
  std::string flat = "[0";
  for (int i = 0; i < 1000; ++i) flat += ",[[]]";
  EXPECT_TRUE(ParseJson(flat + "]").is_array());
}

TEST(RequestJson, TellsImagesByTheirFirstBytes) {
  const auto format = [](std::string_view bytes) {
    std::string encoded;
    text::AppendBase64(bytes, encoded);
    return ImageFormatOf(encoded);
  };
  EXPECT_EQ(format("\x89PNG\r\n\x1a\n..."), "png");
  EXPECT_EQ(format("\xff\xd8\xff..."), "jpeg");
  EXPECT_EQ(format("GIF89a..."), "gif");
  EXPECT_EQ(format("RIFF....WEBP"), "webp");
  EXPECT_EQ(format("%PDF-1.7"), "unknown");
  EXPECT_EQ(ImageFormatOf("not base64!"), "");
}

TEST(GoDuration, IsWrittenAsTheServiceDoes) {
  EXPECT_EQ(GoDuration(Duration::zero()), "0s");
  EXPECT_EQ(GoDuration(std::chrono::nanoseconds(1)), "1ms");
  EXPECT_EQ(GoDuration(milliseconds(999)), "999ms");
  EXPECT_EQ(GoDuration(milliseconds(1500)), "1.5s");
  EXPECT_EQ(GoDuration(milliseconds(20'000)), "20s");
  EXPECT_EQ(GoDuration(milliseconds(86'400)), "1m26.4s");
  EXPECT_EQ(GoDuration(std::chrono::minutes(6)), "6m0s");
  EXPECT_EQ(GoDuration(std::chrono::seconds(3723)), "1h2m3s");
}

TEST(RateLimiter, TellsWhatIsLeftAndWhenMoreComes) {
  RateLimiter limiter(120);  // two at once, then one every half a second
  const TimePoint start{std::chrono::hours(1)};
  RateState state = limiter.Take(start);
  EXPECT_EQ(state.limit, 120);
  EXPECT_EQ(state.remaining, 1);
  EXPECT_EQ(state.reset, milliseconds(500));
  EXPECT_FALSE(state.wait);
  state = limiter.Take(start);
  EXPECT_EQ(state.remaining, 0);
  EXPECT_EQ(state.reset, milliseconds(1000));
  state = limiter.Take(start + milliseconds(100));
  EXPECT_EQ(state.remaining, 0);
  EXPECT_EQ(state.wait, milliseconds(400));
  EXPECT_EQ(state.reset, milliseconds(400));
  // The time that it told is the right one.
  EXPECT_TRUE(limiter.Take(start + milliseconds(499)).wait);
  EXPECT_FALSE(limiter.Take(start + milliseconds(500)).wait);
  EXPECT_FALSE(RateLimiter(std::nullopt).Take(start).wait);
}

class Compose : public ::testing::Test {
 protected:
  AnswerContent Answer(std::uint64_t arrival, int tokens = 20, bool cut = false) {
    Random texts = Random::Stream(5, arrival);
    Words words(texts, false);
    return ComposeAnswer(request_, tokens, cut, Random::Stream(6, arrival), words);
  }

  static std::string Text(const std::vector<std::string>& pieces) {
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    return text;
  }

  static int Pieces(const AnswerContent& content) {
    std::size_t pieces = 0;
    for (const ToolCall& call : content.calls) pieces += call.pieces.size();
    return static_cast<int>(pieces);
  }

  ChatRequest request_;
};

TEST_F(Compose, LeavesPlainTextToBeDrawn) {
  const AnswerContent content = Answer(1, 7, true);
  EXPECT_THAT(content.calls, IsEmpty());
  EXPECT_FALSE(content.pieces);
  EXPECT_EQ(content.tokens, 7);
  EXPECT_TRUE(content.cut);
}

TEST_F(Compose, CallsAToolInAboutHalfOfTheAnswers) {
  request_.tools = {{.name = "f", .arguments = R"({"a":"b"})"}, {.name = "g", .arguments = "{}"}};
  int calling = 0;
  std::set<std::size_t> sizes;
  std::set<std::string> ids;
  std::set<std::string> names;
  for (std::uint64_t arrival = 0; arrival < 200; ++arrival) {
    const AnswerContent content = Answer(arrival);
    if (content.calls.empty()) continue;
    ++calling;
    sizes.insert(content.calls.size());
    EXPECT_EQ(content.tokens, Pieces(content));
    for (const ToolCall& call : content.calls) {
      EXPECT_TRUE(ids.insert(call.id).second) << call.id;
      names.insert(call.name);
      EXPECT_TRUE(call.complete);
      EXPECT_EQ(json::parse("\"" + Text(call.pieces) + "\""), call.arguments);
    }
  }
  EXPECT_THAT(calling, AllOf(Ge(70), Le(130)));
  EXPECT_THAT(sizes, ElementsAre(1, 2)) << "no tool twice";
  EXPECT_THAT(names, ElementsAre("f", "g"));
  request_.parallel_calls = false;
  request_.must_call = true;
  for (std::uint64_t arrival = 0; arrival < 50; ++arrival) {
    EXPECT_THAT(Answer(arrival).calls, SizeIs(1));
  }
  request_.must_call = false;
  request_.after_tool_result = true;
  for (std::uint64_t arrival = 0; arrival < 50; ++arrival) {
    EXPECT_THAT(Answer(arrival).calls, IsEmpty());
  }
}

TEST_F(Compose, TheOutputLimitCutsArguments) {
  request_.tools = {{.name = "f", .arguments = R"({"city":"Berlin"})"}};  // 17 bytes: 5 tokens
  request_.must_call = true;
  request_.parallel_calls = false;
  request_.max_tokens = 5;
  EXPECT_TRUE(Answer(1).calls[0].complete);
  EXPECT_FALSE(Answer(1).cut);
  request_.max_tokens = 4;
  const AnswerContent content = Answer(1);
  EXPECT_TRUE(content.cut);
  EXPECT_EQ(content.tokens, 4);
  EXPECT_FALSE(content.calls[0].complete);
  EXPECT_EQ(content.calls[0].arguments, R"({"city":"Berlin")");
}

TEST_F(Compose, AnswersTheJsonThatIsWanted) {
  request_.json = R"({"a":"ä\n"})";
  AnswerContent content = Answer(1);
  ASSERT_TRUE(content.pieces);
  EXPECT_THAT(*content.pieces, SizeIs(Ge(2U)));
  EXPECT_EQ(json::parse("\"" + Text(*content.pieces) + "\""), *request_.json);
  request_.max_tokens = 1;
  content = Answer(1);
  EXPECT_TRUE(content.cut);
  EXPECT_EQ(content.tokens, 1);
}

TEST_F(Compose, TextEndsBeforeAStopSequence) {
  request_.stop = {"\n\n", " the ", "r"};
  int stopped = 0;
  for (std::uint64_t arrival = 0; arrival < 100; ++arrival) {
    const AnswerContent content = Answer(arrival);
    ASSERT_TRUE(content.pieces);
    EXPECT_EQ(content.tokens, static_cast<int>(content.pieces->size()));
    const std::string text = Text(*content.pieces);
    for (const std::string& sequence : request_.stop) {
      EXPECT_EQ(text.find(sequence), std::string::npos) << text;
    }
    EXPECT_EQ(std::count(content.pieces->begin(), content.pieces->end(), ""), 0);
    stopped += content.stop_sequence ? 1 : 0;
  }
  EXPECT_GT(stopped, 90);  // nearly every text of twenty words has an r
  request_.stop = {"\n"};  // no text has one by itself
  stopped = 0;
  for (std::uint64_t arrival = 0; arrival < 200; ++arrival) {
    const AnswerContent content = Answer(arrival);
    if (content.stop_sequence) ++stopped;
    EXPECT_EQ(content.tokens, 20);
  }
  EXPECT_THAT(stopped, AllOf(Ge(70), Le(130)));
  EXPECT_FALSE(Answer(1, 20, /*cut=*/true).stop_sequence) << "the limit came first";
}

}  // namespace
}  // namespace llmload::fake_server
