// Calls one service over HTTPS: the common part of all providers.
#ifndef LLMLOAD_SRC_SERVICE_HTTP_CALLER_H_
#define LLMLOAD_SRC_SERVICE_HTTP_CALLER_H_

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "llmload/core/clock.h"
#include "llmload/core/secret.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"
#include "llmload/provider/http_options.h"
#include "src/net/http_client.h"
#include "src/net/url.h"
#include "src/wire/answer_decoder.h"

namespace llmload {

/// Thread-safe. It must outlive its calls: providers keep it in the state that their coroutines
/// share.
class HttpCaller {
 public:
  /// @param name    `ProviderIdentity::name`
  /// @param region  `ProviderIdentity::region`
  /// Throws `ConfigurationError` if an option cannot be used. Opens no connection.
  HttpCaller(std::string name, const std::string& base_url, HttpOptions options, const Clock& clock,
             std::string region = {});

  const std::string& name() const { return name_; }
  const net::Url& url() const { return endpoint_.url; }
  const HttpOptions& options() const { return options_; }
  const Clock& clock() const { return clock_; }

  ConnectionCounters Connections() const { return client_.Connections(); }

  /// One request, and the receivers of its answer. All of it must outlive the awaitable.
  struct Call {
    const CompletionRequest& request;  ///< for `stream` and `deadline`
    std::string_view head_fields;      ///< as `RequestHead` builds it
    std::string_view body;
    std::span<const Secret> secrets;     ///< removed from all texts of the service
    wire::AnswerDecoder& decoder;        ///< not used before
    StreamObserver* observer = nullptr;  ///< may be null
    TimePoint started{};  ///< of the provider's call: the total timeout counts from here
  };

  struct Answer {
    /// Holds one attempt, that of this request, and the provider's name.
    Result<Completion> completion;
    /// The service's wall clock in an error answer.
    std::optional<std::chrono::sys_seconds> server_time;
  };

  /// Sends the request once. Throws only `operation_aborted` when the coroutine is cancelled.
  boost::asio::awaitable<Answer> Send(Call call) const;

 private:
  const std::string name_;
  const std::string region_;
  const HttpOptions options_;
  const Clock& clock_;
  const net::Endpoint endpoint_;
  mutable net::HttpClient client_;  // thread-safe
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_HTTP_CALLER_H_
