// Requests whose prompt is their number, and a provider whose answers depend on that number.
#ifndef LLMLOAD_TESTS_SUPPORT_NUMBERED_H_
#define LLMLOAD_TESTS_SUPPORT_NUMBERED_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/load/prompt_source.h"
#include "llmload/provider/provider.h"
#include "tests/support/prompts_from.h"

namespace llmload::test_support {

inline CompletionRequest NumberedRequest(std::uint64_t index) {
  return {.model = "model", .messages = {{.role = Role::kUser, .content = std::to_string(index)}}};
}

inline std::shared_ptr<const PromptSource> NumberedPrompts() {
  return PromptsFrom(NumberedRequest);
}

/// Answers request k after `latency(k)`, and remembers when it was asked. Thread-safe.
class NumberedProvider final : public Provider {
 public:
  using Latency = std::function<Duration(std::uint64_t index)>;
  struct Call {
    std::uint64_t index = 0;
    TimePoint at{};
    friend auto operator<=>(const Call&, const Call&) = default;
  };

  NumberedProvider(Clock& clock, Latency latency) : clock_(clock), latency_(std::move(latency)) {}

  const ProviderIdentity& Identity() const noexcept override { return identity_; }

  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver*) override {
    const std::uint64_t index = std::stoull(request.messages.front().content);
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back({index, clock_.Now()});
    }
    co_await clock_.SleepFor(latency_(index));
    co_return Completion{.provider = identity_.name};
  }

  /// Call it after the run.
  const std::vector<Call>& calls() const { return calls_; }

 private:
  Clock& clock_;
  const Latency latency_;
  const ProviderIdentity identity_{.name = "numbered", .region = {}, .credential = {}};
  std::mutex mutex_;
  std::vector<Call> calls_;
};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_NUMBERED_H_
