#include "gateway_provider.h"

namespace consumer {

boost::asio::awaitable<llmload::Result<llmload::Completion>> GatewayProvider::Complete(
    const llmload::CompletionRequest& request, llmload::StreamObserver* observer) {
  llmload::Completion completion;
  completion.timings.sent = clock_.Now();
  co_await clock_.SleepFor(service_time_);
  const llmload::TimePoint now = clock_.Now();
  completion.text = "hello";
  completion.model = request.model;
  completion.provider = identity_.name;
  completion.finish_reason = "stop";
  completion.timings.first_byte = now;
  completion.timings.completed = now;
  if (request.stream) {
    completion.token_events = 1;
    completion.timings.first_token = now;
    completion.timings.first_output_token = now;
    completion.timings.last_token = now;
    if (observer != nullptr) observer->OnToken({.text = completion.text, .at = now});
  }
  completion.usage.output = 1;
  co_return completion;
}

}  // namespace consumer
