// Anthropic's Messages API and services that speak it.
#ifndef LLMLOAD_PROVIDER_ANTHROPIC_PROVIDER_H_
#define LLMLOAD_PROVIDER_ANTHROPIC_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/provider/provider.h"

namespace llmload {

struct AnthropicOptions : HttpOptions {
  /// How the key is sent.
  enum class Auth : std::uint8_t {
    kApiKey,  ///< `x-api-key`
    kBearer,  ///< `Authorization: Bearer`
  };

  std::string name = "anthropic";  ///< `ProviderIdentity::name`
  /// Without "/v1/messages". https://; or http:// if the host is this machine (see
  /// `allow_clear_text`).
  std::string base_url = "https://api.anthropic.com";
  Secret api_key;  ///< empty: none is sent
  Auth auth = Auth::kApiKey;
  std::string version = "2023-06-01";  ///< `anthropic-version`
  std::string beta;                    ///< `anthropic-beta`; empty: not sent
};

/// A provider over HTTP/1.1 with kept-alive connections, per io_context. A call is sent once.
///
/// The API wants a bound of the output: a request without `max_tokens` asks for 1024. System
/// messages are joined into the API's `system` member. Thinking is `TokenKind::kReasoning`. A
/// stream is complete with its message_stop only. `Usage::input` includes cache reads and writes,
/// which the API counts apart.
///
/// Errors and thread safety: as `OpenAiProvider`.
class AnthropicProvider final : public Provider {
 public:
  /// Throws `ConfigurationError` if an option cannot be used. Opens no connection.
  /// @param clock  as for `OpenAiProvider`
  explicit AnthropicProvider(AnthropicOptions options,
                             const Clock& clock = SystemClock::Instance());
  ~AnthropicProvider() override;

  AnthropicProvider(const AnthropicProvider&) = delete;
  AnthropicProvider& operator=(const AnthropicProvider&) = delete;

  const ProviderIdentity& Identity() const noexcept override;
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;

 private:
  struct Impl;
  static boost::asio::awaitable<Result<Completion>> Run(std::shared_ptr<const Impl> impl,
                                                        const CompletionRequest& request,
                                                        StreamObserver* observer);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_ANTHROPIC_PROVIDER_H_
