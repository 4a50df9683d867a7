// What the APIs of Anthropic, Bedrock and Ollama take, also where others would refuse it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/unit/fake_server/api_requests.h"

namespace llmload::fake_server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using AnswerJson = nlohmann::json;

TEST(ApiAcceptance, TakesWhatTheServicesTake) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const std::string png = Png();
  const std::string call =
      R"({"role":"assistant","content":[{"type":"tool_use","id":"a","name":"get_weather","input":{"city":"x"}},)"
      R"({"type":"tool_use","id":"b","name":"get_weather","input":{}}]})";
  struct Accepted {
    std::string target;
    std::string body;
  };
  const std::vector<Accepted> table = {
      // Turns of one role in a row are one turn, the first may be the assistant's, and the last
      // one of the assistant may be empty.
      {"/v1/messages",
       Anthropic(
           R"([{"role":"assistant","content":"a"},{"role":"user","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":""}])")},
      // Two messages answer the two calls of one turn.
      {"/v1/messages",
       Anthropic(
           R"([{"role":"user","content":"Hi"},)" + call +
               R"(,{"role":"user","content":[{"type":"tool_result","tool_use_id":"b"}]},)"
               R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"a","is_error":true,"content":[)"
               R"({"type":"text","text":"no"}]},{"type":"text","text":"Go on"}]}])",
           kTool)},
      {"/v1/messages", Anthropic(kHi, R"(,"tools":[],"tool_choice":{"type":"auto"})")},
      {"/v1/messages",
       Anthropic(kHi, std::string(kTool) +
                          R"(,"tool_choice":{"type":"auto","disable_parallel_tool_use":true})")},
      {"/v1/messages",
       Anthropic(kHi, R"(,"tools":[{"type":"web_search_20250305","name":"web_search"}])")},
      {"/v1/messages",
       Anthropic(
           kHi,
           R"(,"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}])"
           R"(,"cache_control":{"type":"ephemeral"},"metadata":{"user_id":null},"service_tier":"auto")"
           R"(,"output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object","properties":{},"additionalProperties":false}}})")},
      {"/v1/messages",
       AnthropicContent(
           R"([{"type":"image","source":{"type":"base64","media_type":"image/png","data":")" + png +
           R"("}},{"type":"image","source":{"type":"url","url":"https://x/y.webp"}}])")},
      {"/v1/messages",
       R"({"model":"claude-sonnet-5","max_tokens":2048,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"x"}]})"},
      {kConverseTarget,
       Converse(
           R"([{"role":"user","content":[{"text":"Hi"},{"cachePoint":{"type":"default"}}]},)"
           R"({"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"get_weather","input":{}}}]},)"
           R"({"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"a":1}}],"status":"success"}}]}])",
           kToolConfig)},
      {kConverseTarget,
       ConverseContent(R"([{"text":"x"},{"image":{"format":"png","source":{"bytes":")" + png +
                       R"("}}}])")},
      {kConverseTarget,
       Converse(
           kConverseHi,
           R"(,"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{}"}}}},"unknown":1)")},
      {"/api/chat",
       Ollama(
           R"([{"role":"user"},{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","tool_name":"f","content":"7"},{"role":"assistant","content":""}])",
           R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"format":"json","keep_alive":"5m","think":false)")},
      {"/api/chat",
       Ollama(R"([{"role":"user","content":"x","images":[")" + png + R"("]}])",
              R"(,"format":{"type":"object"},"options":{"num_predict":-1,"stop":["x"]})")},
      {"/api/generate",
       R"({"model":"m","prompt":"x","stream":false,"context":[1,2],"images":[],"format":""})"},
  };
  for (const Accepted& row : table) {
    const RawResponse answer = PostTo(server, row.target, row.body);
    EXPECT_EQ(answer.status, 200) << row.target << " " << row.body << "\n" << answer.body;
  }
  EXPECT_EQ(server.counters().validation_failures, 0U);
}

TEST(ApiAcceptance, AnthropicNeedsItsVersion) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const RawResponse answer = PostTo(server, "/v1/messages", Anthropic(kHi), "");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("anthropic-version: header is required"));
  EXPECT_EQ(
      PostTo(server, "/v1/messages", Anthropic(kHi), "anthropic-version: 2026-10-21\r\n").status,
      200);
}

