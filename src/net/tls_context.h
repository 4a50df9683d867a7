// TLS settings of a provider, and those that it shares with the fake server. Verification of the
// chain and of the host name has no off switch.
#ifndef LLMLOAD_NET_TLS_CONTEXT_H_
#define LLMLOAD_NET_TLS_CONTEXT_H_

#include <memory>
#include <string>

struct ssl_ctx_st;
struct ssl_method_st;
struct ssl_st;

namespace llmload::net {

struct SslContextFree {
  void operator()(ssl_ctx_st* context) const noexcept;
};
struct SslFree {
  void operator()(ssl_st* ssl) const noexcept;
};
using SslContextHandle = std::unique_ptr<ssl_ctx_st, SslContextFree>;
using SslHandle = std::unique_ptr<ssl_st, SslFree>;

/// A context of `method` with what both ends of a connection want of it: TLS 1.2 or newer, little
/// memory for a silent connection, and writes as `Transport` does them. Throws `std::bad_alloc`.
SslContextHandle MakeSslContext(const ssl_method_st* method);

class SessionCache;

/// The authorities to trust, and the sessions of one host that can be resumed. Thread-safe after
/// construction.
class TlsContext {
 public:
  /// Trusts the system's certificate authorities and those in the PEM file `ca_file` and the PEM
  /// text `ca_pem`, where they are not empty. Throws `ConfigurationError` if one of these holds no
  /// certificate.
  TlsContext(const std::string& ca_file, const std::string& ca_pem);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// A client that accepts `host` only, set to connect, TLS 1.2 or newer, ALPN http/1.1. It offers
  /// to resume an earlier session. All calls must be for one host, because a resumed session is not
  /// verified again.
  /// Null if out of memory.
  SslHandle NewClient(const std::string& host, bool is_address) const;

 private:
  std::unique_ptr<SessionCache> sessions_;  // outlives the context, which refers to it
  SslContextHandle context_;
};

/// The reason why the handshake of `ssl` failed, and a remedy. Empties the thread's OpenSSL error
/// queue.
std::string ExplainTlsFailure(ssl_st* ssl, const std::string& host);

}  // namespace llmload::net

#endif  // LLMLOAD_NET_TLS_CONTEXT_H_
