// The proxy that the environment names for a URL.
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/environment.h"
#include "llmload/provider/http_options.h"
#include "src/core/text/ascii.h"
#include "src/net/tunnel.h"
#include "src/net/url.h"

namespace llmload {
namespace {

namespace ip = boost::asio::ip;

bool IsInNetwork(const std::string& host, const std::string& network) {
  boost::system::error_code error;
  const auto address = ip::make_address(host, error);
  if (error) return false;
  if (address.is_v4()) {
    const auto range = ip::make_network_v4(network, error);
    if (error) return false;
    return range.canonical() == ip::network_v4(address.to_v4(), range.prefix_length()).canonical();
  }
  const auto range = ip::make_network_v6(network, error);
  if (error) return false;
  return range.canonical() == ip::network_v6(address.to_v6(), range.prefix_length()).canonical();
}

// One entry of the list: "*", a name, an address or a network, perhaps with a port.
bool Covers(std::string entry, const net::Url& url) {
  if (entry == "*") return true;
  if (entry.find('/') != std::string::npos) {
    return url.is_address && IsInNetwork(url.host, entry);
  }
  if (entry.starts_with('[')) {
    const std::size_t close = entry.find(']');
    if (close == std::string::npos) return false;
    if (entry.size() > close + 1 && entry.substr(close + 1) != ":" + std::to_string(url.port)) {
      return false;
    }
    return url.host == entry.substr(1, close - 1);
  }
  // More than one colon: an IPv6 address without brackets.
  if (std::count(entry.begin(), entry.end(), ':') == 1) {
    const std::size_t colon = entry.find(':');
    if (entry.substr(colon + 1) != std::to_string(url.port)) return false;
    entry.resize(colon);
  }
  if (entry.starts_with("*.")) entry.erase(0, 1);
  const std::string_view name = entry.starts_with('.') ? std::string_view(entry).substr(1) : entry;
  if (name.empty()) return false;
  if (url.host == name) return true;
  if (url.is_address) return false;
  return url.host.size() > name.size() && url.host.ends_with(name) &&
         url.host[url.host.size() - name.size() - 1] == '.';
}

bool IsExcluded(std::string_view list, const net::Url& url) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (Covers(text::Lower(text::Trim(list.substr(0, comma))), url)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

}  // namespace

std::string ProxyFromEnvironment(const std::string& base_url) {
  const net::Url url = net::ParseBaseUrl("base_url", base_url);
  if (url.IsLoopback() || !url.tls) return {};
  for (const char* name : {"HTTPS_PROXY", "https_proxy"}) {
    const auto proxy = environment::Text(name);
    if (!proxy) continue;
    for (const char* exclusion : {"NO_PROXY", "no_proxy"}) {
      if (IsExcluded(environment::Text(exclusion).value_or(""), url)) return {};
    }
    net::ParseProxy(name, *proxy, Duration::zero());
    return *proxy;
  }
  return {};
}

}  // namespace llmload
