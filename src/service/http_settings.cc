#include "src/service/http_settings.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

constexpr Duration kMaxTimeout = std::chrono::hours(24);
constexpr std::size_t kMinHeaderBytes = 256;
constexpr std::size_t kMaxHeaderBytes = std::size_t{64} << 20;

std::string Milliseconds(Duration value) {
  return std::to_string(std::chrono::duration<double, std::milli>(value).count()) + " ms";
}

void CheckTimeout(std::string_view name, Duration value) {
  if (value <= Duration::zero() || value > kMaxTimeout) {
    throw ConfigurationError::Invalid(name, Milliseconds(value), "more than 0, at most 24 hours");
  }
}

}  // namespace

void CheckTimeouts(const ProviderTimeouts& timeouts) {
  CheckTimeout("timeouts.connect", timeouts.connect);
  CheckTimeout("timeouts.tls", timeouts.tls);
  CheckTimeout("timeouts.first_token", timeouts.first_token);
  CheckTimeout("timeouts.idle", timeouts.idle);
  CheckTimeout("timeouts.total", timeouts.total);
}

void CheckLimits(const ProviderLimits& limits) {
  if (limits.header_bytes < kMinHeaderBytes || limits.header_bytes > kMaxHeaderBytes) {
    throw ConfigurationError::Invalid("limits.header_bytes", std::to_string(limits.header_bytes),
                                      "256 to 67108864");
  }
  if (limits.event_bytes == 0) {
    throw ConfigurationError::Invalid("limits.event_bytes", "0", "more than 0");
  }
  if (limits.body_bytes == 0) {
    throw ConfigurationError::Invalid("limits.body_bytes", "0", "more than 0");
  }
}

void CheckNotNegative(std::string_view name, Duration value) {
  if (value < Duration::zero()) {
    throw ConfigurationError::Invalid(name, Milliseconds(value), "0 or more");
  }
}

void CheckHeaderValue(std::string_view name, std::string_view value) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
  if (!printable) throw ConfigurationError::Invalid(name, value, "printable ASCII characters");
}

void CheckCredential(std::string_view name, const Secret& value) {
  const std::string_view text = value.Reveal();
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c <= 0x7E; });
  if (!printable) {
    throw ConfigurationError::Invalid(name, "(hidden)",
                                      "printable ASCII characters without spaces and line ends");
  }
}

net::Endpoint MakeEndpoint(const std::string& base_url, const HttpOptions& options) {
  net::Endpoint endpoint;
  endpoint.url = net::ParseBaseUrl("base_url", base_url);
  if (endpoint.url.tls) {
    endpoint.tls = std::make_shared<net::TlsContext>(options.ca_file, options.ca_pem);
  } else if (!options.allow_clear_text && !endpoint.url.IsLoopback()) {
    throw ConfigurationError::Invalid(
        "base_url", base_url,
        "https://, as http:// would send prompts and key in clear text to another machine (set "
        "allow_clear_text to do so on purpose)");
  }
  if (!options.proxy.empty()) {
    endpoint.proxy = net::ParseProxy("proxy", options.proxy, options.dns_ttl);
  }
  endpoint.resolver = std::make_shared<net::Resolver>(endpoint.url.host, endpoint.url.port,
                                                      endpoint.url.is_address, options.dns_ttl);
  return endpoint;
}

net::ExchangeTimeouts ToExchangeTimeouts(const ProviderTimeouts& timeouts) {
  return {.connect = timeouts.connect,
          .tls = timeouts.tls,
          .first_token = timeouts.first_token,
          .idle = timeouts.idle,
          .total = timeouts.total};
}

}  // namespace llmload
