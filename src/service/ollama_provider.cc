#include "llmload/service/ollama_provider.h"

#include <utility>

#include "src/service/http_api.h"
#include "src/service/http_settings.h"
#include "src/service/request_head.h"
#include "src/wire/ollama_codec.h"

namespace llmload {
namespace {

OllamaOptions Checked(OllamaOptions options) {
  CheckCredential("api_key", options.api_key);
  return options;
}

class OllamaApi final : public FixedHeadApi {
 public:
  OllamaApi(const OllamaOptions& options, const Clock& clock)
      : FixedHeadApi(
            {.name = options.name, .region = {}, .credential = options.api_key.Fingerprint()},
            options.base_url, options, clock),
        think_(options.think) {
    RequestHead head(caller().url(), "/api/chat", "application/json, application/x-ndjson");
    if (!options.api_key.empty()) head.AddSecret("Authorization", "Bearer ", options.api_key);
    SetHead(head.Take(), {options.api_key});
  }

 private:
  void Encode(const CompletionRequest& request, std::string& body) const override {
    wire::EncodeOllamaRequest(request, think_, body);
  }
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(std::size_t max_event_bytes) const override {
    return std::make_unique<wire::OllamaAnswerDecoder>(max_event_bytes);
  }

  const std::optional<bool> think_;
};

}  // namespace

OllamaProvider::OllamaProvider(OllamaOptions options, const Clock& clock)
    : HttpProvider(std::make_shared<OllamaApi>(Checked(std::move(options)), clock)) {}

}  // namespace llmload
