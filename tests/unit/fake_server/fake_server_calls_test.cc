// Tool calls, stop sequences, JSON and kept prompts, as the APIs of Anthropic, Bedrock and Ollama
// word them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/unit/fake_server/api_requests.h"
#include "tests/unit/fake_server/said.h"

namespace llmload::fake_server {
namespace {

using simulation::FaultKind;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using CallJson = nlohmann::json;

constexpr const char* kWeatherSchema =
    R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city","days"],"additionalProperties":false})";

std::string AnthropicTools() {
  return R"(,"tools":[{"name":"get_weather","input_schema":)" + std::string(kWeatherSchema) +
         R"(},{"name":"get_time","input_schema":{"type":"object"}}])";
}

std::string ConverseTools(const std::string& choice) {
  return R"(,"toolConfig":{"tools":[{"toolSpec":{"name":"get_weather","inputSchema":{"json":)" +
         std::string(kWeatherSchema) +
         R"(}}},{"toolSpec":{"name":"get_time","inputSchema":{"json":{"type":"object"}}}}],"toolChoice":)" +
         choice + "}";
}

std::string OllamaTools() {
  return R"(,"tools":[{"type":"function","function":{"name":"get_weather","parameters":)" +
         std::string(kWeatherSchema) + R"(}},{"type":"function","function":{"name":"get_time"}}])";
}

class ApiAnswers : public ::testing::TestWithParam<std::tuple<Api, bool>> {
 protected:
  static Api api() { return std::get<0>(GetParam()); }
  static bool stream() { return std::get<1>(GetParam()); }
  static bool IsAnthropic() { return api() == Api::kAnthropic || api() == Api::kInvoke; }

  static std::string Target() {
    const std::string claude = "/model/anthropic.claude-sonnet-5-v1%3A0/";
    switch (api()) {
      case Api::kAnthropic:
        return "/v1/messages";
      case Api::kConverse:
        return claude + (stream() ? "converse-stream" : "converse");
      case Api::kInvoke:
        return claude + (stream() ? "invoke-with-response-stream" : "invoke");
      case Api::kOllama:
        return "/api/chat";
    }
    return {};
  }

  // `messages` in the form of the API; `more` is appended to the members.
  static std::string Body(const std::string& messages, const std::string& more) {
    const std::string flag = stream() ? "true" : "false";
    switch (api()) {
      case Api::kAnthropic:
        return R"({"model":"claude-sonnet-5","max_tokens":1000,"stream":)" + flag +
               R"(,"messages":)" + messages + more + "}";
      case Api::kInvoke:
        return R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":)" +
               messages + more + "}";
      case Api::kConverse:
        return R"({"messages":)" + messages + more + "}";
      case Api::kOllama:
        return R"({"model":"m","stream":)" + flag + R"(,"messages":)" + messages + more + "}";
    }
    return {};
  }
  static std::string Hi() { return api() == Api::kConverse ? kConverseHi : kHi; }

  static Said Ask(RawClient& client, const std::string& more, const std::string& messages = Hi()) {
    const std::string body = Body(messages, more);
    client.SendPost(Target(), body,
                    "Authorization: Bearer key\r\nanthropic-version: 2023-06-01\r\n");
    const RawResponse answer = client.Read();
    EXPECT_EQ(answer.status, 200) << body << "\n" << answer.body;
    return ReadSaid(api(), stream(), answer);
  }
  // What is asked several times: an answer decides by its number.
  static std::vector<Said> AskOften(const FakeLlmServer& server, const std::string& more,
                                    const std::string& messages = Hi()) {
    RawClient client(server.port(), "");
    std::vector<Said> all;
    for (int i = 0; i < 24; ++i) all.push_back(Ask(client, more, messages));
    return all;
  }

  static std::string Tools(const std::string& choice) {
    switch (api()) {
      case Api::kOllama:
        return OllamaTools();
      case Api::kConverse:
        return ConverseTools(choice == "tool" ? R"({"tool":{"name":"get_weather"}})"
                                              : "{\"" + choice + "\":{}}");
      default:
        return AnthropicTools() + R"(,"tool_choice":{"type":")" + choice + "\"" +
               (choice == "tool" ? R"(,"name":"get_weather"})" : "}");
    }
  }

