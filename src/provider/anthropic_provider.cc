#include "llmload/provider/anthropic_provider.h"

#include <utility>

#include "src/provider/http_caller.h"
#include "src/provider/http_settings.h"
#include "src/provider/request_head.h"
#include "src/wire/anthropic_codec.h"

namespace llmload {
namespace {

AnthropicOptions Checked(AnthropicOptions options) {
  CheckHeaderValue("version", options.version);
  CheckHeaderValue("beta", options.beta);
  CheckCredential("api_key", options.api_key);
  return options;
}

Secret HeadFields(const AnthropicOptions& options, const net::Url& url) {
  RequestHead head(url, "/v1/messages", "application/json, text/event-stream");
  head.Add("anthropic-version", options.version);
  if (!options.beta.empty()) head.Add("anthropic-beta", options.beta);
  if (!options.api_key.empty()) {
    if (options.auth == AnthropicOptions::Auth::kBearer) {
      head.AddSecret("Authorization", "Bearer ", options.api_key);
    } else {
      head.AddSecret("x-api-key", "", options.api_key);
    }
  }
  return head.Take();
}

}  // namespace

struct AnthropicProvider::Impl {
  Impl(AnthropicOptions opts, const Clock& clock)
      : options(Checked(std::move(opts))),
        caller(options.name, options.base_url, options, clock),
        head_fields(HeadFields(options, caller.url())) {
    identity.name = options.name;
    identity.credential = options.api_key.Fingerprint();
  }

  const AnthropicOptions options;
  const HttpCaller caller;
  const Secret head_fields;
  ProviderIdentity identity;
};

AnthropicProvider::AnthropicProvider(AnthropicOptions options, const Clock& clock)
    : impl_(std::make_shared<const Impl>(std::move(options), clock)) {}

AnthropicProvider::~AnthropicProvider() = default;

const ProviderIdentity& AnthropicProvider::Identity() const noexcept { return impl_->identity; }

boost::asio::awaitable<Result<Completion>> AnthropicProvider::Complete(
    const CompletionRequest& request, StreamObserver* observer) {
  return Run(impl_, request, observer);
}

boost::asio::awaitable<Result<Completion>> AnthropicProvider::Run(std::shared_ptr<const Impl> impl,
                                                                  const CompletionRequest& request,
                                                                  StreamObserver* observer) {
  const TimePoint started = impl->caller.clock().Now();
  std::string body;
  wire::EncodeAnthropicRequest(request, wire::AnthropicHost::kAnthropic, body);
  wire::AnthropicAnswerDecoder decoder(impl->options.limits.event_bytes);
  HttpCaller::Answer answer = co_await impl->caller.Send({.request = request,
                                                          .head_fields = impl->head_fields.Reveal(),
                                                          .body = body,
                                                          .secrets = {&impl->options.api_key, 1},
                                                          .decoder = decoder,
                                                          .observer = observer,
                                                          .started = started});
  co_return std::move(answer.completion);
}

}  // namespace llmload
