// What can go wrong with a completion request, in one taxonomy for all providers.
#ifndef LLMLOAD_PROVIDER_ERROR_H_
#define LLMLOAD_PROVIDER_ERROR_H_

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"

namespace llmload {

/// The precise cause of a failed request. `ToString` gives the stable name used in reports and
/// JSON.
enum class ErrorKind : std::uint8_t {
  // The network, before a usable HTTP answer.
  kDnsFailure,       ///< the host name does not resolve
  kConnectFailure,   ///< connection refused, host unreachable
  kTlsFailure,       ///< handshake or certificate verification failed
  kConnectionReset,  ///< the peer closed or reset the connection before the answer was complete
  kStaleConnection,  ///< a pooled connection turned out to be closed before an answer came
  // Deadlines, each a kind of its own.
  kConnectTimeout,
  kTlsTimeout,
  kFirstTokenTimeout,  ///< no first token of a stream in time
  kIdleTimeout,        ///< too long a wait between two reads of an answer that had started
  kTotalTimeout,
  // Refusals of the service.
  kRateLimited,       ///< 429: slow down
  kQuotaExhausted,    ///< 402, or a 429 that does not end by waiting: quota, credit, spend cap
  kCredential,        ///< 401, 403
  kModelUnavailable,  ///< the model does not exist, is not ready or not allowed here
  kInvalidRequest,    ///< 400, 404, 405, 409, 413, 422: the caller's fault
  kContextLength,     ///< the prompt does not fit the model
  kContentFilter,     ///< refused by a content policy
  kServerError,       ///< 408, 424, 425, 499, 500, 502, 504 and other 5xx
  kOverloaded,        ///< 498, 503, 529
  /// The service broke off a 200 stream that had tokens; `Error::provider_code` names the cause. An
  /// error before the first token has the kind of the status that it stands for.
  kStreamError,
  // An answer that breaks the protocol.
  kMalformedResponse,   ///< not HTTP, not JSON, or not the documented shape
  kTruncatedStream,     ///< the stream ended without its terminal event
  kResponseTooLarge,    ///< header, event or body beyond the configured bound
  kUnexpectedRedirect,  ///< 3xx: never followed, a redirect would carry the key elsewhere
  // llmload's own decisions.
  kWrongAnswer,        ///< the answer failed a check of the run (`AnswerCheck`)
  kCircuitOpen,        ///< rejected by an open circuit breaker; nothing was sent
  kStreamInterrupted,  ///< failed after the first token, where a silent switch is not allowed
  kRetryBudgetExhausted,
  kSpendLimit,  ///< it could cost more than is left of the budget; nothing was sent
  kCancelled,
  kInternal,  ///< an exception from a provider: a bug, which is always reported
};

/// Number of kinds, for tables indexed by kind.
inline constexpr int kErrorKindCount = static_cast<int>(ErrorKind::kInternal) + 1;

/// What a resilience layer can do about an error.
enum class ErrorClass : std::uint8_t {
  kTransient,         ///< may succeed if tried again, here or elsewhere
  kRateLimited,       ///< will succeed here later, elsewhere at once
  kQuotaExhausted,    ///< will not succeed with this credential
  kCredential,        ///< will not succeed with this credential
  kModelUnavailable,  ///< will not succeed with this model here
  kCallerFault,       ///< will not succeed anywhere
  kProtocolFault,     ///< the service broke its protocol
  kLocal,             ///< llmload decided: rejected, cancelled
};

/// Stable snake_case name, as in reports and JSON ("rate_limited").
std::string_view ToString(ErrorKind kind) noexcept;
std::string_view ToString(ErrorClass error_class) noexcept;

/// The class of a kind. Every kind has exactly one.
ErrorClass Classify(ErrorKind kind) noexcept;

/// True for a refusal of llmload's own (an open breaker, a budget): nothing was sent, so that the
/// call was no attempt.
bool NothingWasSent(ErrorKind kind) noexcept;

/// The kind of an HTTP answer of which only the status, which is not 2xx, is known.
ErrorKind KindOfHttpStatus(int http_status) noexcept;

/// The kind that a documented error code means whatever its status ("insufficient_quota",
/// "context_length_exceeded"); nullopt for any other text.
std::optional<ErrorKind> KindOfErrorCode(std::string_view code) noexcept;

/// The kind of an error of which only the name is known, in the spelling of any service
/// ("rate_limit_error", "ThrottlingException", "RESOURCE_EXHAUSTED"); nullopt for a name that says
/// nothing.
std::optional<ErrorKind> KindOfErrorName(std::string_view name);

/// One call of one provider within a request: retries, failover and hedging leave one each.
struct Attempt {
  std::string provider = {};            ///< `ProviderIdentity::name`
  std::string region = {};              ///< `ProviderIdentity::region`
  std::string model = {};               ///< `CompletionRequest::model`
  std::optional<ErrorKind> error = {};  ///< empty on success
  TimePoint started{};                  ///< the request was handed to the provider
  TimePoint finished{};                 ///< answer or error was known
  std::int64_t output_tokens = 0;       ///< as far as known; a failed attempt may have some
};

/// A failed request. Errors are values: llmload never throws for what a server may do.
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message = {};  ///< for people; never holds a secret
  int http_status = 0;       ///< 0: no HTTP answer
  /// errno of the system call that failed, for `kConnectFailure`; 0: none.
  int system_error = 0;
  std::string provider_code = {};  ///< the service's own code or type ("insufficient_quota")
  std::optional<Duration> retry_after = {};  ///< the service's hint, in any of its forms
  std::optional<bool> should_retry = {};     ///< the service's own advice (x-should-retry)
  bool after_first_token = false;            ///< output had started when it failed
  std::string request_id = {};               ///< the service's request id
  std::string provider = {};           ///< `ProviderIdentity::name` of the provider that failed
  std::string partial_text = {};       ///< output before the failure
  std::int64_t partial_tokens = 0;     ///< token events before the failure
  std::vector<Attempt> attempts = {};  ///< every provider call made for the request, oldest first
};

/// One line: kind, provider, status, code and message.
std::string Describe(const Error& error);

/// Whether the same request may succeed if it is sent to the same provider again, and the reason in
/// a few words.
struct Retriability {
  bool retriable = false;
  std::string_view reason;  ///< static text
};

/// The service's own advice (`Error::should_retry`) comes first. After the first token no error is
/// retriable, because the output would be billed twice. Otherwise the kind decides.
Retriability RetriabilityOf(const Error& error) noexcept;

/// Thrown by `Result<T>::value()` on an error: a programming error of the caller.
class BadResultAccess : public std::logic_error {
 public:
  explicit BadResultAccess(const Error& error);
};

[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& location);

/// A value or an `Error`.
template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_ERROR_H_
