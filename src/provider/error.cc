#include "llmload/provider/error.h"

#include <boost/throw_exception.hpp>

#include "src/core/text/ascii.h"
#include "src/core/text/harmless.h"

namespace llmload {

std::string_view ToString(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kDnsFailure:
      return "dns_failure";
    case ErrorKind::kConnectFailure:
      return "connect_failure";
    case ErrorKind::kTlsFailure:
      return "tls_failure";
    case ErrorKind::kConnectionReset:
      return "connection_reset";
    case ErrorKind::kStaleConnection:
      return "stale_connection";
    case ErrorKind::kConnectTimeout:
      return "connect_timeout";
    case ErrorKind::kTlsTimeout:
      return "tls_timeout";
    case ErrorKind::kFirstTokenTimeout:
      return "first_token_timeout";
    case ErrorKind::kIdleTimeout:
      return "idle_timeout";
    case ErrorKind::kTotalTimeout:
      return "total_timeout";
    case ErrorKind::kRateLimited:
      return "rate_limited";
    case ErrorKind::kQuotaExhausted:
      return "quota_exhausted";
    case ErrorKind::kCredential:
      return "credential";
    case ErrorKind::kModelUnavailable:
      return "model_unavailable";
    case ErrorKind::kInvalidRequest:
      return "invalid_request";
    case ErrorKind::kContextLength:
      return "context_length";
    case ErrorKind::kContentFilter:
      return "content_filter";
    case ErrorKind::kServerError:
      return "server_error";
    case ErrorKind::kOverloaded:
      return "overloaded";
    case ErrorKind::kStreamError:
      return "stream_error";
    case ErrorKind::kMalformedResponse:
      return "malformed_response";
    case ErrorKind::kTruncatedStream:
      return "truncated_stream";
    case ErrorKind::kResponseTooLarge:
      return "response_too_large";
    case ErrorKind::kUnexpectedRedirect:
      return "unexpected_redirect";
    case ErrorKind::kWrongAnswer:
      return "wrong_answer";
    case ErrorKind::kCircuitOpen:
      return "circuit_open";
    case ErrorKind::kStreamInterrupted:
      return "stream_interrupted";
    case ErrorKind::kRetryBudgetExhausted:
      return "retry_budget_exhausted";
    case ErrorKind::kSpendLimit:
      return "spend_limit";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "unknown";
}

std::string_view ToString(ErrorClass error_class) noexcept {
  switch (error_class) {
    case ErrorClass::kTransient:
      return "transient";
    case ErrorClass::kRateLimited:
      return "rate_limited";
    case ErrorClass::kQuotaExhausted:
      return "quota_exhausted";
    case ErrorClass::kCredential:
      return "credential";
    case ErrorClass::kModelUnavailable:
      return "model_unavailable";
    case ErrorClass::kCallerFault:
      return "caller_fault";
    case ErrorClass::kProtocolFault:
      return "protocol_fault";
    case ErrorClass::kLocal:
      return "local";
  }
  return "unknown";
}

ErrorClass Classify(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kDnsFailure:
    case ErrorKind::kConnectFailure:
    case ErrorKind::kTlsFailure:
    case ErrorKind::kConnectionReset:
    case ErrorKind::kStaleConnection:
    case ErrorKind::kConnectTimeout:
    case ErrorKind::kTlsTimeout:
    case ErrorKind::kFirstTokenTimeout:
    case ErrorKind::kIdleTimeout:
    case ErrorKind::kTotalTimeout:
    case ErrorKind::kServerError:
    case ErrorKind::kOverloaded:
    case ErrorKind::kStreamError:
    case ErrorKind::kInternal:
      return ErrorClass::kTransient;
    case ErrorKind::kRateLimited:
      return ErrorClass::kRateLimited;
    case ErrorKind::kQuotaExhausted:
      return ErrorClass::kQuotaExhausted;
    case ErrorKind::kCredential:
      return ErrorClass::kCredential;
    case ErrorKind::kModelUnavailable:
      return ErrorClass::kModelUnavailable;
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kContextLength:
    case ErrorKind::kContentFilter:
      return ErrorClass::kCallerFault;
    case ErrorKind::kMalformedResponse:
    case ErrorKind::kTruncatedStream:
    case ErrorKind::kResponseTooLarge:
    case ErrorKind::kUnexpectedRedirect:
      return ErrorClass::kProtocolFault;
    case ErrorKind::kWrongAnswer:
    case ErrorKind::kCircuitOpen:
    case ErrorKind::kStreamInterrupted:
    case ErrorKind::kRetryBudgetExhausted:
    case ErrorKind::kSpendLimit:
    case ErrorKind::kCancelled:
      return ErrorClass::kLocal;
  }
  return ErrorClass::kLocal;
}

bool NothingWasSent(ErrorKind kind) noexcept {
  return kind == ErrorKind::kCircuitOpen || kind == ErrorKind::kSpendLimit;
}

ErrorKind KindOfHttpStatus(int http_status) noexcept {
  switch (http_status) {
    case 401:
    case 403:
      return ErrorKind::kCredential;
    case 402:
      return ErrorKind::kQuotaExhausted;
    case 408:  // the service gave up waiting: the services' own clients try again
    case 424:  // what the service depends on failed: TGI's failed generation, Bedrock's model error
    case 425:  // too early: the same request may be sent later
    case 499:  // a proxy's client, which is the gateway itself, gave up
      return ErrorKind::kServerError;
    case 420:  // an older "too many requests"
    case 429:
      return ErrorKind::kRateLimited;
    case 498:  // Groq: no capacity in the flex tier
    case 503:
    case 529:
      return ErrorKind::kOverloaded;
    default:
      break;
  }
  if (http_status >= 300 && http_status <= 399) return ErrorKind::kUnexpectedRedirect;
  if (http_status >= 400 && http_status <= 499) return ErrorKind::kInvalidRequest;
  if (http_status >= 500 && http_status <= 599) return ErrorKind::kServerError;
  return ErrorKind::kMalformedResponse;
}

