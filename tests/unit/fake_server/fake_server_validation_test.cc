// What the fake server refuses, and how: as the real service does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

FakeLlmServerOptions InClearText() {
  FakeLlmServerOptions options;
  options.latency.ttft_median = Duration::zero();
  options.latency.gap_median = Duration::zero();
  options.clear_text = true;
  return options;
}

json ErrorOf(const RawResponse& response) {
  const json body = json::parse(response.body, nullptr, false);
  EXPECT_TRUE(body.is_object() && body.contains("error")) << response.body;
  for (const char* member : {"message", "type", "param", "code"}) {
    EXPECT_TRUE(body["error"].contains(member)) << member << " in " << response.body;
  }
  return body["error"];
}

struct Refused {
  const char* name;
  std::string body;
  const char* param;  // null: JSON null
  const char* code;
};

class Validation : public ::testing::TestWithParam<Refused> {};

TEST_P(Validation, RefusesAndNamesTheParameter) {
  FakeLlmServer server(InClearText());
  RawClient client(server.port(), "");
  client.SendPost("/v1/chat/completions", GetParam().body);
  const RawResponse response = client.Read();
  EXPECT_EQ(response.status, 400) << response.raw;
  EXPECT_EQ(response.end, End::kComplete);
  const json error = ErrorOf(response);
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["param"], GetParam().param == nullptr ? json(nullptr) : json(GetParam().param));
  EXPECT_EQ(error["code"], GetParam().code == nullptr ? json(nullptr) : json(GetParam().code));
  EXPECT_EQ(server.counters().validation_failures, 1U);
  EXPECT_EQ(server.counters().answers_by_status[400], 1U);
  // The connection has survived.
  client.SendPost("/v1/chat/completions", ChatBody());
  EXPECT_EQ(client.Read().status, 200);
}

const std::vector<Refused>& Cases() {
  static const std::vector<Refused> cases = {
      {"NotJson", "{\"model\":", nullptr, nullptr},
      {"NotAnObject", "[1]", nullptr, nullptr},
      {"Empty", "", nullptr, nullptr},
      {"IllFormedUtf8", ChatBody(",\"user\":\"\xff\""), nullptr, nullptr},
      {"NoModel", R"({"messages":[{"role":"user","content":"x"}]})", nullptr, nullptr},
      {"ModelNotText", R"({"model":3,"messages":[{"role":"user","content":"x"}]})", "model",
       "invalid_type"},
      {"NoMessages", R"({"model":"m"})", "messages", "missing_required_parameter"},
      {"MessagesNotArray", R"({"model":"m","messages":"x"})", "messages", "invalid_type"},
      {"MessagesEmpty", R"({"model":"m","messages":[]})", "messages", "empty_array"},
      {"MessageNotObject", R"({"model":"m","messages":["x"]})", "messages[0]", "invalid_type"},
      {"NoRole", R"({"model":"m","messages":[{"content":"x"}]})", "messages[0].role",
       "missing_required_parameter"},
      {"UnknownRole", R"({"model":"m","messages":[{"role":"boss","content":"x"}]})",
       "messages[0].role", "invalid_value"},
      {"NoContent", R"({"model":"m","messages":[{"role":"system","content":"x"},{"role":"user"}]})",
       "messages[1].content", nullptr},
      {"ContentNumber", R"({"model":"m","messages":[{"role":"user","content":1}]})",
       "messages[0].content", "invalid_type"},
      {"PartWithoutType", R"({"model":"m","messages":[{"role":"user","content":[{}]}]})",
       "messages[0].content[0].type", "missing_required_parameter"},
      {"ToolWithoutId", R"({"model":"m","messages":[{"role":"tool","content":"x"}]})",
       "messages[0].tool_call_id", "missing_required_parameter"},
      {"TemperatureHigh", ChatBody(R"(,"temperature":2.5)"), "temperature",
       "decimal_above_max_value"},
      {"TemperatureLow", ChatBody(R"(,"temperature":-0.1)"), "temperature",
       "decimal_below_min_value"},
      {"TemperatureText", ChatBody(R"(,"temperature":"1")"), "temperature", "invalid_type"},
      {"TopPHigh", ChatBody(R"(,"top_p":1.01)"), "top_p", "decimal_above_max_value"},
      {"PenaltyLow", ChatBody(R"(,"presence_penalty":-3)"), "presence_penalty",
       "decimal_below_min_value"},
      {"MaxTokensZero", ChatBody(R"(,"max_tokens":0)"), "max_tokens", "integer_below_min_value"},
      {"MaxTokensDecimal", ChatBody(R"(,"max_tokens":1.5)"), "max_tokens", "invalid_type"},
      {"MaxTokensHuge", ChatBody(R"(,"max_tokens":99999999999999999999)"), "max_tokens",
       "invalid_type"},
      {"BothLimits", ChatBody(R"(,"max_tokens":1,"max_completion_tokens":1)"), "max_tokens",
       "invalid_parameter_combination"},
      {"MaxTokensOfReasoningModel",
       R"({"model":"o3-mini","max_tokens":5,"messages":[{"role":"user","content":"x"}]})",
       "max_tokens", "unsupported_parameter"},
      {"NZero", ChatBody(R"(,"n":0)"), "n", "integer_below_min_value"},
      {"NHigh", ChatBody(R"(,"n":129)"), "n", "integer_above_max_value"},
      {"StreamText", ChatBody(R"(,"stream":"yes")"), "stream", "invalid_type"},
      {"StreamOptionsWithoutStream", ChatBody(R"(,"stream_options":{"include_usage":true})"),
       "stream_options", nullptr},
      {"IncludeUsageNumber", ChatBody(R"(,"stream":true,"stream_options":{"include_usage":1})"),
       "stream_options.include_usage", "invalid_type"},
      {"StopTooMany", ChatBody(R"(,"stop":["a","b","c","d","e"])"), "stop",
       "array_above_max_length"},
      {"StopNumber", ChatBody(R"(,"stop":[1])"), "stop[0]", "invalid_type"},
      {"TopLogprobsAlone", ChatBody(R"(,"top_logprobs":2)"), "top_logprobs", nullptr},
      {"UnknownEffort", ChatBody(R"(,"reasoning_effort":"some")"), "reasoning_effort",
       "invalid_value"},
      {"UnknownParameter", ChatBody(R"(,"max_token":5)"), "max_token", "unknown_parameter"},
  };
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Requests, Validation, ::testing::ValuesIn(Cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(FakeServerValidation, AcceptsWhatTheServiceAccepts) {
  FakeLlmServer server(InClearText());
  RawClient client(server.port(), "");
  const std::vector<std::string> bodies = {
      ChatBody(),
      ChatBody(R"(,"temperature":2,"top_p":0,"n":1,"max_tokens":1,"stop":"x","seed":-5)"),
      ChatBody(R"(,"temperature":null,"max_tokens":null,"stream":null,"stream_options":null)"),
      ChatBody(R"(,"logprobs":true,"top_logprobs":20,"user":"u","service_tier":"auto")"),
      R"({"model":"o3","max_completion_tokens":5,"messages":[{"role":"developer","content":"x"}]})",
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]},)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"x"}]})",
  };
  for (const std::string& body : bodies) {
    client.SendPost("/chat/completions", body);
    const RawResponse response = client.Read();
    EXPECT_EQ(response.status, 200) << body << "\n" << response.raw;
  }
  EXPECT_EQ(server.counters().validation_failures, 0U);
}

