// The base URL of a provider, parsed and checked.
#ifndef LLMLOAD_NET_URL_H_
#define LLMLOAD_NET_URL_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace llmload::net {

struct Url {
  bool tls = true;
  std::string host;         ///< a name in lower case, or an address without brackets
  bool is_address = false;  ///< `host` is an IPv4 or IPv6 address
  std::uint16_t port = 443;
  std::string path;  ///< base path without a slash at its end; empty for the root
  /// For the Host header: brackets where needed, the port if not the default.
  std::string authority;

  /// True if traffic to `host` cannot leave the machine: localhost, 127.0.0.0/8, ::1.
  bool IsLoopback() const;
};

/// Throws `ConfigurationError` that names `field` and shows `text::ShownUrl(text)`, unless `text`
/// is http:// or https://, with a host, and without user, query or fragment.
Url ParseBaseUrl(std::string_view field, std::string_view text);

/// Throws `ConfigurationError` that names `field` unless `text` is a path, which may have a query:
/// what stands in the first line of a request.
void CheckRequestPath(std::string_view field, std::string_view text);

}  // namespace llmload::net

#endif  // LLMLOAD_NET_URL_H_
