// Records every call that reaches a provider.
#ifndef LLMLOAD_RESILIENCE_RECORDING_PROVIDER_H_
#define LLMLOAD_RESILIENCE_RECORDING_PROVIDER_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// Passes calls on and records them. Thread-safe. Memory grows with the calls: for tests that count
/// to hundreds.
class RecordingProvider final : public Provider {
 public:
  /// One call, as the provider behind answered it.
  struct Call {
    TimePoint started{};
    TimePoint finished{};  ///< equals `started` while under way or if cancelled
    bool succeeded = false;
    std::optional<ErrorKind> error;  ///< empty while under way, on success or if cancelled
    std::vector<Attempt> attempts;   ///< as the provider reported them
  };

  /// `clock` must outlive the provider.
  RecordingProvider(std::shared_ptr<Provider> provider, const Clock& clock);

  const ProviderIdentity& Identity() const noexcept override { return provider_->Identity(); }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;
  ConnectionCounters Connections() const override { return provider_->Connections(); }
  ProviderSettings Settings() const override { return provider_->Settings(); }
  std::optional<std::string> AdaptTo(const Error& refusal) override {
    return provider_->AdaptTo(refusal);
  }

  /// All calls so far, in the order in which they started.
  std::vector<Call> Calls() const;

 private:
  const std::shared_ptr<Provider> provider_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<Call> calls_;
};

}  // namespace llmload

#endif  // LLMLOAD_RESILIENCE_RECORDING_PROVIDER_H_