  static void ExpectWholeCalls(const Said& said) {
    EXPECT_EQ(said.stop, api() == Api::kOllama ? "stop" : "tool_use");
    EXPECT_EQ(said.text, "");
    std::set<std::string> ids;
    std::set<std::string> names;
    for (const SaidCall& call : said.calls) {
      EXPECT_TRUE(call.begun && call.ended);
      EXPECT_TRUE(ids.insert(call.id).second);
      EXPECT_TRUE(names.insert(call.name).second) << "called twice";
      EXPECT_FALSE(call.id.empty());
      const CallJson arguments = CallJson::parse(call.arguments, nullptr, false);
      ASSERT_TRUE(arguments.is_object()) << call.arguments;
      if (call.name != "get_weather") continue;
      EXPECT_TRUE(arguments["city"].is_string());
      EXPECT_TRUE(arguments["days"].is_number_integer());
    }
  }
};

std::string ApiName(const ::testing::TestParamInfo<std::tuple<Api, bool>>& test) {
  constexpr const char* kNames[] = {"Anthropic", "Converse", "Invoke", "Ollama"};
  return std::string(kNames[static_cast<int>(std::get<0>(test.param))]) +
         (std::get<1>(test.param) ? "Streamed" : "Whole");
}
INSTANTIATE_TEST_SUITE_P(All, ApiAnswers,
                         ::testing::Combine(::testing::Values(Api::kAnthropic, Api::kConverse,
                                                              Api::kInvoke, Api::kOllama),
                                            ::testing::Bool()),
                         ApiName);

// Those whose requests say which tools are to be called, and which prompts to keep.
class ApisWithChoice : public ApiAnswers {};
INSTANTIATE_TEST_SUITE_P(All, ApisWithChoice,
                         ::testing::Combine(::testing::Values(Api::kAnthropic, Api::kConverse,
                                                              Api::kInvoke),
                                            ::testing::Bool()),
                         ApiName);

// Only Anthropic's can forbid calls, and several of them in one answer.
class AnthropicApis : public ApiAnswers {};
INSTANTIATE_TEST_SUITE_P(All, AnthropicApis,
                         ::testing::Combine(::testing::Values(Api::kAnthropic, Api::kInvoke),
                                            ::testing::Bool()),
                         ApiName);

// Those that send a call in parts.
class StreamedCalls : public ApiAnswers {};
INSTANTIATE_TEST_SUITE_P(All, StreamedCalls,
                         ::testing::Combine(::testing::Values(Api::kAnthropic, Api::kConverse,
                                                              Api::kInvoke),
                                            ::testing::Values(true)),
                         ApiName);

TEST_P(ApiAnswers, CallToolsIfTheyLike) {
  FakeLlmServer server(ThreeTokensAtOnce());
  int with_calls = 0;
  std::size_t most = 0;
  for (const Said& said : AskOften(server, Tools("auto"))) {
    if (said.calls.empty()) {
      EXPECT_NE(said.text, "");
      EXPECT_EQ(said.stop, IsAnthropic() || api() == Api::kConverse ? "end_turn" : "stop");
      continue;
    }
    ++with_calls;
    most = std::max(most, said.calls.size());
    ExpectWholeCalls(said);
  }
  EXPECT_GT(with_calls, 0);
  EXPECT_LT(with_calls, 24);
  EXPECT_GT(most, 1U) << "several calls in one answer";
}

TEST_P(ApisWithChoice, CallToolsIfTheyMust) {
  FakeLlmServer server(ThreeTokensAtOnce());
  std::set<std::string> names;
  for (const Said& said : AskOften(server, Tools("any"))) {
    EXPECT_FALSE(said.calls.empty());
    ExpectWholeCalls(said);
    for (const SaidCall& call : said.calls) names.insert(call.name);
  }
  EXPECT_EQ(names.size(), 2U);
  for (const Said& said : AskOften(server, Tools("tool"))) {
    ASSERT_EQ(said.calls.size(), 1U);
    EXPECT_EQ(said.calls[0].name, "get_weather");
  }
}

TEST_P(AnthropicApis, CallNoToolsIfTheyMayNot) {
  FakeLlmServer server(ThreeTokensAtOnce());
  for (const Said& said : AskOften(server, Tools("none"))) EXPECT_TRUE(said.calls.empty());
  const std::string one_at_a_time =
      AnthropicTools() + R"(,"tool_choice":{"type":"any","disable_parallel_tool_use":true})";
  for (const Said& said : AskOften(server, one_at_a_time)) EXPECT_EQ(said.calls.size(), 1U);
}

TEST_P(ApiAnswers, SayWhatTheyHaveFoundAfterAResult) {
  FakeLlmServer server(ThreeTokensAtOnce());
  std::string messages =
      R"([{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"get_weather","input":{}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"7"}]}])";
  if (api() == Api::kConverse) {
    messages =
        R"([{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"get_weather","input":{}}}]},)"
        R"({"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"7"}]}}]}])";
  } else if (api() == Api::kOllama) {
    messages =
        R"([{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"function":{"name":"get_weather","arguments":{}}}]},)"
        R"({"role":"tool","tool_name":"get_weather","content":"7"}])";
  }
  for (const Said& said : AskOften(server, Tools("auto"), messages)) {
    EXPECT_TRUE(said.calls.empty());
    EXPECT_NE(said.text, "");
  }
}

