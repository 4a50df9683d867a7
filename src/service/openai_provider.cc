#include "llmload/service/openai_provider.h"

#include <utility>

#include "src/service/http_api.h"
#include "src/service/http_settings.h"
#include "src/service/request_head.h"
#include "src/wire/openai_codec.h"

namespace llmload {
namespace {

OpenAiOptions Checked(OpenAiOptions options) {
  CheckHeaderValue("organization", options.organization);
  CheckHeaderValue("project", options.project);
  CheckCredential("api_key", options.api_key);
  return options;
}

class OpenAiApi final : public FixedHeadApi {
 public:
  OpenAiApi(const OpenAiOptions& options, const Clock& clock)
      : FixedHeadApi(
            {.name = options.name, .region = {}, .credential = options.api_key.Fingerprint()},
            options.base_url, options, clock),
        encoding_{.model = {},
                  .max_completion_tokens = options.max_tokens_field ==
                                           OpenAiOptions::MaxTokensField::kMaxCompletionTokens,
                  .include_usage = options.include_usage} {
    RequestHead head(caller().url(), "/chat/completions", "application/json, text/event-stream");
    if (!options.organization.empty()) head.Add("OpenAI-Organization", options.organization);
    if (!options.project.empty()) head.Add("OpenAI-Project", options.project);
    if (!options.api_key.empty()) head.AddSecret("Authorization", "Bearer ", options.api_key);
    SetHead(head.Take(), {options.api_key});
  }

 private:
  void Encode(const CompletionRequest& request, std::string& body) const override {
    wire::EncodeOpenAiRequest(request, encoding_, body);
  }
  std::unique_ptr<wire::AnswerDecoder> MakeDecoder(std::size_t max_event_bytes) const override {
    return std::make_unique<wire::OpenAiAnswerDecoder>(max_event_bytes);
  }

  const wire::OpenAiEncoding encoding_;
};

}  // namespace

OpenAiProvider::OpenAiProvider(OpenAiOptions options, const Clock& clock)
    : HttpProvider(std::make_shared<OpenAiApi>(Checked(std::move(options)), clock)) {}

}  // namespace llmload
