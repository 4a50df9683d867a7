#include "llmload/service/http_provider.h"

#include <utility>

#include "src/service/http_api.h"

namespace llmload {

HttpProvider::HttpProvider(std::shared_ptr<Api> api) : api_(std::move(api)) {}

HttpProvider::~HttpProvider() = default;

const ProviderIdentity& HttpProvider::Identity() const noexcept { return api_->identity(); }

boost::asio::awaitable<Result<Completion>> HttpProvider::Complete(const CompletionRequest& request,
                                                                  StreamObserver* observer) {
  return api_->Complete(api_, request, observer);
}

ConnectionCounters HttpProvider::Connections() const { return api_->caller().Connections(); }

boost::asio::awaitable<Result<Completion>> FixedHeadApi::Complete(std::shared_ptr<Api>,
                                                                  const CompletionRequest& request,
                                                                  StreamObserver* observer) {
  const TimePoint started = caller().clock().Now();
  std::string body;
  Encode(request, body);
  const std::unique_ptr<wire::AnswerDecoder> decoder =
      MakeDecoder(caller().options().limits.event_bytes);
  HttpCaller::Answer answer = co_await caller().Send({.request = request,
                                                      .head_fields = head_fields_.Reveal(),
                                                      .body = body,
                                                      .secrets = secrets_,
                                                      .decoder = *decoder,
                                                      .observer = observer,
                                                      .started = started});
  co_return std::move(answer.completion);
}

}  // namespace llmload
