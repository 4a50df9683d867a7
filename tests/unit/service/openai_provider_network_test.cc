// OpenAiProvider against networks that misbehave: failures, connection reuse, cancellation.
#include <thread>

#include "tests/support/black_hole.h"
#include "tests/support/wait_until.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using namespace test_support;  // the script and the answers
using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;

using OpenAiProviderNetwork = OpenAiProviderTest;

TEST_F(OpenAiProviderNetwork, ReportsARefusedConnection) {
  std::uint16_t port = 0;
  { port = Serve({{Hang()}})->port(); }
  OpenAiOptions options;
  options.base_url = "http://127.0.0.1:" + std::to_string(port);
  OpenAiProvider provider(std::move(options));
  EXPECT_KIND(ErrorOf(caller_.Call(provider, TestRequest(false))), "connect_failure");
}

TEST_F(OpenAiProviderNetwork, ReportsANameThatDoesNotResolve) {
  OpenAiOptions options;
  options.base_url = "https://no-such-host.invalid";
  options.http.timeouts.connect = 10s;
  OpenAiProvider provider(std::move(options));
  const Error error = ErrorOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_KIND(error, "dns_failure");
  EXPECT_THAT(error.message, HasSubstr("no-such-host.invalid"));
}

TEST_F(OpenAiProviderNetwork, ReportsAResetBeforeTheAnswer) {
  for (const Step& end : {Reset(), Cut(), Close()}) {
    const auto server = Serve({{ReadRequest(), end}});
    EXPECT_KIND(CallError(*server, false), "connection_reset");
  }
}

TEST_F(OpenAiProviderNetwork, ReportsACutStream) {
  for (const Step& end : {Reset(), Cut(), Close()}) {
    const auto server =
        Serve({{ReadRequest(), Send(StreamHead() + TokenEvents({"a"}) + FinishEvent()), Sleep(30ms),
                end}});
    const Error error = CallError(*server, true);
    EXPECT_KIND(error, "connection_reset");
    EXPECT_TRUE(error.after_first_token);
    EXPECT_EQ(error.partial_text, "a");
  }
}

TEST_F(OpenAiProviderNetwork, ReportsACutBody) {
  const auto server =
      Serve({{ReadRequest(), Send(Answer(200, CompletionBody()).substr(0, 150)), Cut()}});
  EXPECT_KIND(CallError(*server, false), "connection_reset");
}

TEST_F(OpenAiProviderNetwork, DoesNotTrustABodyWhoseEndIsACut) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
  EXPECT_KIND(CallError(*Serve({{ReadRequest(), Send(head + CompletionBody()), Cut()}}), false),
              "connection_reset");
  ValueOf(Call(*Serve({{ReadRequest(), Send(head + CompletionBody()), Close()}}), false));
}

TEST_F(OpenAiProviderNetwork, ReadsAnAnswerThatCameBeforeTheRequestWasWritten) {
  const auto server = Serve({{Send(Answer(413, R"({"error":{"message":"too much"}})")), Close()}});
  OpenAiProvider provider(Options(*server));
  CompletionRequest request = TestRequest(false);
  request.messages.front().content.assign(8 << 20, 'x');
  const Error error = ErrorOf(caller_.Call(provider, request));
  EXPECT_THAT(std::string(ToString(error.kind)), AnyOf("invalid_request", "connection_reset"));
}

TEST_F(OpenAiProviderNetwork, SendsLargeRequests) {
  const auto server = ServeBytes(Answer(200, CompletionBody()));
  OpenAiProvider provider(Options(*server));
  CompletionRequest request = TestRequest(false);
  request.messages.front().content.assign(6 << 20, 'x');
  ValueOf(caller_.Call(provider, request));
  EXPECT_GT(server->requests().at(0).size(), std::size_t{6} << 20);
}

TEST_F(OpenAiProviderNetwork, ReusesConnections) {
  const std::string stream =
      StreamHead() + TokenEvents({"a"}) + FinishEvent() + DoneEvent() + LastChunk();
  const auto server = Serve({{ReadRequest(), Send(Answer(200, CompletionBody())), ReadRequest(),
                              Send(stream), ReadRequest(), Send(Answer(500, "{}")), ReadRequest(),
                              Send(Answer(200, CompletionBody())), Hang()}});
  OpenAiProvider provider(Options(*server));
  const Completion opened = ValueOf(caller_.Call(provider, TestRequest(false)));
  const Completion reused = ValueOf(caller_.Call(provider, TestRequest(true)));
  EXPECT_GT(opened.timings.connection_wait, Duration::zero());
  EXPECT_EQ(reused.timings.connection_wait, Duration::zero());
  EXPECT_KIND(ErrorOf(caller_.Call(provider, TestRequest(false))), "server_error");
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->connections(), 1);
  const ConnectionCounters counters = provider.Connections();
  EXPECT_EQ(counters.connects, 1u);
  EXPECT_EQ(counters.tls_handshakes, 1u);
  EXPECT_EQ(counters.reuses, 3u);
}

