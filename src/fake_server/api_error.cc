#include "src/fake_server/api_error.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/fake_server/rate_fields.h"

namespace llmload::fake_server {
namespace {

ApiError Make(int status, std::string message, std::string type,
              std::optional<std::string> code = std::nullopt) {
  ApiError error;
  error.status = status;
  error.message = std::move(message);
  error.type = std::move(type);
  error.code = std::move(code);
  return error;
}

ApiError GatewayPage(int status, std::string_view title) {
  ApiError error = Make(status, std::string(title), "");
  std::string heading = std::to_string(status) + " " + std::string(title);
  error.html_body = "<html>\r\n<head><title>" + heading +
                    "</title></head>\r\n<body>\r\n<center><h1>" + heading +
                    "</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n";
  return error;
}

ApiError TooManyRequests(std::string_view code) {
  if (code.empty() || code == "rate_limit_exceeded") return RateLimited(RateState().Refused({}));
  if (code == "slow_down") {
    return Make(429, "Slow down: the request rate is growing too fast.", "rate_limit_error",
                "slow_down");
  }
  // insufficient_quota, credit_balance_exhausted, organization_spend_limit_exceeded ...
  return Make(429, "You exceeded your current quota, please check your plan and billing details.",
              "insufficient_quota", std::string(code));
}

ApiError BadRequest(std::string_view code) {
  if (code == "context_length_exceeded") return ContextLengthExceeded(4096, 5000, 16);
  if (code == "content_filter" || code == "content_policy_violation") {
    return Make(400, "The response was filtered due to the prompt triggering a content policy.",
                "invalid_request_error", std::string(code));
  }
  ApiError error = Make(400, "Invalid request.", "invalid_request_error");
  if (!code.empty()) error.code = std::string(code);
  return error;
}

}  // namespace

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ErrorBody(const ApiError& error) {
  if (!error.html_body.empty()) return error.html_body;
  const auto optional = [](const std::optional<std::string>& text) {
    return text ? Quoted(*text) : std::string("null");
  };
  return "{\n  \"error\": {\n    \"message\": " + Quoted(error.message) +
         ",\n    \"type\": " + Quoted(error.type) + ",\n    \"param\": " + optional(error.param) +
         ",\n    \"code\": " + optional(error.code) + "\n  }\n}\n";
}

ApiError ErrorForStatus(int status, std::string_view code, std::string_view model) {
  switch (status) {
    case 400:
      return BadRequest(code);
    case 401:
      return Make(401, "Incorrect API key provided.", "invalid_request_error",
                  std::string(code.empty() ? "invalid_api_key" : code));
    case 402:
      return Make(402,
                  "You exceeded your current quota, please check your plan and billing details.",
                  "insufficient_quota", std::string(code.empty() ? "insufficient_quota" : code));
    case 403:
      return Make(403, "Country, region, or territory not supported", "request_forbidden",
                  std::string(code.empty() ? "unsupported_country_region_territory" : code));
    case 404:
      return ModelNotFound(model);
    case 429:
      return TooManyRequests(code);
    case 500:
      return Make(500, "The server had an error while processing your request. Sorry about that!",
                  "server_error");
    case 502:
      return GatewayPage(502, "Bad Gateway");
    case 503:
      return Make(503, "The engine is currently overloaded, please try again later.",
                  "service_unavailable_error",
                  std::string(code.empty() ? "server_is_overloaded" : code));
    case 504:
      return GatewayPage(504, "Gateway Time-out");
    case 529:
      return Make(529, "Overloaded", "overloaded_error", std::string("overloaded_error"));
    default: {
      ApiError error =
          Make(status, "The request failed with status " + std::to_string(status) + ".",
               status < 500 ? "invalid_request_error" : "server_error");
      if (!code.empty()) error.code = std::string(code);
      return error;
    }
  }
}

ApiError WrongKey(std::string_view key) {
  // As the service does: the ends are shown, for the owner to recognise the key. Short ones not at
  // all.
  constexpr std::size_t kShown = 4;
  std::string masked(std::min<std::size_t>(key.size(), 64), '*');
  if (key.size() >= 5 * kShown) {
    masked.replace(0, 3, key.substr(0, 3));
    masked.replace(masked.size() - kShown, kShown, key.substr(key.size() - kShown));
  }
  return Make(401,
              "Incorrect API key provided: " + masked +
                  ". You can find your API key at https://platform.openai.com/account/api-keys.",
              "invalid_request_error", "invalid_api_key");
}

ApiError MissingKey() {
  return Make(401,
              "You didn't provide an API key. You need to provide your API key in an Authorization "
              "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
              "invalid_request_error");
}

ApiError ModelNotFound(std::string_view model) {
  return Make(
      404, "The model `" + std::string(model) + "` does not exist or you do not have access to it.",
      "invalid_request_error", "model_not_found");
}

ApiError ContextLengthExceeded(std::int64_t limit, std::int64_t prompt_tokens,
                               std::int64_t output_tokens) {
  ApiError error =
      Make(400,
           "This model's maximum context length is " + std::to_string(limit) +
               " tokens. However, you requested " + std::to_string(prompt_tokens + output_tokens) +
               " tokens (" + std::to_string(prompt_tokens) + " in the messages, " +
               std::to_string(output_tokens) +
               " in the completion). Please reduce the length of the messages or completion.",
           "invalid_request_error", "context_length_exceeded");
  error.param = "messages";
  return error;
}

ApiError RateLimited(const RateState& rate) {
  const std::string limit = std::to_string(rate.limit);
  ApiError error =
      Make(429,
           "Rate limit reached for requests per min (RPM): Limit " + limit + ", Used " + limit +
               ", Requested 1. Please try again in " + GoDuration(rate.reset) + ".",
           "requests", "rate_limit_exceeded");
  error.retry_after = rate.wait;
  error.rate = rate;
  return error;
}

}  // namespace llmload::fake_server
