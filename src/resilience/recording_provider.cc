#include "llmload/resilience/recording_provider.h"

#include <utility>

namespace llmload {

RecordingProvider::RecordingProvider(std::shared_ptr<Provider> provider, const Clock& clock)
    : provider_(std::move(provider)), clock_(clock) {}

boost::asio::awaitable<Result<Completion>> RecordingProvider::Complete(
    const CompletionRequest& request, StreamObserver* observer) {
  std::size_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    index = calls_.size();
    const TimePoint now = clock_.Now();
    calls_.push_back({.started = now, .finished = now});
  }
  Result<Completion> outcome = co_await provider_->Complete(request, observer);
  const std::lock_guard lock(mutex_);
  Call& call = calls_[index];
  call.finished = clock_.Now();
  call.succeeded = outcome.has_value();
  if (outcome) {
    call.attempts = outcome->attempts;
  } else {
    call.error = outcome.error().kind;
    call.attempts = outcome.error().attempts;
  }
  co_return outcome;
}

std::vector<RecordingProvider::Call> RecordingProvider::Calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

}  // namespace llmload
