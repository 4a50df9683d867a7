#include "llmload/service/anthropic_provider.h"

#include <memory>
#include <utility>

#include "src/service/body_extras.h"
#include "src/service/extra_headers.h"
#include "src/service/http_service.h"
#include "src/service/http_settings.h"
#include "src/service/request_head.h"
#include "src/wire/anthropic_codec.h"

namespace llmload {
namespace {

AnthropicOptions Checked(AnthropicOptions options) {
  CheckHeaderValue("version", options.version);
  CheckHeaderValue("beta", options.beta);
  CheckCredential("api_key", options.api_key);
  return options;
}

Dialect::Head HeadOf(const AnthropicOptions& options, const net::Url& base) {
  RequestHead head(base, options.http, "/v1/messages", "application/json, text/event-stream");
  head.Add("anthropic-version", options.version);
  if (!options.beta.empty()) head.Add("anthropic-beta", options.beta);
  if (options.auth == AnthropicOptions::Auth::kBearer) {
    head.AddCredential("Authorization", "Bearer ", options.api_key);
  } else {
    head.AddCredential("x-api-key", "", options.api_key);
  }
  return {.fields = head.Take(), .redact = RedactorOf(options.http, {options.api_key})};
}

class AnthropicDialect final : public CommonHeadDialect {
 public:
  AnthropicDialect(Head head, const HttpOptions& options)
      : CommonHeadDialect(std::move(head)), extras_(options, wire::kAnthropicBody) {}

  std::optional<Error> Encode(const CompletionRequest& request, std::string& body) const override {
    return extras_.Encoded(request, [&](const wire::ExtraBody* extra) {
      wire::EncodeAnthropicRequest(request, wire::AnthropicHost::kAnthropic, body, extra);
    });
  }
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(const CompletionRequest&,
                                                   std::size_t max_event_bytes) const override {
    return std::make_unique<wire::AnthropicAnswerDecoder>(max_event_bytes);
  }

 private:
  const BodyExtras extras_;
};

std::shared_ptr<HttpProvider::Service> MakeAnthropic(const AnthropicOptions& options,
                                                     const Clock& clock) {
  return std::make_shared<HttpProvider::Service>(
      ProviderIdentity{.name = options.name,
                       .credential = CredentialLabel(options.http, options.api_key)},
      options.base_url, options.http, clock, [&options](const net::Url& base) {
        return std::make_unique<AnthropicDialect>(HeadOf(options, base), options.http);
      });
}

}  // namespace

AnthropicProvider::AnthropicProvider(AnthropicOptions options, const Clock& clock)
    : HttpProvider(MakeAnthropic(Checked(std::move(options)), clock)) {}

}  // namespace llmload
