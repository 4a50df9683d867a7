#include "src/wire/service_error.h"

#include <algorithm>
#include <initializer_list>

#include "src/core/text/ascii.h"
#include "src/wire/error_words.h"
#include "src/wire/json_fields.h"
#include "src/wire/retry_after.h"

namespace llmload::wire {
namespace {

using Type = text::JsonCursor::Type;

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void ReadInto(text::JsonCursor& cursor, std::string& text) {
  if (const auto string = cursor.ReadString()) {
    text.clear();
    AppendText(*string, text);
  }
}

// A number from 400 to 599 is an HTTP status, also if it is written as a text.
void NoteStatus(std::string_view text, ServiceError& error) {
  if (text.size() == 3 && (text[0] == '4' || text[0] == '5') &&
      std::all_of(text.begin(), text.end(), text::IsDigit)) {
    error.status = std::stoi(std::string(text));
  }
}

// A code, or the status of Google's errors: a word or a number.
void ReadCode(text::JsonCursor& cursor, std::string& code, ServiceError& error) {
  if (cursor.Peek() == Type::kNumber) {
    if (const auto number = cursor.ReadInteger()) code = std::to_string(*number);
  } else {
    ReadInto(cursor, code);
  }
  NoteStatus(code, error);
}

// FastAPI lists what it refuses, each with its place in the request.
void ReadRefusals(text::JsonCursor& cursor, std::string& message) {
  std::string key;
  while (cursor.NextElement()) {
    std::string place;
    std::string reason;
    if (cursor.Peek() == Type::kString) ReadInto(cursor, reason);
    ReadMembers(cursor, key, [&](std::string_view name) {
      if (name == "msg" || name == "message") {
        ReadInto(cursor, reason);
      } else if (name == "loc" && cursor.EnterArray()) {
        while (cursor.NextElement()) {
          std::string part;
          ReadInto(cursor, part);
          if (!part.empty()) place.append(place.empty() ? "" : ".").append(part);
        }
      } else {
        cursor.Skip();
      }
    });
    if (reason.empty()) continue;
    message.append(message.empty() ? "" : "; ");
    if (!place.empty()) message.append(place).append(": ");
    message.append(reason);
  }
}

void ReadMessage(text::JsonCursor& cursor, std::string& message) {
  if (cursor.EnterArray()) {
    ReadRefusals(cursor, message);
  } else {
    ReadInto(cursor, message);
  }
}

// Only in its details does Anthropic name the cause of some refusals, and only there do gateways
// give the words of the service behind them.
void ReadDetail(text::JsonCursor& cursor, ServiceError& error) {
  std::string key;
  ReadMembers(cursor, key, [&](std::string_view name) {
    if (name == "error_code") {
      ReadInto(cursor, error.code);
    } else if (name == "raw") {
      std::string cause;
      ReadInto(cursor, cause);
      if (!cause.empty()) error.message.append(error.message.empty() ? "" : ": ").append(cause);
    } else {
      cursor.Skip();
    }
  });
}

// Reads one member of an error object, wherever that object stands. False if it is none that an
// error has; its value is then still to be consumed.
bool ReadErrorMember(std::string_view name, text::JsonCursor& cursor, ServiceError& error) {
  if (IsOneOf(name, {"message", "msg", "Message", "detail", "error_message", "errorMessage",
                     "error_description", "description", "title", "faultstring"})) {
    std::string message;
    ReadMessage(cursor, message);
    // "detail" says more than the "title" beside it.
    if (error.message.empty() || name == "message" || name == "detail") {
      if (!message.empty()) error.message = std::move(message);
    }
  } else if (IsOneOf(name, {"type", "error_type", "errorType", "__type"})) {
    ReadInto(cursor, error.type);
  } else if (name == "code") {
    ReadCode(cursor, error.code, error);
  } else if (IsOneOf(name, {"status", "statusCode", "status_code"})) {
    std::string status;
    ReadCode(cursor, status, error);
    if (error.type.empty() && error.status == 0) error.type = status;
  } else if (name == "details" || name == "metadata") {
    if (cursor.EnterArray()) {
      while (cursor.NextElement()) ReadDetail(cursor, error);
    } else {
      ReadDetail(cursor, error);
    }
  } else {
    return false;
  }
  return true;
}

// What an object has that may be an error, or holds one.
struct Found {
  ServiceError error;
  bool nested = false;       // it holds an error object or text
  bool says_error = false;   // it calls itself an error
  bool has_message = false;  // a text of its own ...
  bool has_name = false;     // ... and a code or type
};

void ReadCandidate(text::JsonCursor& cursor, Found& found) {
  std::string key;
  ServiceError flat;
  ReadMembers(cursor, key, [&](std::string_view name) {
    if (IsOneOf(name, {"error", "errors", "fault"})) {
      const std::string_view raw = cursor.ReadRaw();
      text::JsonCursor check(raw);
      if (!ReadIsError(check)) return;
      text::JsonCursor value(raw);
      found.error = ReadServiceError(value);
      found.nested = true;
    } else if (name == "object") {
      std::string object;
      ReadInto(cursor, object);
      found.says_error = found.says_error || object == "error";
    } else if (!ReadErrorMember(name, cursor, flat)) {
      cursor.Skip();
    }
  });
  if (flat.type == "error") {
    found.says_error = true;
    flat.type.clear();
  }
  found.has_message = found.has_message || !flat.message.empty();
  found.has_name = found.has_name || !flat.type.empty() || !flat.code.empty() || flat.status != 0;
  if (!found.nested) {
    found.error = std::move(flat);
    return;
  }
  // A gateway may have put the words or the name beside the error.
  if (found.error.message.empty()) found.error.message = flat.message;
  if (found.error.type.empty() && found.error.code.empty()) found.error.type = flat.type;
  if (found.error.status == 0) found.error.status = flat.status;
}

// Nullopt if `json` is not JSON.
std::optional<Found> ReadJson(std::string_view json) {
  text::JsonCursor cursor(json);
  Found found;
  if (cursor.EnterArray()) {
    while (cursor.NextElement()) ReadCandidate(cursor, found);
  } else {
    ReadCandidate(cursor, found);
  }
  if (!cursor.Finished()) return {};
  if (!found.error.retry_after) found.error.retry_after = FindRetryHint(json);
  return found;
}

bool Says(const ServiceError& error, std::string_view phrase) {
  return text::FindIgnoringCase(error.message, phrase) != std::string_view::npos;
}

// The kind that the words of the error tell, whatever its status; nullopt if they tell none.
std::optional<ErrorKind> ClassifyWords(const ServiceError& error) {
  for (const std::string& name : {error.code, error.type}) {
    if (const auto kind = KindOfErrorCode(name)) return kind;
  }
  // Anthropic's own, with status 400 and type invalid_request_error.
  if (Says(error, "credit balance is too low") || Says(error, "specified API usage limits")) {
    return ErrorKind::kQuotaExhausted;
  }
  if (Says(error, "maximum context length") || Says(error, "prompt is too long") ||
      Says(error, "input is too long") || Says(error, "available context size")) {
    return ErrorKind::kContextLength;
  }
  return {};
}

}  // namespace

bool ReadIsError(text::JsonCursor& cursor) {
  switch (cursor.Peek()) {
    case Type::kString: {
      const auto string = cursor.ReadString();
      return string && !string->raw.empty();
    }
    case Type::kNumber:
      return cursor.ReadInteger().value_or(0) != 0;
    case Type::kBoolean:
      return cursor.ReadRaw() == "true";
    case Type::kArray: {
      bool any = false;
      cursor.EnterArray();
      while (cursor.NextElement()) {
        any = true;
        cursor.Skip();
      }
      return any;
    }
    case Type::kObject:
      cursor.Skip();
      return true;
    default:
      cursor.Skip();
      return false;
  }
}

ServiceError ReadServiceError(text::JsonCursor& cursor) {
  ServiceError error;
  if (cursor.EnterArray()) {
    bool first = true;
    while (cursor.NextElement()) {
      if (!first) {
        cursor.Skip();
        continue;
      }
      first = false;
      error = ReadServiceError(cursor);
    }
    return error;
  }
  if (cursor.Peek() != Type::kObject) {
    ReadInto(cursor, error.message);
    return error;
  }
  std::string key;
  ReadMembers(cursor, key, [&](std::string_view name) {
    if (name == "error" && error.message.empty()) {
      error = ReadServiceError(cursor);
    } else if (!ReadErrorMember(name, cursor, error)) {
      cursor.Skip();
    }
  });
  return error;
}

ServiceError DecodeErrorBody(std::string_view body) {
  if (auto found = ReadJson(body)) {
    ServiceError& error = found->error;
    if (error.message.empty() && error.code.empty() && error.type.empty()) error.message = body;
    return std::move(error);
  }
  ServiceError error;
  if (const auto data = DataOfFirstEvent(body)) {
    if (auto found = ReadJson(*data)) return std::move(found->error);
    error.message = *data;
    return error;
  }
  if (const auto found = ReadJson(FirstLine(body)); found && found->nested) return found->error;
  error.message = WordsOf(body);
  return error;
}

std::optional<ServiceError> FindError(std::string_view json) {
  auto found = ReadJson(json);
  if (!found) return {};
  const bool is_error = found->nested || found->says_error ||
                        (found->has_message && (found->has_name || found->error.status != 0));
  if (!is_error) return {};
  return std::move(found->error);
}

std::string ProviderCode(const ServiceError& error) {
  const bool number =
      error.code.find_first_not_of("-0123456789") == std::string::npos;  // also if empty
  return number && !error.type.empty() ? error.type : error.code;
}

ErrorKind ClassifyStatus(int http_status, const ServiceError& error) {
  if (http_status >= 400 && http_status <= 499) {
    if (const auto kind = ClassifyWords(error)) return *kind;
  }
  // Servers without a code for a missing model have these words; the answer for a wrong path has
  // not. "model: NAME" is Anthropic's whole message about one.
  if (http_status == 404 &&
      ((Says(error, "model") && (Says(error, "not found") || Says(error, "does not exist"))) ||
       (error.type == "not_found_error" && error.message.starts_with("model:")))) {
    return ErrorKind::kModelUnavailable;
  }
  return KindOfHttpStatus(http_status);
}

ErrorKind ClassifyErrorInSuccess(const ServiceError& error) {
  if (error.status != 0) return ClassifyStatus(error.status, error);
  if (const auto kind = ClassifyWords(error)) return *kind;
  for (const std::string& name : {error.code, error.type}) {
    const auto kind = KindOfErrorName(name);
    // "not found" may be the model: the words of the message decide.
    if (kind) return *kind == ErrorKind::kInvalidRequest ? ClassifyStatus(404, error) : *kind;
  }
  return ErrorKind::kServerError;
}

DecodeFailure FailureOf(const ServiceError& error, ErrorKind kind) {
  return {.kind = kind,
          .message = error.message,
          .code = ProviderCode(error),
          .retry_after = error.retry_after,
          .said_by_service = true};
}

DecodeFailure FailureInSuccess(const ServiceError& error, bool answered) {
  return FailureOf(error, answered ? ErrorKind::kStreamError : ClassifyErrorInSuccess(error));
}

}  // namespace llmload::wire
