// OpenAiProvider with good and bad answers.
#include <nlohmann/json.hpp>

#include "tests/support/real_time.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using namespace test_support;  // the script and the answers
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using OpenAiProviderAnswer = OpenAiProviderTest;

TEST_F(OpenAiProviderAnswer, ReadsACompletion) {
  const auto server = ServeBytes(Answer(200, CompletionBody(), "X-Request-Id: req_1\r\n"));
  const Completion completion = ValueOf(Call(*server, false));
  EXPECT_EQ(completion.text, "Hi there");
  EXPECT_EQ(completion.finish_reason, "stop");
  EXPECT_EQ(completion.model, "m-1");
  EXPECT_EQ(completion.provider, "openai");
  EXPECT_EQ(completion.request_id, "req_1");
  EXPECT_EQ(completion.usage.input, 9);
  EXPECT_EQ(completion.usage.output, 2);
  EXPECT_EQ(completion.token_source, TokenSource::kUsage);
  EXPECT_EQ(completion.token_events, 0);
  EXPECT_TRUE(observer_.texts.empty());

  const Timings& timings = completion.timings;
  ASSERT_TRUE(timings.sent && timings.first_byte && timings.completed);
  EXPECT_FALSE(timings.first_token || timings.first_output_token || timings.last_token);
  ASSERT_EQ(completion.attempts.size(), 1u);
  const Attempt& attempt = completion.attempts.front();
  EXPECT_EQ(attempt.provider, "openai");
  EXPECT_FALSE(attempt.error.has_value());
  EXPECT_EQ(attempt.output_tokens, 2);
  EXPECT_LE(attempt.started, *timings.sent);
  EXPECT_LE(*timings.sent, *timings.first_byte);
  EXPECT_LE(*timings.first_byte, *timings.completed);
  EXPECT_LE(*timings.completed, attempt.finished);
}

