#include "llmload/mocks/mock_provider.h"

namespace llmload::mocks::actions {

namespace asio = boost::asio;

asio::awaitable<Result<Completion>> Play(Script script, Clock* clock,
                                         const CompletionRequest* request,
                                         StreamObserver* observer) {
  const TimePoint started = clock->Now();
  Completion completion;
  completion.model = request->model;
  completion.finish_reason = "stop";
  completion.timings.sent = started;
  if (script.first_after > Duration::zero())
    co_await clock->SleepUntil(started + script.first_after);
  for (std::size_t i = 0; i < script.tokens.size(); ++i) {
    if (i > 0 && script.gap > Duration::zero()) co_await clock->SleepFor(script.gap);
    const std::string& token = script.tokens[i];
    completion.text += token;
    ++completion.usage.output;
    if (!request->stream) continue;
    const TimePoint now = clock->Now();
    ++completion.token_events;
    completion.timings.last_token = now;
    if (i == 0) completion.timings.first_token = completion.timings.first_output_token = now;
    if (observer != nullptr) observer->OnToken({.text = token, .at = now});
  }
  if (script.hang) co_await clock->SleepUntil(TimePoint::max());

  if (script.error) {
    Error error = std::move(*script.error);
    if (completion.token_events > 0) {
      error.after_first_token = true;
      error.partial_text = completion.text;
      error.partial_tokens = completion.token_events;
    }
    co_return error;
  }
  completion.timings.completed = clock->Now();
  co_return completion;
}

}  // namespace llmload::mocks::actions
