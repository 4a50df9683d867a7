#include "llmload/service/bedrock_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "llmload/core/environment.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "src/wire/event_stream.h"
#include "tests/support/http_answers.h"
#include "tests/support/provider_caller.h"
#include "tests/support/real_time.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;
using simulation::FaultKind;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr const char* kModel = "anthropic.claude-3-5-haiku-20241022-v1:0";
constexpr const char* kSecretKey = "bedrock/secret+access/key";
constexpr const char* kToken = "bedrock//session+token==";

CompletionRequest Request(bool stream, std::string model = kModel) {
  CompletionRequest request;
  request.model = std::move(model);
  request.messages = {{Role::kUser, "Hello"}};
  request.stream = stream;
  return request;
}

// Returns credentials that can be changed, and counts calls.
class CountingSource final : public AwsCredentialSource {
 public:
  boost::asio::awaitable<Result<AwsCredentials>> Get() override {
    ++gets;
    if (delay > Duration::zero()) co_await SystemClock::Instance().SleepFor(delay);
    if (error) co_return *error;
    co_return credentials;
  }
  void Invalidate() override { ++invalidations; }
  std::string Describe() const override { return "of the test"; }

  AwsCredentials credentials{.access_key_id = "AKID",
                             .secret_access_key = Secret(kSecretKey),
                             .session_token = Secret(kToken),
                             .expires = {}};
  std::optional<Error> error;
  Duration delay{};
  int gets = 0;
  int invalidations = 0;
};

class BedrockProviderTest : public ::testing::Test {
 protected:
  static FakeLlmServerOptions Fast() {
    FakeLlmServerOptions options;
    options.latency.ttft_median = 2ms;
    options.latency.gap_median = 500us;
    options.latency.tokens_min = options.latency.tokens_max = 8;
    options.aws_credentials = {{.access_key_id = "AKID",
                                .secret_access_key = Secret(kSecretKey),
                                .session_token = Secret(kToken)}};
    return options;
  }
  BedrockOptions Options(const FakeLlmServer& server) {
    BedrockOptions options;
    options.endpoint = server.origin();
    options.http.ca_pem = server.ca_pem();
    options.region = "us-east-1";
    options.credentials = source_;
    return options;
  }
  BedrockOptions Options(const ScriptedServer& server) {
    BedrockOptions options;
    options.endpoint = "https://127.0.0.1:" + std::to_string(server.port());
    options.http.ca_pem = Authority().pem();
    options.region = "us-east-1";
    options.credentials = source_;
    return options;
  }

  Error Failure(Provider& provider, const CompletionRequest& request) {
    auto result = caller_.Call(provider, request);
    if (result.has_value()) {
      ADD_FAILURE() << "expected an error, got \"" << result->text << "\"";
      return {};
    }
    EXPECT_THAT(Describe(result.error()),
                AllOf(Not(HasSubstr(kSecretKey)), Not(HasSubstr(kToken))));
    return std::move(result).error();
  }

  std::shared_ptr<CountingSource> source_ = std::make_shared<CountingSource>();
  test_support::ProviderCaller caller_;
};

TEST_F(BedrockProviderTest, SendsWhatItSigns) {
  ScriptedServer server({{test_support::ReadRequest(),
                          test_support::Send(test_support::Answer(
                              200, R"({"output":{"message":{"content":[{"text":"Hi"}]}},)"
                                   R"("stopReason":"end_turn","usage":{"inputTokens":1,)"
                                   R"("outputTokens":1}})")),
                          test_support::Hang()}},
                        ValidServer());
  BedrockOptions options = Options(server);
  options.wall_clock = [] { return std::chrono::sys_days(std::chrono::year(2024) / 1 / 2) + 3h; };
  BedrockProvider provider(std::move(options));
  const auto result = caller_.Call(
      provider, Request(false, "arn:aws:bedrock:us-east-1:1:inference-profile/us.x-v1:0"));
  ASSERT_TRUE(result.has_value()) << Describe(result.error());
  EXPECT_EQ(result->text, "Hi");
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_THAT(
      server.requests().front(),
      AllOf(HasSubstr("POST /model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2F"
                      "us.x-v1%3A0/converse HTTP/1.1\r\nHost: 127.0.0.1:"),
            HasSubstr("\r\nContent-Type: application/json\r\n"),
            HasSubstr("\r\nX-Amz-Date: 20240102T030000Z\r\n"),
            HasSubstr(std::string("\r\nX-Amz-Security-Token: ") + kToken + "\r\n"),
            HasSubstr("\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKID/20240102/us-east-1/"
                      "bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date;"
                      "x-amz-security-token, Signature="),
            Not(HasSubstr(kSecretKey)), Not(HasSubstr("x-amz-content-sha256"))));
}