std::optional<ErrorKind> KindOfErrorCode(std::string_view code) noexcept {
  struct Entry {
    std::string_view code;
    ErrorKind kind;
  };
  static constexpr Entry kEntries[] = {
      {"insufficient_quota", ErrorKind::kQuotaExhausted},
      {"credit_balance_exhausted", ErrorKind::kQuotaExhausted},
      {"organization_spend_limit_exceeded", ErrorKind::kQuotaExhausted},
      {"project_spend_limit_exceeded", ErrorKind::kQuotaExhausted},
      {"organization_usage_limit_exceeded", ErrorKind::kQuotaExhausted},
      {"billing_hard_limit_reached", ErrorKind::kQuotaExhausted},
      {"billing_not_active", ErrorKind::kQuotaExhausted},
      {"billing_error", ErrorKind::kQuotaExhausted},
      {"enforced_spend_limit_reached", ErrorKind::kQuotaExhausted},
      {"context_length_exceeded", ErrorKind::kContextLength},
      {"exceed_context_size_error", ErrorKind::kContextLength},
      {"ContextWindowExceededError", ErrorKind::kContextLength},
      {"content_filter", ErrorKind::kContentFilter},
      {"content_policy_violation", ErrorKind::kContentFilter},
      {"ContentPolicyViolationError", ErrorKind::kContentFilter},
      {"model_not_found", ErrorKind::kModelUnavailable},
      {"DeploymentNotFound", ErrorKind::kModelUnavailable},
      {"model_not_available", ErrorKind::kModelUnavailable},
  };
  for (const Entry& entry : kEntries) {
    if (entry.code == code) return entry.kind;
  }
  return std::nullopt;
}

std::optional<ErrorKind> KindOfErrorName(std::string_view name) {
  if (const auto kind = KindOfErrorCode(name)) return kind;
  std::string plain;
  for (const char c : name) {
    if (text::IsLetterOrDigit(c)) plain.push_back(text::Lower(c));
  }
  struct Entry {
    std::string_view part;
    int status;
  };
  // The first that fits counts.
  static constexpr Entry kEntries[] = {
      {"ratelimit", 429},
      {"throttl", 429},
      {"toomanyrequests", 429},
      {"resourceexhausted", 429},
      {"slowdown", 429},
      {"queuefull", 429},
      {"quota", 402},
      {"billing", 402},
      {"credit", 402},
      {"overload", 503},
      {"unavailable", 503},
      {"notready", 503},
      {"authentication", 401},
      {"unauthenticated", 401},
      {"unauthorized", 401},
      {"apikey", 401},
      {"permission", 403},
      {"forbidden", 403},
      {"accessdenied", 403},
      {"notfound", 404},
      {"toolarge", 413},
      {"timeout", 504},
      {"deadlineexceeded", 504},
      {"invalidrequest", 400},
      {"invalidargument", 400},
      {"badrequest", 400},
      {"validation", 400},
      {"failedprecondition", 400},
      {"unprocessable", 422},
      {"unsupported", 400},
      {"servererror", 500},
      {"internal", 500},
      {"apierror", 500},
  };
  for (const Entry& entry : kEntries) {
    if (plain.find(entry.part) != std::string::npos) return KindOfHttpStatus(entry.status);
  }
  return std::nullopt;
}

Retriability RetriabilityOf(const Error& error) noexcept {
  if (error.after_first_token) return {false, "output had started and would be billed twice"};
  if (error.should_retry) {
    return *error.should_retry ? Retriability{true, "the service says so"}
                               : Retriability{false, "the service says so"};
  }
  switch (Classify(error.kind)) {
    case ErrorClass::kTransient:
      if (error.kind == ErrorKind::kInternal) return {false, "a bug, not a state of the service"};
      return {true, "transient"};
    case ErrorClass::kRateLimited:
      return {true, "the limit is per time: wait first"};
    case ErrorClass::kQuotaExhausted:
      return {false, "quota, credit or a spend cap is used up: waiting does not help"};
    case ErrorClass::kCredential:
      return {false, "the credential is not accepted"};
    case ErrorClass::kModelUnavailable:
      return {false, "the model is not available here"};
    case ErrorClass::kCallerFault:
      return {false, "the request itself is refused"};
    case ErrorClass::kProtocolFault:
      if (error.kind == ErrorKind::kMalformedResponse ||
          error.kind == ErrorKind::kTruncatedStream) {
        return {true, "the answer was damaged"};
      }
      return {false, "the same answer would come again"};
    case ErrorClass::kLocal:
      return {false, "it is a decision of llmload"};
  }
  return {false, "unknown"};
}

std::string Describe(const Error& error) {
  std::string text(ToString(error.kind));
  if (!error.provider.empty()) text += " from " + error.provider;
  if (error.http_status != 0) text += ", HTTP " + std::to_string(error.http_status);
  if (!error.provider_code.empty()) text += ", code " + error.provider_code;
  if (error.after_first_token) text += ", after the first token";
  if (!error.message.empty()) text += ": " + error.message;
  return text::Harmless(text);  // much of it comes from a server
}

BadResultAccess::BadResultAccess(const Error& error)
    : std::logic_error("value of a failed result: " + Describe(error)) {}

void throw_exception_from_error(const Error& error, const boost::source_location& location) {
  boost::throw_exception(BadResultAccess(error), location);
}

}  // namespace llmload
