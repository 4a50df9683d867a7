// What a service says when it refuses: one shape and one table for all OpenAI-compatible servers.
#ifndef LLMLOAD_WIRE_SERVICE_ERROR_H_
#define LLMLOAD_WIRE_SERVICE_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/clock.h"
#include "llmload/provider/error.h"
#include "src/core/text/json_cursor.h"

namespace llmload::wire {

/// The members of an error body, as far as it has them.
struct ServiceError {
  std::string message;
  std::string type;
  std::string code;  ///< a string, or a number written as one
  int code_number =
      0;  ///< the code as an HTTP status, where it is one (vLLM, llama.cpp, OpenRouter)
  std::optional<Duration> retry_after;  ///< of the details (Google's `RetryInfo`)
};

/// Reads the value of an `error` member: an object, or a text (Ollama). The cursor is left behind
/// it.
ServiceError ReadServiceError(JsonCursor& cursor);

/// Reads an error body in any of its forms: `{"error":{...}}` of OpenAI, Azure, vLLM, llama.cpp and
/// Ollama, the same in an array (Google), `{"error":"text"}`, `{"message":...}`,
/// `{"detail":...}`; any other body becomes the message.
ServiceError DecodeErrorBody(std::string_view body);

/// The name under which reports show the error: its code if that is a word, else its type, else its
/// code.
std::string ProviderCode(const ServiceError& error);

/// The kind of an answer with this status, which is not 2xx, and body.
ErrorKind ClassifyStatus(int http_status, const ServiceError& error);

/// The kind of an error that came in a body whose status was 200.
ErrorKind ClassifyErrorInSuccess(const ServiceError& error);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_SERVICE_ERROR_H_