TEST_F(OpenAiProviderAnswer, SendsTheDocumentedRequest) {
  const auto server = ServeBytes(Answer(200, CompletionBody()));
  OpenAiOptions options = Options(*server);
  options.organization = "org-1";
  options.project = "proj-1";
  OpenAiProvider provider(std::move(options));
  CompletionRequest request = TestRequest(false);
  request.max_tokens = 5;
  ValueOf(caller_.Call(provider, request));

  const std::string sent = server->requests().at(0);
  const std::string head = sent.substr(0, sent.find("\r\n\r\n") + 2);
  EXPECT_THAT(head, HasSubstr("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(server->port()) + "\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nAuthorization: Bearer sk-test-0123456789\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nOpenAI-Organization: org-1\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nOpenAI-Project: proj-1\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nAccept-Encoding: identity\r\n"));
  const auto body = nlohmann::json::parse(sent.substr(sent.find("\r\n\r\n") + 4));
  EXPECT_EQ(body,
            nlohmann::json::parse(
                R"({"model":"m","messages":[{"role":"user","content":"Hello"}],"max_tokens":5})"));
}

TEST_F(OpenAiProviderAnswer, SendsNoCredentialWithoutAKey) {
  const auto server = ServeBytes(Answer(200, CompletionBody()));
  OpenAiOptions options = Options(*server);
  options.api_key = Secret();
  OpenAiProvider provider(std::move(options));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_THAT(server->requests().at(0), Not(HasSubstr("Authorization")));
  EXPECT_EQ(provider.Identity().credential, "");
}

TEST_F(OpenAiProviderAnswer, StreamsTokensAsTheyArrive) {
  const auto server =
      Serve({{ReadRequest(), Send(StreamHead("x-request-id: r\r\n") + RoleEvent()), Sleep(40ms),
              Send(TokenEvents({"Hi", " there"})), Sleep(40ms),
              Send(Chunk(": ping\n\n") + TokenEvents({"!"}) + FinishEvent()), Sleep(40ms),
              Send(UsageEvent() + DoneEvent() + LastChunk()), Hang()}});
  const test_support::Stopwatch stopwatch;
  const Completion completion = ValueOf(Call(*server, true));
  EXPECT_EQ(completion.text, "Hi there!");
  EXPECT_EQ(completion.finish_reason, "stop");
  EXPECT_EQ(completion.model, "m-1");
  EXPECT_EQ(completion.request_id, "r");
  EXPECT_EQ(completion.token_events, 3);
  EXPECT_EQ(completion.usage.output, 7);
  EXPECT_EQ(completion.token_source, TokenSource::kUsage);
  EXPECT_THAT(observer_.texts, ElementsAre("Hi", " there", "!"));

  const Timings& timings = completion.timings;
  ASSERT_TRUE(timings.first_byte && timings.first_token && timings.last_token && timings.completed);
  EXPECT_EQ(timings.first_output_token, timings.first_token);
  EXPECT_EQ(*timings.first_token, observer_.instants.front());
  EXPECT_EQ(*timings.last_token, observer_.instants.back());
  // The role chunk is not a token, and neither are usage and [DONE].
  EXPECT_TRUE(stopwatch.StartedBefore(*timings.first_token, 40ms));
  EXPECT_TRUE(stopwatch.StartedBefore(*timings.last_token, 80ms));
  EXPECT_TRUE(stopwatch.StartedBefore(*timings.completed, 120ms));
  EXPECT_LE(*timings.first_byte, *timings.first_token);
  EXPECT_LE(*timings.first_token, *timings.last_token);
  EXPECT_LE(*timings.last_token, *timings.completed);
}

TEST_F(OpenAiProviderAnswer, TellsReasoningAndToolCallsFromOutput) {
  const auto server = ServeBytes(
      StreamHead() + Event(R"({"choices":[{"delta":{"reasoning_content":"hm"}}]})") +
      Event(R"({"choices":[{"delta":{"content":"yes"}}]})") +
      Event(
          R"({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]})") +
      FinishEvent() + DoneEvent() + LastChunk());
  const Completion completion = ValueOf(Call(*server, true));
  EXPECT_EQ(completion.text, "yes");
  EXPECT_THAT(observer_.kinds,
              ElementsAre(TokenKind::kReasoning, TokenKind::kContent, TokenKind::kToolCall));
  EXPECT_EQ(completion.token_events, 3);
}

TEST_F(OpenAiProviderAnswer, CountsEventsWithoutUsage) {
  const auto server = ServeBytes(StreamHead() + RoleEvent() + TokenEvents({"a", "b"}) +
                                 FinishEvent() + DoneEvent() + LastChunk());
  const Completion completion = ValueOf(Call(*server, true));
  EXPECT_EQ(completion.usage.output, 2);
  EXPECT_EQ(completion.token_source, TokenSource::kCountedEvents);
  EXPECT_EQ(completion.attempts.at(0).output_tokens, 2);
}

TEST_F(OpenAiProviderAnswer, AcceptsAzuresFirstChunk) {
  const auto server =
      ServeBytes(StreamHead() + Event(R"({"choices":[],"model":"","prompt_filter_results":[{}]})") +
                 TokenEvents({"a"}) + FinishEvent() + DoneEvent() + LastChunk());
  const Completion completion = ValueOf(Call(*server, true));
  EXPECT_EQ(completion.model, "m-1");
  EXPECT_EQ(completion.token_events, 1);
}

TEST_F(OpenAiProviderAnswer, AcceptsAStreamInOneWriteAndOneByOne) {
  const std::string bytes = StreamHead() + RoleEvent() + TokenEvents({"a", "\\u00e9", "c"}) +
                            FinishEvent() + UsageEvent() + DoneEvent() + LastChunk();
  EXPECT_EQ(ValueOf(Call(*ServeBytes(bytes), true)).text,
            "a\xC3\xA9"
            "c");
  Script drip = {ReadRequest()};
  for (const char byte : bytes) drip.push_back(Send(std::string(1, byte)));
  drip.push_back(Hang());
  EXPECT_EQ(ValueOf(Call(*Serve({drip}), true)).text,
            "a\xC3\xA9"
            "c");
}

TEST_F(OpenAiProviderAnswer, AcceptsAFinishReasonAndACleanEndInPlaceOfDone) {
  const auto server = ServeBytes(StreamHead() + TokenEvents({"a"}) + FinishEvent() + LastChunk());
  EXPECT_EQ(ValueOf(Call(*server, true)).text, "a");
}

TEST_F(OpenAiProviderAnswer, AcceptsABodyThatEndsWithTheConnection) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
  const std::string token =
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
  const auto server = Serve({{ReadRequest(), Send(head + token + "data: [DONE]"), Close()}});
  EXPECT_EQ(ValueOf(Call(*server, true)).text, "a");
}

// The server sends nothing more. A call gives what belongs to the answer a tenth of a second to
// come; if it were much more, so many calls would take longer than this test may.
TEST_F(OpenAiProviderAnswer, DoesNotWaitForTheRestAfterDone) {
  const auto server = ServeBytes(StreamHead() + TokenEvents({"a"}) + FinishEvent() + DoneEvent());
  OpenAiOptions options = Options(*server);
  options.http.timeouts.idle = options.http.timeouts.total = std::chrono::hours(1);
  OpenAiProvider provider(options);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ValueOf(caller_.Call(provider, TestRequest(true))).text, "a");
  }
}

