// Non-blocking bytes over a socket, in TLS or in clear text. Knows nothing of event loops.
#ifndef LLMLOAD_SRC_FAKE_SERVER_TRANSPORT_H_
#define LLMLOAD_SRC_FAKE_SERVER_TRANSPORT_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace llmload::fake_server {

class Transport {
 public:
  enum class Status {
    kOk,
    kWantRead,
    kWantWrite,
    kClosed,  ///< the peer has ended the connection properly
    kFailed,  ///< reset, cut or not TLS
  };
  struct IoResult {
    Status status = Status::kOk;
    std::size_t size = 0;
  };

  /// @param socket   non-blocking; not owned
  /// @param context  null for clear text
  Transport(int socket, SSL_CTX* context);

  bool IsTls() const noexcept { return ssl_ != nullptr; }
  Status Handshake();
  IoResult Read(char* data, std::size_t size);
  /// May write less than all of `bytes`. After kWantWrite it must be called again with at least the
  /// same bytes in front.
  IoResult Write(std::string_view bytes);
  /// True if `Read` has bytes to give without the socket becoming readable.
  bool HasBuffered() const noexcept;
  /// One attempt to send close_notify; never waits for the peer's.
  void SendCloseNotify();
  /// Reads from the socket past TLS, for a peer that is not to be answered.
  IoResult ReadRaw(char* data, std::size_t size) const;

 private:
  struct SslDeleter {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  Status StatusOf(int result);

  int socket_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_TRANSPORT_H_
