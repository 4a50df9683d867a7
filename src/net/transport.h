// Bytes over a non-blocking socket, in clear text or in TLS straight on the descriptor.
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
  kEnd,        ///< the peer ended its side in an orderly way
  kTruncated,  ///< the peer closed a TLS connection without saying so first
  kFailed,     ///< `system_error` or the OpenSSL error queue knows why
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  std::size_t size = 0;
};

/// Every operation returns at once. It does not own the descriptor and does not wait for it: that
/// is the caller's part, so that no memory is tied up while a connection waits. Not thread-safe.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// Uses the connected, non-blocking `descriptor`. In TLS with `ssl`, in clear text without.
  /// False if out of memory.
  bool Attach(int descriptor, SslHandle ssl);

  /// TLS only: one step of the handshake.
  IoStatus Handshake();

  /// After a handshake: it resumed an earlier session.
  bool HasResumed() const;

  IoResult Read(char* data, std::size_t size);
  IoResult Write(const char* data, std::size_t size);

  /// True if a read may return bytes without anything new coming: TLS has some, or the last receive
  /// was given as much as it asked for.
  bool MayHaveMore() const { return !drained_ || HasBuffered(); }

  /// True if TLS has bytes that were received and not read yet.
  bool HasBuffered() const;

  /// True if an idle connection can take another request: open, and nothing came that nobody asked
  /// for.
  bool IsAlive();

  /// Tells the peer that this side is done, without waiting for its answer.
  void SayGoodbye() noexcept;

  /// `errno` of the last failed system call; 0 if the failure was another.
  int system_error() const { return system_error_; }
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