TEST_F(OpenAiProviderAnswer, ReportsAStreamWithoutItsEnd) {
  const auto server = ServeBytes(StreamHead() + TokenEvents({"a", "b"}) + LastChunk());
  const Error error = CallError(*server, true);
  EXPECT_KIND(error, "truncated_stream");
  EXPECT_TRUE(error.after_first_token);
  EXPECT_EQ(error.partial_text, "ab");
  EXPECT_EQ(error.partial_tokens, 2);
  EXPECT_EQ(error.attempts.at(0).output_tokens, 2);
  EXPECT_EQ(error.attempts.at(0).error, ErrorKind::kTruncatedStream);
}

TEST_F(OpenAiProviderAnswer, ReportsAnErrorEventInsideAStream) {
  const std::string event =
      Event(R"({"error":{"message":"overloaded","type":"service_unavailable_error","code":null}})");
  const Error late = CallError(
      *ServeBytes(StreamHead() + TokenEvents({"a"}) + event + DoneEvent() + LastChunk()), true);
  EXPECT_KIND(late, "stream_error");
  EXPECT_EQ(late.provider_code, "service_unavailable_error");
  EXPECT_EQ(late.message, "overloaded");
  EXPECT_EQ(late.http_status, 200);
  EXPECT_TRUE(late.after_first_token);
  const Error early = CallError(*ServeBytes(StreamHead() + event + LastChunk()), true);
  EXPECT_KIND(early, "overloaded");
  EXPECT_EQ(early.provider_code, "service_unavailable_error");
  EXPECT_FALSE(early.after_first_token);
  const Error named =
      CallError(*ServeBytes(StreamHead() + Chunk("event: error\ndata: {\"message\":\"m\"}\n\n") +
                            LastChunk()),
                true);
  EXPECT_KIND(named, "server_error");
  EXPECT_EQ(named.message, "m");
}

TEST_F(OpenAiProviderAnswer, MapsStatusAndCodeToKinds) {
  struct Case {
    int status;
    const char* body;
    const char* kind;
  };
  const Case cases[] = {
      {400, R"({"error":{"message":"m","type":"invalid_request_error"}})", "invalid_request"},
      {400, R"({"error":{"message":"m","code":"context_length_exceeded"}})", "context_length"},
      {400, R"({"error":{"message":"m","code":"content_filter"}})", "content_filter"},
      {401, R"({"error":{"message":"m","code":"invalid_api_key"}})", "credential"},
      {402, "", "quota_exhausted"},
      {403, "", "credential"},
      {404, R"({"error":{"message":"m","code":"model_not_found"}})", "model_unavailable"},
      {404, "", "invalid_request"},
      {429, R"({"error":{"message":"m","code":"rate_limit_exceeded"}})", "rate_limited"},
      {429, R"({"error":{"message":"m","code":"insufficient_quota"}})", "quota_exhausted"},
      {500, "", "server_error"},
      {502, "<html>", "server_error"},
      {503, R"({"error":"server busy"})", "overloaded"},
      {529, "", "overloaded"},
      {307, "", "unexpected_redirect"},
  };
  for (const bool stream : {false, true}) {
    for (const Case& item : cases) {
      const auto server = ServeBytes(Answer(item.status, item.body));
      const Error error = CallError(*server, stream);
      EXPECT_KIND(error, item.kind);
      EXPECT_EQ(error.http_status, item.status);
      EXPECT_EQ(error.provider, "openai");
      EXPECT_FALSE(error.after_first_token);
    }
  }
}

TEST_F(OpenAiProviderAnswer, KeepsWhatTheServiceSays) {
  const auto server = ServeBytes(Answer(
      429, R"({"error":{"message":"Slow\ndown","type":"tokens","code":"rate_limit_exceeded"}})",
      "retry-after: 2\r\nretry-after-ms: 1500\r\nx-request-id: req_9\r\n"));
  const Error error = CallError(*server, false);
  EXPECT_EQ(error.message, "Slow down");
  EXPECT_EQ(error.provider_code, "rate_limit_exceeded");
  EXPECT_EQ(error.retry_after, Duration(1500ms));
  EXPECT_EQ(error.request_id, "req_9");
}

TEST_F(OpenAiProviderAnswer, ReportsAnErrorInASuccess) {
  const Error error =
      CallError(*ServeBytes(Answer(200, R"({"error":{"message":"upstream","code":429}})")), false);
  EXPECT_KIND(error, "rate_limited");
  EXPECT_EQ(error.http_status, 200);
  EXPECT_KIND(CallError(*ServeBytes(Answer(200, R"({"error":{"message":"u","code":502}})")), true),
              "server_error");
}

