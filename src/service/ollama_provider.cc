#include "llmload/service/ollama_provider.h"

#include <memory>
#include <utility>

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
  RequestHead head(base, "/api/chat", "application/json, application/x-ndjson");
  if (!options.api_key.empty()) head.AddSecret("Authorization", "Bearer ", options.api_key);
  return {.fields = head.Take(), .redact = Redactor({&options.api_key, 1})};
}

class OllamaDialect final : public CommonHeadDialect {
 public:
  OllamaDialect(Head head, std::optional<bool> think)
      : CommonHeadDialect(std::move(head)), think_(think) {}

  std::optional<Error> Encode(const CompletionRequest& request, std::string& body) const override {
    wire::EncodeOllamaRequest(request, think_, body);
    return {};
  }
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(const CompletionRequest&,
                                                   std::size_t max_event_bytes) const override {
    return std::make_unique<wire::OllamaAnswerDecoder>(max_event_bytes);
  }

 private:
  const std::optional<bool> think_;
};

std::shared_ptr<HttpProvider::Service> MakeOllama(const OllamaOptions& options,
                                                  const Clock& clock) {
  return std::make_shared<HttpProvider::Service>(
      ProviderIdentity{.name = options.name, .credential = options.api_key.Fingerprint()},
      options.base_url, options, clock, [&options](const net::Url& base) {
        return std::make_unique<OllamaDialect>(HeadOf(options, base), options.think);
      });
}

}  // namespace

OllamaProvider::OllamaProvider(OllamaOptions options, const Clock& clock)
    : HttpProvider(MakeOllama(Checked(std::move(options)), clock)) {}

}  // namespace llmload
