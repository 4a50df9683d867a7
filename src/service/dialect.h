// The part of a provider over HTTPS that differs from API to API.
#ifndef LLMLOAD_SRC_SERVICE_DIALECT_H_
#define LLMLOAD_SRC_SERVICE_DIALECT_H_

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "llmload/core/secret.h"
#include "llmload/core/time.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"
#include "src/core/text/redactor.h"
#include "src/wire/answer_decoder.h"

namespace llmload {

/// How one API writes requests and reads answers. Thread-safe; it lives as long as any call.
class Dialect {
 public:
  /// The head of a request, as `RequestHead` builds it.
  struct Head {
    Secret fields;
    Redactor redact;  ///< of the parts of it that must not be shown
    /// The time that its signature claims; only of a head that is signed.
    std::chrono::sys_seconds signed_at{};
  };

  Dialect() = default;
  virtual ~Dialect() = default;
  Dialect(const Dialect&) = delete;
  Dialect& operator=(const Dialect&) = delete;

  /// Appends the body of `request` to `body`. Returns an error with kind and message if the API
  /// cannot express the request.
  virtual std::optional<Error> Encode(const CompletionRequest& request,
                                      std::string& body) const = 0;

  /// @param max_event_bytes  bound of one event of a stream
  virtual std::unique_ptr<wire::AnswerDecoder> MakeDecoder(const CompletionRequest& request,
                                                           std::size_t max_event_bytes) const = 0;

  /// The head that all requests have; null if each has its own, which `MakeHead` makes.
  virtual const Head* CommonHead() const = 0;
  /// The head for this request and body, or an error with kind and message. It may have to wait for
  /// credentials, until `deadline` on the caller's clock.
  virtual boost::asio::awaitable<Result<Head>> MakeHead(const CompletionRequest& request,
                                                        std::string_view body,
                                                        TimePoint deadline) = 0;

  /// Learns from a refusal. True if the head was at fault and another one may succeed.
  /// @param server_time  the service's wall clock, if it told it
  virtual bool IsHeadAtFault(const Head& head, const Error& refusal,
                             std::optional<std::chrono::sys_seconds> server_time) = 0;

  /// As `Provider::AdaptTo`.
  virtual std::optional<std::string> AdaptTo(const Error& refusal) = 0;
};

/// A dialect whose requests all have the same head.
class CommonHeadDialect : public Dialect {
 public:
  explicit CommonHeadDialect(Head head) : head_(std::move(head)) {}

  const Head* CommonHead() const final { return &head_; }
  boost::asio::awaitable<Result<Head>> MakeHead(const CompletionRequest&, std::string_view,
                                                TimePoint) final {
    co_return head_;
  }
  bool IsHeadAtFault(const Head&, const Error&, std::optional<std::chrono::sys_seconds>) final {
    return false;
  }
  std::optional<std::string> AdaptTo(const Error&) override { return {}; }

 private:
  const Head head_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_DIALECT_H_
