#include "llmload/provider/azure_openai_provider.h"

#include <array>
#include <utility>

#include "llmload/core/environment.h"
#include "src/provider/http_caller.h"
#include "src/provider/http_settings.h"
#include "src/provider/request_head.h"
#include "src/wire/openai_codec.h"
#include "src/wire/uri.h"

namespace llmload {
namespace {

AzureOpenAiOptions Checked(AzureOpenAiOptions options) {
  if (options.deployment.empty()) {
    throw ConfigurationError::Invalid("deployment", "", "the name of a deployment");
  }
  CheckHeaderValue("api_version", options.api_version);
  CheckCredential("api_key", options.api_key);
  CheckCredential("bearer_token", options.bearer_token);
  return options;
}

Secret HeadFields(const AzureOpenAiOptions& options, const net::Url& url) {
  std::string path = "/openai/v1/chat/completions";
  if (options.surface == AzureOpenAiOptions::Surface::kDeployments) {
    path = "/openai/deployments/";
    wire::AppendUriEncoded(options.deployment, true, path);
    path.append("/chat/completions?api-version=");
    wire::AppendUriEncoded(options.api_version, true, path);
  }
  RequestHead head(url, path, "application/json, text/event-stream");
  if (!options.bearer_token.empty()) {
    head.AddSecret("Authorization", "Bearer ", options.bearer_token);
  } else if (!options.api_key.empty()) {
    head.AddSecret("api-key", "", options.api_key);
  }
  return head.Take();
}

}  // namespace

struct AzureOpenAiProvider::Impl {
  Impl(AzureOpenAiOptions opts, const Clock& clock)
      : options(Checked(std::move(opts))),
        secrets{options.api_key, options.bearer_token},
        caller(options.name, options.endpoint, options, clock),
        head_fields(HeadFields(options, caller.url())) {
    identity.name = options.name;
    identity.credential =
        (options.bearer_token.empty() ? options.api_key : options.bearer_token).Fingerprint();
  }

  const AzureOpenAiOptions options;
  const std::array<Secret, 2> secrets;
  const HttpCaller caller;
  const Secret head_fields;
  ProviderIdentity identity;
};

AzureOpenAiProvider::AzureOpenAiProvider(AzureOpenAiOptions options, const Clock& clock)
    : impl_(std::make_shared<const Impl>(std::move(options), clock)) {}

AzureOpenAiProvider::~AzureOpenAiProvider() = default;

const ProviderIdentity& AzureOpenAiProvider::Identity() const noexcept { return impl_->identity; }

boost::asio::awaitable<Result<Completion>> AzureOpenAiProvider::Complete(
    const CompletionRequest& request, StreamObserver* observer) {
  return Run(impl_, request, observer);
}

boost::asio::awaitable<Result<Completion>> AzureOpenAiProvider::Run(
    std::shared_ptr<const Impl> impl, const CompletionRequest& request, StreamObserver* observer) {
  const AzureOpenAiOptions& options = impl->options;
  const TimePoint started = impl->caller.clock().Now();
  std::string body;
  wire::EncodeOpenAiRequest(
      request,
      {.model = options.deployment,
       .max_completion_tokens =
           options.max_tokens_field == OpenAiOptions::MaxTokensField::kMaxCompletionTokens,
       .include_usage = options.include_usage},
      body);
  wire::OpenAiAnswerDecoder decoder(options.limits.event_bytes);
  HttpCaller::Answer answer = co_await impl->caller.Send({.request = request,
                                                          .head_fields = impl->head_fields.Reveal(),
                                                          .body = body,
                                                          .secrets = impl->secrets,
                                                          .decoder = decoder,
                                                          .observer = observer,
                                                          .started = started});
  co_return std::move(answer.completion);
}

}  // namespace llmload