TEST(FakeServerValidation, IgnoresUnknownParametersIfToldTo) {
  FakeLlmServerOptions options = InClearText();
  options.allow_unknown_parameters = true;
  FakeLlmServer server(options);
  RawClient client(server.port(), "");
  client.SendPost("/v1/chat/completions", ChatBody(R"(,"min_tokens":5)"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST(FakeServerValidation, RefusesOtherPathsMethodsAndContentTypes) {
  FakeLlmServer server(InClearText());
  RawClient client(server.port(), "");
  client.SendPost("/v1/completions", ChatBody());
  RawResponse response = client.Read();
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(ErrorOf(response)["message"].get<std::string>(),
              HasSubstr("Invalid URL (POST /v1/completions)"));

  client.Send("GET /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n");
  response = client.Read();
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.fields["allow"], "POST");
  client.SendPost("/v1/models", "{}");
  response = client.Read();
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.fields["allow"], "GET");

  client.Send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
      "Content-Length: 2\r\n\r\n{}");
  response = client.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(ErrorOf(response)["code"], "unsupported_content_type");
  client.Send(
      "POST /v1/chat/completions?api-version=1 HTTP/1.1\r\nHost: x\r\nContent-Type: "
      "application/JSON; charset=utf-8\r\nContent-Length: " +
      std::to_string(ChatBody().size()) + "\r\n\r\n" + ChatBody());
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(server.counters().other_requests, 1U);
  EXPECT_EQ(server.counters().chat_requests, 3U);
  EXPECT_EQ(server.counters().models_requests, 1U);
}

