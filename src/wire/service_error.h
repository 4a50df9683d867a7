// The error bodies of services: one type and one table for all OpenAI-compatible servers.
#ifndef LLMLOAD_WIRE_SERVICE_ERROR_H_
#define LLMLOAD_WIRE_SERVICE_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"
#include "llmload/provider/error.h"
#include "src/core/text/json_cursor.h"

namespace llmload::wire {

/// The members of an error body; each is empty if the body lacks it.
struct ServiceError {
  std::string message;
  std::string type;
  std::string code;  ///< a string, or a number written as one
  /// The code as an HTTP status, if it is one (vLLM, llama.cpp, OpenRouter); else 0.
  int code_number = 0;
  std::optional<Duration> retry_after;  ///< of the details (Google's `RetryInfo`)
};

/// Reads and consumes the value of an `error` member: an object, or a text (Ollama).
ServiceError ReadServiceError(text::JsonCursor& cursor);

/// Reads an error body in any of its forms: `{"error":{...}}` of OpenAI, Azure, vLLM, llama.cpp and
/// Ollama, the same in an array (Google), `{"error":"text"}`, `{"message":...}`,
/// `{"detail":...}`; any other body becomes the message.
ServiceError DecodeErrorBody(std::string_view body);

/// The name of the error in reports: its code if that is a word, else its type, else its code.
std::string ProviderCode(const ServiceError& error);

/// The kind of an error answer with this status, which is not 2xx, and this body.
ErrorKind ClassifyStatus(int http_status, const ServiceError& error);

/// The kind of an error that came in a body whose status was 200.
ErrorKind ClassifyErrorInSuccess(const ServiceError& error);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_SERVICE_ERROR_H_
