#include "llmload/service/azure_openai_provider.h"

#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/uri.h"
#include "src/service/http_api.h"
#include "src/service/http_settings.h"
#include "src/service/request_head.h"
#include "src/wire/openai_codec.h"

namespace llmload {
namespace {

AzureOpenAiOptions Checked(AzureOpenAiOptions options) {
  if (options.deployment.empty()) {
    throw ConfigurationError::Invalid("deployment", "", "the name of a deployment");
  }
  CheckHeaderValue("api_version", options.api_version);
  CheckCredential("api_key", options.api_key);
  CheckCredential("bearer_token", options.bearer_token);
  return options;
}

std::string PathOf(const AzureOpenAiOptions& options) {
  if (options.surface == AzureOpenAiOptions::Surface::kV1) return "/openai/v1/chat/completions";
  std::string path = "/openai/deployments/";
  text::AppendUriEncoded(options.deployment, true, path);
  path.append("/chat/completions?api-version=");
  text::AppendUriEncoded(options.api_version, true, path);
  return path;
}

class AzureOpenAiApi final : public FixedHeadApi {
 public:
  AzureOpenAiApi(const AzureOpenAiOptions& options, const Clock& clock)
      : FixedHeadApi(
            {.name = options.name,
             .region = {},
             .credential = (options.bearer_token.empty() ? options.api_key : options.bearer_token)
                               .Fingerprint()},
            options.endpoint, options, clock),
        deployment_(options.deployment),
        encoding_{.model = deployment_,
                  .max_completion_tokens = options.max_tokens_field ==
                                           OpenAiOptions::MaxTokensField::kMaxCompletionTokens,
                  .include_usage = options.include_usage} {
    RequestHead head(caller().url(), PathOf(options), "application/json, text/event-stream");
    if (!options.bearer_token.empty()) {
      head.AddSecret("Authorization", "Bearer ", options.bearer_token);
    } else if (!options.api_key.empty()) {
      head.AddSecret("api-key", "", options.api_key);
    }
    SetHead(head.Take(), {options.api_key, options.bearer_token});
  }

 private:
  void Encode(const CompletionRequest& request, std::string& body) const override {
    wire::EncodeOpenAiRequest(request, encoding_, body);
  }
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(std::size_t max_event_bytes) const override {
    return std::make_unique<wire::OpenAiAnswerDecoder>(max_event_bytes);
  }

  const std::string deployment_;
  const wire::OpenAiEncoding encoding_;
};

}  // namespace

AzureOpenAiProvider::AzureOpenAiProvider(AzureOpenAiOptions options, const Clock& clock)
    : HttpProvider(std::make_shared<AzureOpenAiApi>(Checked(std::move(options)), clock)) {}

}  // namespace llmload
