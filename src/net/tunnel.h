// A tunnel through an HTTP proxy (RFC 9110, section 9.3.6: CONNECT).
#ifndef LLMLOAD_NET_TUNNEL_H_
#define LLMLOAD_NET_TUNNEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "llmload/core/secret.h"
#include "src/net/resolver.h"
#include "src/net/url.h"

namespace llmload::net {

struct Proxy {
  Url url;            ///< http://; without user and password
  Secret credential;  ///< "user:password"; empty: none
  std::shared_ptr<Resolver> resolver;
};

/// Throws `ConfigurationError` that names `field` unless `text` is
/// "http://[user:password@]host:port". The message does not hold the password.
Proxy ParseProxy(std::string_view field, std::string_view text, Duration dns_ttl);

/// Asks a proxy for a tunnel over a connected, non-blocking descriptor.
class TunnelRequest {
 public:
  enum class Step : std::uint8_t { kWantRead, kWantWrite, kOpen, kFailed };

  TunnelRequest(const Url& service, const Proxy& proxy);
  ~TunnelRequest();
  TunnelRequest(const TunnelRequest&) = delete;
  TunnelRequest& operator=(const TunnelRequest&) = delete;

  /// Advances as far as it can without waiting.
  Step Advance(int descriptor);

  /// The reason after `kFailed`; names the proxy. What the proxy said in it is short and harmless,
  /// and does not hold the credential.
  const std::string& problem() const { return problem_; }

 private:
  Step ReadAnswer(int descriptor);
  Step TakeAnswer();
  Step Fail(std::string_view why);

  const std::string proxy_;
  const Secret credential_;
  std::string request_;
  std::size_t sent_ = 0;
  std::string answer_;
  std::string problem_;
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_TUNNEL_H_
