// OpenAI's Responses API: whole answers, events, calls, refusals and faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/simulation/fault_spec.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr const char* kFunction =
    R"({"type":"function","name":"weather","parameters":{"type":"object","properties":)"
    R"({"city":{"type":"string"}},"required":["city"]}})";

class FakeServerResponses : public ::testing::Test {
 protected:
  static FakeLlmServerOptions Options() {
    FakeLlmServerOptions options;
    options.latency.ttft_median = options.latency.gap_median = Duration::zero();
    options.latency.tokens_min = options.latency.tokens_max = 3;
    options.clear_text = true;
    return options;
  }

  static std::string Body(const std::string& more = "") {
    return R"({"model":"gpt-4o","input":"Say hello.")" + more + "}";
  }

  static std::string Calling(const std::string& more = "") {
    return Body(",\"tools\":[" + std::string(kFunction) + R"(],"tool_choice":"required")" + more);
  }

  RawResponse Post(const std::string& body, const std::string& target = "/v1/responses") {
    RawClient client(server_.port(), "");
    client.SendPost(target, body);
    return client.Read();
  }

  json Answer(const std::string& body) {
    const RawResponse response = Post(body);
    EXPECT_EQ(response.status, 200) << response.raw;
    return json::parse(response.body);
  }

  json Error(const std::string& body) {
    const RawResponse response = Post(body);
    EXPECT_EQ(response.status, 400) << body << "\n" << response.raw;
    return json::parse(response.body)["error"];
  }

  // The events, whose lines agree with each other and whose numbers count up.
  static std::vector<json> Events(const RawResponse& response) {
    std::vector<json> events;
    for (const std::string& data : response.Events()) {
      events.push_back(json::parse(data));
      EXPECT_EQ(events.back()["sequence_number"], events.size() - 1);
      const std::string type = events.back()["type"];
      EXPECT_THAT(response.body, HasSubstr("event: " + type + "\ndata: {\"type\":\"" + type));
    }
    return events;
  }

  static std::vector<std::string> Types(const std::vector<json>& events) {
    std::vector<std::string> types;
    for (const json& event : events) {
      std::string type = event["type"];
      if (type.starts_with("response.")) type = type.substr(9);
      // Pieces of arguments come in any number.
      if (types.empty() || type != "function_call_arguments.delta" || types.back() != type) {
        types.push_back(type);
      }
    }
    return types;
  }

  FakeLlmServer server_{Options()};
};

TEST_F(FakeServerResponses, WholeAnswerHasTheDocumentedShape) {
  const RawResponse response = Post(Body(R"(,"instructions":"Be short","temperature":0.5)"));
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.fields.at("x-request-id"), StartsWith("req_"));
  EXPECT_EQ(response.fields.count("x-ratelimit-remaining-requests"), 1U);
  const json answer = json::parse(response.body);
  EXPECT_THAT(answer["id"].get<std::string>(), MatchesRegex("resp_[0-9a-z]{48}"));
  EXPECT_EQ(answer["object"], "response");
  EXPECT_EQ(answer["status"], "completed");
  EXPECT_TRUE(answer["error"].is_null());
  EXPECT_TRUE(answer["incomplete_details"].is_null());
  EXPECT_EQ(answer["model"], "gpt-4o");
  EXPECT_EQ(answer["instructions"], "Be short");
  EXPECT_EQ(answer["temperature"], 0.5);
  EXPECT_EQ(answer["top_p"], 1.0);
  EXPECT_EQ(answer["tools"], json::array());
  EXPECT_EQ(answer["text"]["format"]["type"], "text");
  ASSERT_THAT(answer["output"], SizeIs(1));
  const json& message = answer["output"][0];
  EXPECT_EQ(message["type"], "message");
  EXPECT_EQ(message["role"], "assistant");
  EXPECT_EQ(message["status"], "completed");
  EXPECT_THAT(message["id"].get<std::string>(), StartsWith("msg_"));
  EXPECT_EQ(message["content"][0]["type"], "output_text");
  EXPECT_NE(message["content"][0]["text"], "");
  EXPECT_EQ(answer["usage"]["input_tokens"], 5);  // ceil(18 / 4)
  EXPECT_EQ(answer["usage"]["output_tokens"], 3);
  EXPECT_EQ(answer["usage"]["total_tokens"], 8);
  EXPECT_EQ(server_.counters().chat_requests, 1U);
  EXPECT_EQ(server_.counters().tokens_sent, 3U);
}

