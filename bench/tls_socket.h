// OpenSSL on a non-blocking descriptor, for the programs of bench/ that are measured against.
#ifndef LLMLOAD_BENCH_TLS_SOCKET_H_
#define LLMLOAD_BENCH_TLS_SOCKET_H_

#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace llmload::bench {

struct SslContextFree {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using SslContextHandle = std::unique_ptr<SSL_CTX, SslContextFree>;

/// Owns a descriptor and the TLS engine on it.
class TlsSocket {
 public:
  TlsSocket() = default;
  TlsSocket(int descriptor, SSL_CTX* context, bool server)
      : descriptor_(descriptor), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, descriptor);
    server ? SSL_set_accept_state(ssl_) : SSL_set_connect_state(ssl_);
  }
  TlsSocket(TlsSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        ssl_(std::exchange(other.ssl_, nullptr)) {}
  TlsSocket& operator=(TlsSocket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(ssl_, other.ssl_);
    return *this;
  }
  ~TlsSocket() {
    SSL_free(ssl_);
    if (descriptor_ >= 0) close(descriptor_);
  }

  int descriptor() const { return descriptor_; }
  SSL* ssl() const { return ssl_; }

  /// Interest in `events` (level-triggered), with `data` handed back.
  void Watch(int epoll, int operation, std::uint32_t events, std::uint64_t data) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    epoll_ctl(epoll, operation, descriptor_, &event);
  }

 private:
  int descriptor_ = -1;
  SSL* ssl_ = nullptr;
};

}  // namespace llmload::bench

#endif  // LLMLOAD_BENCH_TLS_SOCKET_H_
