// OpenAI's chat completions beyond plain text: tools, JSON, stop sequences, images; and what of
// them the service refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/core/text/base64.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using simulation::FaultKind;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr const char* kWeatherTool =
    R"({"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":)"
    R"({"city":{"type":"string"},"days":{"type":"integer","minimum":3},"unit":{"enum":["C","F"]},)"
    R"("note":{"type":"string"}},"required":["city","days","unit"]}}})";
constexpr const char* kTimeTool = R"({"type":"function","function":{"name":"time"}})";

class FakeServerOpenAi : public ::testing::Test {
 protected:
  static FakeLlmServerOptions Options() {
    FakeLlmServerOptions options;
    options.latency.ttft_median = options.latency.gap_median = Duration::zero();
    options.latency.tokens_min = options.latency.tokens_max = 8;
    options.clear_text = true;
    return options;
  }

  // The members that declare both tools, and `more`.
  static std::string Tools(const std::string& more = "") {
    return ",\"tools\":[" + std::string(kWeatherTool) + "," + kTimeTool + "]" + more;
  }

  RawResponse Post(const std::string& body, const std::string& target = "/v1/chat/completions") {
    client_.SendPost(target, body);
    return client_.Read();
  }

  json Choice(const std::string& more) {
    const RawResponse response = Post(ChatBody(more));
    EXPECT_EQ(response.status, 200) << response.raw;
    return json::parse(response.body)["choices"][0];
  }

  json Error(const std::string& body) {
    const RawResponse response = Post(body);
    EXPECT_EQ(response.status, 400) << body << "\n" << response.raw;
    const json answer = json::parse(response.body, nullptr, false);
    if (!answer.is_object() || !answer.contains("error")) return json::object();
    EXPECT_EQ(answer["error"]["type"], "invalid_request_error");
    return answer["error"];
  }

  FakeLlmServer server_{Options()};
  RawClient client_{server_.port(), ""};
};

// What a client puts together from the chunks of one choice.
struct Assembled {
  json message = json::object();
  std::string finish_reason;
  int pieces = 0;
};

Assembled Assemble(const std::vector<std::string>& events, int index = 0) {
  Assembled assembled;
  for (const std::string& event : events) {
    if (event == "[DONE]") continue;
    const json chunk = json::parse(event);
    for (const json& choice : chunk["choices"]) {
      if (choice["index"] != index) continue;
      if (choice["finish_reason"].is_string()) assembled.finish_reason = choice["finish_reason"];
      for (const auto& member : choice["delta"].items()) {
        if (member.key() != "tool_calls") {
          assembled.message[member.key()] = member.value();
          continue;
        }
        for (const json& delta : member.value()) {
          json& call = assembled.message["tool_calls"][delta["index"].get<std::size_t>()];
          if (delta.contains("id")) {
            EXPECT_TRUE(call.is_null()) << "the id comes first, and once";
            call = delta;
          } else {
            ++assembled.pieces;
            call["function"]["arguments"] = call["function"]["arguments"].get<std::string>() +
                                            delta["function"]["arguments"].get<std::string>();
          }
        }
      }
    }
  }
  return assembled;
}

void ExpectFits(const json& call) {
  EXPECT_THAT(call["id"].get<std::string>(), MatchesRegex("call_[0-9a-z]{24}"));
  EXPECT_EQ(call["type"], "function");
  const json arguments = json::parse(call["function"]["arguments"].get<std::string>());
  if (call["function"]["name"] == "time") {
    EXPECT_EQ(arguments, json::object());
    return;
  }
  EXPECT_EQ(call["function"]["name"], "weather");
  EXPECT_THAT(arguments, SizeIs(3));
  EXPECT_TRUE(arguments["city"].is_string());
  EXPECT_EQ(arguments["days"], 3);
  EXPECT_EQ(arguments["unit"], "C");
}