TEST_F(BedrockProviderTest, BearerTokenReplacesTheSignature) {
  ScriptedServer server(
      {{test_support::ReadRequest(),
        test_support::Send(test_support::Answer(403, R"({"message":"m"})")), test_support::Hang()}},
      ValidServer());
  BedrockOptions options = Options(server);
  options.bearer_token = Secret("bedrock-api-key");
  BedrockProvider provider(std::move(options));
  EXPECT_KIND(Failure(provider, Request(true)), "credential");
  const std::string request = server.requests().front();
  EXPECT_THAT(request, AllOf(HasSubstr("/converse-stream HTTP/1.1\r\n"),
                             HasSubstr("\r\nAuthorization: Bearer bedrock-api-key\r\n"),
                             Not(HasSubstr("X-Amz")), Not(HasSubstr("AWS4"))));
  EXPECT_EQ(source_->gets, 0);
}

TEST_F(BedrockProviderTest, SignaturesAreVerifiedByTheFakeServer) {
  FakeLlmServer server(Fast());
  BedrockProvider provider(Options(server));
  EXPECT_TRUE(caller_.Call(provider, Request(true)).has_value());

  source_->credentials.secret_access_key = Secret("wrong");
  Error error = Failure(provider, Request(true));
  EXPECT_KIND(error, "credential");
  EXPECT_EQ(error.provider_code, "InvalidSignatureException");

  source_->credentials.access_key_id = "UNKNOWN";
  error = Failure(provider, Request(true));
  EXPECT_KIND(error, "credential");
  EXPECT_EQ(error.provider_code, "UnrecognizedClientException");
  EXPECT_EQ(source_->invalidations, 1);
}

TEST_F(BedrockProviderTest, ExpiredTokenIsReplacedForTheNextCall) {
  FakeLlmServerOptions expired = Fast();
  expired.aws_credentials.front().expired = true;
  FakeLlmServer server(expired);
  BedrockProvider provider(Options(server));
  const Error error = Failure(provider, Request(false));
  EXPECT_KIND(error, "credential");
  EXPECT_EQ(error.provider_code, "ExpiredTokenException");
  EXPECT_FALSE(RetriabilityOf(error).retriable);
  EXPECT_EQ(source_->invalidations, 1);
}

TEST_F(BedrockProviderTest, WrongRegionIsRefused) {
  FakeLlmServerOptions elsewhere = Fast();
  elsewhere.aws_regions = {"eu-west-1"};
  FakeLlmServer server(elsewhere);
  BedrockProvider provider(Options(server));
  const Error error = Failure(provider, Request(false));
  EXPECT_KIND(error, "credential");
  EXPECT_THAT(error.message, HasSubstr("region"));
}

TEST_F(BedrockProviderTest, WrongClockIsCorrectedByTheServicesOnce) {
  for (const auto offset : {std::chrono::seconds(1h), std::chrono::seconds(-2h)}) {
    FakeLlmServerOptions ahead = Fast();
    ahead.clock_offset = offset;
    FakeLlmServer server(ahead);
    BedrockProvider provider(Options(server));
    auto result = caller_.Call(provider, Request(true));
    ASSERT_TRUE(result.has_value()) << Describe(result.error());
    ASSERT_EQ(result->attempts.size(), 2u);
    EXPECT_EQ(result->attempts[0].error, ErrorKind::kCredential);
    EXPECT_FALSE(result->attempts[1].error);
    // The correction is kept: the next call succeeds at once.
    result = caller_.Call(provider, Request(false));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->attempts.size(), 1u);
    EXPECT_EQ(server.counters().arrivals, 3u);
  }
}

