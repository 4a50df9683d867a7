// The APIs beside OpenAI's, byte by byte, as a client without an opinion sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/core/text/base64.h"
#include "src/wire/event_stream.h"
#include "src/wire/sigv4.h"
#include "tests/support/real_time.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using simulation::FaultKind;
using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

constexpr const char* kModel = "/model/anthropic.claude-3-haiku-20240307-v1%3A0";
constexpr const char* kAnthropicBody =
    R"({"model":"claude","max_tokens":100,"messages":[{"role":"user","content":"Hello you"}])";
constexpr const char* kConverseBody =
    R"({"messages":[{"role":"user","content":[{"text":"Hello you"}]}]})";
constexpr const char* kBearer = "Authorization: Bearer key\r\n";

FakeLlmServerOptions Fast() {
  FakeLlmServerOptions options;
  options.latency.ttft_median = 1ms;
  options.latency.gap_median = 100us;
  options.latency.tokens_min = options.latency.tokens_max = 3;
  return options;
}

class FakeServerApis : public ::testing::Test {
 protected:
  RawResponse Post(const FakeLlmServer& server, std::string_view target, std::string_view body,
                   std::string_view fields = "") {
    RawClient client(server.port(), server.ca_pem());
    EXPECT_EQ(client.error(), "");
    const std::string version = target == "/v1/messages" ? "anthropic-version: 2023-06-01\r\n" : "";
    client.SendPost(target, body, version + std::string(fields));
    return client.Read();
  }
};

// Type (or exception) and payload of each message.
std::vector<std::pair<std::string, Json>> Messages(const std::string& body) {
  std::vector<std::pair<std::string, Json>> messages;
  wire::EventStreamDecoder decoder(1 << 20);
  wire::EventStreamMessage message;
  decoder.Feed(body);
  auto status = decoder.Next(message);
  for (; status == wire::EventStreamDecoder::Status::kMessage; status = decoder.Next(message)) {
    std::string type(message.Text(":event-type"));
    if (type.empty()) type = message.Text(":exception-type");
    EXPECT_EQ(message.Text(":content-type"), "application/json");
    messages.emplace_back(type, Json::parse(message.payload));
  }
  EXPECT_EQ(status, wire::EventStreamDecoder::Status::kNeedMore);
  EXPECT_TRUE(decoder.IsAtBoundary());
  return messages;
}

TEST_F(FakeServerApis, AnthropicStreamsItsEventsInOrder) {
  FakeLlmServer server(Fast());
  const RawResponse answer =
      Post(server, "/v1/messages", std::string(kAnthropicBody) + R"(,"stream":true})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.fields.at("content-type"), StartsWith("text/event-stream"));
  EXPECT_THAT(answer.fields.at("request-id"), StartsWith("req_"));
  EXPECT_EQ(answer.fields.count("anthropic-ratelimit-requests-reset"), 1u);
  std::vector<std::string> types;
  for (const std::string& data : answer.Events()) types.push_back(Json::parse(data)["type"]);
  EXPECT_THAT(types,
              ElementsAre("message_start", "content_block_start", "ping", "content_block_delta",
                          "content_block_delta", "content_block_delta", "content_block_stop",
                          "message_delta", "message_stop"));
  for (const std::string& type : types)
    EXPECT_THAT(answer.body, HasSubstr("event: " + type + "\n"));
  const Json start = Json::parse(answer.Events().front());
  EXPECT_EQ(start["message"]["usage"]["input_tokens"], 3);  // ceil(9 bytes / 4)
  EXPECT_EQ(server.counters().anthropic_requests, 1u);
}

TEST_F(FakeServerApis, AnthropicAnswersWhole) {
  FakeLlmServer server(Fast());
  const RawResponse answer = Post(server, "/v1/messages", std::string(kAnthropicBody) + "}");
  const Json body = Json::parse(answer.body);
  EXPECT_EQ(body["type"], "message");
  EXPECT_EQ(body["content"][0]["type"], "text");
  EXPECT_EQ(body["stop_reason"], "end_turn");
  EXPECT_EQ(body["usage"]["output_tokens"], 3);
}

TEST_F(FakeServerApis, ConverseStreamsFrames) {
  FakeLlmServer server(Fast());
  const RawResponse answer =
      Post(server, std::string(kModel) + "/converse-stream", kConverseBody, kBearer);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.fields.at("content-type"), "application/vnd.amazon.eventstream");
  EXPECT_THAT(answer.fields.at("x-amzn-requestid"), ::testing::SizeIs(36));
  const auto messages = Messages(answer.body);
  std::vector<std::string> types;
  std::set<std::size_t> paddings;
  for (const auto& [type, payload] : messages) {
    types.push_back(type);
    paddings.insert(payload["p"].get<std::string>().size());
  }
  EXPECT_THAT(types,
              ElementsAre("messageStart", "contentBlockDelta", "contentBlockDelta",
                          "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"));
  EXPECT_GT(paddings.size(), 2u) << "padding varies";
  EXPECT_EQ(messages.back().second["usage"]["totalTokens"], 6);
  EXPECT_EQ(server.counters().bedrock_requests, 1u);
}

