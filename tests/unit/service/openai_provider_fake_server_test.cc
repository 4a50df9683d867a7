// OpenAiProvider against the fake LLM server: each of its faults as the provider's caller sees it.
#include <chrono>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;
using simulation::CutMode;
using simulation::Fault;
using simulation::FaultKind;
using test_support::TestRequest;
using namespace std::chrono_literals;

class OpenAiProviderOnFakeServer : public ::testing::Test {
 protected:
  static FakeLlmServerOptions Fast() {
    FakeLlmServerOptions options;
    options.latency.ttft_median = 5ms;
    options.latency.gap_median = 1ms;
    options.latency.tokens_min = 8;
    options.latency.tokens_max = 8;
    return options;
  }
  static OpenAiOptions Options(const FakeLlmServer& server) {
    OpenAiOptions options;
    options.base_url = server.base_url();
    options.http.ca_pem = server.ca_pem();
    options.api_key = Secret("sk-test-0123456789");
    return options;
  }

  /// Fails the test on an error.
  Completion Value(Provider& provider, bool stream) {
    auto result = caller_.Call(provider, TestRequest(stream));
    if (result.has_error()) {
      ADD_FAILURE() << Describe(result.error());
      return {};
    }
    return std::move(result).value();
  }

  test_support::ProviderCaller caller_;
};

TEST_F(OpenAiProviderOnFakeServer, CompletesWithAndWithoutStreaming) {
  FakeLlmServer server(Fast());
  OpenAiProvider provider(Options(server));
  for (const bool stream : {false, true}) {
    const Completion completion = Value(provider, stream);
    EXPECT_EQ(completion.usage.output, 8);
    EXPECT_GT(completion.usage.input, 0);
    EXPECT_EQ(completion.token_source, TokenSource::kUsage);
    EXPECT_EQ(completion.finish_reason, "stop");
    EXPECT_FALSE(completion.text.empty());
    EXPECT_FALSE(completion.request_id.empty());
    EXPECT_EQ(completion.token_events, stream ? 8 : 0);
  }
  EXPECT_EQ(server.counters().connections, 1u);
  EXPECT_EQ(server.counters().arrivals, 2u);
  EXPECT_EQ(server.counters().validation_failures, 0u);
}

TEST_F(OpenAiProviderOnFakeServer, CountsTokensTheServiceDoesNotReport) {
  FakeLlmServer server(Fast());
  OpenAiOptions options = Options(server);
  options.include_usage = false;
  OpenAiProvider provider(std::move(options));
  const Completion completion = Value(provider, true);
  EXPECT_EQ(completion.usage.output, 8);
  EXPECT_EQ(completion.token_source, TokenSource::kCountedEvents);
}

TEST_F(OpenAiProviderOnFakeServer, SpeaksClearTextOnThisMachine) {
  FakeLlmServerOptions fast = Fast();
  fast.clear_text = true;
  FakeLlmServer server(fast);
  OpenAiProvider provider(Options(server));
  EXPECT_EQ(Value(provider, true).token_events, 8);
}

TEST_F(OpenAiProviderOnFakeServer, KeepsManyStreamsOpenAtOnce) {
  FakeLlmServer server(Fast());
  OpenAiProvider provider(Options(server));
  for (auto& result : caller_.CallTogether(provider, TestRequest(true), 200)) {
    ASSERT_TRUE(result.has_value()) << Describe(result.error());
    EXPECT_EQ(result->token_events, 8);
  }
  EXPECT_EQ(server.counters().connections, 200u);
}

TEST_F(OpenAiProviderOnFakeServer, ReportsRefusedCredentialsModelsAndPrompts) {
  FakeLlmServerOptions strict = Fast();
  strict.api_keys = {Secret("sk-another")};
  FakeLlmServer locked(strict);
  OpenAiProvider unknown(Options(locked));
  auto refused = caller_.Call(unknown, TestRequest(false));
  ASSERT_TRUE(refused.has_error());
  EXPECT_KIND(refused.error(), "credential");
  EXPECT_EQ(refused.error().provider_code, "invalid_api_key");
  EXPECT_EQ(Describe(refused.error()).find("sk-test-0123456789"), std::string::npos);

  strict = Fast();
  strict.models = {"other"};
  FakeLlmServer other_model(strict);
  OpenAiProvider wrong_model(Options(other_model));
  refused = caller_.Call(wrong_model, TestRequest(true));
  ASSERT_TRUE(refused.has_error());
  EXPECT_KIND(refused.error(), "model_unavailable");

  strict = Fast();
  strict.context_length = 4;
  FakeLlmServer small(strict);
  OpenAiProvider too_long(Options(small));
  CompletionRequest request = TestRequest(false);
  request.messages.front().content.assign(1000, 'x');
  refused = caller_.Call(too_long, request);
  ASSERT_TRUE(refused.has_error());
  EXPECT_KIND(refused.error(), "context_length");
}

