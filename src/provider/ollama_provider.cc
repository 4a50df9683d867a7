#include "llmload/provider/ollama_provider.h"

#include <utility>

#include "src/provider/http_caller.h"
#include "src/provider/http_settings.h"
#include "src/provider/request_head.h"
#include "src/wire/ollama_codec.h"

namespace llmload {
namespace {

OllamaOptions Checked(OllamaOptions options) {
  CheckCredential("api_key", options.api_key);
  return options;
}

Secret HeadFields(const OllamaOptions& options, const net::Url& url) {
  RequestHead head(url, "/api/chat", "application/json, application/x-ndjson");
  if (!options.api_key.empty()) head.AddSecret("Authorization", "Bearer ", options.api_key);
  return head.Take();
}

}  // namespace

struct OllamaProvider::Impl {
  Impl(OllamaOptions opts, const Clock& clock)
      : options(Checked(std::move(opts))),
        caller(options.name, options.base_url, options, clock),
        head_fields(HeadFields(options, caller.url())) {
    identity.name = options.name;
    identity.credential = options.api_key.Fingerprint();
  }

  const OllamaOptions options;
  const HttpCaller caller;
  const Secret head_fields;
  ProviderIdentity identity;
};

OllamaProvider::OllamaProvider(OllamaOptions options, const Clock& clock)
    : impl_(std::make_shared<const Impl>(std::move(options), clock)) {}

OllamaProvider::~OllamaProvider() = default;

const ProviderIdentity& OllamaProvider::Identity() const noexcept { return impl_->identity; }

boost::asio::awaitable<Result<Completion>> OllamaProvider::Complete(
    const CompletionRequest& request, StreamObserver* observer) {
  return Run(impl_, request, observer);
}

boost::asio::awaitable<Result<Completion>> OllamaProvider::Run(std::shared_ptr<const Impl> impl,
                                                               const CompletionRequest& request,
                                                               StreamObserver* observer) {
  const TimePoint started = impl->caller.clock().Now();
  std::string body;
  wire::EncodeOllamaRequest(request, impl->options.think, body);
  wire::OllamaAnswerDecoder decoder(impl->options.limits.event_bytes);
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