TEST_F(OpenAiProviderAnswer, ReportsAnswersOfAnotherShape) {
  for (const std::string& bytes :
       {Answer(200, "{\"choices\":[{"), Answer(200, "<html>hello</html>"), Answer(200, "{}"),
        Answer(200, "[]"), Answer(200, ""), Answer(204, ""), std::string("SSH-2.0-server\r\n\r\n"),
        Answer(200, CompletionBody(), "Content-Encoding: gzip\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n")}) {
    EXPECT_KIND(CallError(*ServeBytes(bytes), false), "malformed_response");
  }
  for (const std::string& bytes :
       {Answer(200, CompletionBody()), Answer(200, "hello", "", "text/html"),
        StreamHead() + Event("{\"choices\":") + DoneEvent() + LastChunk(),
        StreamHead() + Event("nonsense") + LastChunk(), StreamHead() + "zz\r\n"}) {
    EXPECT_KIND(CallError(*ServeBytes(bytes), true), "malformed_response");
  }
}

TEST_F(OpenAiProviderAnswer, BoundsHeaderEventAndBody) {
  const auto call = [this](const std::string& bytes, bool stream) {
    const auto server = ServeBytes(bytes);
    OpenAiOptions options = Options(*server);
    options.http.limits = {.header_bytes = 1024, .event_bytes = 1024, .body_bytes = 2048};
    OpenAiProvider provider(std::move(options));
    return ErrorOf(caller_.Call(provider, TestRequest(stream)));
  };
  EXPECT_KIND(call(Answer(200, CompletionBody(), "X: " + std::string(2000, 'x') + "\r\n"), false),
              "response_too_large");
  EXPECT_KIND(call(Answer(200, std::string(3000, ' ')), false), "response_too_large");
  EXPECT_KIND(call(StreamHead() + TokenEvents({std::string(2000, 'x')}) + DoneEvent(), true),
              "response_too_large");
  // A body and an event without an end.
  EXPECT_KIND(call("HTTP/1.1 200 OK\r\n\r\n" + std::string(3000, ' '), false),
              "response_too_large");
  EXPECT_KIND(call(StreamHead() + Chunk(std::string(2000, 'x')), true), "response_too_large");
  const std::string text(900, 'x');
  const Error error = call(StreamHead() + TokenEvents({text, text, text}) + DoneEvent(), true);
  EXPECT_KIND(error, "response_too_large");
  EXPECT_TRUE(error.after_first_token);
}

TEST_F(OpenAiProviderAnswer, TrustsAStatusMoreThanTheEndOfItsBody) {
  const std::string cut = "HTTP/1.1 503 X\r\nContent-Length: 500\r\n\r\n{\"error\":";
  const auto server = Serve({{ReadRequest(), Send(cut), Cut()}});
  EXPECT_KIND(CallError(*server, false), "overloaded");
}

TEST_F(OpenAiProviderAnswer, KeepsTheKeyOutOfEveryError) {
  const std::string key = "sk-test-0123456789";
  const std::string echo = R"({"error":{"message":"bad key )" + key + R"( twice )" + key +
                           R"(","type":")" + key + R"(","code":")" + key + R"("}})";
  const std::string fields = "x-request-id: " + key + "\r\n";
  for (const std::string& bytes :
       {Answer(401, echo, fields), Answer(500, "raw " + key, fields), Answer(200, echo, fields),
        StreamHead(fields) + TokenEvents({key}) + Event(echo) + LastChunk(),
        Answer(500, std::string(505, 'x') + key),
        Answer(200, "x", "Content-Encoding: " + key + "\r\n")}) {
    for (const bool stream : {false, true}) {
      const Error error = CallError(*ServeBytes(bytes), stream);
      const std::string all = Describe(error) + error.message + error.provider_code +
                              error.request_id + error.partial_text;
      EXPECT_THAT(all, Not(HasSubstr("sk-test"))) << bytes;
    }
  }
}

TEST_F(OpenAiProviderAnswer, IdentifiesItselfWithoutRevealingTheKey) {
  const auto server = ServeBytes(Answer(200, CompletionBody()));
  OpenAiOptions options = Options(*server);
  options.name = "gateway";
  const OpenAiProvider provider(std::move(options));
  EXPECT_EQ(provider.Identity().name, "gateway");
  EXPECT_THAT(provider.Identity().credential, AllOf(HasSubstr("key-"), Not(HasSubstr("test"))));
}

}  // namespace
}  // namespace llmload