TEST_F(FakeServerOpenAi, CallsToolsInAboutHalfOfTheAnswersIfItMay) {
  int calling = 0;
  std::set<std::size_t> counts;
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const json choice = Choice(Tools());
    if (!choice["message"].contains("tool_calls")) {
      EXPECT_EQ(choice["finish_reason"], "stop");
      EXPECT_NE(choice["message"]["content"], "");
      continue;
    }
    ++calling;
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_TRUE(choice["message"]["content"].is_null());
    counts.insert(choice["message"]["tool_calls"].size());
    for (const json& call : choice["message"]["tool_calls"]) {
      ExpectFits(call);
      EXPECT_TRUE(ids.insert(call["id"]).second);
    }
  }
  EXPECT_THAT(calling, AllOf(Ge(30), Le(70)));
  EXPECT_THAT(counts, ElementsAre(1, 2)) << "no tool twice";
}

TEST_F(FakeServerOpenAi, StreamsCallsInPieces) {
  for (int i = 0; i < 10; ++i) {
    const RawResponse response =
        Post(ChatBody(Tools(R"(,"tool_choice":"required","stream":true,"n":2,)"
                            R"("stream_options":{"include_usage":true})")));
    ASSERT_EQ(response.status, 200) << response.raw;
    const auto events = response.Events();
    EXPECT_EQ(events.back(), "[DONE]");
    const Assembled first = Assemble(events);
    EXPECT_EQ(first.finish_reason, "tool_calls");
    EXPECT_TRUE(first.message["content"].is_null());
    EXPECT_EQ(first.message["role"], "assistant");
    for (const json& call : first.message["tool_calls"]) ExpectFits(call);
    // A client that counts pieces finds the tokens of the usage.
    const json usage = json::parse(events[events.size() - 2])["usage"];
    EXPECT_EQ(usage["completion_tokens"], 2 * first.pieces);
    const Assembled second = Assemble(events, 1);
    EXPECT_EQ(second.message["tool_calls"].size(), first.message["tool_calls"].size());
    EXPECT_NE(second.message["tool_calls"][0]["id"], first.message["tool_calls"][0]["id"]);
  }
}

TEST_F(FakeServerOpenAi, StreamedAndWholeAnswersCallTheSame) {
  const auto calls = [](bool stream) {
    FakeLlmServer server(Options());
    RawClient client(server.port(), "");
    std::vector<json> all;
    for (int i = 0; i < 10; ++i) {
      client.SendPost("/v1/chat/completions", ChatBody(Tools(stream ? R"(,"stream":true)" : "")));
      const RawResponse response = client.Read();
      json message = stream ? Assemble(response.Events()).message
                            : json::parse(response.body)["choices"][0]["message"];
      for (json& call : message["tool_calls"]) call.erase("index");
      all.push_back(message["tool_calls"]);
    }
    return all;
  };
  EXPECT_EQ(calls(true), calls(false));
}

TEST_F(FakeServerOpenAi, ObeysTheChoiceOfTools) {
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Choice(Tools(R"(,"tool_choice":"none")"))["message"].contains("tool_calls"));
    EXPECT_THAT(Choice(Tools(R"(,"tool_choice":"required")"))["message"]["tool_calls"],
                SizeIs(Ge(1U)));
    const json one =
        Choice(Tools(R"(,"tool_choice":{"type":"function","function":{"name":"weather"}})"));
    ASSERT_THAT(one["message"]["tool_calls"], SizeIs(1));
    EXPECT_EQ(one["message"]["tool_calls"][0]["function"]["name"], "weather");
    const json allowed =
        Choice(Tools(R"(,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required",)"
                     R"("tools":[{"type":"function","function":{"name":"time"}}]}})"));
    for (const json& call : allowed["message"]["tool_calls"]) {
      EXPECT_EQ(call["function"]["name"], "time");
    }
    const json single = Choice(Tools(R"(,"tool_choice":"required","parallel_tool_calls":false)"));
    ASSERT_THAT(single["message"]["tool_calls"], SizeIs(1));
    names.insert(single["message"]["tool_calls"][0]["function"]["name"].get<std::string>());
  }
  EXPECT_THAT(names, ElementsAre("time", "weather"));
}

TEST_F(FakeServerOpenAi, AnswersTheResultOfAToolWithText) {
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[)"
      R"({"id":"a","type":"function","function":{"name":"time","arguments":"{}"}},)"
      R"({"id":"b","type":"function","function":{"name":"time","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"b","content":"1"},)"
      R"({"role":"tool","tool_call_id":"a","content":"2"}])";
  for (int i = 0; i < 20; ++i) {
    const RawResponse response = Post(body + Tools() + "}");
    ASSERT_EQ(response.status, 200) << response.raw;
    EXPECT_TRUE(json::parse(response.body)["choices"][0]["message"]["content"].is_string());
  }
}

