#include "llmload/service/ollama_provider.h"

#include <memory>
#include <utility>

#include "src/service/body_extras.h"
#include "src/service/extra_headers.h"
#include "src/service/http_service.h"
#include "src/service/http_settings.h"
#include "src/service/request_head.h"
#include "src/wire/ollama_codec.h"

namespace llmload {
namespace {

OllamaOptions Checked(OllamaOptions options) {
  CheckCredential("api_key", options.api_key);
  return options;
}

Dialect::Head HeadOf(const OllamaOptions& options, const net::Url& base) {
  RequestHead head(base, options.http, "/api/chat", "application/json, application/x-ndjson");
  head.AddCredential("Authorization", "Bearer ", options.api_key);
  return {.fields = head.Take(), .redact = RedactorOf(options.http, {options.api_key})};
}

class OllamaDialect final : public CommonHeadDialect {
 public:
  OllamaDialect(Head head, const OllamaOptions& options)
      : CommonHeadDialect(std::move(head)),
        extras_(options.http, wire::kOllamaBody),
        think_(options.think) {}

  std::optional<Error> Encode(const CompletionRequest& request, std::string& body) const override {
    return extras_.Encoded(request, [&](const wire::ExtraBody* extra) {
      wire::EncodeOllamaRequest(request, think_, body, extra);
    });
  }
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(const CompletionRequest&,
                                                   std::size_t max_event_bytes) const override {
    return std::make_unique<wire::OllamaAnswerDecoder>(max_event_bytes);
  }

 private:
  const BodyExtras extras_;
  const std::optional<bool> think_;
};

std::shared_ptr<HttpProvider::Service> MakeOllama(const OllamaOptions& options,
                                                  const Clock& clock) {
  return std::make_shared<HttpProvider::Service>(
      ProviderIdentity{.name = options.name,
                       .credential = CredentialLabel(options.http, options.api_key)},
      options.base_url, options.http, clock, [&options](const net::Url& base) {
        return std::make_unique<OllamaDialect>(HeadOf(options, base), options);
      });
}

}  // namespace

OllamaProvider::OllamaProvider(OllamaOptions options, const Clock& clock)
    : HttpProvider(MakeOllama(Checked(std::move(options)), clock)) {}

}  // namespace llmload