TEST_F(FakeServerResponses, StreamsItsEventsInOrder) {
  const RawResponse response = Post(Body(R"(,"stream":true)"));
  EXPECT_THAT(response.fields.at("content-type"), StartsWith("text/event-stream"));
  const auto events = Events(response);
  ASSERT_THAT(
      Types(events),
      ElementsAre("created", "in_progress", "output_item.added", "content_part.added",
                  "output_text.delta", "output_text.delta", "output_text.delta", "output_text.done",
                  "content_part.done", "output_item.done", "completed"));
  EXPECT_EQ(events[0]["response"]["status"], "in_progress");
  EXPECT_TRUE(events[0]["response"]["usage"].is_null());
  const std::string id = events[2]["item"]["id"];
  std::string text;
  for (std::size_t i = 4; i < 7; ++i) {
    text += events[i]["delta"].get<std::string>();
    EXPECT_EQ(events[i]["item_id"], id);
    EXPECT_EQ(events[i]["output_index"], 0);
    EXPECT_EQ(events[i]["content_index"], 0);
    EXPECT_TRUE(events[i].contains("obfuscation"));
  }
  EXPECT_EQ(events[7]["text"], text);
  EXPECT_EQ(events[8]["part"]["text"], text);
  EXPECT_EQ(events[9]["item"]["content"][0]["text"], text);
  const json& last = events[10]["response"];
  EXPECT_EQ(last["id"], events[0]["response"]["id"]);
  EXPECT_EQ(last["status"], "completed");
  EXPECT_EQ(last["output"][0], events[9]["item"]);
  EXPECT_EQ(last["usage"]["output_tokens"], 3);
  EXPECT_THAT(response.body, ::testing::Not(HasSubstr("[DONE]")));
  const auto plain =
      Events(Post(Body(R"(,"stream":true,"stream_options":{"include_obfuscation":false})")));
  EXPECT_FALSE(plain[4].contains("obfuscation"));
}

TEST_F(FakeServerResponses, SaysWhatCutIt) {
  FakeLlmServerOptions options = Options();
  options.latency.tokens_min = options.latency.tokens_max = 20;
  FakeLlmServer server(options);
  for (const bool stream : {false, true}) {
    RawClient client(server.port(), "");
    client.SendPost("/v1/responses", Body(std::string(R"(,"max_output_tokens":16,"stream":)") +
                                          (stream ? "true" : "false")));
    const RawResponse response = client.Read();
    json answer;
    if (stream) {
      const json last = Events(response).back();
      EXPECT_EQ(last["type"], "response.incomplete");
      answer = last["response"];
    } else {
      answer = json::parse(response.body);
    }
    EXPECT_EQ(answer["status"], "incomplete");
    EXPECT_EQ(answer["incomplete_details"]["reason"], "max_output_tokens");
    EXPECT_EQ(answer["usage"]["output_tokens"], 16);
  }
}

