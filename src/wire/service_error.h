// The error objects of services, in all forms that services and gateways give them, and the kinds
// that they mean.
#ifndef LLMLOAD_WIRE_SERVICE_ERROR_H_
#define LLMLOAD_WIRE_SERVICE_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"
#include "llmload/provider/error.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/answer_decoder.h"

namespace llmload::wire {

/// The members of an error; each is empty if the service left it out.
struct ServiceError {
  std::string message;
  std::string type;
  std::string code;  ///< a string, or a number written as one
  /// The HTTP status that the error names, from 400 to 599 (vLLM, llama.cpp, OpenRouter); else 0.
  int status = 0;
  std::optional<Duration> retry_after;  ///< wherever the body has it (Google's `RetryInfo`)
};

/// Reads and consumes the value of an `error` member: an object, a list of objects, or a text.
ServiceError ReadServiceError(text::JsonCursor& cursor);

/// Reads the body of an error answer. It may be JSON (`{"error":{...}}` of OpenAI, Azure, vLLM,
/// llama.cpp and Ollama, the same in an array as Google has it, `{"error":"text"}`,
/// `{"message":...}`, `{"detail":...}` and their likes), such JSON in a server-sent event, a page
/// in HTML or XML, or plain text.
ServiceError DecodeErrorBody(std::string_view body);

/// The error that an answer of status 200, or an event of its stream, holds in place of output;
/// nullopt if it holds none. Call it if the members that the API promises are missing, or if there
/// is an `error` member.
std::optional<ServiceError> FindError(std::string_view json);

/// True unless the value that comes next is one that stands for no error: null, false, 0 or an
/// empty text. Consumes the value.
bool ReadIsError(text::JsonCursor& cursor);

/// The name of the error in reports: its code if that is a word, else its type, else its code.
std::string ProviderCode(const ServiceError& error);

/// The kind of an error answer with this status, which is not 2xx, and this body.
ErrorKind ClassifyStatus(int http_status, const ServiceError& error);

/// The kind of an error that came in a body whose status was 200: that of the status with which it
/// would have come otherwise.
ErrorKind ClassifyErrorInSuccess(const ServiceError& error);

/// The failure of an answer with this error.
DecodeFailure FailureOf(const ServiceError& error, ErrorKind kind);

/// The failure of an answer of status 200 that holds this error.
/// @param answered  output came before it: then it is an interrupted stream, whatever the cause
DecodeFailure FailureInSuccess(const ServiceError& error, bool answered);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_SERVICE_ERROR_H_
