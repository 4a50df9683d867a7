#include "llmload/service/anthropic_provider.h"

#include <utility>

#include "src/service/http_api.h"
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

class AnthropicApi final : public FixedHeadApi {
 public:
  AnthropicApi(const AnthropicOptions& options, const Clock& clock)
      : FixedHeadApi(
            {.name = options.name, .region = {}, .credential = options.api_key.Fingerprint()},
            options.base_url, options, clock) {
    RequestHead head(caller().url(), "/v1/messages", "application/json, text/event-stream");
    head.Add("anthropic-version", options.version);
    if (!options.beta.empty()) head.Add("anthropic-beta", options.beta);
    if (!options.api_key.empty()) {
      if (options.auth == AnthropicOptions::Auth::kBearer) {
        head.AddSecret("Authorization", "Bearer ", options.api_key);
      } else {
        head.AddSecret("x-api-key", "", options.api_key);
      }
    }
    SetHead(head.Take(), {options.api_key});
  }

 private:
  void Encode(const CompletionRequest& request, std::string& body) const override {
    wire::EncodeAnthropicRequest(request, wire::AnthropicHost::kAnthropic, body);
  }
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(std::size_t max_event_bytes) const override {
    return std::make_unique<wire::AnthropicAnswerDecoder>(max_event_bytes);
  }
};

}  // namespace

AnthropicProvider::AnthropicProvider(AnthropicOptions options, const Clock& clock)
    : HttpProvider(std::make_shared<AnthropicApi>(Checked(std::move(options)), clock)) {}

}  // namespace llmload