TEST_F(FakeServerResponses, CallsTools) {
  const json answer = Answer(Calling());
  ASSERT_THAT(answer["output"], SizeIs(Ge(1U)));
  for (const json& item : answer["output"]) {
    EXPECT_EQ(item["type"], "function_call");
    EXPECT_EQ(item["name"], "weather");
    EXPECT_THAT(item["call_id"].get<std::string>(), StartsWith("call_"));
    EXPECT_TRUE(json::parse(item["arguments"].get<std::string>())["city"].is_string());
  }
  EXPECT_EQ(answer["tools"][0]["name"], "weather");
  EXPECT_EQ(answer["tool_choice"], "required");

  const auto events = Events(Post(Calling(R"(,"parallel_tool_calls":false,"stream":true)")));
  ASSERT_THAT(
      Types(events),
      ElementsAre("created", "in_progress", "output_item.added", "function_call_arguments.delta",
                  "function_call_arguments.done", "output_item.done", "completed"));
  EXPECT_EQ(events[2]["item"]["arguments"], "");
  EXPECT_EQ(events[2]["item"]["status"], "in_progress");
  std::string arguments;
  int pieces = 0;
  for (const json& event : events) {
    if (event["type"] != "response.function_call_arguments.delta") continue;
    arguments += event["delta"].get<std::string>();
    EXPECT_EQ(event["item_id"], events[2]["item"]["id"]);
    ++pieces;
  }
  EXPECT_GT(pieces, 2);
  EXPECT_EQ(events[events.size() - 3]["arguments"], arguments);
  EXPECT_EQ(events[events.size() - 2]["item"]["arguments"], arguments);
  EXPECT_EQ(events.back()["response"]["output"], json::array({events[events.size() - 2]["item"]}));
  EXPECT_EQ(events.back()["response"]["usage"]["output_tokens"], pieces);
}

TEST_F(FakeServerResponses, ContinuesAfterTheResultOfACall) {
  const std::string input =
      R"({"model":"gpt-4o","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},)"
      R"({"type":"function_call","call_id":"a","name":"weather","arguments":"{}"},)"
      R"({"type":"function_call_output","call_id":"a","output":"rain"}],"tools":[)";
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Answer(input + kFunction + "]}")["output"][0]["type"], "message");
  }
  EXPECT_EQ(Answer(R"({"model":"gpt-4o","previous_response_id":"resp_1","input":[)"
                   R"({"type":"function_call_output","call_id":"a","output":"rain"}]})")["status"],
            "completed");
}

TEST_F(FakeServerResponses, AnswersJsonThatFitsTheSchema) {
  const json answer =
      Answer(Body(R"(,"text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object",)"
                  R"("properties":{"a":{"type":"integer"}}}}})"));
  EXPECT_EQ(json::parse(answer["output"][0]["content"][0]["text"].get<std::string>()),
            json::parse(R"({"a":1})"));
  EXPECT_EQ(answer["text"]["format"]["name"], "s");
}

