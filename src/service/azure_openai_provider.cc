#include "llmload/service/azure_openai_provider.h"

#include <memory>
#include <utility>

#include "llmload/core/environment.h"
#include "src/core/text/uri.h"
#include "src/service/extra_headers.h"
#include "src/service/http_service.h"
#include "src/service/http_settings.h"
#include "src/service/openai_dialect.h"
#include "src/service/request_head.h"

namespace llmload {
namespace {

AzureOpenAiOptions Checked(AzureOpenAiOptions options) {
  if (options.deployment.empty()) {
    throw ConfigurationError::Invalid("deployment", "", "the name of a deployment");
  }
  CheckHeaderValue("api_version", options.api_version);
  CheckNoPath(options.http,
              "none, because Azure OpenAI has the deployment in its path "
              "(the prefix of a gateway goes into the endpoint)");
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

Dialect::Head HeadOf(const AzureOpenAiOptions& options, const net::Url& base) {
  RequestHead head(base, options.http, PathOf(options), "application/json, text/event-stream");
  if (!options.bearer_token.empty()) {
    head.AddCredential("Authorization", "Bearer ", options.bearer_token);
  } else {
    head.AddCredential("api-key", "", options.api_key);
  }
  return {.fields = head.Take(),
          .redact = RedactorOf(options.http, {options.api_key, options.bearer_token})};
}

std::shared_ptr<HttpProvider::Service> MakeAzureOpenAi(const AzureOpenAiOptions& options,
                                                       const Clock& clock) {
  const Secret& credential = options.bearer_token.empty() ? options.api_key : options.bearer_token;
  return std::make_shared<HttpProvider::Service>(
      ProviderIdentity{.name = options.name,
                       .credential = CredentialLabel(options.http, credential)},
      options.endpoint, options.http, clock, [&options](const net::Url& base) {
        return std::make_unique<OpenAiDialect>(HeadOf(options, base), options.http,
                                               options.deployment, options.max_tokens_field,
                                               options.include_usage);
      });
}

}  // namespace

AzureOpenAiProvider::AzureOpenAiProvider(AzureOpenAiOptions options, const Clock& clock)
    : HttpProvider(MakeAzureOpenAi(Checked(std::move(options)), clock)) {}

}  // namespace llmload
