// Anthropic's Messages API and services that speak it.
#ifndef LLMLOAD_SERVICE_ANTHROPIC_PROVIDER_H_
#define LLMLOAD_SERVICE_ANTHROPIC_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/service/http_provider.h"

namespace llmload {

/// How to reach Anthropic's Messages API, or a gateway that speaks it.
struct AnthropicOptions {
  /// How the key is sent.
  enum class Auth : std::uint8_t {
    kApiKey,  ///< `x-api-key`
    kBearer,  ///< `Authorization: Bearer`
  };

  std::string name = "anthropic";  ///< `ProviderIdentity::name`
  /// Without "/v1/messages". It is https://, or http:// if the host is this machine (see
  /// `HttpOptions::allow_clear_text`).
  std::string base_url = "https://api.anthropic.com";
  Secret api_key = {};  ///< empty: none is sent
  Auth auth = Auth::kApiKey;
  std::string version = "2023-06-01";  ///< `anthropic-version`
  std::string beta = {};               ///< `anthropic-beta`; empty: not sent
  HttpOptions http = {};
};

/// The API requires a bound of the output: a request without `max_tokens` asks for 1024. System
/// messages are joined into the API's `system` member. Thinking is `TokenKind::kReasoning`. A
/// stream is complete only with its message_stop. `Usage::input` includes cache reads and writes,
/// which the API counts apart.
class AnthropicProvider final : public HttpProvider {
 public:
  explicit AnthropicProvider(AnthropicOptions options,
                             const Clock& clock = SystemClock::Instance());
};

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_ANTHROPIC_PROVIDER_H_
