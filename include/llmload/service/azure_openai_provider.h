// OpenAI's models as Azure serves them.
#ifndef LLMLOAD_SERVICE_AZURE_OPENAI_PROVIDER_H_
#define LLMLOAD_SERVICE_AZURE_OPENAI_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/http_options.h"
#include "llmload/service/http_provider.h"
#include "llmload/service/openai_provider.h"

namespace llmload {

/// How to reach a resource of Azure OpenAI.
struct AzureOpenAiOptions {
  /// One of two paths to the same models.
  enum class Surface : std::uint8_t {
    kDeployments,  ///< /openai/deployments/{deployment}/chat/completions?api-version=...
    kV1,           ///< /openai/v1/chat/completions, the deployment as `model`
  };

  std::string name = "azure";              ///< `ProviderIdentity::name`
  std::string endpoint = {};               ///< "https://RESOURCE.openai.azure.com"
  std::string deployment = {};             ///< decides the model; that of a request is not sent
  std::string api_version = "2024-10-21";  ///< of `kDeployments`
  Surface surface = Surface::kDeployments;
  Secret api_key = {};       ///< sent as `api-key`
  Secret bearer_token = {};  ///< a Microsoft Entra token, sent in place of the key
  OpenAiOptions::MaxTokensField max_tokens_field = OpenAiOptions::MaxTokensField::kMaxTokens;
  bool include_usage = true;  ///< streaming: ask for the usage chunk
  HttpOptions http = {};
};

/// Behaves as `OpenAiProvider`. The first chunk of a stream holds prompt filter results only and is
/// not a token.
class AzureOpenAiProvider final : public HttpProvider {
 public:
  explicit AzureOpenAiProvider(AzureOpenAiOptions options,
                               const Clock& clock = SystemClock::Instance());
};

}  // namespace llmload

#endif  // LLMLOAD_SERVICE_AZURE_OPENAI_PROVIDER_H_