TEST_F(FakeServerOpenAi, AnswersJsonThatFitsTheSchema) {
  const std::string format =
      R"(,"response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,)"
      R"("schema":{"type":"object","additionalProperties":false,"required":["a","b","c"],)"
      R"("properties":{"a":{"type":"string"},"b":{"type":"array","items":{"type":"number"}},)"
      R"("c":{"enum":["x","y"]}}}}})";
  const json choice = Choice(format);
  EXPECT_EQ(choice["finish_reason"], "stop");
  const json answer = json::parse(choice["message"]["content"].get<std::string>());
  EXPECT_TRUE(answer["a"].is_string());
  EXPECT_TRUE(answer["b"][0].is_number());
  EXPECT_EQ(answer["c"], "x");

  std::string text;
  int pieces = 0;
  for (const std::string& event : Post(ChatBody(format + R"(,"stream":true)")).Events()) {
    if (event == "[DONE]") continue;
    const std::string piece = json::parse(event)["choices"][0]["delta"].value("content", "");
    text += piece;
    pieces += piece.empty() ? 0 : 1;
  }
  EXPECT_EQ(json::parse(text), answer);
  EXPECT_GT(pieces, 3);

  EXPECT_EQ(Choice(format + R"(,"max_tokens":2)")["finish_reason"], "length");
  const RawResponse object =
      Post(R"({"model":"m","messages":[{"role":"user","content":"In JSON, please"}],)"
           R"("response_format":{"type":"json_object"}})");
  EXPECT_TRUE(
      json::parse(json::parse(object.body)["choices"][0]["message"]["content"].get<std::string>())
          .is_object());
  EXPECT_TRUE(Choice(R"(,"response_format":{"type":"text"})")["message"]["content"].is_string());
}

TEST_F(FakeServerOpenAi, TextEndsBeforeAStopSequence) {
  int stopped = 0;
  for (int i = 0; i < 50; ++i) {
    const json choice = Choice(R"(,"stop":[" the",""," and a"],"max_tokens":7)");
    const std::string text = choice["message"]["content"];
    EXPECT_EQ(text.find(" the"), std::string::npos);
    if (choice["finish_reason"] == "stop") ++stopped;
  }
  EXPECT_THAT(stopped, AllOf(Ge(1), Le(49))) << "some end with a sequence, others at the limit";
  EXPECT_EQ(Choice(R"(,"stop":"\n")")["finish_reason"], "stop");
}

std::string ImageBody(const std::string& part, const std::string& model = "gpt-4o") {
  return R"({"model":")" + model +
         R"(","messages":[{"role":"user","content":[{"type":"text","text":"What is it?"},)" + part +
         "]}]}";
}

std::string ImagePart(const std::string& url) {
  return R"({"type":"image_url","image_url":{"url":")" + url + "\"}}";
}

std::string DataUrl(std::string_view bytes, const std::string& type = "image/png") {
  std::string url = "data:" + type + ";base64,";
  text::AppendBase64(bytes, url);
  return url;
}

