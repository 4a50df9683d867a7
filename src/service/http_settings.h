// Checks and conversions of the options that HTTPS providers share.
#ifndef LLMLOAD_SRC_SERVICE_HTTP_SETTINGS_H_
#define LLMLOAD_SRC_SERVICE_HTTP_SETTINGS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "src/net/connection.h"
#include "src/net/http_client.h"

namespace llmload {

// Each throws `ConfigurationError` that names the option.
void CheckTimeouts(const ProviderTimeouts& timeouts);
void CheckLimits(const ProviderLimits& limits);
void CheckNotNegative(std::string_view name, Duration value);
/// Accepts printable ASCII only: a line end in the value would add another header field.
void CheckHeaderValue(std::string_view name, std::string_view value);
/// As `CheckHeaderValue`, without spaces; the message does not hold the value.
void CheckCredential(std::string_view name, const Secret& value);

/// For a provider that has a path of its own: refuses another one.
void CheckNoPath(const HttpOptions& options, std::string_view accepted);

/// Checks all options but those of the URL and its certificates.
void CheckHttpOptions(const HttpOptions& options);

/// Throws `ConfigurationError` if the URL or the certificates cannot be used, or if the URL is
/// http:// to another machine without `allow_clear_text`.
net::Endpoint MakeEndpoint(const std::string& base_url, const HttpOptions& options);

/// @param stream  false: there is no deadline for the first token
net::ExchangeTimeouts ToExchangeTimeouts(const ProviderTimeouts& timeouts, bool stream);

/// What differs from the defaults, for reports: names of headers and members, no values of them.
std::vector<std::pair<std::string, std::string>> DescribeHttpOptions(const HttpOptions& options);

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_HTTP_SETTINGS_H_