TEST_F(OpenAiProviderNetwork, CountsItsOwnConnectionsAndNoOthers) {
  const std::vector<Step> script = {ReadRequest(), Send(Answer(200, CompletionBody())), Hang()};
  const auto server = Serve({script, script});
  OpenAiProvider provider(Options(*server));
  OpenAiProvider other(Options(*server));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(other.Connections(), ConnectionCounters());
  ValueOf(caller_.Call(other, TestRequest(false)));
  EXPECT_EQ(provider.Connections().connects, 1u);
  EXPECT_EQ(other.Connections().connects, 1u);
  EXPECT_GT(other.Connections().tls_time, Duration::zero());
}

TEST_F(OpenAiProviderNetwork, OpensAsManyConnectionsAsThereAreCallsAtOnce) {
  const auto server = Serve({ServeTwice(Answer(200, CompletionBody()))});
  OpenAiProvider provider(Options(*server));
  for (int round = 0; round < 2; ++round) {
    for (auto& result : caller_.CallTogether(provider, TestRequest(false), 8))
      ValueOf(std::move(result));
  }
  EXPECT_EQ(server->connections(), 8);
}

TEST_F(OpenAiProviderNetwork, HonoursConnectionClose) {
  const auto server = Serve({ServeTwice(Answer(200, CompletionBody(), "Connection: close\r\n"))});
  OpenAiProvider provider(Options(*server));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->connections(), 2);
}

TEST_F(OpenAiProviderNetwork, HonoursTheTimeOfKeepAlive) {
  const auto server =
      Serve({ServeTwice(Answer(200, CompletionBody(), "Keep-Alive: timeout=0\r\n"))});
  OpenAiProvider provider(Options(*server));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->connections(), 2);
}

TEST_F(OpenAiProviderNetwork, DropsConnectionsThatAreIdleTooLong) {
  const auto server = Serve({ServeTwice(Answer(200, CompletionBody()))});
  OpenAiOptions options = Options(*server);
  options.http.max_idle_time = 20ms;
  OpenAiProvider provider(std::move(options));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  std::this_thread::sleep_for(40ms);
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->connections(), 2);
}

TEST_F(OpenAiProviderNetwork, KeepsNoMoreIdleConnectionsThanAllowed) {
  const auto server = Serve({ServeTwice(Answer(200, CompletionBody()))});
  OpenAiOptions options = Options(*server);
  options.http.max_idle_connections = 2;
  OpenAiProvider provider(std::move(options));
  for (auto& result : caller_.CallTogether(provider, TestRequest(false), 5))
    ValueOf(std::move(result));
  WaitUntil([&] { return server->open_connections() == 2; });
}

TEST_F(OpenAiProviderNetwork, NoticesDeadIdleConnectionsBeforeUse) {
  for (const Step& end : {Close(), Cut(), Reset()}) {
    const auto server =
        Serve({{ReadRequest(), Send(Answer(200, CompletionBody())), Sleep(20ms), end},
               ServeTwice(Answer(200, CompletionBody()))});
    OpenAiProvider provider(Options(*server));
    ValueOf(caller_.Call(provider, TestRequest(false)));
    WaitUntil([&] { return server->open_connections() == 0; });
    ValueOf(caller_.Call(provider, TestRequest(false)));
    EXPECT_EQ(server->connections(), 2);
    EXPECT_EQ(provider.Connections().stale, 1u);
    EXPECT_EQ(provider.Connections().reuses, 0u);
  }
}

TEST_F(OpenAiProviderNetwork, DoesNotUseAnIdleConnectionThatSpoke) {
  const auto server = Serve({{ReadRequest(), Send(Answer(200, CompletionBody())), Sleep(20ms),
                              Send(Answer(408, "")), Hang()},
                             ServeTwice(Answer(200, CompletionBody()))});
  OpenAiProvider provider(Options(*server));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  WaitUntil([&] { return server->sends() == 2; });
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->connections(), 2);
}