TEST_F(BedrockProviderTest, ClockIsLeftAloneIfAskedOrIfItIsNotTheCause) {
  FakeLlmServerOptions ahead = Fast();
  ahead.clock_offset = 1h;
  FakeLlmServer server(ahead);
  BedrockOptions options = Options(server);
  options.correct_clock_skew = false;
  BedrockProvider stubborn(std::move(options));
  Error error = Failure(stubborn, Request(true));
  EXPECT_KIND(error, "credential");
  EXPECT_THAT(error.message, HasSubstr("Signature expired"));
  EXPECT_EQ(server.counters().arrivals, 1u);

  FakeLlmServer right(Fast());
  source_->credentials.secret_access_key = Secret("wrong");
  BedrockProvider provider(Options(right));
  error = Failure(provider, Request(true));
  EXPECT_EQ(error.attempts.size(), 1u);
  EXPECT_EQ(right.counters().arrivals, 1u);
}

TEST_F(BedrockProviderTest, MissingCredentialsAreSaidBeforeAnythingIsSent) {
  FakeLlmServer server(Fast());
  BedrockProvider provider(Options(server));
  Error none;
  none.kind = ErrorKind::kCredential;
  none.message = "no AWS credentials: set AWS_ACCESS_KEY_ID";
  source_->error = none;
  const Error error = Failure(provider, Request(true));
  EXPECT_KIND(error, "credential");
  EXPECT_EQ(error.http_status, 0);
  EXPECT_EQ(error.provider, "bedrock");
  EXPECT_EQ(error.attempts.size(), 1u);
  EXPECT_THAT(error.message, HasSubstr("AWS_ACCESS_KEY_ID"));
  EXPECT_EQ(server.counters().connections, 0u);
}

TEST_F(BedrockProviderTest, SlowCredentialsAreWaitedForUntilTheDeadlineOnly) {
  FakeLlmServer server(Fast());
  source_->delay = 1h;
  BedrockOptions options = Options(server);
  options.http.timeouts.total = 100ms;
  BedrockProvider hasty(std::move(options));
  Error error = Failure(hasty, Request(true));
  EXPECT_KIND(error, "total_timeout");
  EXPECT_THAT(error.message, HasSubstr("credentials"));
  EXPECT_EQ(error.attempts.size(), 1u);

  options = Options(server);
  options.http.timeouts.total = 1h;
  BedrockProvider patient(std::move(options));
  CompletionRequest request = Request(true);
  request.deadline = test_support::RealTimeIn(100ms);
  error = Failure(patient, request);
  EXPECT_KIND(error, "total_timeout");
  EXPECT_EQ(server.counters().connections, 0u);

  source_->delay = 5ms;
  EXPECT_TRUE(caller_.Call(patient, Request(true)).has_value());
}

TEST_F(BedrockProviderTest, CallCanBeCancelledWhileCredentialsAreFetched) {
  FakeLlmServer server(Fast());
  source_->delay = 1h;
  BedrockProvider provider(Options(server));
  EXPECT_TRUE(caller_.CallAndCancel(provider, Request(true), 20ms));
}

TEST_F(BedrockProviderTest, EveryExceptionInAStreamKeepsItsName) {
  FakeLlmServer server(Fast());
  for (const auto api : {BedrockOptions::Api::kConverse, BedrockOptions::Api::kInvokeModel}) {
    BedrockOptions options = Options(server);
    options.api = api;
    BedrockProvider provider(std::move(options));
    for (const char* name :
         {"internalServerException", "modelStreamErrorException", "validationException",
          "throttlingException", "serviceUnavailableException", "modelTimeoutException"}) {
      server.SetFaults({{.kind = FaultKind::kErrorEvent, .code = name, .after_tokens = 2}});
      const Error error = Failure(provider, Request(true));
      EXPECT_KIND(error, "stream_error");
      EXPECT_EQ(error.provider_code, name);
      EXPECT_EQ(error.partial_tokens, 2);
    }
  }
}

TEST_F(BedrockProviderTest, ModelHasToBeNamed) {
  FakeLlmServer server(Fast());
  BedrockProvider provider(Options(server));
  const Error error = Failure(provider, Request(true, ""));
  EXPECT_KIND(error, "invalid_request");
  EXPECT_THAT(error.message, HasSubstr("model: got \"\""));
  EXPECT_EQ(server.counters().connections, 0u);
}

