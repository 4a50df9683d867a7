#include "llmload/service/openai_provider.h"

#include <memory>
#include <utility>

#include "src/service/extra_headers.h"
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
  RequestHead head(base, options.http, "/chat/completions", "application/json, text/event-stream");
  if (!options.organization.empty()) head.Add("OpenAI-Organization", options.organization);
  if (!options.project.empty()) head.Add("OpenAI-Project", options.project);
  head.AddCredential("Authorization", "Bearer ", options.api_key);
  return {.fields = head.Take(), .redact = RedactorOf(options.http, {options.api_key})};
}

std::shared_ptr<HttpProvider::Service> MakeOpenAi(const OpenAiOptions& options,
                                                  const Clock& clock) {
  return std::make_shared<HttpProvider::Service>(
      ProviderIdentity{.name = options.name,
                       .credential = CredentialLabel(options.http, options.api_key)},
      options.base_url, options.http, clock, [&options](const net::Url& base) {
        return std::make_unique<OpenAiDialect>(HeadOf(options, base), options.http, "",
                                               options.max_tokens_field, options.include_usage);
      });
}

}  // namespace

OpenAiProvider::OpenAiProvider(OpenAiOptions options, const Clock& clock)
    : HttpProvider(MakeOpenAi(Checked(std::move(options)), clock)) {}

}  // namespace llmload
