// The errors of the OpenAI API, as the service words them.
#ifndef LLMLOAD_SRC_FAKE_SERVER_API_ERROR_H_
#define LLMLOAD_SRC_FAKE_SERVER_API_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"
#include "src/fake_server/rate_limiter.h"

namespace llmload::fake_server {

/// An error answer before it is HTTP.
struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::optional<std::string> param;
  std::optional<std::string> code;
  std::optional<Duration> retry_after;
  std::optional<RateState> rate;  ///< of a refusal that tells about the limit of requests
  std::string allow;              ///< Allow header of a 405
  std::string html_body;  ///< in place of JSON: what a gateway in front of the service answers
};

/// {"error":{"message","type","param","code"}}.
std::string ErrorBody(const ApiError& error);

/// A JSON string literal with its quotes; ill-formed UTF-8 becomes U+FFFD.
std::string Quoted(std::string_view text);

/// What the service answers with `status`. `code` picks between the causes that share one; empty:
/// the usual one.
ApiError ErrorForStatus(int status, std::string_view code, std::string_view model);

ApiError WrongKey(std::string_view key);
ApiError MissingKey();
ApiError ModelNotFound(std::string_view model);
ApiError ContextLengthExceeded(std::int64_t limit, std::int64_t prompt_tokens,
                               std::int64_t output_tokens);
/// Too many requests for the limit.
ApiError RateLimited(const RateState& rate);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_API_ERROR_H_
