// Many streams, several threads, and the server's life: stop, suspend, resume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/support/sanitized.h"
#include "tests/support/wait_until.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using simulation::Fault;
using simulation::FaultKind;
using simulation::LatencyModel;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::WaitUntil;

// What a sanitizer finds in 300 it finds in 2000, after a fraction of the time.
constexpr int kManyStreams = test_support::kSanitized ? 300 : 2000;

// Both ends of each connection are in this process. False if the hard limit does not allow that.
bool AllowDescriptors(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count) return false;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::vector<std::unique_ptr<RawClient>> ConnectMany(const FakeLlmServer& server, int count) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port(), server.ca_pem()));
    EXPECT_EQ(clients.back()->error(), "") << "connection " << i;
  }
  return clients;
}

class FakeServerScale : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!AllowDescriptors(2 * kManyStreams + 200)) {
      GTEST_SKIP() << "the hard limit on descriptors is below " << 2 * kManyStreams + 200;
    }
  }
};

TEST_F(FakeServerScale, Holds2000ConcurrentStreams) {
  FakeLlmServer server;
  auto clients = ConnectMany(server, kManyStreams);
  LatencyModel latency;
  latency.tokens_min = latency.tokens_max = 10;
  latency.ttft_sigma = 0;
  std::uint64_t rounds = 0;
  // All have to be open before the first token, whatever time it takes to ask for them.
  test_support::DoubleUntilLongEnough(seconds(2), [&](Duration ttft) {
    ++rounds;
    latency.ttft_median = ttft;
    server.SetLatency(latency);
    for (const auto& client : clients) {
      client->SendPost("/v1/chat/completions",
                       ChatBody(R"(,"stream":true,"stream_options":{"include_usage":true})"));
    }
    for (const auto& client : clients) {
      const RawResponse response = client->Read();
      EXPECT_EQ(response.end, End::kComplete);
      const auto events = response.Events();
      EXPECT_EQ(events.size(), 1U + 10 + 1 + 1 + 1);
      EXPECT_EQ(events.empty() ? "" : events.back(), "[DONE]");
    }
    return HasFailure() || server.counters().streams_peak == kManyStreams;
  });
  const FakeLlmServerCounters counters = server.counters();
  EXPECT_EQ(counters.tokens_sent, rounds * 10U * kManyStreams);
  EXPECT_EQ(counters.streams_open, 0U);
  EXPECT_EQ(counters.aborted_by_client, 0U);
  EXPECT_EQ(counters.tls_handshakes, static_cast<std::uint64_t>(kManyStreams));
}

TEST_F(FakeServerScale, StopsWithoutWaitingFor2000OpenStreams) {
  FakeLlmServerOptions options;
  options.threads = 2;
  options.latency.ttft_median = hours(1);
  options.latency.gap_median = milliseconds(200);
  options.latency.tokens_min = options.latency.tokens_max = 100'000;
  FakeLlmServer server(options);
  auto clients = ConnectMany(server, kManyStreams);
  for (const auto& client : clients) {
    client->SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  }
  for (const auto& client : clients) ASSERT_TRUE(client->ReadUntil("assistant"));
  EXPECT_EQ(server.counters().streams_open, static_cast<std::uint64_t>(kManyStreams));
  server.Stop();  // the streams have an hour to go
  EXPECT_EQ(server.counters().streams_open, 0U);
  EXPECT_EQ(server.counters().connections_open, 0U);
  const End end = clients.front()->ReadToEnd();
  EXPECT_TRUE(end == End::kTruncated || end == End::kReset) << end;
  server.Stop();  // a second time: no effect
  RawClient late(server.port(), server.ca_pem());
  EXPECT_NE(late.error(), "");
}

