// Ollama's own chat API.
#ifndef LLMLOAD_PROVIDER_OLLAMA_PROVIDER_H_
#define LLMLOAD_PROVIDER_OLLAMA_PROVIDER_H_

#include <memory>
#include <optional>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/provider/provider.h"

namespace llmload {

struct OllamaOptions : HttpOptions {
  std::string name = "ollama";  ///< `ProviderIdentity::name`
  /// Without "/api/chat".
  std::string base_url = "http://127.0.0.1:11434";
  Secret api_key;  ///< sent as bearer; empty: not sent
  std::optional<bool>
      think;  ///< whether a model that can reason shall; empty: as it does by itself
};

/// A provider over HTTP/1.1 with kept-alive connections, per io_context. A call is sent once.
///
/// Thinking is `TokenKind::kReasoning`. A stream is complete with the line that says `done` only.
/// `Usage::input` is 0 where the server does not count a prompt it has in its cache.
///
/// Errors and thread safety: as `OpenAiProvider`.
class OllamaProvider final : public Provider {
 public:
  /// Throws `ConfigurationError` if an option cannot be used. Opens no connection.
  /// @param clock  as for `OpenAiProvider`
  explicit OllamaProvider(OllamaOptions options, const Clock& clock = SystemClock::Instance());
  ~OllamaProvider() override;

  OllamaProvider(const OllamaProvider&) = delete;
  OllamaProvider& operator=(const OllamaProvider&) = delete;

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

#endif  // LLMLOAD_PROVIDER_OLLAMA_PROVIDER_H_