struct FaultCase {
  const char* name;
  Fault fault;
  const char* unary;  ///< kind of error; empty: success
  const char* streaming;
  bool after_first_token = false;  ///< streaming
};

void PrintTo(const FaultCase& item, std::ostream* out) { *out << item.name; }

class OpenAiProviderFault : public OpenAiProviderOnFakeServer,
                            public ::testing::WithParamInterface<FaultCase> {};

TEST_P(OpenAiProviderFault, HasItsKindOfError) {
  const FaultCase& item = GetParam();
  for (const bool stream : {false, true}) {
    FakeLlmServerOptions options = Fast();
    options.faults = {item.fault};
    FakeLlmServer server(options);
    OpenAiOptions impatient = Options(server);
    // Short deadlines only where one has to pass: a busy machine must not look like a fault.
    const std::string_view expected = stream ? item.streaming : item.unary;
    impatient.http.timeouts = {
        .connect = 1h, .tls = 1h, .first_token = 1h, .idle = 1h, .total = 1h};
    if (expected == "tls_timeout") impatient.http.timeouts.tls = 500ms;
    if (expected == "first_token_timeout") impatient.http.timeouts.first_token = 500ms;
    if (expected == "total_timeout") impatient.http.timeouts.total = 500ms;
    if (expected == "idle_timeout") impatient.http.timeouts.idle = 400ms;
    impatient.http.limits.body_bytes = 256 << 10;
    OpenAiProvider provider(std::move(impatient));
    const auto result = caller_.Call(provider, TestRequest(stream));
    const std::string kind =
        result.has_error() ? std::string(ToString(result.error().kind)) : std::string();
    EXPECT_EQ(kind, expected) << (stream ? "streaming: " : "unary: ")
                              << (result.has_error() ? Describe(result.error()) : "a completion");
    if (result.has_error()) {
      EXPECT_EQ(result.error().after_first_token, stream && item.after_first_token);
      EXPECT_EQ(result.error().attempts.size(), 1u);
    }
    EXPECT_EQ(server.counters().faults(item.fault.kind), 1u);
  }
}

Fault Status(int status, std::string code = "") {
  return {.kind = FaultKind::kHttpError, .status = status, .code = std::move(code)};
}

INSTANTIATE_TEST_SUITE_P(
    Every, OpenAiProviderFault,
    ::testing::Values(
        FaultCase{"Status400", Status(400), "invalid_request", "invalid_request"},
        FaultCase{"Status401", Status(401), "credential", "credential"},
        FaultCase{"Status403", Status(403), "credential", "credential"},
        FaultCase{"Status404", Status(404), "model_unavailable", "model_unavailable"},
        FaultCase{"Status429", Status(429), "rate_limited", "rate_limited"},
        FaultCase{"Quota", Status(429, "insufficient_quota"), "quota_exhausted", "quota_exhausted"},
        FaultCase{"Status500", Status(500), "server_error", "server_error"},
        FaultCase{"Status502", Status(502), "server_error", "server_error"},
        FaultCase{"Status503", Status(503), "overloaded", "overloaded"},
        FaultCase{"Status529", Status(529), "overloaded", "overloaded"},
        FaultCase{"Hang", {.kind = FaultKind::kHang}, "total_timeout", "first_token_timeout"},
        FaultCase{"HangBeforeHandshake",
                  {.kind = FaultKind::kHangBeforeHandshake},
                  "tls_timeout",
                  "tls_timeout"},
        FaultCase{"SlowDrip",
                  {.kind = FaultKind::kSlowDrip, .delay = 50ms, .bytes = 8},
                  "total_timeout",
                  "first_token_timeout"},
        FaultCase{"SlowFirstToken",
                  {.kind = FaultKind::kSlowFirstToken, .delay = 1h},
                  "total_timeout",
                  "first_token_timeout"},
        FaultCase{"Stall",
                  {.kind = FaultKind::kStall, .after_tokens = 3},
                  "idle_timeout",
                  "idle_timeout",
                  true},
        FaultCase{"Reset", {.kind = FaultKind::kReset}, "connection_reset", "connection_reset"},
        FaultCase{"CutAbruptly",
                  {.kind = FaultKind::kCut, .after_tokens = 3},
                  "connection_reset",
                  "connection_reset",
                  true},
        FaultCase{"CutWithCloseNotify",
                  {.kind = FaultKind::kCut, .after_tokens = 3, .cut_mode = CutMode::kCloseNotify},
                  "connection_reset",
                  "connection_reset",
                  true},
        FaultCase{"CutWithReset",
                  {.kind = FaultKind::kCut, .after_tokens = 3, .cut_mode = CutMode::kReset},
                  "connection_reset",
                  "connection_reset",
                  true},
        FaultCase{"CutBeforeTheFirstToken",
                  {.kind = FaultKind::kCut},
                  "connection_reset",
                  "connection_reset"},
        FaultCase{"MalformedJson",
                  {.kind = FaultKind::kMalformedJson, .after_tokens = 2},
                  "malformed_response",
                  "malformed_response",
                  true},
        FaultCase{"ErrorEvent",
                  {.kind = FaultKind::kErrorEvent, .after_tokens = 2},
                  "server_error",
                  "stream_error",
                  true},
        FaultCase{
            "Garbage", {.kind = FaultKind::kGarbage}, "malformed_response", "malformed_response"},
        FaultCase{"OversizedHeader",
                  {.kind = FaultKind::kOversizedHeader},
                  "response_too_large",
                  "response_too_large"},
        FaultCase{"OversizedBody",
                  {.kind = FaultKind::kOversizedBody},
                  "response_too_large",
                  "response_too_large",
                  true},
        FaultCase{"Redirect",
                  {.kind = FaultKind::kRedirect},
                  "unexpected_redirect",
                  "unexpected_redirect"},
        FaultCase{"ExtraLatency",
                  {.kind = FaultKind::kExtraLatency, .delay = 1h},
                  "total_timeout",
                  "first_token_timeout"},
        FaultCase{"ConnectionClose", {.kind = FaultKind::kConnectionClose}, "", ""},
        FaultCase{"Leak", {.kind = FaultKind::kLeak, .bytes = 1000}, "", ""}),
    [](const auto& param) { return param.param.name; });