TEST(FakeServerLife, ServesFromSeveralThreads) {
  FakeLlmServerOptions options;
  options.threads = 3;
  options.latency.ttft_median = milliseconds(5);
  options.latency.gap_median = milliseconds(1);
  FakeLlmServer server(options);
  constexpr int kClients = 6;
  constexpr int kRequests = 20;
  std::vector<std::thread> threads;
  std::atomic<int> complete{0};
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&server, &complete, i] {
      RawClient client(server.port(), server.ca_pem());
      for (int k = 0; k < kRequests; ++k) {
        client.SendPost("/v1/chat/completions",
                        ChatBody((i + k) % 2 == 0 ? R"(,"stream":true)" : ""));
        if (client.Read().end == End::kComplete) ++complete;
      }
    });
  }
  // Readers and writers of the behaviour at the same time.
  for (int i = 0; i < 50; ++i) {
    server.SetFaults({Fault{.kind = FaultKind::kExtraLatency, .delay = milliseconds(1)}});
    server.counters();
    server.ArrivalInstants();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(complete, kClients * kRequests);
  EXPECT_EQ(server.counters().arrivals, static_cast<std::uint64_t>(kClients * kRequests));
  WaitUntil([&server] { return server.counters().in_flight == 0; });
}

TEST(FakeServerLife, SuspendedServerRefusesAndResumesOnTheSamePort) {
  FakeLlmServerOptions options;
  options.threads = 2;
  options.latency.ttft_median = hours(1);
  FakeLlmServer server(options);
  RawClient before(server.port(), server.ca_pem());
  before.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  ASSERT_TRUE(before.ReadUntil("assistant"));
  for (int round = 0; round < 3; ++round) {
    server.Suspend();
    server.Suspend();
    if (round == 0) {
      EXPECT_EQ(before.ReadToEnd(), End::kTruncated);
    }
    RawClient refused(server.port(), server.ca_pem());
    EXPECT_THAT(refused.error(), ::testing::HasSubstr("refused"));
    server.Resume();
    server.Resume();
    RawClient after(server.port(), server.ca_pem());
    ASSERT_EQ(after.error(), "");
    after.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(after.Read().status, 200);
  }
  EXPECT_EQ(server.counters().arrivals, 1U);
  EXPECT_EQ(server.counters().streams_open, 0U);
}

TEST(FakeServerLife, ClosesIdleConnectionsOnRequestAndNoOthers) {
  FakeLlmServerOptions options;
  options.latency.ttft_median = milliseconds(300);
  options.latency.gap_median = milliseconds(1);
  FakeLlmServer server(options);
  RawClient idle(server.port(), server.ca_pem());
  idle.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.Read().status, 200);
  RawClient busy(server.port(), server.ca_pem());
  busy.SendPost("/v1/chat/completions", ChatBody(R"(,"stream":true)"));
  ASSERT_TRUE(busy.ReadUntil("assistant"));
  server.CloseIdleConnections();
  EXPECT_EQ(idle.ReadToEnd(), End::kTruncated);
  EXPECT_EQ(busy.Read().end, End::kComplete);
}

// The server gives a handshake half a minute. If it gave it that here, five times would take longer
// than this test may.
TEST(FakeServerLife, DiesAtOnceWithConnectionsInEveryState) {
  FakeLlmServerOptions options;
  options.latency.ttft_median = hours(1);
  for (int round = 0; round < 5; ++round) {
    auto server = std::make_unique<FakeLlmServer>(options);
    RawClient handshaking(server->port(),
                          RawClient::Options{.ca_pem = server->ca_pem(), .handshake = false});
    RawClient idle(server->port(), server->ca_pem());
    RawClient half(server->port(), server->ca_pem());
    half.Send("POST /v1/chat/completions HTTP/1.1\r\nContent-Le");
    RawClient waiting(server->port(), server->ca_pem());
    waiting.SendPost("/v1/chat/completions", ChatBody());
    WaitUntil([&server] { return server->counters().in_flight == 1; });
    server.reset();
    EXPECT_NE(waiting.ReadToEnd(), End::kCloseNotify);
  }
}

}  // namespace
}  // namespace llmload::fake_server
