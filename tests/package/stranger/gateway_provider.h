// A provider of the stranger's own: their gateway, which answers after a fixed time.
#ifndef STRANGER_GATEWAY_PROVIDER_H_
#define STRANGER_GATEWAY_PROVIDER_H_

#include <llmload/core/clock.h>
#include <llmload/provider/provider.h>

namespace stranger {

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

}  // namespace stranger

#endif  // STRANGER_GATEWAY_PROVIDER_H_