TEST_P(StreamedCalls, CutCallsAtTheOutputLimit) {
  FakeLlmServer server(ThreeTokensAtOnce());
  RawClient client(server.port(), "");
  std::string more = Tools("tool");
  if (api() == Api::kConverse) more += R"(,"inferenceConfig":{"maxTokens":2})";
  std::string messages = Hi();
  Said said;
  if (api() == Api::kConverse) {
    said = Ask(client, more);
  } else {
    std::string body = Body(messages, more);
    body.replace(body.find("1000"), 4, "2");
    client.SendPost(Target(), body,
                    "Authorization: Bearer key\r\nanthropic-version: 2023-06-01\r\n");
    said = ReadSaid(api(), true, client.Read());
  }
  EXPECT_EQ(said.stop, "max_tokens");
  ASSERT_EQ(said.calls.size(), 1U);
  EXPECT_TRUE(said.calls[0].ended);
  EXPECT_EQ(said.calls[0].arguments, "{\"city\":") << "two tokens of four bytes";
}

TEST_P(ApiAnswers, EndAtAStopSequence) {
  FakeLlmServerOptions options = ThreeTokensAtOnce();
  options.latency.tokens_min = options.latency.tokens_max = 30;
  FakeLlmServer server(options);
  const std::string stops = R"(["the","END","\"quoted\""])";
  const std::string more =
      IsAnthropic() ? R"(,"stop_sequences":)" + stops
      : api() == Api::kConverse
          ? R"(,"additionalModelResponseFieldPaths":["/stop_sequence","/delta/stop_sequence"],"inferenceConfig":{"stopSequences":)" +
                stops + "}"
          : R"(,"options":{"stop":)" + stops + "}";
  std::set<std::string> met;
  for (const Said& said : AskOften(server, more)) {
    EXPECT_THAT(said.text, Not(HasSubstr("the")));
    EXPECT_THAT(said.text, Not(HasSubstr("END")));
    if (api() == Api::kOllama) {
      EXPECT_EQ(said.stop, "stop");
      continue;
    }
    EXPECT_THAT(said.stop, AnyOf("stop_sequence", "end_turn"));

    EXPECT_EQ(said.stop_sequence.empty(), said.stop == "end_turn");
    if (!said.stop_sequence.empty()) met.insert(said.stop_sequence);
  }
  EXPECT_EQ(met.contains("the"), api() != Api::kOllama);
}

TEST_P(ApiAnswers, AreJsonIfAskedTo) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const std::string schema = kWeatherSchema;
  const std::string more =
      IsAnthropic()
          ? R"(,"output_config":{"format":{"type":"json_schema","schema":)" + schema + "}}"
      : api() == Api::kConverse
          ? R"(,"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"x","schema":)" +
                CallJson(schema).dump() + "}}}}"
          : R"(,"format":)" + schema;
  RawClient client(server.port(), "");
  const CallJson json = CallJson::parse(Ask(client, more).text, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_TRUE(json["city"].is_string());
  EXPECT_TRUE(json["days"].is_number_integer());
  if (api() != Api::kOllama) return;
  EXPECT_TRUE(CallJson::parse(Ask(client, R"(,"format":"json")").text, nullptr, false).is_object());
}

TEST_P(ApisWithChoice, KeepPromptsThatTheyAreToldToKeep) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const bool converse = api() == Api::kConverse;
  const auto text = [&](std::size_t size, char letter, bool keep) {
    const std::string written = "\"text\":\"" + std::string(size, letter) + "\"";
    if (converse) return "{" + written + (keep ? R"(},{"cachePoint":{"type":"default"}})" : "}");
    return R"({"type":"text",)" + written +
           (keep ? R"(,"cache_control":{"type":"ephemeral"}})" : "}");
  };
  RawClient client(server.port(), "");
  const auto ask = [&](const std::string& system, const std::string& user) {
    const Said said = Ask(client, R"(,"system":[)" + system + "]",
                          R"([{"role":"user","content":[)" + user + "]}]");
    const CallJson& usage = said.usage;
    return std::vector<int>{
        usage[converse ? "inputTokens" : "input_tokens"],
        usage[converse ? "cacheWriteInputTokens" : "cache_creation_input_tokens"],
        usage[converse ? "cacheReadInputTokens" : "cache_read_input_tokens"]};
  };
  using Tokens = std::vector<int>;  // fresh, written, read
  EXPECT_EQ(ask(text(8000, 'a', true), text(400, 'b', false)), (Tokens{100, 2000, 0}));
  EXPECT_EQ(ask(text(8000, 'a', true), text(800, 'c', false)), (Tokens{200, 0, 2000}));
  // A longer prompt that begins alike: the rest is added to what is kept.
  EXPECT_EQ(ask(text(8000, 'a', true), text(4000, 'd', true)), (Tokens{0, 1000, 2000}));
  EXPECT_EQ(ask(text(8000, 'a', true), text(4000, 'd', true)), (Tokens{0, 0, 3000}));
  EXPECT_EQ(ask(text(8000, 'x', true), text(4000, 'd', false)), (Tokens{1000, 2000, 0}));
  // Without a mark nothing is looked up, and short prompts are not kept.
  EXPECT_EQ(ask(text(8000, 'a', false), text(400, 'b', false)), (Tokens{2100, 0, 0}));
  EXPECT_EQ(ask(text(400, 'e', true), text(400, 'b', false)), (Tokens{200, 0, 0}));
}

