// A lean TLS server of OpenAI streams at a fixed rate, each event with the instant it was sent: it
// has to cost less than the clients it serves, which share its two cores.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bench_support.h"
#include "llmload/metrics/histogram.h"
#include "tls_socket.h"

namespace llmload::bench {
namespace {

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\nx-request-id: req_0123456789abcdef\r\n\r\n";
constexpr std::string_view kBeforeTime =
    "data: {\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ\",\"object\":\"chat.completion.chunk\","
    "\"created\":1741570283,\"model\":\"gpt-4o-2024-08-06\",\"system_fingerprint\":"
    "\"fp_fc9f1d7035\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t=";
constexpr std::string_view kAfterTime = " \"},\"finish_reason\":null}]}\n\n";
constexpr std::size_t kTimeDigits = 19;
constexpr std::size_t kEventSize = 260;
static_assert(kBeforeTime.size() + kTimeDigits + kAfterTime.size() == kEventSize);
constexpr std::string_view kLastEvents =
    "data: {\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ\",\"object\":\"chat.completion.chunk\","
    "\"created\":1741570283,\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{},"
    "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

std::string Chunk(std::string_view data) {
  std::array<char, 16> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", data.size());
  return std::string(size.data()).append(data).append("\r\n");
}

struct Stream {
  TlsSocket socket;
  std::string input;
  std::string output;  // what the socket would not take yet
  bool up = false;     // handshake complete
  bool asked = false;  // a request came, its events have not all been sent
  int sent = 0;        // events
  double due = 0;      // of the next event, in seconds
};

/// One thread, one epoll, one plan at a time.
class StreamServer {
 public:
  StreamServer(SSL_CTX* context, int listener)
      : context_(context), listener_(listener), epoll_(epoll_create1(0)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 0;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    const std::string event_text =
        std::string(kBeforeTime) + std::string(kTimeDigits, '0') + std::string(kAfterTime);
    event_chunk_ = Chunk(event_text);
    time_at_ = event_chunk_.find(std::string(kTimeDigits, '0'));
  }
  ~StreamServer() { close(epoll_); }
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  [[noreturn]] void Run() {
    std::array<epoll_event, 64> events;
    while (true) {
      // Sends first: they are what has to be on time.
      const double wait = SendWhatIsDue();
      timespec time{};
      time.tv_sec = static_cast<time_t>(wait);
      time.tv_nsec = static_cast<long>((wait - static_cast<double>(time.tv_sec)) * 1e9);
      const int count =
          epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &time, nullptr);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        event.data.u64 == 0 ? Accept() : Serve(event.data.u64);
      }
    }
  }

