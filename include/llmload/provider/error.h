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

#include "llmload/core/clock.h"

namespace llmload {

/// The precise cause of a failed request. `ToString` gives the stable name used in reports and
/// JSON.
enum class ErrorKind : std::uint8_t {
  // The network, before a usable HTTP answer.
  kDnsFailure,       ///< the host name does not resolve
  kConnectFailure,   ///< refused, unreachable
  kTlsFailure,       ///< handshake or certificate verification failed
  kConnectionReset,  ///< the peer closed or reset the connection before the answer was complete
  kStaleConnection,  ///< a pooled connection turned out to be closed; nothing was answered on it
  // Deadlines, each its own kind.
  kConnectTimeout,
  kTlsTimeout,
  kFirstTokenTimeout,  ///< no first token (streaming) or first byte (otherwise) in time
  kIdleTimeout,        ///< too long between two reads of an answer that had begun
  kTotalTimeout,
  // What the service said.
  kRateLimited,       ///< 429: slow down
  kQuotaExhausted,    ///< 402, or a 429 that waiting does not cure: quota, credit, spend cap
  kCredential,        ///< 401, 403
  kModelUnavailable,  ///< the model does not exist, is not ready or not allowed here
  kInvalidRequest,    ///< 400, 404, 405, 409, 413, 422: the caller's fault
  kContextLength,     ///< the prompt does not fit the model
  kContentFilter,     ///< refused by a content policy
  kServerError,       ///< 500, 502, 504 and other 5xx
  kOverloaded,        ///< 503, 529
  kStreamError,       ///< an error event inside a 200 stream
  // An answer that breaks the protocol.
  kMalformedResponse,   ///< not HTTP, not JSON, or not the documented shape
  kTruncatedStream,     ///< the stream ended without its terminal event
  kResponseTooLarge,    ///< header, event or body beyond the configured bound
  kUnexpectedRedirect,  ///< 3xx: never followed, a redirect would carry the key elsewhere
  // llmload's own decisions.
  kCircuitOpen,        ///< rejected by an open circuit breaker; nothing was sent
  kStreamInterrupted,  ///< failed after the first token, where a silent switch is not allowed
  kRetryBudgetExhausted,
  kCancelled,
  kInternal,  ///< an exception from a provider: a bug, reported, never swallowed
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
  kProtocolFault,     ///< the service answered nonsense
  kLocal,             ///< llmload decided: rejected, cancelled
};

/// Stable snake_case name, as in reports and JSON ("rate_limited").
std::string_view ToString(ErrorKind kind) noexcept;
std::string_view ToString(ErrorClass error_class) noexcept;

/// The class of a kind. Every kind has exactly one.
ErrorClass Classify(ErrorKind kind) noexcept;

/// The kind of an HTTP answer of which only the status, which is not 2xx, is known.
ErrorKind KindOfHttpStatus(int http_status) noexcept;

/// One call of one provider within a request: retries, failover and hedging leave one each.
struct Attempt {
  std::string provider = {};            ///< `ProviderIdentity::name`
  std::string region = {};              ///< `ProviderIdentity::region`
  std::string model = {};               ///< that was asked for
  std::optional<ErrorKind> error = {};  ///< empty on success
  TimePoint started{};                  ///< handed to the provider
  TimePoint finished{};                 ///< answer or error known
  std::int64_t output_tokens = 0;       ///< as far as known, also of a failed attempt
};

/// A failed request. A value: nothing in llmload throws for what a server may do.
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message = {};  ///< for people; never holds a secret
  int http_status = 0;       ///< 0: no HTTP answer
  int system_error = 0;  ///< errno of the system call that failed, of a `kConnectFailure`; 0: none
  std::string provider_code = {};  ///< the service's own code or type ("insufficient_quota")
  std::optional<Duration> retry_after = {};  ///< the service's hint, in any of its forms
  std::optional<bool> should_retry = {};     ///< the service's own word on it (x-should-retry)
  bool after_first_token = false;            ///< output had begun when it failed
  std::string request_id = {};               ///< the service's request id
  std::string provider = {};                 ///< `ProviderIdentity::name` of who failed
  std::string partial_text = {};             ///< output before the failure, where it had begun
  std::int64_t partial_tokens = 0;           ///< token events before the failure
  std::vector<Attempt> attempts = {};  ///< every provider call made for the request, oldest first
};

/// One line: kind, provider, status, code and message.
std::string Describe(const Error& error);

/// Whether the same request may succeed if it is sent to the same provider again, and why or why
/// not, in a few words.
struct Retriability {
  bool retriable = false;
  std::string_view reason;  ///< static text
};

/// The service's own word counts most (`Error::should_retry`); nothing is retriable after the first
/// token, because it would be billed twice. Otherwise the kind decides.
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