TEST_F(FakeServerOpenAi, SeesImages) {
  const std::string png = DataUrl("\x89PNG\r\n\x1a\nrest");
  for (const std::string& url : {png, std::string("https://example.com/cat.jpg")}) {
    const RawResponse response = Post(ImageBody(ImagePart(url)));
    EXPECT_EQ(response.status, 200) << response.raw;
    EXPECT_EQ(json::parse(response.body)["usage"]["prompt_tokens"], 3 + 85);
  }
  EXPECT_EQ(Post(ImageBody(ImagePart(png), "llava")).status, 200);

  EXPECT_THAT(Error(ImageBody(ImagePart(png), "gpt-3.5-turbo"))["message"].get<std::string>(),
              HasSubstr("image_url is only supported by certain models"));
  EXPECT_EQ(Error(ImageBody(ImagePart(DataUrl("%PDF-1.7"))))["code"], "invalid_image_format");
  EXPECT_EQ(Error(ImageBody(ImagePart(DataUrl("\xff\xd8\xff", "text/plain"))))["code"],
            "invalid_image_format");
  EXPECT_EQ(Error(ImageBody(ImagePart("data:image/png;base64,?")))["code"], "invalid_base64");
  EXPECT_EQ(Error(ImageBody(ImagePart("data:image/png")))["code"], "invalid_base64");
  EXPECT_EQ(Error(ImageBody(ImagePart("cat.jpg")))["code"], "invalid_value");
  EXPECT_EQ(Error(ImageBody(R"({"type":"image_url"})"))["param"],
            "messages[0].content[1].image_url");
  EXPECT_EQ(Error(ImageBody(R"({"type":"image_url","image_url":"https://x"})"))["code"],
            "invalid_type");
  EXPECT_EQ(Error(ImageBody(R"({"type":"image_url","image_url":{}})"))["param"],
            "messages[0].content[1].image_url.url");
  EXPECT_THAT(Error(R"({"model":"gpt-4o","messages":[{"role":"system","content":[)" +
                    ImagePart(png) + "]}]}")["message"]
                  .get<std::string>(),
              HasSubstr("only allowed for messages with role 'user'"));
}

TEST_F(FakeServerOpenAi, OutputLimitsAreThoseOfTheModel) {
  const json error = Error(ChatBody(R"(,"max_tokens":5000)"));
  EXPECT_EQ(error["param"], "max_tokens");
  EXPECT_EQ(error["message"],
            "max_tokens is too large: 5000. This model supports at most 4096 completion tokens, "
            "whereas you provided 5000.");
  EXPECT_EQ(Error(R"({"model":"any","max_completion_tokens":1000000,)"
                  R"("messages":[{"role":"user","content":"x"}]})")["param"],
            "max_completion_tokens");
  EXPECT_EQ(Post(ChatBody(R"(,"max_tokens":4096)")).status, 200);
}

TEST_F(FakeServerOpenAi, KnowsOneModelByItsId) {
  const auto get = [](FakeLlmServer& server, const std::string& id) {
    RawClient client(server.port(), "");
    client.Send("GET /v1/models/" + id + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.Read();
  };
  EXPECT_EQ(json::parse(get(server_, "gpt-4o").body)["id"], "gpt-4o");
  FakeLlmServerOptions options = Options();
  options.models = {"ft:gpt-4o:org/x"};
  FakeLlmServer server(options);
  const RawResponse found = get(server, "ft:gpt-4o:org%2Fx");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(json::parse(found.body)["object"], "model");
  EXPECT_EQ(json::parse(found.body)["id"], "ft:gpt-4o:org/x");
  const RawResponse missing = get(server, "gpt-9");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(json::parse(missing.body)["error"]["code"], "model_not_found");
  EXPECT_EQ(json::parse(missing.body)["error"]["param"], "model");
  EXPECT_EQ(server.counters().models_requests, 2U);
}

TEST_F(FakeServerOpenAi, FaultsStrikeWithinCalls) {
  const std::string body = ChatBody(
      Tools(R"(,"tool_choice":{"type":"function","function":{"name":"weather"}},"stream":true)"));
  const auto under = [&](simulation::Fault fault) {
    server_.SetFaults({fault});
    RawClient client(server_.port(), "");
    client.SendPost("/v1/chat/completions", body);
    return client.Read();
  };
  RawResponse response = under({.kind = FaultKind::kCut, .after_tokens = 2});
  EXPECT_NE(response.end, End::kComplete);
  EXPECT_EQ(Assemble(response.Events()).pieces, 2);
  response = under({.kind = FaultKind::kErrorEvent, .after_tokens = 2});
  EXPECT_THAT(response.Events().back(), HasSubstr("\"error\""));
  response = under({.kind = FaultKind::kMissingDone});
  EXPECT_EQ(Assemble(response.Events()).finish_reason, "tool_calls");
  EXPECT_NE(response.Events().back(), "[DONE]");
  response = under({.kind = FaultKind::kMissingFinish});
  EXPECT_EQ(Assemble(response.Events()).finish_reason, "");
  response = under({.kind = FaultKind::kOversizedEvent, .after_tokens = 1, .bytes = 100'000});
  EXPECT_GT(Assemble(response.Events())
                .message["tool_calls"][0]["function"]["arguments"]
                .get<std::string>()
                .size(),
            100'000U);
}

}  // namespace
}  // namespace llmload::fake_server
