// Deadlines, each its own kind, and cancellation at every stage.
#include "tests/conformance/provider_conformance.h"
#include "tests/support/black_hole.h"
#include "tests/support/real_time.h"
#include "tests/support/wait_until.h"

namespace llmload::test_support {
namespace {

using simulation::Fault;
using simulation::FaultKind;
using namespace std::chrono_literals;

class ConformingDeadlines : public ProviderConformance {
 protected:
  /// The error under `fault`.
  Error Missed(const Fault& fault, const ProviderTimeouts& timeouts, bool stream) {
    fake_server::FakeLlmServerOptions options = Fast();
    options.faults = {fault};
    fake_server::FakeLlmServer server(options);
    HttpOptions http;
    http.timeouts = timeouts;
    return Failure(*Make(server, http), Request(stream));
  }

  /// All others are an hour away: the kind of the error says which one ended the call.
  static ProviderTimeouts Only(Duration ProviderTimeouts::*which, Duration timeout) {
    ProviderTimeouts timeouts = {
        .connect = 1h, .tls = 1h, .first_token = 1h, .idle = 1h, .total = 1h};
    timeouts.*which = timeout;
    return timeouts;
  }
};

TEST_P(ConformingDeadlines, ConnectWithoutAnAnswerIsAConnectTimeout) {
  // For a service that cannot be moved, a proxy on which connects get no answer.
  const BlackHole black_hole;
  fake_server::FakeLlmServer server(Fast());
  HttpOptions http;
  http.proxy = "http://127.0.0.1:" + std::to_string(black_hole.port());
  http.timeouts.connect = 200ms;
  const Error error = Failure(*Make(server, http), Request(true));
  EXPECT_EQ(ToString(error.kind), "connect_timeout") << Describe(error);
  EXPECT_EQ(server.counters().connections, 0u);
}

TEST_P(ConformingDeadlines, ServiceThatIsDownIsAConnectFailureUntilItIsBack) {
  fake_server::FakeLlmServer server(Fast());
  const auto provider = Make(server);
  server.Suspend();
  const Error error = Failure(*provider, Request(true));
  EXPECT_EQ(ToString(error.kind), "connect_failure") << Describe(error);
  server.Resume();
  EXPECT_EQ(Value(*provider, Request(true)).token_events, 8);
}

TEST_P(ConformingDeadlines, HandshakeThatHangsIsATlsTimeout) {
  const Error error =
      Missed({.kind = FaultKind::kHangBeforeHandshake}, Only(&ProviderTimeouts::tls, 200ms), true);
  EXPECT_EQ(ToString(error.kind), "tls_timeout") << Describe(error);
}

TEST_P(ConformingDeadlines, StreamThatNeverComesIsAFirstTokenTimeout) {
  const Error error =
      Missed({.kind = FaultKind::kHang}, Only(&ProviderTimeouts::first_token, 200ms), true);
  EXPECT_EQ(ToString(error.kind), "first_token_timeout") << Describe(error);
}

TEST_P(ConformingDeadlines, HeaderAloneIsNoFirstToken) {
  const Error error =
      Missed({.kind = FaultKind::kStall}, Only(&ProviderTimeouts::first_token, 200ms), true);
  EXPECT_EQ(ToString(error.kind), "first_token_timeout") << Describe(error);
  EXPECT_FALSE(error.after_first_token);
}

TEST_P(ConformingDeadlines, SilenceAfterTokensIsAnIdleTimeout) {
  DoubleUntilLongEnough(200ms, [&](Duration idle) {
    const Error error = Missed({.kind = FaultKind::kStall, .after_tokens = 3},
                               Only(&ProviderTimeouts::idle, idle), true);
    EXPECT_EQ(ToString(error.kind), "idle_timeout") << Describe(error);
    EXPECT_TRUE(error.after_first_token);
    return error.partial_tokens == 3 || HasFailure();
  });
}

TEST_P(ConformingDeadlines, WholeCallIsBounded) {
  for (const bool stream : {false, true}) {
    const Error error =
        Missed({.kind = FaultKind::kHang}, Only(&ProviderTimeouts::total, 250ms), stream);
    EXPECT_EQ(ToString(error.kind), "total_timeout") << Describe(error);
  }
}

TEST_P(ConformingDeadlines, DeadlineOfTheRequestBoundsTheCall) {
  fake_server::FakeLlmServerOptions options = Fast();
  options.faults = {{.kind = FaultKind::kHang}};
  fake_server::FakeLlmServer server(options);
  const auto provider = Make(server);
  CompletionRequest request = Request(true);
  DoubleUntilLongEnough(250ms, [&](Duration from_now) {
    request.deadline = RealTimeIn(from_now);
    EXPECT_EQ(ToString(Failure(*provider, request).kind), "total_timeout");
    return server.counters().arrivals > 0 || HasFailure();
  });
  WaitUntil([&] { return server.counters().connections_open == 0; });
  const std::uint64_t arrivals = server.counters().arrivals;
  request.deadline = RealTimeIn(-1s);
  EXPECT_EQ(ToString(Failure(*provider, request).kind), "total_timeout");
  EXPECT_EQ(server.counters().arrivals, arrivals) << "nothing is sent when the deadline has passed";
}

TEST_P(ConformingDeadlines, CancellationEndsTheCallAtEveryStage) {
  struct Stage {
    const char* name;
    Fault fault;
    bool stream;
  };
  const Stage stages[] = {
      {"handshake", {.kind = FaultKind::kHangBeforeHandshake}, true},
      {"before the answer", {.kind = FaultKind::kHang}, true},
      {"before a unary answer", {.kind = FaultKind::kHang}, false},
      {"before the first token", {.kind = FaultKind::kStall}, true},
      {"between tokens", {.kind = FaultKind::kStall, .after_tokens = 4}, true},
      {"in a slow drip", {.kind = FaultKind::kSlowDrip, .delay = 20ms, .bytes = 1}, true},
  };
  for (const Stage& stage : stages) {
    SCOPED_TRACE(stage.name);
    fake_server::FakeLlmServerOptions options = Fast();
    options.faults = {stage.fault};
    options.faults.front().last_arrival = 1;
    fake_server::FakeLlmServer server(options);
    const auto provider = Make(server);
    RecordingObserver observer;
    const auto reached = [&] {
      return server.counters().faults(stage.fault.kind) == 1 &&
             static_cast<int>(observer.texts.size()) >= stage.fault.after_tokens;
    };
    EXPECT_TRUE(caller_.CallAndCancel(*provider, Request(stage.stream), reached, &observer));
    // The provider is as good as new, and the given-up connection is not used again.
    EXPECT_EQ(Value(*provider, Request(true)).token_events, 8);
    EXPECT_EQ(server.counters().connections, 2u);
  }
}

TEST_P(ConformingDeadlines, AbandonedContextTakesItsCallsAlong) {
  fake_server::FakeLlmServerOptions options = Fast();
  options.faults = {{.kind = FaultKind::kStall, .after_tokens = 2}};
  fake_server::FakeLlmServer server(options);
  const auto provider = Make(server);
  ProviderCaller::CallAndAbandon(*provider, Request(true), 100ms);
  server.SetFaults({});
  EXPECT_EQ(Value(*provider, Request(true)).token_events, 8);
}

INSTANTIATE_TEST_SUITE_P(Every, ConformingDeadlines, ::testing::ValuesIn(AllSubjects()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace llmload::test_support
