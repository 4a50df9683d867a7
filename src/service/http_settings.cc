#include "src/service/http_settings.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/format.h"
#include "src/core/text/harmless.h"
#include "src/service/extra_headers.h"
#include "src/wire/extra_body.h"

namespace llmload {
namespace {

constexpr Duration kMaxTimeout = std::chrono::hours(24);
constexpr std::size_t kMinHeaderBytes = 256;
constexpr std::size_t kMaxHeaderBytes = std::size_t{64} << 20;

// A query may hold a key.
std::string PathWithoutQuery(const HttpOptions& options) {
  return options.path.substr(0, options.path.find('?'));
}

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
  if (!IsHeaderValue(value)) {
    throw ConfigurationError::Invalid(name, value, "printable ASCII characters");
  }
}

void CheckCredential(std::string_view name, const Secret& value) {
  const std::string_view text = value.Reveal();
  if (!IsHeaderValue(text) || text.find(' ') != std::string_view::npos) {
    throw ConfigurationError::Invalid(name, "(hidden)",
                                      "printable ASCII characters without spaces and line ends");
  }
}

void CheckHttpOptions(const HttpOptions& options) {
  CheckTimeouts(options.timeouts);
  CheckLimits(options.limits);
  CheckNotNegative("max_idle_time", options.max_idle_time);
  CheckNotNegative("dns_ttl", options.dns_ttl);
  CheckHeaders(options.headers);
  if (!options.path.empty()) net::CheckRequestPath("path", options.path);
}

void CheckNoPath(const HttpOptions& options, std::string_view accepted) {
  if (!options.path.empty()) {
    throw ConfigurationError::Invalid("path", PathWithoutQuery(options), accepted);
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
        "https://, as http:// would send prompts and key in clear text to another machine (to do "
        "so "
        "on purpose: --clear-text, LLMLOAD_CLEAR_TEXT=1, or allow_clear_text in code)");
  }
  if (!options.proxy.empty()) {
    endpoint.proxy = net::ParseProxy("proxy", options.proxy, options.dns_ttl);
  }
  endpoint.resolver = std::make_shared<net::Resolver>(endpoint.url.host, endpoint.url.port,
                                                      endpoint.url.is_address, options.dns_ttl);
  return endpoint;
}

net::ExchangeTimeouts ToExchangeTimeouts(const ProviderTimeouts& timeouts, bool stream) {
  return {.connect = timeouts.connect,
          .tls = timeouts.tls,
          .first_token = stream ? timeouts.first_token : timeouts.total,
          .idle = timeouts.idle,
          .total = timeouts.total};
}

std::vector<std::pair<std::string, std::string>> DescribeHttpOptions(const HttpOptions& options) {
  constexpr std::size_t kMaxShown = 400;
  std::vector<std::pair<std::string, std::string>> details;
  const auto add = [&](const char* name, const std::string& list) {
    if (!list.empty()) details.emplace_back(name, text::Excerpt(list, kMaxShown));
  };
  const auto listed = [](std::string& list, const std::string& entry) {
    list.append(list.empty() ? "" : ", ").append(entry);
  };
  std::string headers;
  for (const HttpHeader& header : options.headers) listed(headers, header.name);
  add("extra headers", headers);
  std::string members;
  if (!options.extra_body.empty()) {
    const wire::ExtraBody extra(options.extra_body, {});
    for (const std::string& name : extra.names()) listed(members, name);
  }
  add("extra body", members);
  add("path", PathWithoutQuery(options));
  const ProviderTimeouts usual;
  std::string deadlines;
  const auto deadline = [&](const char* name, Duration value, Duration otherwise) {
    if (value != otherwise) listed(deadlines, name + (" " + text::FormatDuration(value)));
  };
  deadline("total", options.timeouts.total, usual.total);
  deadline("first token", options.timeouts.first_token, usual.first_token);
  deadline("idle", options.timeouts.idle, usual.idle);
  deadline("connect", options.timeouts.connect, usual.connect);
  deadline("TLS", options.timeouts.tls, usual.tls);
  add("deadlines", deadlines);
  std::string connections;
  if (options.max_connections > 0) {
    listed(connections, "at most " + std::to_string(options.max_connections));
  }
  if (!options.reuse_connections) listed(connections, "a new one for each request");
  add("connections", connections);
  return details;
}

}  // namespace llmload
