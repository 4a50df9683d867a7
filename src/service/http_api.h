// The part of a provider that differs from API to API.
#ifndef LLMLOAD_SRC_SERVICE_HTTP_API_H_
#define LLMLOAD_SRC_SERVICE_HTTP_API_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/secret.h"
#include "llmload/service/http_provider.h"
#include "src/service/http_caller.h"
#include "src/wire/answer_decoder.h"

namespace llmload {

/// Thread-safe. A call under way keeps it alive.
class HttpProvider::Api {
 public:
  Api(ProviderIdentity identity, const std::string& base_url, const HttpOptions& options,
      const Clock& clock)
      : identity_(std::move(identity)),
        caller_(identity_.name, base_url, options, clock, identity_.region) {}
  virtual ~Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  const ProviderIdentity& identity() const { return identity_; }
  const HttpCaller& caller() const { return caller_; }

  /// As `Provider::Complete`.
  /// @param self  this
  virtual boost::asio::awaitable<Result<Completion>> Complete(std::shared_ptr<Api> self,
                                                              const CompletionRequest& request,
                                                              StreamObserver* observer) = 0;

 private:
  const ProviderIdentity identity_;
  const HttpCaller caller_;
};

/// An API whose requests all have the same head.
class FixedHeadApi : public HttpProvider::Api {
 public:
  using Api::Api;

  boost::asio::awaitable<Result<Completion>> Complete(std::shared_ptr<Api> self,
                                                      const CompletionRequest& request,
                                                      StreamObserver* observer) final;

 protected:
  /// Call it in the constructor.
  /// @param head_fields  as `RequestHead` builds it
  /// @param secrets      the parts of it that must not be shown
  void SetHead(Secret head_fields, std::vector<Secret> secrets) {
    head_fields_ = std::move(head_fields);
    secrets_ = std::move(secrets);
  }

  /// Appends the body of `request` to `body`.
  virtual void Encode(const CompletionRequest& request, std::string& body) const = 0;
  /// @param max_event_bytes  bound of one event of a stream
  virtual std::unique_ptr<wire::AnswerDecoder> MakeDecoder(std::size_t max_event_bytes) const = 0;

 private:
  Secret head_fields_;
  std::vector<Secret> secrets_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_HTTP_API_H_
