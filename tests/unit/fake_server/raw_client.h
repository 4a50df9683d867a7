// A client of raw bytes, over TLS or in clear text, which also tells how the connection ended.
// Blocking.
#ifndef LLMLOAD_TESTS_UNIT_FAKE_SERVER_RAW_CLIENT_H_
#define LLMLOAD_TESTS_UNIT_FAKE_SERVER_RAW_CLIENT_H_

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace llmload::fake_server {

/// How reading ended.
enum class End {
  kComplete,     ///< the answer is complete by its own length; the connection stays open
  kCloseNotify,  ///< TLS close_notify (clear text: FIN)
  kTruncated,    ///< FIN without close_notify
  kReset,
  kSilence,  ///< nothing more came
};
std::ostream& operator<<(std::ostream& out, End end);

struct RawResponse {
  int status = 0;                             ///< 0: no HTTP header was read
  std::map<std::string, std::string> fields;  ///< names in lower case
  std::string body;                           ///< without chunk framing
  std::string raw;
  End end = End::kSilence;

  /// The `data:` payloads of an event stream.
  std::vector<std::string> Events() const;
};

class RawClient {
 public:
  struct Options {
    std::string ca_pem;  ///< empty: clear text
    std::string address = "127.0.0.1";
    std::string verify_name;  ///< empty: the address
    std::vector<std::string> alpn;
    int max_tls_version = 0;  ///< 0: no limit
    bool handshake = true;
  };

  RawClient(std::uint16_t port, std::string ca_pem);
  RawClient(std::uint16_t port, Options options);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  RawClient(RawClient&&) = default;

  /// Empty if the connection, and the handshake if there is one, succeeded.
  const std::string& error() const noexcept { return error_; }
  std::string AlpnSelected() const;
  std::string TlsVersion() const;
  SSL* ssl() const noexcept { return ssl_.get(); }

  void Send(std::string_view bytes);
  void SendPost(std::string_view target, std::string_view body, std::string_view more_fields = "");
  /// For a peer that is expected to send nothing more: reading ends once nothing has come for as
  /// long. Without it, reading waits for the peer, whatever time that takes.
  using Silence = std::optional<std::chrono::milliseconds>;

  /// One response. Bytes beyond it are kept for the next call.
  RawResponse Read(Silence silence = std::nullopt);
  /// Reads until `text` has come; false if the peer has closed or fallen silent before. Nothing is
  /// taken away from `Read`.
  bool ReadUntil(std::string_view text, Silence silence = std::nullopt);
  /// Reads until the peer closes.
  End ReadToEnd(Silence silence = std::nullopt);
  void Close();

 private:
  struct SslDeleter {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  struct ContextDeleter {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };
  bool Connect(std::uint16_t port, const Options& options);
  bool Handshake(const Options& options);
  // False if there is nothing more to read; `end_` says why.
  bool ReadSome(Silence silence);

  std::unique_ptr<SSL_CTX, ContextDeleter> context_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  int socket_ = -1;
  std::string error_;
  std::string buffer_;
  End end_ = End::kSilence;
};

/// A small valid chat completion request; `more` is appended to its members.
std::string ChatBody(std::string_view more = "");

}  // namespace llmload::fake_server

#endif  // LLMLOAD_TESTS_UNIT_FAKE_SERVER_RAW_CLIENT_H_
