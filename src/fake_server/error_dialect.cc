#include "src/fake_server/error_dialect.h"

#include <algorithm>
#include <chrono>

#include "src/fake_server/http_response.h"
#include "src/fake_server/rate_fields.h"

namespace llmload::fake_server {
namespace {

ApiError MakeError(int status, std::string message, std::string type, std::string_view code = {}) {
  ApiError error;
  error.status = status;
  error.message = std::move(message);
  error.type = std::move(type);
  if (!code.empty()) error.code = std::string(code);
  return error;
}

std::int64_t Seconds(Duration wait) {
  return std::chrono::ceil<std::chrono::seconds>(wait).count();
}

std::string AzureTooMany(std::int64_t seconds) {
  return "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version "
         "2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please "
         "retry after " +
         std::to_string(seconds) + " seconds.";
}

std::string AnthropicTooMany(std::int64_t limit) {
  return "This request would exceed your organization's rate limit of " + std::to_string(limit) +
         " requests per minute.";
}

// `type` of Anthropic's errors.
std::string_view AnthropicType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 409:
      return "conflict_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

ApiError AnthropicError(int status, std::string_view code, std::string_view model) {
  const std::string type(AnthropicType(status));
  switch (status) {
    case 400:
      if (code == "context_length_exceeded") {
        return MakeError(400, "prompt is too long: 205000 tokens > 200000 maximum", type);
      }
      return MakeError(400, "messages: at least one message is required", type);
    case 401:
      return MakeError(401, "invalid x-api-key", type);
    case 402:
      return MakeError(402, "Your credit balance is too low to access the API.", type);
    case 404:
      return MakeError(404, "model: " + std::string(model), type);
    case 429:
      return MakeError(429,
                       code.empty() ? AnthropicTooMany(RateState().limit)
                                    : "This request would exceed your organization's spend limit.",
                       type, code);
    case 529:
      return MakeError(529, "Overloaded", type);
    default:
      return MakeError(status, status < 500 ? "Invalid request." : "Internal server error", type);
  }
}

// The usual exception of a status; `type` of a Bedrock error is its name.
std::string_view BedrockException(int status) {
  switch (status) {
    case 400:
      return "ValidationException";
    case 401:
      return "UnrecognizedClientException";
    case 403:
      return "AccessDeniedException";
    case 404:
      return "ResourceNotFoundException";
    case 408:
      return "ModelTimeoutException";
    case 409:
      return "ConflictException";
    case 424:
      return "ModelErrorException";
    case 429:
      return "ThrottlingException";
    case 503:
      return "ServiceUnavailableException";
    default:
      return status < 500 ? "ValidationException" : "InternalServerException";
  }
}

ApiError BedrockError(int status, std::string_view code, std::string_view model) {
  struct Text {
    std::string_view name;
    std::string_view message;
  };
  static constexpr Text kTexts[] = {
      {"ValidationException", "The provided request is not valid."},
      {"ServiceQuotaExceededException", "Your request exceeds the service quota of your account."},
      {"UnrecognizedClientException", "The security token included in the request is invalid."},
      {"ExpiredTokenException", "The security token included in the request is expired"},
      {"InvalidSignatureException",
       "The request signature we calculated does not match the signature you provided. Check your "
       "AWS Secret Access Key and signing method. Consult the service documentation for details."},
      {"MissingAuthenticationTokenException", "Missing Authentication Token"},
      {"AccessDeniedException",
       "User is not authorized to perform: bedrock:InvokeModel because no identity-based policy "
       "allows the bedrock:InvokeModel action"},
      {"ModelTimeoutException",
       "Model has timed out in processing the request. Try your request "
       "again."},
      {"ModelErrorException",
       "The system encountered an unexpected error during processing. Try "
       "your request again."},
      {"ModelStreamErrorException",
       "The model returned an error while streaming. Retry your "
       "request."},
      {"ThrottlingException", "Too many requests, please wait before trying again."},
      {"ModelNotReadyException",
       "Model is not ready for inference. Wait and try your request "
       "again."},
      {"InternalServerException",
       "The system encountered an unexpected error during processing. "
       "Try your request again."},
      {"ServiceUnavailableException", "Bedrock is unable to process your request."},
  };
  if (code == "context_length_exceeded") {
    return MakeError(400, "Input is too long for requested model.", "ValidationException");
  }
  if (code == "model_access_denied") {
    return MakeError(403, "You don't have access to the model with the specified model ID.",
                     "AccessDeniedException");
  }
  const std::string_view name = code.empty() ? BedrockException(status) : code;
  if (name == "ResourceNotFoundException") {
    return MakeError(
        status,
        "Could not resolve the foundation model from the model identifier: " + std::string(model),
        std::string(name));
  }
  const auto* const text = std::find_if(std::begin(kTexts), std::end(kTexts),
                                        [&](const Text& entry) { return entry.name == name; });
  return MakeError(status, std::string(text == std::end(kTexts) ? "Error." : text->message),
                   std::string(name));
}

ApiError OllamaError(int status, std::string_view model) {
  switch (status) {
    case 401:
      return MakeError(401, "unauthorized", "");
    case 404:
      return MakeError(404, "model '" + std::string(model) + "' not found", "");
    case 429:
      return MakeError(429, "too many requests", "");
    case 502:
      return MakeError(502, "cloud model is unreachable", "");
    case 503:
      return MakeError(503, "server busy, please try again.  maximum pending requests exceeded",
                       "");
    default:
      return MakeError(
          status,
          status < 500 ? "invalid request" : "an error was encountered while running the model",
          "");
  }
}

ApiError AzureError(int status, std::string_view code, std::string_view model) {
  switch (status) {
    case 401:
      return MakeError(
          401,
          "Access denied due to invalid subscription key or wrong API endpoint. Make sure "
          "to provide a valid key for an active subscription and use a correct regional "
          "API endpoint for your resource.",
          "", "401");
    case 404:
      return MakeError(404,
                       "The API deployment for this resource does not exist. If you created the "
                       "deployment within the last 5 minutes, please wait a moment and try again.",
                       "", "DeploymentNotFound");
    case 429:
      if (!code.empty()) return ErrorForStatus(429, code, model);
      return MakeError(429, AzureTooMany(26), "", "429");
    default:
      return ErrorForStatus(status, code, model);
  }
}

std::string AzureBody(const ApiError& error) {
  if (!error.type.empty()) return ErrorBody(error);
  return "{\"error\":{\"code\":" + Quoted(error.code.value_or("")) +
         ",\"message\":" + Quoted(error.message) + "}}";
}

std::string AnthropicBody(const ApiError& error, std::string_view request_id) {
  std::string body = "{\"type\":\"error\",\"error\":{\"type\":" + Quoted(error.type) +
                     ",\"message\":" + Quoted(error.message);
  if (error.code) body += ",\"details\":{\"error_code\":" + Quoted(*error.code) + "}";
  return body + "},\"request_id\":" + Quoted(request_id) + "}";
}

}  // namespace

ApiError ErrorForStatus(Protocol protocol, int status, std::string_view code,
                        std::string_view model) {
  switch (protocol) {
    case Protocol::kOpenAi:
      return ErrorForStatus(status, code, model);
    case Protocol::kAzure:
      return AzureError(status, code, model);
    case Protocol::kAnthropic:
      return AnthropicError(status, code, model);
    case Protocol::kConverse:
    case Protocol::kInvokeAnthropic:
    case Protocol::kInvokeTitan:
      return BedrockError(status, code, model);
    case Protocol::kOllama:
      return OllamaError(status, model);
  }
  return {};
}

ApiError WrongKey(Protocol protocol, std::string_view key) {
  if (protocol == Protocol::kOpenAi) return WrongKey(key);
  if (IsBedrock(protocol)) {
    return MakeError(403, "Authentication failed: Please make sure your API Key is valid.",
                     "AccessDeniedException");
  }
  return ErrorForStatus(protocol, 401, "", "");
}

ApiError MissingKey(Protocol protocol) {
  if (protocol == Protocol::kOpenAi) return MissingKey();
  if (IsBedrock(protocol)) {
    return BedrockError(403, "MissingAuthenticationTokenException", "");
  }
  if (protocol == Protocol::kAnthropic) {
    return MakeError(401, "x-api-key header is required", "authentication_error");
  }
  return ErrorForStatus(protocol, 401, "", "");
}

ApiError UnknownModel(Protocol protocol, std::string_view model) {
  if (protocol == Protocol::kOpenAi) return ModelNotFound(model);
  return ErrorForStatus(protocol, 404, "", model);
}

ApiError PromptTooLong(Protocol protocol, std::int64_t limit, std::int64_t prompt_tokens,
                       std::int64_t output_tokens) {
  if (protocol == Protocol::kOpenAi || protocol == Protocol::kAzure) {
    return ContextLengthExceeded(limit, prompt_tokens, output_tokens);
  }
  ApiError error = ErrorForStatus(protocol, 400, "context_length_exceeded", "");
  if (protocol == Protocol::kAnthropic) {
    error.message = "prompt is too long: " + std::to_string(prompt_tokens + output_tokens) +
                    " tokens > " + std::to_string(limit) + " maximum";
  } else if (protocol == Protocol::kOllama) {
    error.message = "the prompt exceeds the maximum context length";
  }
  return error;
}

ApiError Invalid(Protocol protocol, std::string message) {
  ApiError error = ErrorForStatus(protocol, 400, "", "");
  error.message = std::move(message);
  return error;
}

ApiError TooMany(Protocol protocol, const RateState& rate, std::string_view code) {
  ApiError error = ErrorForStatus(protocol, 429, code, "");
  const bool about_requests = code.empty() || code == "rate_limit_exceeded";
  if (about_requests && protocol == Protocol::kOpenAi) error = RateLimited(rate);
  if (about_requests && !IsBedrock(protocol)) error.rate = rate;
  if (code.empty() && protocol == Protocol::kAzure && rate.wait) {
    error.message = AzureTooMany(Seconds(*rate.wait));
  }
  if (about_requests && protocol == Protocol::kAnthropic) {
    error.message = AnthropicTooMany(rate.limit);
  }
  if (!IsBedrock(protocol)) error.retry_after = rate.wait;  // Bedrock does not say how long
  return error;
}

ApiError UnknownPath(Protocol protocol, std::string_view method, std::string_view path) {
  switch (protocol) {
    case Protocol::kOpenAi:
      return MakeError(404, "Invalid URL (" + std::string(method) + " " + std::string(path) + ")",
                       "invalid_request_error");
    case Protocol::kAzure:
      return MakeError(404, "Resource not found", "", "404");
    case Protocol::kAnthropic:
      return MakeError(404, "Not found", "not_found_error");
    case Protocol::kOllama:
      return MakeError(404, "404 page not found", "");
    default:
      return MakeError(404, "", "UnknownOperationException");
  }
}

ApiError WrongMethod(Protocol protocol, std::string_view method, std::string_view path,
                     std::string allow) {
  ApiError error = MakeError(405, "Method Not Allowed", "invalid_request_error");
  switch (protocol) {
    case Protocol::kOpenAi:
      error.message = "Not allowed to " + std::string(method) + " on " + std::string(path) +
                      ". (HINT: Perhaps you meant to use a different HTTP method?)";
      break;
    case Protocol::kAzure:
      error.type.clear();
      error.code = "405";
      break;
    case Protocol::kAnthropic:
      break;
    case Protocol::kOllama:
      error.message = "405 method not allowed";
      break;
    default:
      error.type = "UnknownOperationException";
  }
  error.allow = std::move(allow);
  return error;
}

ApiError BodyTooLarge(Protocol protocol, std::size_t limit) {
  switch (protocol) {
    case Protocol::kOpenAi:
    case Protocol::kAzure:
      return MakeError(413, "Maximum content size limit (" + std::to_string(limit) + ") exceeded",
                       "invalid_request_error");
    case Protocol::kAnthropic:
      return MakeError(413, "Request exceeds the maximum size", "request_too_large");
    case Protocol::kOllama:
      return MakeError(413, "http: request body too large", "");
    default:
      return MakeError(413, "The request body exceeds the limit.",
                       "RequestEntityTooLargeException");
  }
}

ApiError Unreadable(Protocol protocol, int status) {
  ApiError error = ErrorForStatus(protocol, status, "", "");
  error.message = status == 431 ? "The request header is too large."
                                : "The request could not be read as HTTP/1.1.";
  return error;
}

std::string_view JsonType(Protocol protocol) {
  return protocol == Protocol::kOllama ? "application/json; charset=utf-8" : "application/json";
}

std::string_view RequestIdField(Protocol protocol) {
  switch (protocol) {
    case Protocol::kAzure:
      return "apim-request-id";
    case Protocol::kAnthropic:
      return "request-id";
    case Protocol::kConverse:
    case Protocol::kInvokeAnthropic:
    case Protocol::kInvokeTitan:
      return "x-amzn-RequestId";
    default:
      return "x-request-id";
  }
}

std::string ErrorBody(Protocol protocol, const ApiError& error, std::string_view request_id) {
  if (!error.html_body.empty()) return error.html_body;
  switch (protocol) {
    case Protocol::kOpenAi:
      return ErrorBody(error);
    case Protocol::kAzure:
      return AzureBody(error);
    case Protocol::kAnthropic:
      return AnthropicBody(error, request_id);
    case Protocol::kConverse:
    case Protocol::kInvokeAnthropic:
    case Protocol::kInvokeTitan:
      return "{\"message\":" + Quoted(error.message) + "}";
    case Protocol::kOllama:
      return "{\"error\":" + Quoted(error.message) + "}";
  }
  return {};
}

void AppendError(std::string& out, Protocol protocol, const ApiError& error, std::string_view date,
                 std::string_view request_id, bool keep_alive) {
  const std::string body = ErrorBody(protocol, error, request_id);
  HeadWriter head(out, error.status, date);
  head.Field("content-type", error.html_body.empty() ? JsonType(protocol) : "text/html")
      .Field("content-length", static_cast<std::int64_t>(body.size()))
      .Field(RequestIdField(protocol), request_id);
  if (IsBedrock(protocol) && error.html_body.empty()) {
    head.Field("x-amzn-ErrorType",
               error.type + ":http://internal.amazon.com/coral/" + "com.amazon.bedrock/");
  }
  if (error.retry_after) {
    head.Field("retry-after", Seconds(*error.retry_after));
    if (protocol == Protocol::kAzure) {
      using std::chrono::milliseconds;
      head.Field("retry-after-ms", std::chrono::ceil<milliseconds>(*error.retry_after).count());
    }
  }
  if (error.rate) AppendRateFields(head, protocol, *error.rate, 0);
  if (!error.allow.empty()) head.Field("allow", error.allow);
  head.End(keep_alive);
  out.append(body);
}

}  // namespace llmload::fake_server