TEST(FakeServerValidation, AnswersHeadWithoutABody) {
  FakeLlmServer server(InClearText());
  RawClient client(server.port(), "");
  client.Send("HEAD /v1/x HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.ReadUntil("HTTP/1.1 404"));
  EXPECT_TRUE(client.ReadUntil("\r\n\r\nHTTP/1.1 200 OK")) << "the next follows at once";
}

TEST(FakeServerValidation, ChecksTheKeyAndShowsItMaskedOnly) {
  const std::string key = "sk-test-0123456789abcdefghijklmnop";
  FakeLlmServerOptions options = InClearText();
  options.api_keys.emplace_back(key);
  FakeLlmServer server(options);
  RawClient client(server.port(), "");

  client.SendPost("/v1/chat/completions", ChatBody());
  RawResponse response = client.Read();
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(ErrorOf(response)["code"], nullptr);

  const std::string wrong = "sk-wrong-0123456789abcdefghij-WXYZ";
  client.SendPost("/v1/chat/completions", ChatBody(), "Authorization: Bearer " + wrong + "\r\n");
  response = client.Read();
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(ErrorOf(response)["code"], "invalid_api_key");
  EXPECT_THAT(response.raw, Not(HasSubstr(wrong)));
  EXPECT_THAT(response.raw, HasSubstr("sk-*"));
  EXPECT_THAT(response.raw, HasSubstr("*WXYZ"));
  client.SendPost("/v1/chat/completions", ChatBody(), "Authorization: Bearer short\r\n");
  EXPECT_THAT(client.Read().raw, Not(HasSubstr("short")));

  client.SendPost("/v1/chat/completions", ChatBody(), "Authorization: bearer " + key + "\r\n");
  EXPECT_EQ(client.Read().status, 200);
  client.Send("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read().status, 401);
  client.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read().status, 200);
}

TEST(FakeServerValidation, KnowsItsModelsAndTheirContext) {
  FakeLlmServerOptions options = InClearText();
  options.models = {"gpt-3.5-turbo"};
  options.context_length = 100;
  FakeLlmServer server(options);
  RawClient client(server.port(), "");

  client.SendPost("/v1/chat/completions",
                  R"({"model":"gpt-9","messages":[{"role":"user","content":"x"}]})");
  RawResponse response = client.Read();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(ErrorOf(response)["code"], "model_not_found");

  const std::string prompt(400, 'x');  // 100 tokens
  const auto body = [&prompt](const std::string& more) {
    return R"({"model":"gpt-3.5-turbo","messages":[{"role":"user","content":")" + prompt + "\"}]" +
           more + "}";
  };
  client.SendPost("/v1/chat/completions", body(""));
  EXPECT_EQ(client.Read().status, 200);
  client.SendPost("/v1/chat/completions", body(R"(,"max_tokens":1)"));
  response = client.Read();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(ErrorOf(response)["code"], "context_length_exceeded");
  EXPECT_THAT(ErrorOf(response)["message"].get<std::string>(),
              HasSubstr("maximum context length is 100 tokens"));

  client.Send("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
  response = client.Read();
  const json models = json::parse(response.body);
  EXPECT_EQ(models["data"].size(), 1U);
  EXPECT_EQ(models["data"][0]["id"], "gpt-3.5-turbo");
}

TEST(FakeServerValidation, BoundsHeaderAndBody) {
  FakeLlmServerOptions options = InClearText();
  options.max_body_bytes = 1000;
  FakeLlmServer server(options);
  {
    RawClient client(server.port(), "");
    client.SendPost("/v1/chat/completions", std::string(5000, 'x'));
    const RawResponse response = client.Read();
    EXPECT_EQ(response.status, 413);
    EXPECT_EQ(response.fields.at("connection"), "close");
    EXPECT_EQ(client.ReadToEnd(), End::kCloseNotify);
  }
  {
    RawClient client(server.port(), "");
    client.Send("GET /healthz HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
    EXPECT_EQ(client.Read().status, 431);
  }
  {
    RawClient client(server.port(), "");
    client.Send("this is not HTTP\r\n\r\n");
    EXPECT_EQ(client.Read().status, 400);
  }
}

TEST(FakeServerOptions, RefusesNonsenseAndNamesTheField) {
  struct Case {
    const char* field;
    std::function<void(FakeLlmServerOptions&)> spoil;
  };
  const std::vector<Case> cases = {
      {"address", [](auto& o) { o.address = "localhost"; }},
      {"address", [](auto& o) { o.address = "0.0.0.0", o.clear_text = true; }},
      {"threads", [](auto& o) { o.threads = 0; }},
      {"max_concurrent", [](auto& o) { o.max_concurrent = -1; }},
      {"requests_per_minute", [](auto& o) { o.requests_per_minute = 0; }},
      {"latency.tokens_min", [](auto& o) { o.latency.tokens_min = 0; }},
      {"latency.tokens_max", [](auto& o) { o.latency.tokens_max = 1; }},
      {"latency.ttft_sigma", [](auto& o) { o.latency.ttft_sigma = -1; }},
      {"api_keys", [](auto& o) { o.api_keys.emplace_back(); }},
      {"certificate_names", [](auto& o) { o.certificate_names = {"nonsense"}; }},
      {"fault.probability", [](auto& o) { o.faults = {{.probability = 1.5}}; }},
      {"idle_timeout", [](auto& o) { o.idle_timeout = Duration::zero(); }},
  };
  for (const Case& c : cases) {
    FakeLlmServerOptions options;
    c.spoil(options);
    try {
      const FakeLlmServer server(options);
      ADD_FAILURE() << c.field << " was accepted";
    } catch (const ConfigurationError& error) {
      EXPECT_THAT(error.what(), HasSubstr(c.field));
    }
  }
  const FakeLlmServer first;
  FakeLlmServerOptions taken;
  taken.port = first.port();
  try {
    const FakeLlmServer second(taken);
    ADD_FAILURE() << "a port was taken twice";
  } catch (const ConfigurationError& error) {
    EXPECT_THAT(error.what(), HasSubstr("port"));
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(first.port())));
  }
}

}  // namespace
}  // namespace llmload::fake_server