TEST_F(BedrockProviderTest, UnknownModelFamilyIsNamed) {
  FakeLlmServer server(Fast());
  BedrockOptions options = Options(server);
  options.api = BedrockOptions::Api::kInvokeModel;
  BedrockProvider provider(options);
  const Error error = Failure(provider, Request(true, "meta.llama3-1-8b-instruct-v1:0"));
  EXPECT_KIND(error, "invalid_request");
  EXPECT_THAT(error.message, AllOf(HasSubstr("model: got \"meta.llama3-1-8b-instruct-v1:0\""),
                                   HasSubstr("Converse")));
  EXPECT_EQ(server.counters().connections, 0u);
  options.family = BedrockOptions::Family::kAnthropic;
  BedrockProvider told(options);
  EXPECT_TRUE(
      caller_
          .Call(told, Request(true, "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"))
          .has_value());
}

std::string Frame(std::string_view type, std::string_view payload) {
  const auto text = [](std::string_view name, std::string_view value) {
    return wire::EventStreamHeader{
        .name = name, .type = wire::EventStreamType::kString, .number = 0, .bytes = value};
  };
  const std::array headers = {text(":event-type", type), text(":message-type", "event")};
  std::string frame;
  wire::AppendEventStreamMessage(headers, payload, frame);
  return frame;
}

const char* const kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

TEST_F(BedrockProviderTest, HalfAFrameAndSilenceIsAnIdleTimeout) {
  const std::string delta =
      Frame("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hi"}})");
  ScriptedServer server({{test_support::ReadRequest(),
                          test_support::Send(kStreamHead + test_support::Chunk(delta) +
                                             test_support::Chunk(delta.substr(0, 30))),
                          test_support::Hang()}},
                        ValidServer());
  BedrockOptions options = Options(server);
  options.http.timeouts.idle = 200ms;
  BedrockProvider provider(std::move(options));
  const Error error = Failure(provider, Request(true));
  EXPECT_KIND(error, "idle_timeout");
  EXPECT_EQ(error.partial_text, "Hi");
}

TEST_F(BedrockProviderTest, CorruptedFrameEndsTheStream) {
  std::string delta =
      Frame("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hi"}})");
  const std::string good = delta;
  delta[delta.size() - 10] ^= 1;
  ScriptedServer server(
      {{test_support::ReadRequest(),
        test_support::Send(kStreamHead + test_support::Chunk(good + delta)), test_support::Hang()}},
      ValidServer());
  BedrockProvider provider(Options(server));
  const Error error = Failure(provider, Request(true));
  EXPECT_KIND(error, "malformed_response");
  EXPECT_THAT(error.message, HasSubstr("checksum"));
  EXPECT_EQ(error.partial_tokens, 1);
}

TEST(BedrockEndpoint, FollowsRegionAndFlags) {
  const auto endpoint = [](std::string region, bool fips = false, bool dual_stack = false) {
    BedrockOptions options;
    options.region = std::move(region);
    options.fips = fips;
    options.dual_stack = dual_stack;
    return BedrockEndpoint(options);
  };
  EXPECT_EQ(endpoint("us-east-1"), "https://bedrock-runtime.us-east-1.amazonaws.com");
  EXPECT_EQ(endpoint("us-east-1", true), "https://bedrock-runtime-fips.us-east-1.amazonaws.com");
  EXPECT_EQ(endpoint("us-east-1", false, true), "https://bedrock-runtime.us-east-1.api.aws");
  EXPECT_EQ(endpoint("cn-north-1"), "https://bedrock-runtime.cn-north-1.amazonaws.com.cn");
  EXPECT_THROW(endpoint(""), ConfigurationError);
  EXPECT_THROW(endpoint("us-east-1/evil.example"), ConfigurationError);
  BedrockOptions options;
  options.endpoint = "https://127.0.0.1:1";
  options.fips = true;
  EXPECT_THROW(BedrockEndpoint(options), ConfigurationError);
}

TEST(BedrockOptions, WantACredential) {
  BedrockOptions options;
  options.region = "us-east-1";
  EXPECT_THROW(BedrockProvider{options}, ConfigurationError);
}

}  // namespace
}  // namespace llmload
