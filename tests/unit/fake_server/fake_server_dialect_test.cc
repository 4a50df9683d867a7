// That every refusal, however early, is worded as the API of the path does, and that what an answer
// says about limits agrees with itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/simulation/fault_spec.h"
#include "src/core/text/parse.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using namespace std::chrono_literals;

// Whose words an error is in.
std::string DialectOf(const RawResponse& response) {
  const json body = json::parse(response.body, nullptr, false);
  if (!body.is_object()) return "none: " + response.body;
  const bool bedrock = response.fields.contains("x-amzn-errortype");
  if (body.contains("message")) return bedrock ? "bedrock" : "bedrock without a type";
  if (!body.contains("error")) return "none: " + response.body;
  const json& error = body["error"];
  if (error.is_string()) return "ollama";
  if (body.value("type", "") == "error") return "anthropic";
  if (response.fields.contains("apim-request-id")) return "azure";
  const bool complete =
      error.contains("message") && error.contains("type") && error.contains("param");
  return complete && error.contains("code") ? "openai" : "none: " + response.body;
}

struct PathOfApi {
  const char* path;
  const char* dialect;
  bool exists;
};

const std::vector<PathOfApi>& Paths() {
  static const std::vector<PathOfApi> paths = {
      {"/v1/chat/completions", "openai", true},
      {"/v1/responses", "openai", true},
      {"/v1/embeddings", "openai", false},
      {"/", "openai", false},
      {"/openai/deployments/d/chat/completions?api-version=1", "azure", true},
      {"/openai/deployments/d/embeddings", "azure", false},
      {"/openai", "azure", false},
      {"/v1/messages", "anthropic", true},
      {"/v1/messages/batches", "anthropic", false},
      {"/model/m/converse", "bedrock", true},
      {"/model/m/guess", "bedrock", false},
      {"/model", "bedrock", false},
      {"/api/chat", "ollama", true},
      {"/api/embed", "ollama", false},
      {"/api", "ollama", false},
  };
  return paths;
}

class FakeServerDialect : public ::testing::Test {
 protected:
  static FakeLlmServerOptions Options() {
    FakeLlmServerOptions options;
    options.latency.ttft_median = options.latency.gap_median = Duration::zero();
    options.clear_text = true;
    return options;
  }

  static std::string Post(const char* path, std::size_t length) {
    return std::string("POST ") + path +
           " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(length) + "\r\n\r\n";
  }
};