TEST_F(FakeServerApis, InvokeModelWrapsTheVendorsEvents) {
  FakeLlmServer server(Fast());
  const std::string body =
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]})";
  RawResponse answer =
      Post(server, std::string(kModel) + "/invoke-with-response-stream", body, kBearer);
  EXPECT_EQ(answer.fields.at("x-amzn-bedrock-content-type"), "application/json");
  const auto messages = Messages(answer.body);
  std::string last;
  ASSERT_TRUE(text::DecodeBase64(messages.back().second["bytes"].get<std::string>(), last));
  EXPECT_EQ(messages.back().first, "chunk");
  EXPECT_EQ(Json::parse(last)["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 3);

  answer = Post(server, std::string(kModel) + "/invoke", body, kBearer);
  EXPECT_EQ(answer.fields.at("x-amzn-bedrock-output-token-count"), "3");
  EXPECT_EQ(Json::parse(answer.body)["type"], "message");

  answer =
      Post(server, "/model/amazon.titan-text-express-v1/invoke", R"({"inputText":"Hi"})", kBearer);
  EXPECT_EQ(Json::parse(answer.body)["results"][0]["completionReason"], "FINISH");
}

TEST_F(FakeServerApis, OllamaSendsALinePerToken) {
  FakeLlmServer server(Fast());
  RawResponse answer =
      Post(server, "/api/chat", R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(answer.fields.at("content-type"), "application/x-ndjson");  // it streams by itself
  std::istringstream lines(answer.body);
  std::string line;
  std::vector<Json> objects;
  while (std::getline(lines, line)) objects.push_back(Json::parse(line));
  ASSERT_EQ(objects.size(), 4u);
  EXPECT_EQ(objects[0]["done"], false);
  EXPECT_EQ(objects[3]["done"], true);
  EXPECT_EQ(objects[3]["eval_count"], 3);
  EXPECT_GT(objects[3]["total_duration"], 0);
  EXPECT_THAT(objects[0]["created_at"].get<std::string>(), ::testing::EndsWith("Z"));
  EXPECT_EQ(server.counters().ollama_requests, 1u);
}

TEST_F(FakeServerApis, AzureBeginsWithAChunkThatIsNoToken) {
  FakeLlmServer server(Fast());
  const RawResponse answer =
      Post(server, "/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21",
           R"({"messages":[{"role":"user","content":"Hi"}],"stream":true})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.fields.count("apim-request-id"), 1u);
  const Json first = Json::parse(answer.Events().front());
  EXPECT_TRUE(first["choices"].empty());
  EXPECT_EQ(first["model"], "");
  EXPECT_EQ(Json::parse(answer.Events()[1])["model"], "my deployment");
  EXPECT_EQ(server.counters().azure_requests, 1u);
  EXPECT_EQ(Post(server, "/openai/deployments/d/chat/completions", "{}").status, 404)
      << "without an api-version";
}

TEST_F(FakeServerApis, OpenAiPadsItsChunksUnlessAskedNotTo) {
  FakeLlmServer server(Fast());
  const std::string begin =
      R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true)";
  EXPECT_THAT(Post(server, "/v1/chat/completions", begin + "}").body, HasSubstr("\"obfuscation\""));
  EXPECT_THAT(Post(server, "/v1/chat/completions",
                   begin + R"(,"stream_options":{"include_obfuscation":false}})")
                  .body,
              ::testing::Not(HasSubstr("\"obfuscation\"")));
}

struct RefusedByApi {
  const char* target;
  const char* body;
  int status;
  const char* message;
};

TEST_F(FakeServerApis, RequestsAreValidatedInTheWordsOfEachApi) {
  FakeLlmServer server(Fast());
  const std::string converse = std::string(kModel) + "/converse";
  const std::string invoke = std::string(kModel) + "/invoke";
  const std::string titan = "/model/amazon.titan-text-express-v1/invoke";
  const std::string user = R"("messages":[{"role":"user","content":"Hi"}])";
  const std::vector<RefusedByApi> table = {
      {"/v1/messages", "{", 400, "not valid JSON"},
      {"/v1/messages", "{}", 400, "model: Field required"},
      {"/v1/messages", R"({"model":"m","messages":[]})", 400, "max_tokens: Field required"},
      {"/v1/messages", R"({"model":"m","max_tokens":1,"messages":[]})", 400,
       "at least one message is required"},
      {"/v1/messages", R"({"model":"m","max_tokens":0,"messages":[]})", 400, "max_tokens: Input"},
      {"/v1/messages",
       R"({"model":"m","max_tokens":1,"messages":[{"role":"system","content":"x"}]})", 400,
       "messages: Unexpected role"},
      {"/v1/messages",
       R"({"model":"m","max_tokens":1,"max_completion_tokens":1,"messages":[{"role":"user","content":"x"}]})",
       400, "max_completion_tokens: Extra inputs are not permitted"},
      {"/v1/messages",
       R"({"model":"m","max_tokens":1,"temperature":2,"messages":[{"role":"user","content":"x"}]})",
       400, "temperature: Input should be less than or equal to 1"},
      {converse.c_str(), "{}", 400, "messages"},
      {converse.c_str(), R"({"messages":[{"role":"user","content":"text"}]})", 400,
       "messages.0.content"},
      {converse.c_str(),
       R"({"messages":[{"role":"user","content":[{"text":"x"}]}],"inferenceConfig":{"maxTokens":0}})",
       400, "inferenceConfig.maxTokens"},
      {invoke.c_str(), R"({"max_tokens":1,"messages":[{"role":"user","content":"x"}]})", 400,
       "anthropic_version"},
      {titan.c_str(), R"({"inputText":""})", 400, "inputText"},
      {titan.c_str(), R"({"inputText":"x","textGenerationConfig":{"topP":2}})", 400, "topP"},
      {"/api/chat", R"({"messages":[]})", 400, "model is required"},
      {"/api/chat", R"({"model":"m","messages":[{"role":"x","content":"y"}]})", 400, "role"},
  };
  for (const RefusedByApi& row : table) {
    SCOPED_TRACE(std::string(row.target) + " " + row.body);
    const RawResponse answer = Post(server, row.target, row.body, kBearer);
    EXPECT_EQ(answer.status, row.status);
    EXPECT_THAT(answer.body, HasSubstr(row.message));
    EXPECT_TRUE(Json::accept(answer.body));
  }
  EXPECT_EQ(server.counters().validation_failures, table.size());
}

TEST_F(FakeServerApis, UnknownModelsAreRefusedAsEachApiDoes) {
  FakeLlmServerOptions options = Fast();
  options.models = {"there"};
  FakeLlmServer server(options);
  RawResponse answer = Post(server, "/v1/messages", std::string(kAnthropicBody) + "}");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(Json::parse(answer.body)["error"]["type"], "not_found_error");
  answer = Post(server, std::string(kModel) + "/converse", kConverseBody, kBearer);
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.fields.at("x-amzn-errortype"), StartsWith("ResourceNotFoundException"));
  answer =
      Post(server, "/api/chat", R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.body, HasSubstr("model 'm' not found"));
  answer = Post(server, "/openai/deployments/d/chat/completions?api-version=1",
                R"({"messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(Json::parse(answer.body)["error"]["code"], "DeploymentNotFound");
}

TEST_F(FakeServerApis, KeysAreLookedForWhereEachApiHasThem) {
  FakeLlmServerOptions options = Fast();
  options.api_keys = {Secret("right")};
  FakeLlmServer server(options);
  const std::string messages = std::string(kAnthropicBody) + "}";
  EXPECT_EQ(Post(server, "/v1/messages", messages, "x-api-key: right\r\n").status, 200);
  EXPECT_EQ(Post(server, "/v1/messages", messages, "Authorization: Bearer right\r\n").status, 200);
  EXPECT_EQ(Post(server, "/v1/messages", messages, "x-api-key: wrong\r\n").status, 401);
  EXPECT_EQ(Post(server, "/v1/messages", messages).status, 401);
  const std::string azure = "/openai/deployments/d/chat/completions?api-version=1";
  const std::string chat = R"({"messages":[{"role":"user","content":"Hi"}]})";
  EXPECT_EQ(Post(server, azure, chat, "api-key: right\r\n").status, 200);
  EXPECT_EQ(Post(server, azure, chat, "api-key: wrong\r\n").status, 401);
  const std::string converse = std::string(kModel) + "/converse";
  EXPECT_EQ(Post(server, converse, kConverseBody, "Authorization: Bearer right\r\n").status, 200);
  EXPECT_EQ(Post(server, converse, kConverseBody, kBearer).status, 403);
  const RawResponse missing = Post(server, converse, kConverseBody);
  EXPECT_EQ(missing.status, 403);
  EXPECT_THAT(missing.fields.at("x-amzn-errortype"),
              StartsWith("MissingAuthenticationTokenException"));
}

// The header fields of a signed request.
std::string Sign(const std::string& target, const std::string& body,
                 std::chrono::seconds clock = 0s, const std::string& service = "bedrock",
                 const std::string& secret = "secret") {
  const auto now = std::chrono::floor<std::chrono::seconds>(test_support::WallTime()) + clock;
  const std::string date = wire::AmzDate(now);
  const std::vector<wire::HeaderField> headers = {
      {"content-type", "application/json"}, {"host", "test"}, {"x-amz-date", date}};
  wire::SigV4Signer signer("AKID", Secret(secret), "us-east-1", service);
  return "X-Amz-Date: " + date + "\r\nAuthorization: " +
         signer.Authorization(
             {.method = "POST", .target = target, .headers = headers, .body = body}, now) +
         "\r\n";
}

TEST_F(FakeServerApis, SignaturesAreVerifiedFromTheRawTarget) {
  FakeLlmServerOptions options = Fast();
  options.aws_credentials = {
      {.access_key_id = "AKID", .secret_access_key = Secret("secret"), .session_token = {}}};
  FakeLlmServer server(options);
  const std::string target = std::string(kModel) + "/converse";
  const auto error = [&](const std::string& fields, const std::string& at, const char* body) {
    const RawResponse answer = Post(server, at, body, fields);
    EXPECT_EQ(answer.fields.count("date"), 1u);
    if (answer.status == 200) return std::string("none");
    const std::string type = answer.fields.at("x-amzn-errortype");
    return type.substr(0, type.find(':')) + ": " + Json::parse(answer.body).value("message", "");
  };
  EXPECT_EQ(error(Sign(target, kConverseBody), target, kConverseBody), "none");
  // Another body, another target of the same meaning, another service, another secret.
  EXPECT_THAT(error(Sign(target, kConverseBody), target,
                    R"({"messages":[{"role":"user","content":[{"text":"Hello"}]}]})"),
              StartsWith("InvalidSignatureException: The request signature we calculated"));
  EXPECT_THAT(error(Sign(target, kConverseBody),
                    "/model/anthropic.claude-3-haiku-20240307-v1:0/converse", kConverseBody),
              StartsWith("InvalidSignatureException"));
  EXPECT_THAT(error(Sign(target, kConverseBody, 0s, "bedrock-runtime"), target, kConverseBody),
              HasSubstr("correct service: 'bedrock'"));
  EXPECT_THAT(error(Sign(target, kConverseBody, 0s, "bedrock", "wrong"), target, kConverseBody),
              StartsWith("InvalidSignatureException"));
  EXPECT_EQ(error(Sign(target, kConverseBody, 280s), target, kConverseBody), "none");
  EXPECT_THAT(error(Sign(target, kConverseBody, 400s), target, kConverseBody),
              HasSubstr("Signature not yet current"));
  EXPECT_THAT(error(Sign(target, kConverseBody, -400s), target, kConverseBody),
              HasSubstr("Signature expired"));
  EXPECT_THAT(error("Authorization: AWS4-HMAC-SHA256 nonsense\r\n", target, kConverseBody),
              StartsWith("IncompleteSignatureException"));
}

TEST_F(FakeServerApis, ErrorsInAStreamAreWordedAsEachApiDoes) {
  FakeLlmServerOptions options = Fast();
  options.faults = {{.kind = FaultKind::kErrorEvent, .after_tokens = 1}};
  FakeLlmServer server(options);
  const auto messages =
      Messages(Post(server, std::string(kModel) + "/converse-stream", kConverseBody, kBearer).body);
  EXPECT_EQ(messages.back().first, "internalServerException");
  EXPECT_THAT(Post(server, "/v1/messages", std::string(kAnthropicBody) + R"(,"stream":true})").body,
              HasSubstr("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                        "\"overloaded_error\""));
  EXPECT_THAT(
      Post(server, "/api/chat", R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})")
          .body,
      HasSubstr("\n{\"error\":\""));
}

TEST_F(FakeServerApis, ListsModelsAndRefusesOtherPaths) {
  FakeLlmServer server(Fast());
  RawClient client(server.port(), server.ca_pem());
  client.Send("GET /api/tags HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(Json::parse(client.Read().body)["models"].empty());
  client.Send("GET /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.Read().status, 405);
  EXPECT_EQ(Post(server, "/model/m/unknown", "{}", kBearer).status, 404);
  EXPECT_EQ(Post(server, "/model/", "{}", kBearer).status, 404);
  EXPECT_EQ(Post(server, "/openai/v2/x", "{}").status, 404);
}

TEST_F(FakeServerApis, OneSeedGivesOneAnswerWhateverTheApi) {
  FakeLlmServerOptions options = Fast();
  options.seed = 7;
  const auto text = [&](const std::string& target, const std::string& body) {
    FakeLlmServer server(options);
    return Post(server, target, body, kBearer).body;
  };
  const std::string chat =
      R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":false})";
  const std::string converse = text(std::string(kModel) + "/converse", kConverseBody);
  EXPECT_EQ(text(std::string(kModel) + "/converse", kConverseBody), converse);
  const std::string ollama = Json::parse(text("/api/chat", chat))["message"]["content"];
  EXPECT_FALSE(ollama.empty());
  options.seed = 8;
  EXPECT_NE(text(std::string(kModel) + "/converse", kConverseBody), converse);
}

}  // namespace
}  // namespace llmload::fake_server