 private:
  void Accept() {
    for (int i = 0; i < 16; ++i) {
      const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) return;
      const int on = 1;
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      const std::uint64_t id = ++last_id_;
      Stream& stream = streams_[id];
      stream.socket = TlsSocket(descriptor, context_, true);
      stream.socket.Watch(epoll_, EPOLL_CTL_ADD, EPOLLIN, id);
    }
  }

  void Serve(std::uint64_t id) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    Stream& stream = found->second;
    SSL* const ssl = stream.socket.ssl();
    if (!stream.up) {
      const int result = SSL_do_handshake(ssl);
      if (result != 1) {
        if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) Drop(id);
        ERR_clear_error();
        return;
      }
      stream.up = true;
    }
    if (!stream.output.empty()) Write(id, stream, {});
    std::array<char, 4096> buffer;
    while (true) {
      const int got = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      if (got <= 0) {
        const bool over = SSL_get_error(ssl, got) != SSL_ERROR_WANT_READ;
        ERR_clear_error();
        if (over) Drop(id);
        return;
      }
      stream.input.append(buffer.data(), static_cast<std::size_t>(got));
      // The plan is in the body, and the body ends in a brace: enough for the clients here.
      StreamPlan plan;
      if (!stream.input.ends_with('}') || !plan.Parse(stream.input)) continue;
      stream.input.clear();
      stream.input.shrink_to_fit();
      Take(id, stream, plan);
    }
  }

  void Take(std::uint64_t id, Stream& stream, const StreamPlan& plan) {
    stream.asked = true;
    stream.sent = 0;
    if (waiting_.empty()) plan_ = plan;
    waiting_.push_back(id);
    Write(id, stream, kHead);
    if (waiting_.size() < static_cast<std::size_t>(plan_.streams)) return;
    // All are there: the events of one period are spread over the streams.
    const double period = 1 / plan_.rate;
    const double begin = NowSeconds() + 0.05;
    order_.clear();
    for (const std::uint64_t each : waiting_) {
      const auto number = static_cast<double>(order_.size());
      Stream& waiting = streams_[each];
      waiting.due = begin + plan_.spread * period * number / static_cast<double>(waiting_.size());
      order_.push_back(each);
    }
    waiting_.clear();
    next_ = 0;
    left_ = order_.size();
    late_ = std::make_unique<Histogram>();
    cpu_at_begin_ = CpuSeconds();
  }

  // Sends every event whose time has come. Seconds until the next is due.
  double SendWhatIsDue() {
    while (left_ > 0) {
      // The streams take turns, so the next in order is the next that is due.
      const auto found = streams_.find(order_[next_]);
      if (found == streams_.end() || !found->second.asked) {
        next_ = (next_ + 1) % order_.size();
        continue;
      }
      Stream& stream = found->second;
      const std::int64_t now = NowNanoseconds();
      const double late = static_cast<double>(now) * 1e-9 - stream.due;
      if (late < 0) return -late;
      late_->Record(Duration(static_cast<std::int64_t>(late * 1e9)));
      SendEvent(found->first, stream, now);
      next_ = (next_ + 1) % order_.size();
    }
    return 1;
  }

  void SendEvent(std::uint64_t id, Stream& stream, std::int64_t now) {
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%019lld", static_cast<long long>(now));
    event_chunk_.replace(time_at_, kTimeDigits, digits.data(), kTimeDigits);
    stream.due += 1 / plan_.rate;
    if (++stream.sent < plan_.events) {
      Write(id, stream, event_chunk_);
      return;
    }
    static const std::string last = Chunk(kLastEvents) + "0\r\n\r\n";
    stream.asked = false;
    End();
    Write(id, stream, event_chunk_ + last);
  }

  // A stream of the plan has ended. After the last of them says how well the plan was kept: a
  // server behind its time sends in batches, which flatters the client.
  void End() {
    if (--left_ > 0 || plan_.spread < 1) return;  // all at once is never on time
    const std::string subject = "server@" + std::to_string(plan_.streams);
    PrintFigure("server", subject, "late_p99_us",
                static_cast<double>(late_->Snapshot().ValueAtQuantile(0.99).count()) / 1e3);
    PrintFigure("server", subject, "events_per_cpu_second",
                static_cast<double>(late_->Snapshot().count()) / (CpuSeconds() - cpu_at_begin_));
  }

  void Write(std::uint64_t id, Stream& stream, std::string_view data) {
    if (!stream.output.empty()) {
      stream.output.append(data);
      data = stream.output;
    }
    const int sent = SSL_write(stream.socket.ssl(), data.data(), static_cast<int>(data.size()));
    if (sent > 0) {
      if (!stream.output.empty()) {
        stream.output.clear();
        stream.socket.Watch(epoll_, EPOLL_CTL_MOD, EPOLLIN, id);
      }
      return;
    }
    if (SSL_get_error(stream.socket.ssl(), sent) == SSL_ERROR_WANT_WRITE) {
      if (stream.output.empty()) {
        stream.output.assign(data);
        stream.socket.Watch(epoll_, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT, id);
      }
    }
    ERR_clear_error();  // what is broken is noticed by the next read
  }

  void Drop(std::uint64_t id) {
    const bool asked = streams_[id].asked;
    std::erase(waiting_, id);
    const bool running = asked && std::find(order_.begin(), order_.end(), id) != order_.end();
    streams_.erase(id);
    if (running && left_ > 0) End();
  }

  SSL_CTX* const context_;
  const int listener_;
  const int epoll_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, Stream> streams_;
  StreamPlan plan_;
  std::vector<std::uint64_t> waiting_;  // until all of the plan are there
  std::vector<std::uint64_t> order_;    // of the plan under way
  std::size_t next_ = 0;                // in order_: who is due next
  std::size_t left_ = 0;                // streams of the plan that have not ended
  std::string event_chunk_;
  std::size_t time_at_ = 0;  // of the digits in event_chunk_
  std::unique_ptr<Histogram> late_;
  double cpu_at_begin_ = 0;
};

int Listen(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 4096) != 0) {
    std::perror("stream_server: listen");
    std::exit(1);
  }
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("port %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

[[noreturn]] void Serve(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const std::string certificate = arguments.Text("certificate");
  const std::string key = arguments.Text("key");
  const int port = arguments.Integer("port", 0);
  arguments.Finish();
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1000UL);  // ns; 50 µs by default, which would send events in pairs
  RaiseDescriptorLimit();
  const SslContextHandle context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_file(context.get(), certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    std::fprintf(stderr, "stream_server: --certificate and --key: expected PEM files\n");
    std::exit(2);
  }
  StreamServer(context.get(), Listen(port)).Run();
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { llmload::bench::Serve(argc, argv); }
