// A bounded number of connections, and connections that are not reused.
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <numeric>
#include <thread>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/support/real_time.h"
#include "tests/support/wait_until.h"
#include "tests/unit/service/provider_fixture.h"

namespace llmload {
namespace {

using namespace test_support;  // the script and the answers
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ConnectionLimitTest : public OpenAiProviderTest {
 protected:
  static Script Answers(int count, std::chrono::milliseconds after = 0ms) {
    Script script;
    for (int i = 0; i < count; ++i) {
      script.push_back(ReadRequest());
      script.push_back(Sleep(after));
      script.push_back(Send(Answer(200, CompletionBody())));
    }
    script.push_back(Hang());
    return script;
  }
  static OpenAiOptions Limited(const ScriptedServer& server, std::size_t connections) {
    OpenAiOptions options = Options(server);
    options.http.max_connections = connections;
    return options;
  }
};

TEST_F(ConnectionLimitTest, LetsFurtherRequestsWaitInOrderAndCountsTheWait) {
  const auto server = Serve({Answers(6, 30ms)});
  OpenAiProvider provider(Limited(*server, 1));
  std::vector<Duration> waits;
  for (auto& result : caller_.CallTogether(provider, TestRequest(false), 6)) {
    waits.push_back(ValueOf(std::move(result)).timings.connection_wait.value_or(-1s));
  }
  EXPECT_EQ(server->connections(), 1);
  for (std::size_t i = 1; i < waits.size(); ++i) {
    EXPECT_GE(waits[i], waits[i - 1] + 20ms) << i;
  }
}

TEST_F(ConnectionLimitTest, HoldsOverAllThreads) {
  // Each thread has an io_context of its own; what waits in one gets what is free in another.
  std::vector<Script> scripts(2000, Answers(50));
  const auto server = Serve(scripts);
  OpenAiProvider provider(Limited(*server, 3));
  std::atomic<int> answered{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      ProviderCaller caller;
      for (int k = 0; k < 5; ++k) {
        for (const auto& result : caller.CallTogether(provider, TestRequest(false), 5)) {
          if (result.has_value()) ++answered;
        }
        const int open = server->open_connections();
        for (int seen = most; open > seen && !most.compare_exchange_weak(seen, open);) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 100);
  // A server notices the end of a connection a little later than its beginning.
  WaitUntil([&] { return server->open_connections() <= 3; });
  EXPECT_EQ(provider.Connections().connects, static_cast<std::uint64_t>(server->connections()));
}

TEST_F(ConnectionLimitTest, HandsAnIdleConnectionToAnotherIoContext) {
  const auto server = Serve({Answers(9), Answers(9)});
  OpenAiProvider provider(Limited(*server, 1));
  ProviderCaller other;
  ValueOf(caller_.Call(provider, TestRequest(false)));
  ValueOf(other.Call(provider, TestRequest(false)));
  WaitUntil([&] { return server->open_connections() == 1; });
  EXPECT_EQ(server->connections(), 2);
  ValueOf(other.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->connections(), 2);
}

TEST_F(ConnectionLimitTest, KeepsConnectionsInUseAlthoughSeveralIoContextsWantThem) {
  constexpr int kRequests = 40;  // of each of 3 callers in each of 2 io_contexts
  fake_server::FakeLlmServerOptions fast;
  fast.latency.ttft_median = fast.latency.gap_median = 1ms;
  fast.latency.tokens_min = fast.latency.tokens_max = 2;
  for (const std::size_t limit : {1u, 2u}) {
    fake_server::FakeLlmServer server(fast);
    OpenAiOptions options;
    options.base_url = server.base_url();
    options.http.ca_pem = server.ca_pem();
    options.http.max_connections = limit;
    OpenAiProvider provider(options);
    std::atomic<int> answered{0};
    const auto call = [&]() -> boost::asio::awaitable<void> {
      const CompletionRequest request = TestRequest(false);
      for (int i = 0; i < kRequests; ++i) {
        if ((co_await provider.Complete(request, nullptr)).has_value()) ++answered;
      }
    };
    const auto work = [&] {
      boost::asio::io_context context(1);
      for (int i = 0; i < 3; ++i) boost::asio::co_spawn(context, call, boost::asio::detached);
      context.run();
    };
    std::thread one(work);
    std::thread other(work);
    one.join();
    other.join();
    EXPECT_EQ(answered, 6 * kRequests);
    // At worst every ninth turn goes to the other io_context, which has to open a connection.
    EXPECT_LE(provider.Connections().connects, 6u * kRequests / 5) << "limit " << limit;
  }
}

TEST_F(ConnectionLimitTest, GivesATurnOnWhenARequestFails) {
  const auto server = Serve({{ReadRequest(), Cut()}, {ReadRequest(), Cut()}, Answers(1)});
  OpenAiProvider provider(Limited(*server, 1));
  const auto results = caller_.CallTogether(provider, TestRequest(false), 3);
  EXPECT_TRUE(results[0].has_error());
  EXPECT_TRUE(results[1].has_error());
  EXPECT_TRUE(results[2].has_value());
}

TEST_F(ConnectionLimitTest, BoundsTheWaitByTheDeadlineOfTheCall) {
  const auto server =
      Serve({{ReadRequest(), Sleep(400ms), Send(Answer(200, CompletionBody())), Hang()}});
  OpenAiProvider provider(Limited(*server, 1));
  std::thread busy([&] {
    ProviderCaller caller;
    ValueOf(caller.Call(provider, TestRequest(false)));
  });
  WaitUntil([&] { return !server->requests().empty(); });
  CompletionRequest request = TestRequest(false);
  request.deadline = RealTimeIn(100ms);
  const auto result = caller_.Call(provider, request);
  EXPECT_KIND(result.error(), "total_timeout");
  EXPECT_THAT(result.error().message, HasSubstr("no connection was free"));
  busy.join();
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(ConnectionLimitTest, LetsAWaitBeCancelledAndAbandoned) {
  const auto server =
      Serve({{ReadRequest(), Sleep(400ms), Send(Answer(200, CompletionBody())), Hang()},
             Answers(2),
             Answers(2)});
  OpenAiProvider provider(Limited(*server, 1));
  std::thread busy([&] {
    ProviderCaller caller;
    ValueOf(caller.Call(provider, TestRequest(false)));
  });
  WaitUntil([&] { return !server->requests().empty(); });
  EXPECT_TRUE(caller_.CallAndCancel(provider, TestRequest(false), 20ms));
  ProviderCaller::CallAndAbandon(provider, TestRequest(false), 20ms);
  busy.join();
  ValueOf(caller_.Call(provider, TestRequest(false)));
  EXPECT_EQ(server->requests().size(), 2u);
}

TEST_F(ConnectionLimitTest, IsWithoutABoundByDefault) {
  std::vector<Script> scripts(8, Answers(1, 100ms));
  const auto server = Serve(scripts);
  OpenAiProvider provider(Options(*server));
  for (auto& result : caller_.CallTogether(provider, TestRequest(false), 8)) {
    ValueOf(std::move(result));
  }
  EXPECT_EQ(server->connections(), 8);
}

TEST_F(ConnectionLimitTest, NewConnectionsAreClosedAfterTheAnswer) {
  const auto server = Serve({Answers(2), Answers(2), Answers(2)});
  OpenAiOptions options = Options(*server);
  options.http.reuse_connections = false;
  OpenAiProvider provider(options);
  for (int i = 1; i <= 3; ++i) {
    ValueOf(caller_.Call(provider, TestRequest(false)));
    EXPECT_EQ(server->connections(), i);
    WaitUntil([&] { return server->open_connections() == 0; });
  }
  EXPECT_THAT(server->requests().front(), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(provider.Connections().reuses, 0u);
}

}  // namespace
}  // namespace llmload
