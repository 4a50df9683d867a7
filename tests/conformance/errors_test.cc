// Errors: one taxonomy, hints, truncation at every stage, bounds, secrecy.
#include <gmock/gmock.h>

#include "tests/conformance/provider_conformance.h"

namespace llmload::test_support {
namespace {

using simulation::CutMode;
using simulation::Fault;
using simulation::FaultKind;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

using ConformingErrors = ProviderConformance;

TEST_P(ConformingErrors, EveryErrorHasItsKind) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  ASSERT_FALSE(GetParam().errors.empty());
  for (const ErrorRow& row : GetParam().errors) {
    for (const bool stream : {false, true}) {
      SCOPED_TRACE(std::to_string(row.status) + " " + row.code + (stream ? " streaming" : ""));
      server.SetFaults({{.kind = FaultKind::kHttpError, .status = row.status, .code = row.code}});
      const Error error = Failure(*provider, Request(stream));
      EXPECT_EQ(ToString(error.kind), ToString(row.kind)) << Describe(error);
      EXPECT_EQ(error.http_status, row.status);
      EXPECT_EQ(error.provider, provider->Identity().name);
      EXPECT_FALSE(error.message.empty());
      EXPECT_FALSE(error.after_first_token);
      ASSERT_EQ(error.attempts.size(), 1u);
      EXPECT_EQ(error.attempts.front().error, row.kind);
    }
  }
}

TEST_P(ConformingErrors, WaitThatTheServiceAsksForIsRead) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  server.SetFaults({{.kind = FaultKind::kHttpError, .status = 429, .retry_after = Duration(7s)}});
  for (const bool stream : {false, true}) {
    EXPECT_EQ(Failure(*provider, Request(stream)).retry_after, Duration(7s));
  }
}

TEST_P(ConformingErrors, ErrorInsideAStreamHasItsKindBeforeTheFirstTokenAndInterruptsAfterIt) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (const int tokens : {0, 1, 5}) {
    server.SetFaults({{.kind = FaultKind::kErrorEvent, .after_tokens = tokens}});
    const Error error = Failure(*provider, Request(true));
    if (tokens == 0) {
      EXPECT_THAT(std::string(ToString(error.kind)), AnyOf("server_error", "overloaded"))
          << Describe(error);
    } else {
      EXPECT_EQ(ToString(error.kind), "stream_error") << Describe(error);
    }
    EXPECT_EQ(error.http_status, 200);
    EXPECT_FALSE(error.message.empty());
    EXPECT_EQ(error.partial_tokens, tokens);
    EXPECT_EQ(error.after_first_token, tokens > 0);
    EXPECT_EQ(RetriabilityOf(error).retriable, tokens == 0);
  }
}

TEST_P(ConformingErrors, CutIsNeverTakenForAnEnd) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (const CutMode mode : {CutMode::kAbrupt, CutMode::kCloseNotify, CutMode::kReset}) {
    for (int tokens = 0; tokens <= 8; ++tokens) {
      server.SetFaults({{.kind = FaultKind::kCut, .after_tokens = tokens, .cut_mode = mode}});
      RecordingObserver observer;
      const Error error = Failure(*provider, Request(true), &observer);
      EXPECT_THAT(std::string(ToString(error.kind)), AnyOf("connection_reset", "truncated_stream"))
          << tokens << " tokens: " << Describe(error);
      // A reset may overtake what was sent before it.
      if (mode != CutMode::kReset) {
        EXPECT_EQ(error.partial_tokens, tokens);
      }
      EXPECT_EQ(static_cast<std::int64_t>(observer.texts.size()), error.partial_tokens);
      EXPECT_EQ(error.after_first_token, error.partial_tokens > 0);
    }
    const Error error = Failure(*provider, Request(false));
    EXPECT_EQ(ToString(error.kind), "connection_reset") << Describe(error);
  }
}

TEST_P(ConformingErrors, OrderlyEndWithoutTheTerminalEventIsTruncation) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  server.SetFaults({{.kind = FaultKind::kMissingFinish}});
  const Error error = Failure(*provider, Request(true));
  EXPECT_EQ(ToString(error.kind), "truncated_stream") << Describe(error);
  EXPECT_EQ(error.partial_tokens, 8);
}

TEST_P(ConformingErrors, NonsenseIsMalformed) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (const bool stream : {false, true}) {
    for (const Fault& fault : {Fault{.kind = FaultKind::kGarbage},
                               Fault{.kind = FaultKind::kMalformedJson, .after_tokens = 2}}) {
      server.SetFaults({fault});
      const Error error = Failure(*provider, Request(stream));
      EXPECT_EQ(ToString(error.kind), "malformed_response") << Describe(error);
    }
  }
}

TEST_P(ConformingErrors, SizesAreBounded) {
  fake_server::FakeLlmServer server(Fast());
  HttpOptions http;
  http.limits.body_bytes = 256 << 10;
  http.limits.event_bytes = 64 << 10;
  const auto provider = Make(server, http);
  server.SetFaults({{.kind = FaultKind::kOversizedBody, .bytes = 4 << 20}});
  EXPECT_EQ(ToString(Failure(*provider, Request(false)).kind), "response_too_large");
  server.SetFaults({{.kind = FaultKind::kOversizedEvent, .after_tokens = 2}});
  const Error error = Failure(*provider, Request(true));
  EXPECT_EQ(ToString(error.kind), "response_too_large") << Describe(error);
  EXPECT_EQ(error.partial_tokens, 2);
  server.SetFaults({{.kind = FaultKind::kOversizedHeader}});
  EXPECT_EQ(ToString(Failure(*provider, Request(true)).kind), "response_too_large");
}

TEST_P(ConformingErrors, RedirectIsNotFollowed) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  server.SetFaults({{.kind = FaultKind::kRedirect}});
  for (const bool stream : {false, true}) {
    const Error error = Failure(*provider, Request(stream));
    EXPECT_EQ(ToString(error.kind), "unexpected_redirect") << Describe(error);
    EXPECT_THAT(error.message, HasSubstr("base URL"));
  }
}

TEST_P(ConformingErrors, WrongCredentialIsACredentialErrorWithoutTheSecret) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = GetParam().make(server, {}, true);
  for (const bool stream : {false, true}) {
    const Error error = Failure(*provider, Request(stream));
    EXPECT_EQ(ToString(error.kind), "credential") << Describe(error);
    EXPECT_FALSE(RetriabilityOf(error).retriable);
    for (const std::string& secret : AllSecrets()) {
      EXPECT_THAT(Describe(error), Not(HasSubstr(secret)));
      EXPECT_THAT(error.partial_text, Not(HasSubstr(secret)));
    }
  }
  for (const std::string& secret : AllSecrets()) {
    EXPECT_THAT(provider->Identity().credential, Not(HasSubstr(secret)));
  }
}

TEST_P(ConformingErrors, CallAfterAFailureWorks) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  for (const Fault& fault :
       {Fault{.kind = FaultKind::kHttpError}, Fault{.kind = FaultKind::kReset},
        Fault{.kind = FaultKind::kErrorEvent, .after_tokens = 1},
        Fault{.kind = FaultKind::kCut, .after_tokens = 3}, Fault{.kind = FaultKind::kGarbage},
        Fault{.kind = FaultKind::kMalformedJson, .after_tokens = 1}}) {
    server.SetFaults({fault});
    Failure(*provider, Request(true));
    server.SetFaults({});
    EXPECT_EQ(Value(*provider, Request(true)).token_events, 8);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, ConformingErrors, ::testing::ValuesIn(AllSubjects()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace llmload::test_support
