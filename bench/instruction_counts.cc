// Does a given number of units of one kind of work, for instruction_counts.py to count their
// instructions. What happens must not depend on timing, so that a count repeats.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/version.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <thread>

#include "bench_support.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/service/openai_provider.h"
#include "llmload/simulation/simulated_provider.h"

namespace llmload::bench {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

[[noreturn]] void Fail(const std::string& message, int status = 1) {
  std::fprintf(stderr, "instruction_counts: %s\n", message.c_str());
  std::exit(status);
}

CompletionRequest Request(bool stream) {
  return {.model = "gpt-4o",
          .messages = {{.role = Role::kUser,
                        .content = "Say hello to everyone, in four words at most"}},
          .max_tokens = 1'000,
          .stream = stream};
}

OpenAiOptions Options(const std::string& scheme, int port) {
  OpenAiOptions options;
  options.name = "local";
  options.base_url = scheme + "://127.0.0.1:" + std::to_string(port) + "/v1";
  options.api_key = Secret("sk-bench");
  // Under valgrind everything takes fifty times as long.
  options.http.timeouts = {
      .connect = 60s, .tls = 60s, .first_token = 60s, .idle = 60s, .total = 600s};
  return options;
}

asio::awaitable<void> CompleteInTurn(Provider& provider, CompletionRequest request,
                                     StreamObserver* observer, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const Result<Completion> result = co_await provider.Complete(request, observer);
    if (!result.has_value()) Fail(Describe(result.error()));
  }
}

/// In a row, on one event loop of one thread.
void CompleteAll(Provider& provider, const CompletionRequest& request, StreamObserver* observer,
                 std::uint64_t count) {
  asio::io_context context(1);
  asio::co_spawn(context, CompleteInTurn(provider, request, observer, count),
                 [](std::exception_ptr thrown) {
                   if (thrown) std::rethrow_exception(thrown);
                 });
  context.run();
}

/// Requests through `OpenAiProvider` to a server in another process, one after the other, on one
/// pooled TLS connection. The server has to wait before it answers: the client then always asks too
/// early, and waits for the answer in its event loop. Without the load generator, whose probes tick
/// in real time: `Simulate` counts it.
std::uint64_t SendUnary(std::uint64_t count, int port, const std::string& certificate) {
  OpenAiOptions options = Options("https", port);
  options.http.ca_file = certificate;
  OpenAiProvider provider(options);
  CompleteAll(provider, Request(/*stream=*/false), nullptr, count);
  const std::uint64_t handshakes = provider.Connections().tls_handshakes;
  if (handshakes != 1) {
    Fail("got " + std::to_string(handshakes) + " TLS handshakes, expected one connection for all");
  }
  return count;
}

/// The other end of one stream. It sends one event when the client has handled the one before, from
/// the client's own thread: each read returns exactly one event, however busy the machine is.
class LockStepServer {
 public:
  LockStepServer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, any, size) != 0 || ::listen(listener_, 1) != 0 ||
        ::getsockname(listener_, any, &size) != 0) {
      Fail("the server cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }
  LockStepServer(const LockStepServer&) = delete;
  LockStepServer& operator=(const LockStepServer&) = delete;
  ~LockStepServer() {
    ::close(connection_);
    ::close(listener_);
  }

  int port() const { return port_; }

  /// Takes one request and begins its answer. Blocks.
  void Begin() {
    connection_ = ::accept(listener_, nullptr, nullptr);
    // The request ends with the object that is its body.
    std::string request;
    char piece[4096];
    while (!request.ends_with("}")) {
      const ssize_t got = ::recv(connection_, piece, sizeof piece, 0);
      if (got <= 0) Fail("the server got no request");
      request.append(piece, static_cast<std::size_t>(got));
    }
    Send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        "Transfer-Encoding: chunked\r\nx-request-id: req_0123456789abcdef\r\n\r\n" +
        event_);
  }

  void SendEvent() { Send(event_); }
  void End() { Send(last_event_ + Chunk("data: [DONE]\n\n") + "0\r\n\r\n"); }

 private:
  static std::string Chunk(const std::string& data) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    return size + data + "\r\n";
  }

  static std::string Event(const std::string& delta, const std::string& finish_reason) {
    return Chunk(
        "data: {\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ\",\"object\":\"chat.completion.chunk\","
        "\"created\":1741570283,\"model\":\"gpt-4o-2024-08-06\",\"system_fingerprint\":"
        "\"fp_fc9f1d7035\",\"choices\":[{\"index\":0,\"delta\":" +
        delta + ",\"finish_reason\":" + finish_reason + "}]}\n\n");
  }

  void Send(std::string_view bytes) const {
    const ssize_t sent = ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(bytes.size())) Fail("the server cannot send");
  }

  const std::string event_ = Event("{\"content\":\" hello\"}", "null");
  const std::string last_event_ = Event("{}", "\"stop\"");
  const int listener_;
  int connection_ = -1;
  int port_ = 0;
};

