// Bytes over a non-blocking socket, in clear text or in TLS straight on the descriptor: of the HTTP
// client, and of the fake server.
#ifndef LLMLOAD_NET_TRANSPORT_H_
#define LLMLOAD_NET_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "src/net/tls_context.h"

namespace llmload::net {

enum class IoStatus : std::uint8_t {
  kOk,
  kWantRead,   ///< try again when the descriptor is readable
  kWantWrite,  ///< try again when it is writable
  kEnd,        ///< the peer ended its side: close_notify in TLS, FIN in clear text
  kTruncated,  ///< the peer closed a TLS connection without a close_notify
  kFailed,     ///< the reason is `system_error` or in the OpenSSL error queue
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  std::size_t size = 0;
};

/// Every operation returns at once. The class does not own the descriptor and does not wait for it:
/// the caller does, so that no memory is tied up while a connection waits. Not thread-safe.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Uses the connected, non-blocking `descriptor`, in TLS if `ssl` is not null, else in clear
  /// text. False if out of memory.
  bool Attach(int descriptor, SslHandle ssl);

  /// TLS only: one step of the handshake.
  IoStatus Handshake();

  /// True if the handshake resumed an earlier session. Call it after the handshake.
  bool HasResumed() const;

  IoResult Read(char* data, std::size_t size);
  IoResult Write(const char* data, std::size_t size);

  /// True if a read may return bytes although none arrive meanwhile: TLS has some, or the last
  /// receive filled its buffer.
  bool MayHaveMore() const { return !drained_ || HasBuffered(); }

  /// True if TLS has bytes that were received and not read yet.
  bool HasBuffered() const;

  /// True if an idle connection can take another request: it is open, and no bytes came unasked.
  bool IsAlive();

  /// TLS only: one attempt to send close_notify, without waiting for the peer's. Nothing is sent
  /// before the handshake is done, or after a failure.
  void SendCloseNotify() noexcept;

  /// Reads from the socket past TLS, for a peer that is not to be answered.
  IoResult ReadPastTls(char* data, std::size_t size);

  /// `errno` of the last failed system call; 0 if none failed.
  int system_error() const { return system_error_; }
  bool IsTls() const { return ssl_ != nullptr; }
  ssl_st* ssl() const { return ssl_.get(); }

 private:
  friend struct DescriptorBio;
  IoStatus TlsStatus(int result);

  int descriptor_ = -1;
  int system_error_ = 0;
  SslHandle ssl_;
  bool broken_ = false;
  bool drained_ = true;
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_TRANSPORT_H_
