// A provider that ignores its cancellation.
#ifndef LLMLOAD_TESTS_SUPPORT_DEAF_PROVIDER_H_
#define LLMLOAD_TESTS_SUPPORT_DEAF_PROVIDER_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"

namespace llmload::test_support {

/// Sleeps again whenever its sleep is cancelled.
class DeafProvider final : public Provider {
 public:
  explicit DeafProvider(Clock& clock) : clock_(clock) {}
  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    while (true) {
      try {
        co_await clock_.SleepFor(std::chrono::milliseconds(50));
      } catch (const boost::system::system_error&) {
      }
      co_await boost::asio::this_coro::reset_cancellation_state();
    }
  }

 private:
  Clock& clock_;
  const ProviderIdentity identity_{.name = "deaf", .region = {}, .credential = {}};
};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_DEAF_PROVIDER_H_
