#include "llmload/service/openai_provider.h"

#include <memory>
#include <utility>

#include "src/service/http_service.h"
#include "src/service/http_settings.h"
#include "src/service/openai_dialect.h"
#include "src/service/request_head.h"

namespace llmload {
namespace {

OpenAiOptions Checked(OpenAiOptions options) {
  CheckHeaderValue("organization", options.organization);
  CheckHeaderValue("project", options.project);
  CheckCredential("api_key", options.api_key);
  return options;
}

Dialect::Head HeadOf(const OpenAiOptions& options, const net::Url& base) {
  RequestHead head(base, "/chat/completions", "application/json, text/event-stream");
  if (!options.organization.empty()) head.Add("OpenAI-Organization", options.organization);
  if (!options.project.empty()) head.Add("OpenAI-Project", options.project);
  if (!options.api_key.empty()) head.AddSecret("Authorization", "Bearer ", options.api_key);
  return {.fields = head.Take(), .redact = Redactor({&options.api_key, 1})};
}

std::shared_ptr<HttpProvider::Service> MakeOpenAi(const OpenAiOptions& options,
                                                  const Clock& clock) {
  return std::make_shared<HttpProvider::Service>(
      ProviderIdentity{.name = options.name, .credential = options.api_key.Fingerprint()},
      options.base_url, options, clock, [&options](const net::Url& base) {
        return std::make_unique<OpenAiDialect>(HeadOf(options, base), "", options.max_tokens_field,
                                               options.include_usage);
      });
}

}  // namespace

OpenAiProvider::OpenAiProvider(OpenAiOptions options, const Clock& clock)
    : HttpProvider(MakeOpenAi(Checked(std::move(options)), clock)) {}

}  // namespace llmload
