// OpenAI's chat completions API and every server that is compatible with it: vLLM, llama.cpp,
// Ollama, LM Studio, gateways.
#ifndef LLMLOAD_SERVICE_OPENAI_PROVIDER_H_
#define LLMLOAD_SERVICE_OPENAI_PROVIDER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/service/http_provider.h"

namespace llmload {

/// Where an OpenAI-compatible service is and how to talk to it.
struct OpenAiOptions {
  /// The name of the field that limits output tokens. OpenAI's reasoning models refuse the first
  /// name, and most self-hosted servers do not know the second.
  enum class MaxTokensField : std::uint8_t { kMaxTokens, kMaxCompletionTokens };

  std::string name = "openai";  ///< `ProviderIdentity::name`
  /// Without "/chat/completions". It is https://, or http:// if the host is this machine (see
  /// `HttpOptions::allow_clear_text`).
  std::string base_url = "https://api.openai.com/v1";
  Secret api_key = {};            ///< empty: no Authorization header is sent
  std::string organization = {};  ///< OpenAI-Organization header; empty: not sent
  std::string project = {};       ///< OpenAI-Project header; empty: not sent
  MaxTokensField max_tokens_field = MaxTokensField::kMaxTokens;
  /// Streaming: ask for the usage chunk. Set it to false for servers that refuse the request for
  /// it.
  bool include_usage = true;
  HttpOptions http = {};
};

/// A stream without "[DONE]" is complete only if it named a finish reason and the HTTP body is
/// complete.
class OpenAiProvider final : public HttpProvider {
 public:
  explicit OpenAiProvider(OpenAiOptions options, const Clock& clock = SystemClock::Instance());
};

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_OPENAI_PROVIDER_H_
