#include "llmload/provider/openai_provider.h"

#include <span>
#include <string_view>
#include <utility>

#include "src/provider/http_caller.h"
#include "src/provider/http_settings.h"
#include "src/provider/request_head.h"
#include "src/wire/openai_codec.h"

namespace llmload {
namespace {

OpenAiOptions Checked(OpenAiOptions options) {
  CheckHeaderValue("organization", options.organization);
  CheckHeaderValue("project", options.project);
  CheckCredential("api_key", options.api_key);
  return options;
}

Secret HeadFields(const OpenAiOptions& options, const net::Url& url) {
  RequestHead head(url, "/chat/completions", "application/json, text/event-stream");
  if (!options.organization.empty()) head.Add("OpenAI-Organization", options.organization);
  if (!options.project.empty()) head.Add("OpenAI-Project", options.project);
  if (!options.api_key.empty()) head.AddSecret("Authorization", "Bearer ", options.api_key);
  return head.Take();
}

}  // namespace

struct OpenAiProvider::Impl {
  Impl(OpenAiOptions opts, const Clock& clock)
      : options(Checked(std::move(opts))),
        caller(options.name, options.base_url, options, clock),
        head_fields(HeadFields(options, caller.url())) {
    identity.name = options.name;
    identity.credential = options.api_key.Fingerprint();
  }

  const OpenAiOptions options;
  const HttpCaller caller;
  const Secret head_fields;
  ProviderIdentity identity;
};

OpenAiProvider::OpenAiProvider(OpenAiOptions options, const Clock& clock)
    : impl_(std::make_shared<const Impl>(std::move(options), clock)) {}

OpenAiProvider::~OpenAiProvider() = default;

const ProviderIdentity& OpenAiProvider::Identity() const noexcept { return impl_->identity; }

boost::asio::awaitable<Result<Completion>> OpenAiProvider::Complete(
    const CompletionRequest& request, StreamObserver* observer) {
  return Run(impl_, request, observer);
}

boost::asio::awaitable<Result<Completion>> OpenAiProvider::Run(std::shared_ptr<const Impl> impl,
                                                               const CompletionRequest& request,
                                                               StreamObserver* observer) {
  const OpenAiOptions& options = impl->options;
  const TimePoint started = impl->caller.clock().Now();
  std::string body;
  wire::EncodeOpenAiRequest(
      request,
      {.max_completion_tokens =
           options.max_tokens_field == OpenAiOptions::MaxTokensField::kMaxCompletionTokens,
       .include_usage = options.include_usage},
      body);
  wire::OpenAiAnswerDecoder decoder(options.limits.event_bytes);
  HttpCaller::Answer answer = co_await impl->caller.Send({.request = request,
                                                          .head_fields = impl->head_fields.Reveal(),
                                                          .body = body,
                                                          .secrets = {&options.api_key, 1},
                                                          .decoder = decoder,
                                                          .observer = observer,
                                                          .started = started});
  co_return std::move(answer.completion);
}

}  // namespace llmload