TEST_F(FakeServerResponses, RefusesWhatTheServiceRefuses) {
  struct Case {
    std::string body;
    const char* param;
    const char* message;
  };
  const auto input = [](const std::string& items) {
    return R"({"model":"gpt-4o","input":[)" + items + "]}";
  };
  const auto tools = [](const std::string& more) {
    return Body(",\"tools\":[" + std::string(kFunction) + "]" + more);
  };
  const std::vector<Case> cases = {
      {R"({"model":"gpt-4o"})", "input", "Missing required parameter: 'input'."},
      {R"({"model":"gpt-4o","input":3})", "input", "Invalid type"},
      {R"({"model":"gpt-4o","input":[]})", "input", "empty array"},
      {Body(R"(,"messages":[])"), "messages", "Unknown parameter"},
      {Body(R"(,"stop":"x")"), "stop", "Unknown parameter"},
      {Body(R"(,"max_output_tokens":15)"), "max_output_tokens", "Expected a value >= 16"},
      {Body(R"(,"max_output_tokens":9999999)"), "max_output_tokens", "too large"},
      {Body(R"(,"temperature":3)"), "temperature", "above maximum"},
      {Body(R"(,"background":true)"), "background", "not supported"},
      {Body(R"(,"previous_response_id":"x")"), "previous_response_id", "begins with 'resp'"},
      {input(R"({"content":"x"})"), "input[0].role", "Missing"},
      {input(R"({"type":"unknown"})"), "input[0].type", "Supported values"},
      {input(R"({"role":"boss","content":"x"})"), "input[0].role", "Supported values"},
      {input(R"({"role":"user"})"), "input[0].content", "Missing"},
      {input(R"({"role":"user","content":[{"type":"text","text":"x"}]})"),
       "input[0].content[0].type", "Invalid value: 'text'"},
      {input(R"({"role":"assistant","content":[{"type":"input_text","text":"x"}]})"),
       "input[0].content[0].type", "Supported values are: 'output_text' and 'refusal'."},
      {input(R"({"role":"user","content":[{"type":"input_image"}]})"),
       "input[0].content[0].image_url", "Missing"},
      {input(R"({"role":"user","content":[{"type":"input_image","image_url":"cat"}]})"),
       "input[0].content[0].image_url", "valid URL"},
      {input(R"({"type":"function_call","call_id":"a","name":"f","arguments":"{}"})"), "input",
       "No tool output found for function call a."},
      {input(R"({"type":"function_call_output","call_id":"a","output":"x"})"), "input",
       "No tool call found for function call output with call_id a."},
      {Body(R"(,"tools":[{"type":"function","function":{"name":"f"}}])"), "tools[0].name",
       "Missing"},
      {Body(R"(,"tools":[{"type":"search"}])"), "tools[0].type", "Supported values"},
      {Body(R"(,"tool_choice":"required")"), "tool_choice", "must be specified with 'tools'"},
      {tools(R"(,"tool_choice":{"type":"function","name":"g"})"), "tool_choice", "not found"},
      {Body(R"(,"text":{"format":{"type":"xml"}})"), "text.format.type", "Supported values"},
      {Body(R"(,"text":{"format":{"type":"json_schema","name":"s"}})"), "text.format.schema",
       "Missing"},
      {Body(R"(,"text":{"format":{"type":"json_object"}})"), "input", "must contain the word"},
  };
  for (const Case& c : cases) {
    const json error = Error(c.body);
    EXPECT_EQ(error["param"], c.param) << c.body;
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr(c.message)) << c.body;
  }
  EXPECT_EQ(Post(Body(R"(,"tools":[],"tool_choice":"auto","parallel_tool_calls":true)")).status,
            200);
}

TEST_F(FakeServerResponses, FaultsStrikeAsInAnyStream) {
  const auto under = [this](const std::string& fault, bool stream) {
    server_.SetFaults({simulation::ParseFault(fault)});
    return Post(Body(stream ? R"(,"stream":true)" : ""));
  };
  EXPECT_EQ(json::parse(under("status=429", true).body)["error"]["code"], "rate_limit_exceeded");
  RawResponse response = under("error-event=1", true);
  auto events = Events(response);
  EXPECT_EQ(events.back()["type"], "response.failed");
  EXPECT_EQ(events.back()["response"]["status"], "failed");
  EXPECT_EQ(events.back()["response"]["error"]["code"], "server_error");
  EXPECT_EQ(events[events.size() - 2]["type"], "error");
  EXPECT_EQ(events[events.size() - 2]["error"]["code"], "server_error");
  EXPECT_EQ(json::parse(under("error-event", false).body)["status"], "failed");
  events = Events(under("no-done", true));
  EXPECT_EQ(events.back()["type"], "response.output_item.done");
  events = Events(under("no-finish", true));
  EXPECT_EQ(events.back()["type"], "response.output_text.delta");
  response = under("malformed=1", true);
  EXPECT_TRUE(json::parse(response.Events()[5], nullptr, false).is_discarded());
  response = under("cut=2", true);
  EXPECT_NE(response.end, End::kComplete);
  EXPECT_EQ(Events(response).size(), 4U + 2);
}

TEST_F(FakeServerResponses, AzureHasThemToo) {
  const RawResponse response = Post(Body(), "/openai/v1/responses");
  EXPECT_EQ(response.status, 200) << response.raw;
  EXPECT_EQ(response.fields.count("apim-request-id"), 1U);
  EXPECT_EQ(server_.counters().azure_requests, 1U);
}

}  // namespace
}  // namespace llmload::fake_server