TEST_F(OpenAiProviderNetwork, NeverSendsARequestTwice) {
  // The second request is read and then dropped: the client cannot know whether it was carried out.
  const auto server =
      Serve({{ReadRequest(), Send(Answer(200, CompletionBody())), ReadRequest(), Cut()},
             ServeTwice(Answer(200, CompletionBody()))});
  OpenAiProvider provider(Options(*server));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  const Error error = ErrorOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_KIND(error, "stale_connection");
  EXPECT_EQ(provider.Connections().stale, 1u);
  EXPECT_EQ(server->requests().size(), 2u);
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(OpenAiProviderNetwork, DoesNotReuseAConnectionAfterATimeout) {
  DoubleUntilLongEnough(200ms, [&](Duration first_token) {
    const auto server = Serve({{ReadRequest(), Hang()}, ServeTwice(Answer(200, CompletionBody()))});
    OpenAiOptions options = Options(*server);
    options.http.timeouts.first_token = first_token;
    OpenAiProvider provider(std::move(options));
    EXPECT_KIND(ErrorOf(caller_.Call(provider, TestRequest(true))), "first_token_timeout");
    const auto answer = caller_.Call(provider, TestRequest(false));
    EXPECT_EQ(server->connections(), 2);
    return answer.has_value() || HasFailure();
  });
}

TEST_F(OpenAiProviderNetwork, ClosesTheConnectionOfACancelledCall) {
  RecordingObserver seen;
  const auto server = Serve({{ReadRequest(), Send(StreamHead() + TokenEvents({"a"})), Hang()}});
  OpenAiProvider provider(Options(*server));
  EXPECT_TRUE(caller_.CallAndCancel(
      provider, TestRequest(true), [&] { return !seen.texts.empty(); }, &seen));
  EXPECT_EQ(seen.texts.size(), 1u);
  WaitUntil([&] { return server->open_connections() == 0; });
}

TEST_F(OpenAiProviderNetwork, CanBeCancelledInEveryPhase) {
  const BlackHole hole;
  OpenAiOptions options;
  options.base_url = hole.url();
  OpenAiProvider connecting(std::move(options));
  EXPECT_TRUE(caller_.CallAndCancel(connecting, TestRequest(false), 50ms));

  const ScriptedServer silent({{Hang()}}, ValidServer(), /*handshake=*/false);
  OpenAiProvider shaking_hands(Options(silent));
  EXPECT_TRUE(caller_.CallAndCancel(shaking_hands, TestRequest(false), 50ms));

  const auto deaf = Serve({{Sleep(0ms), Hang()}});
  OpenAiProvider waiting(Options(*deaf));
  EXPECT_TRUE(caller_.CallAndCancel(waiting, TestRequest(false), 50ms));
}

TEST_F(OpenAiProviderNetwork, SurvivesAnIoContextThatIsDestroyedUnderACall) {
  const auto server = Serve({{ReadRequest(), Send(StreamHead() + TokenEvents({"a"})), Hang()}});
  OpenAiProvider provider(Options(*server));
  ProviderCaller::CallAndAbandon(provider, TestRequest(true), 100ms);
  WaitUntil([&] { return server->open_connections() == 0; });
}

TEST_F(OpenAiProviderNetwork, ClosesIdleConnectionsWhenItGoes) {
  const auto server = Serve({ServeTwice(Answer(200, CompletionBody()))});
  {
    OpenAiProvider provider(Options(*server));
    ValueOf(caller_.Call(provider, TestRequest(false)));
    EXPECT_EQ(server->open_connections(), 1);
  }
  WaitUntil([&] { return server->open_connections() == 0; });
}

TEST_F(OpenAiProviderNetwork, ClosesIdleConnectionsWhenTheIoContextGoes) {
  const auto server = Serve({ServeTwice(Answer(200, CompletionBody()))});
  OpenAiProvider provider(Options(*server));
  {
    ProviderCaller caller;
    ValueOf(caller.Call(provider, TestRequest(false)));
    EXPECT_EQ(server->open_connections(), 1);
  }
  WaitUntil([&] { return server->open_connections() == 0; });
}

TEST_F(OpenAiProviderNetwork, WorksOnAStrand) {
  const auto server = Serve({ServeTwice(Answer(200, CompletionBody()))});
  OpenAiProvider provider(Options(*server));
  ValueOf(caller_.CallOnStrand(provider, TestRequest(false)));
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(OpenAiProviderNetwork, ServesManyThreadsAtOnce) {
  Script script;
  for (int i = 0; i < 40; ++i) {
    script.push_back(ReadRequest());
    script.push_back(Send(Answer(200, CompletionBody())));
  }
  const auto server = Serve({script});
  OpenAiOptions options = Options(*server);
  options.base_url = server->url("localhost");
  OpenAiProvider provider(std::move(options));
  std::atomic<int> completed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      ProviderCaller caller;
      for (int k = 0; k < 10; ++k) {
        for (const auto& result : caller.CallTogether(provider, TestRequest(false), 3)) {
          if (result.has_value()) ++completed;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(completed, 120);
  EXPECT_LE(server->connections(), 12);
  EXPECT_EQ(provider.Connections().dns_lookups, 1u);
}

}  // namespace
}  // namespace llmload
