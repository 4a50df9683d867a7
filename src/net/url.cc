#include "src/net/url.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "llmload/core/environment.h"
#include "src/core/text/ascii.h"
#include "src/core/text/uri.h"

namespace llmload::net {
namespace {

constexpr std::string_view kAccepted =
    "an absolute URL such as https://api.openai.com/v1 or http://localhost:8080/v1";

bool IsHexDigit(char c) { return text::HexValue(c) >= 0; }

// Whether it is a DNS name. A name whose last label is a number is not one, because resolvers take
// "127.1" for an address.
bool IsName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  const bool letters = std::all_of(host.begin(), host.end(), [](char c) {
    return text::IsLetterOrDigit(c) || c == '-' || c == '.' || c == '_';
  });
  if (!letters || host.front() == '.' || host.find("..") != std::string_view::npos) return false;
  std::string_view last = host;
  if (last.back() == '.') last.remove_suffix(1);
  last = last.substr(last.rfind('.') + 1);
  return !last.empty() && !text::IsDigit(last.front());
}

// RFC 3986, section 3.3.
bool IsPath(std::string_view path) {
  static constexpr std::string_view kOthers = "-._~!$&'()*+,;=:@/";
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') {
      if (path.size() - i < 3 || !IsHexDigit(path[i + 1]) || !IsHexDigit(path[i + 2])) return false;
      i += 2;
    } else if (!text::IsLetterOrDigit(path[i]) && kOthers.find(path[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool Url::IsLoopback() const {
  if (!is_address) return host == "localhost" || host == "localhost.";
  return host == "::1" || host.substr(0, 4) == "127.";
}

// Parsed by hand, because the text decides where a key is sent: Boost.URL 1.81 takes
// "https://127.0.0.1.example.com" for the address 127.0.0.1 with a path, and wraps ports beyond
// 65535.
Url ParseBaseUrl(std::string_view field, std::string_view text) {
  const auto refuse = [&](std::string_view accepted) {
    return ConfigurationError::Invalid(field, text::ShownUrl(text), accepted);
  };
  Url url;
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) throw refuse(kAccepted);
  const std::string scheme = text::Lower(text.substr(0, scheme_end));
  if (scheme != "https" && scheme != "http") throw refuse(kAccepted);
  url.tls = scheme == "https";

  std::string_view rest = text.substr(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) {
    throw refuse(
        "a URL without query and fragment (a query goes into --path, with the whole path)");
  }
  const std::size_t authority_end = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  std::string_view path = rest.substr(authority_end);
  if (authority.find('@') != std::string_view::npos) {
    throw refuse("a URL without user and password");
  }

  boost::system::error_code error;
  bool ipv6 = false;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) throw refuse(kAccepted);
    const std::string inside(authority.substr(1, bracket - 1));
    const auto address = boost::asio::ip::make_address_v6(inside, error);
    if (error || inside.find('%') != std::string::npos)
      throw refuse("a URL with an IPv6 address in []");
    url.host = address.to_string();
    url.is_address = ipv6 = true;
    authority.remove_prefix(bracket + 1);
    if (!authority.empty() && authority.front() != ':') throw refuse(kAccepted);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = text::Lower(authority.substr(0, colon));
    authority.remove_prefix(colon);
    boost::asio::ip::make_address_v4(url.host, error);
    url.is_address = !error;
    if (error && !IsName(url.host)) {
      throw refuse("a URL with a host name in ASCII (punycode for others) or an IP address");
    }
  }

  const std::uint16_t default_port = url.tls ? 443 : 80;
  url.port = default_port;
  if (authority == ":") throw refuse("a URL with a port behind the colon, or without the colon");
  if (authority.size() > 1) {
    const char* const end = authority.data() + authority.size();
    const auto [stop, failure] = std::from_chars(authority.data() + 1, end, url.port);
    if (failure != std::errc() || stop != end || url.port == 0) {
      throw refuse("a URL with a port from 1 to 65535");
    }
  }
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  if (!IsPath(path)) throw refuse("a URL whose path is percent-encoded");
  url.path = path;
  url.authority = ipv6 ? "[" + url.host + "]" : url.host;
  if (url.port != default_port) url.authority += ":" + std::to_string(url.port);
  return url;
}

void CheckRequestPath(std::string_view field, std::string_view text) {
  const std::size_t question = std::min(text.find('?'), text.size());
  std::string query(text.substr(question));
  std::replace(query.begin(), query.end(), '?', '/');
  if (!text.starts_with('/') || !IsPath(text.substr(0, question)) || !IsPath(query)) {
    throw ConfigurationError::Invalid(
        field, text.substr(0, question),
        "a path that begins with / and is percent-encoded, as in /v1/chat/completions");
  }
}

}  // namespace llmload::net