/// Records each token as the load generator does, and asks for the next one. The instants are made
/// up, so that the histograms take the same way every time.
class RecordingTokens final : public StreamObserver {
 public:
  RecordingTokens(MetricsShard& shard, LockStepServer& server, std::uint64_t count)
      : shard_(shard), server_(server), count_(count) {}

  void OnToken(const TokenEvent&) override {
    times_.Event(at_ += kGap);
    shard_.TokenEvent(at_);
    ++seen_ < count_ ? server_.SendEvent() : server_.End();
  }

  std::uint64_t seen() const { return seen_; }

 private:
  static constexpr Duration kGap = 10ms;

  MetricsShard& shard_;
  LockStepServer& server_;
  const std::uint64_t count_;
  StreamTimes times_;
  TimePoint at_{};
  std::uint64_t seen_ = 0;
};

/// Token events of one stream: read from the socket, decoded, given to the observer and recorded.
/// Without TLS, whose part in llmload's own code `SendUnary` counts.
std::uint64_t Stream(std::uint64_t count) {
  LockStepServer server;
  LoadTestMetrics metrics({.with_series = true});
  RecordingTokens tokens(metrics.AddShard(), server, count);
  OpenAiProvider provider(Options("http", server.port()));
  const std::jthread begin([&server] { server.Begin(); });
  CompleteAll(provider, Request(/*stream=*/true), &tokens, 1);
  return tokens.seen();
}

/// Requests of an open loop in virtual time, from the load generator to a simulated provider.
std::uint64_t Simulate(std::uint64_t count, bool stream) {
  constexpr double kRate = 100;
  VirtualClock clock;
  simulation::SimulatedProvider provider({.seed = 1}, clock);
  LoadOptions options;
  options.shape = OpenLoop{.rate_per_second = kRate,
                           .duration = std::chrono::nanoseconds(static_cast<std::int64_t>(
                               static_cast<double>(count) / kRate * 1e9))};
  options.prompts = MakePromptSource(
      FixedPrompt{"hello"},
      {.model = "model", .max_tokens = 16, .temperature = std::nullopt, .stream = stream},
      options.seed);
  const LoadResult result = LoadGenerator(std::move(options), clock).Run(provider);
  return result.metrics[Counter::kSucceeded];
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const std::string kind = arguments.Text("kind");
  const auto count = static_cast<std::uint64_t>(arguments.Integer("count", 1));
  const int port = arguments.Integer("port", 0);
  const std::string certificate = arguments.Text("certificate");
  arguments.Finish();
  if (count == 0) Fail("--count: got \"0\", expected at least 1", 2);
  std::uint64_t units = 0;
  if (kind == "unary") {
    units = SendUnary(count, port, certificate);
  } else if (kind == "token") {
    units = Stream(count);
  } else if (kind == "simulated" || kind == "simulated_stream") {
    units = Simulate(count, kind == "simulated_stream");
  } else {
    Fail("--kind: got \"" + kind + "\", expected unary, token, simulated or simulated_stream", 2);
  }
  if (units != count) {
    Fail("did " + std::to_string(units) + " units of " + std::to_string(count));
  }
  // Its headers are a part of what is counted.
  std::printf("boost %s\n", BOOST_LIB_VERSION);
  return 0;
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { return llmload::bench::Main(argc, argv); }
