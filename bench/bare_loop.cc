// What the streams of llmload are measured against: epoll and OpenSSL, and nothing done with what
// comes but to count the ends of events.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench_support.h"
#include "tls_socket.h"

namespace llmload::bench {
namespace {

constexpr int kConnectingAtOnce = 64;

struct Stream {
  TlsSocket socket;
  bool up = false;
  bool line_feed = false;  // the last byte read: an event's end may be cut
};

/// What the measured window saw.
struct Window {
  double begin = 0;
  double end = 0;
  double cpu = 0;
  double memory = 0;
  std::uint64_t events = 0;
};

class BareLoop {
 public:
  BareLoop(SSL_CTX* context, int port, const StreamPlan& plan)
      : context_(context), port_(port), plan_(plan), epoll_(epoll_create1(0)) {
    const std::string body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" +
                             plan.Prompt() + "\"}],\"stream\":true}";
    request_ =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
        "\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    streams_.resize(static_cast<std::size_t>(plan.streams));
  }
  ~BareLoop() { close(epoll_); }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  // Runs until `seconds` after every stream was up and `settle` seconds had passed.
  Window Run(double settle, double seconds) {
    Window window;
    std::array<epoll_event, 128> ready;
    while (true) {
      while (connecting_ < kConnectingAtOnce && started_ < streams_.size()) Connect(started_++);
      const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 1000);
      for (int i = 0; i < count; ++i) Serve(streams_[ready[static_cast<std::size_t>(i)].data.u64]);
      if (events_ == 0) continue;  // the server begins when all streams are there
      const double now = NowSeconds();
      if (window.begin == 0) window.begin = now + settle;
      if (window.end == 0 && now >= window.begin) {
        window.begin = now;
        window.end = now + seconds;
        window.cpu = CpuSeconds();
        window.events = events_;
      } else if (window.end != 0 && now >= window.end) {
        window.end = now;
        window.cpu = CpuSeconds() - window.cpu;
        window.events = events_ - window.events;
        window.memory = ResidentBytes();
        return window;
      }
    }
  }

 private:
  void Connect(std::size_t number) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      std::perror("bare_loop: connect");
      std::exit(1);
    }
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    Stream& stream = streams_[number];
    stream.socket = TlsSocket(descriptor, context_, false);
    ++connecting_;
    stream.socket.Watch(epoll_, EPOLL_CTL_ADD, EPOLLIN, number);
    Serve(stream);
  }

  void Serve(Stream& stream) {
    SSL* const ssl = stream.socket.ssl();
    if (!stream.up) {
      const int result = SSL_do_handshake(ssl);
      if (result != 1) {
        if (SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ) return;
        Give("handshake failed");
      }
      stream.up = true;
      --connecting_;
      if (SSL_write(ssl, request_.data(), static_cast<int>(request_.size())) <= 0) {
        Give("request not sent");
      }
    }
    do {
      const int got = SSL_read(ssl, buffer_.data(), static_cast<int>(buffer_.size()));
      if (got <= 0) {
        if (SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ) return;
        Give("stream ended early");
      }
      Count(stream, {buffer_.data(), static_cast<std::size_t>(got)});
    } while (SSL_has_pending(ssl) == 1);
  }

  void Count(Stream& stream, std::string_view bytes) {
    if (stream.line_feed && bytes.front() == '\n') ++events_;
    for (std::size_t at = bytes.find("\n\n"); at != std::string_view::npos;
         at = bytes.find("\n\n", at + 2)) {
      ++events_;
    }
    stream.line_feed = bytes.back() == '\n' && !bytes.ends_with("\n\n");
  }

  [[noreturn]] static void Give(const char* why) {
    std::fprintf(stderr, "bare_loop: %s\n", why);
    ERR_print_errors_fp(stderr);
    std::exit(1);
  }

  SSL_CTX* const context_;
  const int port_;
  const StreamPlan plan_;
  const int epoll_;
  std::string request_;
  std::vector<Stream> streams_;
  std::size_t started_ = 0;
  int connecting_ = 0;
  std::uint64_t events_ = 0;
  std::array<char, 32 << 10> buffer_{};
};

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const std::string item = arguments.Text("item", "P2");
  const int port = arguments.Integer("port", 0);
  const double settle = arguments.Number("settle", 0.5);
  const double seconds = arguments.Number("seconds", 5);
  // One receive per record instead of two; a loop as programs are usually written has none.
  const bool read_ahead = arguments.Integer("read-ahead", 1) != 0;
  StreamPlan plan;
  plan.streams = arguments.Integer("streams", 400);
  plan.rate = arguments.Number("rate", 40);
  plan.events = static_cast<int>(plan.rate * (settle + seconds)) + 2 + static_cast<int>(plan.rate);
  arguments.Finish();
  RaiseDescriptorLimit();
  const SslContextHandle context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (read_ahead) SSL_CTX_set_read_ahead(context.get(), 1);
  const double begin = CpuSeconds();
  const Window window = BareLoop(context.get(), port, plan).Run(settle, seconds);
  const std::string subject = (read_ahead ? "bare@" : "bare_plain@") + std::to_string(plan.streams);
  PrintFigure(item, subject, "events_per_cpu_second",
              static_cast<double>(window.events) / window.cpu);
  PrintFigure(item, subject, "events_per_second",
              static_cast<double>(window.events) / (window.end - window.begin));
  PrintFigure(item, subject, "rss_bytes", window.memory);
  PrintFigure(item, subject, "cpu_seconds_outside", CpuSeconds() - begin - window.cpu);
  return 0;
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { return llmload::bench::Main(argc, argv); }
