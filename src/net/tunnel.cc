#include "src/net/tunnel.h"

#include <openssl/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/base64.h"
#include "src/core/text/harmless.h"
#include "src/core/text/redactor.h"
#include "src/core/text/uri.h"

namespace llmload::net {
namespace {

constexpr std::size_t kMaxAnswer = 16 << 10;
constexpr std::size_t kMaxShown = 64;  // bytes of the proxy's own words
constexpr std::string_view kHeadEnd = "\r\n\r\n";

// The words of a proxy, for messages: it may send back what was sent to it.
std::string Shown(std::string_view words, const Secret& credential) {
  const std::string_view whole = credential.Reveal();
  const std::size_t colon = std::min(whole.find(':'), whole.size());
  const std::array secrets = {credential, Secret(std::string(whole.substr(colon)).erase(0, 1))};
  return text::Excerpt(Redactor(secrets)(std::string(words)), kMaxShown);
}

}  // namespace

Proxy ParseProxy(std::string_view field, std::string_view text, Duration dns_ttl) {
  constexpr std::string_view kScheme = "http://";
  const std::size_t at = text.rfind('@');
  std::string plain(text);
  Proxy proxy;
  if (at != std::string_view::npos) {
    if (!text.starts_with(kScheme)) {
      throw ConfigurationError::Invalid(field, "(hidden: it has an @)",
                                        "http://[user:password@]host:port");
    }
    const std::string_view user = text.substr(kScheme.size(), at - kScheme.size());
    proxy.credential = Secret(text::UriDecoded(user));
    plain = std::string(kScheme).append(text.substr(at + 1));
  } else if (text.find("://") == std::string_view::npos) {
    plain = std::string(kScheme).append(text);  // curl takes "host:port" too
  }
  proxy.url = ParseBaseUrl(field, plain);
  if (proxy.url.tls || !proxy.url.path.empty()) {
    throw ConfigurationError::Invalid(field, text::ShownUrl(plain),
                                      "http://[user:password@]host:port");
  }
  proxy.resolver =
      std::make_shared<Resolver>(proxy.url.host, proxy.url.port, proxy.url.is_address, dns_ttl);
  return proxy;
}

TunnelRequest::TunnelRequest(const Url& service, const Proxy& proxy)
    : proxy_(proxy.url.authority), credential_(proxy.credential) {
  const bool ipv6 = service.is_address && service.host.find(':') != std::string::npos;
  const std::string target =
      (ipv6 ? "[" + service.host + "]" : service.host) + ":" + std::to_string(service.port);
  request_.reserve(256 + 2 * target.size() + 2 * proxy.credential.Reveal().size());
  request_.append("CONNECT ").append(target).append(" HTTP/1.1\r\nHost: ").append(target);
  request_.append("\r\nUser-Agent: llmload\r\n");
  if (!proxy.credential.empty()) {
    request_.append("Proxy-Authorization: Basic ");
    text::AppendBase64(proxy.credential.Reveal(), request_);
    request_.append("\r\n");
  }
  request_.append("\r\n");
}

TunnelRequest::~TunnelRequest() { OPENSSL_cleanse(request_.data(), request_.size()); }

TunnelRequest::Step TunnelRequest::Fail(std::string_view why) {
  problem_ = "the proxy " + proxy_ + " " + std::string(why);
  return Step::kFailed;
}

TunnelRequest::Step TunnelRequest::Advance(int descriptor) {
  while (sent_ < request_.size()) {
    const ssize_t size =
        ::send(descriptor, request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL);
    if (size >= 0) {
      sent_ += static_cast<std::size_t>(size);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Step::kWantWrite;
    } else if (errno != EINTR) {
      return Fail(std::string("closed the connection: ") + std::strerror(errno));
    }
  }
  return ReadAnswer(descriptor);
}

TunnelRequest::Step TunnelRequest::ReadAnswer(int descriptor) {
  while (true) {
    // Byte by byte at the end, because the bytes after the header are the service's.
    std::array<char, 1024> buffer{};
    const ssize_t seen = ::recv(descriptor, buffer.data(), buffer.size(), MSG_PEEK);
    if (seen == 0) return Fail("closed the connection instead of opening a tunnel");
    if (seen < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Step::kWantRead;
      return Fail(std::string("closed the connection: ") + std::strerror(errno));
    }
    const std::size_t before = answer_.size();
    answer_.append(buffer.data(), static_cast<std::size_t>(seen));
    const std::size_t end = answer_.find(kHeadEnd, before < 3 ? 0 : before - 3);
    const std::size_t whole = end == std::string::npos ? answer_.size() : end + kHeadEnd.size();
    answer_.resize(whole);
    if (::recv(descriptor, buffer.data(), whole - before, 0) < 0) {
      return Fail(std::string("closed the connection: ") + std::strerror(errno));
    }
    if (end != std::string::npos) return TakeAnswer();
    if (answer_.size() > kMaxAnswer) return Fail("answered with an endless header");
  }
}

TunnelRequest::Step TunnelRequest::TakeAnswer() {
  // "HTTP/1.1 200 Connection established"
  const std::string_view line = std::string_view(answer_).substr(0, answer_.find("\r\n"));
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') {
    return Fail("does not speak HTTP");
  }
  if (line[9] == '2') return Step::kOpen;
  return Fail("refused a tunnel: " + Shown(line.substr(9), credential_) +
              (line.substr(9, 3) == "407" ? " (user and password go into HTTPS_PROXY)" : ""));
}

}  // namespace llmload::net