TEST(ApiUsage, TheTopLevelCacheControlKeepsTheWholePrompt) {
  FakeLlmServer server(ThreeTokensAtOnce());
  const std::string text(8000, 'a');
  const auto usage = [&](const std::string& messages) {
    const RawResponse answer = PostTo(
        server, "/v1/messages", Anthropic(messages, R"(,"cache_control":{"type":"ephemeral"})"));
    return CallJson::parse(answer.body)["usage"];
  };
  const std::string first = R"({"role":"user","content":")" + text + "\"}";
  const CallJson written = usage("[" + first + "]");
  EXPECT_EQ(written["cache_creation_input_tokens"], 2000);
  EXPECT_EQ(written["cache_creation"],
            CallJson::parse(R"({"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":2000})"));
  // The next turn of the same conversation.
  const CallJson next =
      usage("[" + first + R"(,{"role":"assistant","content":"Yes"},{"role":"user","content":")" +
            std::string(397, 'b') + "\"}]");
  EXPECT_EQ(next["cache_read_input_tokens"], 2000);
  EXPECT_EQ(next["cache_creation_input_tokens"], 100);
  EXPECT_EQ(next["input_tokens"], 0);
}

TEST_P(StreamedCalls, BreakInTheMiddleOfACall) {
  FakeLlmServer server(ThreeTokensAtOnce());
  RawClient client(server.port(), "");
  const std::string more = Tools("tool");
  server.SetFaults({{.kind = FaultKind::kErrorEvent, .after_tokens = 1}});
  Said said = Ask(client, more);
  EXPECT_EQ(said.error, api() == Api::kAnthropic ? "overloaded_error" : "internalServerException");
  ASSERT_EQ(said.calls.size(), 1U);
  EXPECT_EQ(said.calls[0].arguments, "{\"ci");
  EXPECT_FALSE(said.calls[0].ended);

  server.SetFaults({{.kind = FaultKind::kMalformedJson, .after_tokens = 1}});
  said = Ask(client, more);
  EXPECT_EQ(said.broken_events, 1);
  EXPECT_EQ(said.stop, "tool_use");

  server.SetFaults({{.kind = FaultKind::kMissingFinish}});
  said = Ask(client, more);
  EXPECT_EQ(said.stop, "");
  EXPECT_EQ(said.calls.front().name, "get_weather");

  server.SetFaults({{.kind = FaultKind::kOversizedEvent, .after_tokens = 1, .bytes = 100'000}});
  said = Ask(client, more);
  EXPECT_GT(said.calls.front().arguments.size(), 100'000U);
  EXPECT_EQ(said.stop, "tool_use");

  server.SetFaults({{.kind = FaultKind::kOversizedBody, .after_tokens = 1, .bytes = 100'000}});
  said = Ask(client, more);
  EXPECT_GT(said.calls.front().arguments.size(), 100'000U);

  server.SetFaults({{.kind = FaultKind::kCut, .after_tokens = 1}});
  client.SendPost(Target(), Body(Hi(), more),
                  "Authorization: Bearer key\r\nanthropic-version: 2023-06-01\r\n");
  EXPECT_NE(client.Read().end, End::kComplete);
}

// Whole calls, too, come with what a fault adds.
TEST_P(ApiAnswers, AreAsLongAsAFaultSaysAlsoWithCalls) {
  FakeLlmServerOptions options = ThreeTokensAtOnce();
  options.faults = {{.kind = FaultKind::kOversizedBody, .bytes = 100'000}};
  FakeLlmServer server(options);
  std::size_t with_calls = 0;
  for (const Said& said : AskOften(server, Tools(api() == Api::kOllama ? "auto" : "any"))) {
    std::size_t size = said.text.size();
    for (const SaidCall& call : said.calls) size += call.arguments.size();
    EXPECT_GT(size, 100'000U);
    with_calls += said.calls.empty() ? 0 : 1;
  }
  EXPECT_GT(with_calls, 0U);
}

}  // namespace
}  // namespace llmload::fake_server