// Faults that exist in streams only.
TEST_F(OpenAiProviderOnFakeServer, ReportsBrokenEndsOfStreams) {
  FakeLlmServer server(Fast());
  OpenAiProvider provider(Options(server));
  server.SetFaults({{.kind = FaultKind::kMissingDone}});
  EXPECT_EQ(Value(provider, true).token_events, 8);

  server.SetFaults({{.kind = FaultKind::kMissingFinish}});
  auto result = caller_.Call(provider, TestRequest(true));
  ASSERT_TRUE(result.has_error());
  EXPECT_KIND(result.error(), "truncated_stream");
  EXPECT_EQ(result.error().partial_tokens, 8);

  server.SetFaults({{.kind = FaultKind::kOversizedEvent, .after_tokens = 2}});
  result = caller_.Call(provider, TestRequest(true));
  ASSERT_TRUE(result.has_error());
  EXPECT_KIND(result.error(), "response_too_large");
  EXPECT_EQ(result.error().partial_tokens, 2);
}

TEST_F(OpenAiProviderOnFakeServer, ReportsAContentLengthThatIsWrong) {
  FakeLlmServer server(Fast());
  OpenAiProvider provider(Options(server));
  server.SetFaults({{.kind = FaultKind::kWrongContentLength, .length_error = 64}});
  auto result = caller_.Call(provider, TestRequest(false));
  ASSERT_TRUE(result.has_error());
  EXPECT_KIND(result.error(), "connection_reset");
  server.SetFaults({{.kind = FaultKind::kWrongContentLength, .length_error = -64}});
  result = caller_.Call(provider, TestRequest(false));
  ASSERT_TRUE(result.has_error());
  EXPECT_KIND(result.error(), "malformed_response");
  // The bytes left over on that connection must not be taken for the next answer.
  server.SetFaults({});
  EXPECT_EQ(Value(provider, false).usage.output, 8);
}

TEST_F(OpenAiProviderOnFakeServer, ReadsTheWaitTheServiceAsksFor) {
  FakeLlmServer server(Fast());
  OpenAiProvider provider(Options(server));
  server.SetFaults({{.kind = FaultKind::kHttpError, .status = 429, .retry_after = Duration(7s)}});
  const auto result = caller_.Call(provider, TestRequest(true));
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().retry_after, Duration(7s));
  EXPECT_FALSE(result.error().request_id.empty());
}

TEST_F(OpenAiProviderOnFakeServer, RecoversAfterTheServiceDiedAndCameBack) {
  FakeLlmServer server(Fast());
  OpenAiProvider provider(Options(server));
  Value(provider, true);
  server.Suspend();
  const auto result = caller_.Call(provider, TestRequest(true));
  ASSERT_TRUE(result.has_error());
  EXPECT_KIND(result.error(), "connect_failure");
  server.Resume();
  Value(provider, true);
}

}  // namespace
}  // namespace llmload
