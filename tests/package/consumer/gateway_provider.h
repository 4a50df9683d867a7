// A provider of the consumer's own: its gateway, which answers after a fixed time.
#ifndef CONSUMER_GATEWAY_PROVIDER_H_
#define CONSUMER_GATEWAY_PROVIDER_H_

#include <llmload/core/clock.h>
#include <llmload/provider/provider.h>

namespace consumer {

class GatewayProvider final : public llmload::Provider {
 public:
  GatewayProvider(llmload::Clock& clock, llmload::Duration service_time)
      : clock_(clock), service_time_(service_time) {}

  const llmload::ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<llmload::Result<llmload::Completion>> Complete(
      const llmload::CompletionRequest& request, llmload::StreamObserver* observer) override;

 private:
  const llmload::ProviderIdentity identity_{.name = "gateway", .region = {}, .credential = {}};
  llmload::Clock& clock_;
  const llmload::Duration service_time_;
};

}  // namespace consumer

#endif  // CONSUMER_GATEWAY_PROVIDER_H_
