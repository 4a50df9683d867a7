// Ollama's own chat API.
#ifndef LLMLOAD_SERVICE_OLLAMA_PROVIDER_H_
#define LLMLOAD_SERVICE_OLLAMA_PROVIDER_H_

#include <memory>
#include <optional>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/service/http_provider.h"

namespace llmload {

/// How to reach an Ollama server's own API.
struct OllamaOptions {
  std::string name = "ollama";  ///< `ProviderIdentity::name`
  /// The server's URL without "/api/chat".
  std::string base_url = "http://127.0.0.1:11434";
  Secret api_key = {};  ///< sent as bearer; empty: not sent
  /// Whether a model that can reason does so; empty: the model's default.
  std::optional<bool> think = {};
  HttpOptions http = {};
};

/// Thinking is `TokenKind::kReasoning`. A stream is complete only with the line that says `done`.
/// `Usage::input` is 0 if the server does not count a prompt that is in its cache.
class OllamaProvider final : public HttpProvider {
 public:
  explicit OllamaProvider(OllamaOptions options, const Clock& clock = SystemClock::Instance());
};

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_OLLAMA_PROVIDER_H_
