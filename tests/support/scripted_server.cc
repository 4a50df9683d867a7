#include "tests/support/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "tests/support/real_time.h"

namespace llmload::test_support {
namespace {

constexpr int kTickMs = 10;

}  // namespace

Step ReadRequest() { return {Step::Kind::kReadRequest, {}, {}}; }
Step Send(std::string bytes) { return {Step::Kind::kSend, std::move(bytes), {}}; }
Step Sleep(std::chrono::milliseconds time) { return {Step::Kind::kSleep, {}, time}; }
Step Hang() { return {Step::Kind::kHang, {}, {}}; }
Step Close() { return {Step::Kind::kClose, {}, {}}; }
Step Cut() { return {Step::Kind::kCut, {}, {}}; }
Step Reset() { return {Step::Kind::kReset, {}, {}}; }

// One connection. Every operation gives up when the server stops or the peer is gone.
class ScriptedServer::Peer {
 public:
  Peer(int descriptor, ScriptedServer& server) : descriptor_(descriptor), server_(server) {}
  ~Peer() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    ::close(descriptor_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool Handshake() {
    ssl_ = SSL_new(server_.tls_.get());
    SSL_set_fd(ssl_, descriptor_);
    return Retry([this] { return SSL_accept(ssl_); }) > 0;
  }

  bool Send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto size = static_cast<int>(bytes.size() - sent);
      const int count =
          ssl_ != nullptr
              ? Retry([&] { return SSL_write(ssl_, bytes.data() + sent, size); })
              : Retry([&] {
                  return static_cast<int>(::send(descriptor_, bytes.data() + sent,
                                                 static_cast<std::size_t>(size), MSG_NOSIGNAL));
                });
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

  bool ReadRequest() {
    std::string request;
    std::size_t end = std::string::npos;
    while ((end = request.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadSome(request)) return false;
    }
    std::size_t length = 0;
    const std::size_t field = request.find("Content-Length: ");
    if (field < end) length = static_cast<std::size_t>(std::atoll(request.c_str() + field + 16));
    while (request.size() < end + 4 + length) {
      if (!ReadSome(request)) return false;
    }
    const std::lock_guard lock(server_.mutex_);
    server_.requests_.push_back(std::move(request));
    return true;
  }

  // Whatever comes meanwhile is ignored.
  void Sleep(std::chrono::milliseconds time) {
    const Stopwatch stopwatch;
    std::string ignored;
    while (!server_.stop_ && !stopwatch.AtLeast(time)) {
      pollfd entry{descriptor_, POLLIN | POLLRDHUP, 0};
      ::poll(&entry, 1, kTickMs);
      if ((entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return;
      if ((entry.revents & POLLIN) != 0 && !ReadSome(ignored)) return;
    }
  }

  void End(Step::Kind kind) {
    if (kind == Step::Kind::kClose && ssl_ != nullptr) SSL_shutdown(ssl_);
    if (kind == Step::Kind::kReset) {
      const linger hard{1, 0};
      ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
      return;
    }
    // A close with unread bytes would reset the connection instead.
    char buffer[4096];
    while (::recv(descriptor_, buffer, sizeof(buffer), MSG_DONTWAIT) > 0) {
    }
  }

 private:
  template <class Operation>
  int Retry(const Operation& operation) {
    while (!server_.stop_) {
      ERR_clear_error();
      errno = 0;
      const int count = operation();
      if (count > 0) return count;
      const bool again = ssl_ != nullptr ? SSL_get_error(ssl_, count) == SSL_ERROR_WANT_READ ||
                                               SSL_get_error(ssl_, count) == SSL_ERROR_WANT_WRITE
                                         : count < 0 && (errno == EAGAIN || errno == EINTR);
      if (!again) return count;
      pollfd entry{descriptor_, POLLIN, 0};
      ::poll(&entry, 1, kTickMs);
    }
    return -1;
  }

  bool ReadSome(std::string& into) {
    char buffer[16384];
    const int count =
        ssl_ != nullptr ? Retry([&] { return SSL_read(ssl_, buffer, sizeof(buffer)); })
                        : Retry([&] {
                            return static_cast<int>(::recv(descriptor_, buffer, sizeof(buffer), 0));
                          });
    if (count <= 0) return false;
    into.append(buffer, static_cast<std::size_t>(count));
    return true;
  }

  const int descriptor_;
  ScriptedServer& server_;
  SSL* ssl_ = nullptr;
};

ScriptedServer::ScriptedServer(std::vector<Script> scripts, std::shared_ptr<SSL_CTX> tls,
                               bool handshake)
    : scripts_(std::move(scripts)), tls_(std::move(tls)), handshake_(handshake) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& peer : peers_) peer.join();
  ::close(listener_);
}

std::string ScriptedServer::url(const std::string& host) const {
  return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port_) + "/v1";
}

std::vector<std::string> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedServer::Accept() {
  while (!stop_) {
    pollfd entry{listener_, POLLIN, 0};
    ::poll(&entry, 1, kTickMs);
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) continue;
    const int no_delay = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
    const auto index = static_cast<std::size_t>(connections_++);
    ++open_;
    const Script& script = scripts_[std::min(index, scripts_.size() - 1)];
    peers_.emplace_back([this, descriptor, &script] {
      Serve(descriptor, script);
      --open_;
    });
  }
}

void ScriptedServer::Serve(int descriptor, const Script& script) {
  // A write to a closed connection must fail here, and must not hide one of the client's.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);

  Peer peer(descriptor, *this);
  if (tls_ && handshake_ && !peer.Handshake()) return;
  for (const Step& step : script) {
    switch (step.kind) {
      case Step::Kind::kHandshake:
        if (!peer.Handshake()) return;
        break;
      case Step::Kind::kReadRequest:
        if (!peer.ReadRequest()) return;
        break;
      case Step::Kind::kSend:
        if (!peer.Send(step.bytes)) return;
        ++sends_;
        break;
      case Step::Kind::kSleep:
        peer.Sleep(step.time);
        break;
      case Step::Kind::kHang:
        peer.Sleep(std::chrono::hours(1));
        return;
      case Step::Kind::kClose:
      case Step::Kind::kCut:
      case Step::Kind::kReset:
        peer.End(step.kind);
        return;
    }
  }
  peer.End(Step::Kind::kClose);
}

}  // namespace llmload::test_support