TEST_F(FakeServerDialect, RefusalsOfEveryKindAreInTheWordsOfThePath) {
  FakeLlmServerOptions options = Options();
  options.max_body_bytes = 100;
  options.api_keys = {Secret("right")};
  FakeLlmServer server(options);
  for (const PathOfApi& c : Paths()) {
    const auto send = [&](const std::string& bytes) {
      RawClient client(server.port(), "");
      // The connection has served another API before.
      const bool ollama = std::string(c.dialect) == "ollama";
      client.SendPost(ollama ? "/v1/messages" : "/api/nothing", "{}");
      client.Read();
      client.Send(bytes);
      return client.Read();
    };
    RawResponse response = send(Post(c.path, 2) + "{}");  // without a key
    EXPECT_EQ(DialectOf(response), c.dialect) << c.path;
    if (c.exists) {
      EXPECT_THAT(response.status, ::testing::AnyOf(401, 403)) << c.path;
    } else {
      EXPECT_EQ(response.status, 404) << c.path;
    }
    response = send(std::string("PUT ") + c.path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(DialectOf(response), c.dialect) << c.path;
    EXPECT_EQ(response.status, c.exists ? 405 : 404) << c.path;
    response = send(Post(c.path, 101));
    EXPECT_EQ(DialectOf(response), c.dialect) << c.path;
    EXPECT_EQ(response.status, 413) << c.path;
    response = send(std::string("POST ") + c.path +
                    " HTTP/1.1\r\nHost: x\r\nA: " + std::string(100'000, 'x') + "\r\n\r\n");
    EXPECT_EQ(DialectOf(response), c.dialect) << c.path;
    EXPECT_EQ(response.status, 431) << c.path;
    response = send(std::string("POST ") + c.path + " HTTP/1.1\r\nno field\r\n\r\n");
    EXPECT_EQ(DialectOf(response), c.dialect) << c.path;
    EXPECT_EQ(response.status, 400) << c.path;
  }
}

TEST_F(FakeServerDialect, TakesBodiesOf32Megabytes) {
  FakeLlmServer server(Options());
  constexpr std::size_t kLimit = 32U << 20;
  const auto ask = [&server](std::size_t length) {
    RawClient client(server.port(), "");
    std::string head = Post("/v1/chat/completions", length);
    client.Send(head.insert(head.find("Content-Length"), "Expect: 100-continue\r\n"));
    return client.Read();
  };
  EXPECT_EQ(ask(kLimit).status, 100);
  const RawResponse response = ask(kLimit + 1);
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.body, HasSubstr(std::to_string(kLimit)));
}

TEST_F(FakeServerDialect, TellsAlsoWhoGoesOnSendingForLong) {
  FakeLlmServerOptions options = Options();
  options.max_body_bytes = 1000;
  FakeLlmServer server(options);
  RawClient client(server.port(), "");
  client.Send(Post("/v1/chat/completions", 1'000'000));
  // For longer than the server waits for one that sends nothing. Many clients read no answer before
  // they have sent it all, and give up if the connection is closed meanwhile.
  for (int i = 0; i < 15; ++i) {
    client.Send(std::string(1000, 'x'));
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_EQ(server.counters().connections_open, 1U);
  EXPECT_EQ(client.Read().status, 413);
}

TEST_F(FakeServerDialect, DeepBodiesAreRefusedLikeTextThatIsNotJson) {
  FakeLlmServer server(Options());
  RawClient client(server.port(), "");
  const auto ask = [&client](const char* path, const std::string& deep) {
    client.SendPost(path, R"({"model":"m","messages":)" + deep,
                    "anthropic-version: 2023-06-01\r\nAuthorization: Bearer key\r\n");
    return client.Read();
  };
  const std::string open(8'000'000, '[');
  const std::string closed = std::string(300, '[') + std::string(300, ']') + "}";
  for (const PathOfApi& c : Paths()) {
    if (!c.exists) continue;
    EXPECT_EQ(ask(c.path, open).status, 400) << c.path;
    const RawResponse response = ask(c.path, closed);
    EXPECT_EQ(response.status, 400) << c.path;
    EXPECT_EQ(DialectOf(response), c.dialect) << c.path;
  }
  // Long, but not deep: the deepest that a request of the right form can be is far away.
  std::string tools = R"(,"tools":[{"type":"function","function":{"name":"f","parameters":)"
                      R"({"type":"object","properties":{"a":)";
  for (int i = 0; i < 60; ++i) tools += R"({"type":"array","items":)";
  tools += "{}" + std::string(60, '}') + "}}}}]";
  client.SendPost("/v1/chat/completions", ChatBody(tools));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(FakeServerDialect, AcceptsConversationsOfManyCalls) {
  FakeLlmServer server(Options());
  RawClient client(server.port(), "");
  std::string calls;
  std::string results;
  for (int i = 0; i < 5'000; ++i) {
    const std::string id = std::to_string(i);
    calls += (i > 0 ? "," : "") + (R"({"id":")" + id) +
             R"(","type":"function","function":{"name":"f","arguments":"{}"}})";
    results += R"(,{"role":"tool","tool_call_id":")" + id + R"(","content":"x"})";
  }
  client.SendPost("/v1/chat/completions",
                  R"({"model":"m","messages":[{"role":"assistant","tool_calls":[)" + calls + "]}" +
                      results + "]}");
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(FakeServerDialect, LimitsAreToldAlikeEverywhere) {
  FakeLlmServerOptions options = Options();
  options.requests_per_minute = 1;
  const auto ask = [&options](const char* path, const char* body, const char* fields = "") {
    FakeLlmServer server(options);
    RawClient client(server.port(), "");
    client.SendPost(path, body, fields);
    const RawResponse first = client.Read();
    client.SendPost(path, body, fields);
    return std::pair(first, client.Read());
  };
  const std::string chat = ChatBody();
  auto [passed, refused] = ask("/v1/chat/completions", chat.c_str());
  EXPECT_EQ(passed.status, 200);
  EXPECT_EQ(passed.fields["x-ratelimit-limit-requests"], "1");
  EXPECT_EQ(passed.fields["x-ratelimit-remaining-requests"], "0");
  EXPECT_EQ(passed.fields["x-ratelimit-reset-requests"], "1m0s");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.fields["x-ratelimit-limit-requests"], "1");
  EXPECT_EQ(refused.fields["x-ratelimit-remaining-requests"], "0");
  const std::string reset = refused.fields["x-ratelimit-reset-requests"];
  const std::string message = json::parse(refused.body)["error"]["message"];
  EXPECT_THAT(message, HasSubstr("Limit 1, Used 1, Requested 1."));
  EXPECT_THAT(message, EndsWith("Please try again in " + reset + "."));
  const auto seconds = [](const std::string& text) {
    return std::chrono::ceil<std::chrono::seconds>(text::ParseTime("reset", text));
  };
  if (reset.find('m') == std::string::npos) {  // below a minute
    EXPECT_EQ(seconds(reset).count(), std::stoll(refused.fields["retry-after"]));
  }

  std::tie(passed, refused) =
      ask("/openai/deployments/d/chat/completions?api-version=1", chat.c_str());
  EXPECT_EQ(passed.fields["x-ratelimit-remaining-requests"], "0");
  EXPECT_THAT(refused.body,
              HasSubstr("Please retry after " + refused.fields["retry-after"] + " seconds"));
  EXPECT_LE(std::stoll(refused.fields["retry-after-ms"]),
            1000 * std::stoll(refused.fields["retry-after"]));

  std::tie(passed, refused) = ask(
      "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]})",
      "anthropic-version: 2023-06-01\r\n");
  EXPECT_EQ(passed.status, 200) << passed.raw;
  EXPECT_EQ(passed.fields["anthropic-ratelimit-requests-limit"], "1");
  EXPECT_EQ(passed.fields["anthropic-ratelimit-requests-remaining"], "0");
  EXPECT_EQ(refused.fields["anthropic-ratelimit-requests-limit"], "1");
  EXPECT_EQ(refused.fields["anthropic-ratelimit-requests-remaining"], "0");
  EXPECT_THAT(refused.fields["anthropic-ratelimit-requests-reset"],
              MatchesRegex("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"));
  EXPECT_GT(std::stoll(refused.fields["retry-after"]), 0);
  EXPECT_THAT(refused.body, HasSubstr("rate limit of 1 requests per minute"));
}

TEST_F(FakeServerDialect, FaultsTellTheWaitThatTheyAreGiven) {
  FakeLlmServerOptions options = Options();
  options.faults = {simulation::ParseFault("status=429,retry-after=20s")};
  FakeLlmServer server(options);
  RawClient client(server.port(), "");
  client.SendPost("/v1/chat/completions", ChatBody());
  RawResponse response = client.Read();
  EXPECT_EQ(response.fields["retry-after"], "20");
  EXPECT_EQ(response.fields["x-ratelimit-limit-requests"], "10000");
  EXPECT_EQ(response.fields["x-ratelimit-remaining-requests"], "0");
  EXPECT_EQ(response.fields["x-ratelimit-reset-requests"], "20s");
  EXPECT_THAT(response.body, HasSubstr("Limit 10000, Used 10000, Requested 1. Please try again in "
                                       "20s."));
  client.SendPost("/openai/v1/chat/completions", ChatBody());
  EXPECT_THAT(client.Read().body, HasSubstr("Please retry after 20 seconds"));

  // Without a wait none is promised beyond what the text and the fields have in common.
  server.SetFaults({simulation::ParseFault("status=429")});
  client.SendPost("/v1/chat/completions", ChatBody());
  response = client.Read();
  EXPECT_FALSE(response.fields.contains("retry-after"));
  EXPECT_THAT(response.body,
              HasSubstr("try again in " + response.fields["x-ratelimit-reset-requests"]));
  // What waiting does not help says nothing of a limit of requests.
  server.SetFaults({simulation::ParseFault("status=429,code=insufficient_quota")});
  client.SendPost("/v1/chat/completions", ChatBody());
  response = client.Read();
  EXPECT_FALSE(response.fields.contains("x-ratelimit-remaining-requests"));
}

}  // namespace
}  // namespace llmload::fake_server