// The clients of AWS name no type where JSON is meant, and those of Ollama name whatever they like.
TEST(ApiAcceptance, TheContentTypeMayBeWhatTheServiceTakes) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const std::string invoke =
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"x"}]})";
  struct Typed {
    std::string target;
    std::string body;
    std::string type;
    int status;
  };
  for (const Typed& row : std::vector<Typed>{
           {kInvokeTarget, invoke, "", 200},
           {kInvokeTarget, invoke, "application/octet-stream", 400},
           {kInvokeTarget, invoke, "application/json; charset=utf-8", 400},
           {kConverseTarget, Converse(kConverseHi), "application/json; charset=utf-8", 200},
           {kConverseTarget, Converse(kConverseHi), "", 400},
           {"/v1/messages", Anthropic(kHi), "text/plain", 400},
           {"/api/chat", Ollama(kHi), "application/x-www-form-urlencoded", 200},
           {"/api/generate", R"({"model":"m","prompt":"x"})", "", 200}}) {
    SCOPED_TRACE(row.target + " with '" + row.type + "'");
    RawClient client(server.port(), "");
    const std::string type = row.type.empty() ? "" : "Content-Type: " + row.type + "\r\n";
    client.Send("POST " + row.target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n" +
                "anthropic-version: 2023-06-01\r\n" + type +
                "Content-Length: " + std::to_string(row.body.size()) + "\r\n\r\n" + row.body);
    const RawResponse answer = client.Read();
    EXPECT_EQ(answer.status, row.status) << answer.body;
    if (row.target == kInvokeTarget && row.status == 400) {
      EXPECT_THAT(answer.body, HasSubstr("The provided Content Type is invalid or not supported"));
    }
  }
}

TEST(ApiAcceptance, UnknownMembersPassIfAllowed) {
  FakeLlmServerOptions options = ThreeTokensAtOnce();
  options.allow_unknown_parameters = true;
  FakeLlmServer server(options);
  const RawResponse answer = PostTo(
      server, "/v1/messages",
      Anthropic(R"([{"role":"user","name":"x","content":[{"type":"text","text":"a","b":1}]}])",
                R"(,"min_p":1)"));
  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST(OllamaApi, GeneratesALinePerToken) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const RawResponse answer =
      PostTo(server, "/api/generate", R"({"model":"m","prompt":"Hello you","system":"Be brief"})");
  EXPECT_EQ(answer.fields.at("content-type"), "application/x-ndjson");
  std::vector<AnswerJson> lines;
  std::istringstream body(answer.body);
  for (std::string line; std::getline(body, line);) lines.push_back(AnswerJson::parse(line));
  ASSERT_EQ(lines.size(), 4U);
  std::string text;
  for (const AnswerJson& line : lines) {
    EXPECT_FALSE(line.contains("message"));
    text += line["response"].get<std::string>();
    EXPECT_EQ(line["done"], &line == &lines.back());
  }
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(lines.back()["done_reason"], "stop");
  EXPECT_EQ(lines.back()["prompt_eval_count"], 5);  // ceil(17 bytes / 4)
  EXPECT_TRUE(lines.back()["context"].is_array());
  EXPECT_EQ(server.counters().ollama_requests, 1U);

  const AnswerJson whole = AnswerJson::parse(
      PostTo(server, "/api/generate", R"({"model":"m","prompt":"Hi","stream":false})").body);
  EXPECT_EQ(whole["done"], true);
  EXPECT_EQ(whole["eval_count"], 3);
  EXPECT_FALSE(whole["response"].get<std::string>().empty());
}

TEST(OllamaApi, LoadsAndUnloadsWithoutAPrompt) {
  FakeLlmServer server(ThreeTokensAtOnce());
  struct Load {
    const char* target;
    const char* body;
    const char* reason;
  };
  for (const Load& load : std::vector<Load>{
           {"/api/chat", R"({"model":"m","messages":[]})", "load"},
           {"/api/chat", R"({"model":"m"})", "load"},
           {"/api/chat", R"({"model":"m","messages":[],"keep_alive":0})", "unload"},
           {"/api/generate", R"({"model":"m"})", "load"},
           {"/api/generate", R"({"model":"m","prompt":"","keep_alive":"0s"})", "unload"}}) {
    SCOPED_TRACE(load.body);
    const RawResponse answer = PostTo(server, load.target, load.body);
    EXPECT_EQ(answer.status, 200);
    EXPECT_THAT(answer.fields.at("content-type"), StartsWith("application/json"));
    const AnswerJson body = AnswerJson::parse(answer.body);
    EXPECT_EQ(body["done"], true);
    EXPECT_EQ(body["done_reason"], load.reason);
    EXPECT_FALSE(body.contains("eval_count"));
    if (load.target == std::string("/api/chat")) {
      EXPECT_EQ(body["message"]["role"], "assistant");
      EXPECT_EQ(body["message"]["content"], "");
    } else {
      EXPECT_EQ(body["response"], "");
    }
  }
  EXPECT_EQ(server.counters().tokens_sent, 0U);
}

}  // namespace
}  // namespace llmload::fake_server
