#include "src/wire/service_error.h"

#include <algorithm>
#include <initializer_list>

#include "src/core/text/ascii.h"
#include "src/wire/json_fields.h"
#include "src/wire/retry_after.h"

namespace llmload::wire {
namespace {

void ReadInto(text::JsonCursor& cursor, std::string& text) {
  if (const auto string = cursor.ReadString()) {
    text.clear();
    AppendText(*string, text);
  }
}

void ReadCode(text::JsonCursor& cursor, ServiceError& error) {
  if (cursor.Peek() == text::JsonCursor::Type::kNumber) {
    const auto number = cursor.ReadInteger();
    if (!number) return;
    error.code = std::to_string(*number);
    if (*number >= 400 && *number <= 599) error.code_number = static_cast<int>(*number);
    return;
  }
  ReadInto(cursor, error.code);
  if (error.code.size() == 3 && (error.code[0] == '4' || error.code[0] == '5') &&
      std::all_of(error.code.begin(), error.code.end(), text::IsDigit)) {
    error.code_number = std::stoi(error.code);
  }
}

// Only here does Anthropic name the cause of some refusals, and Google the time to wait.
void ReadOneDetail(text::JsonCursor& cursor, ServiceError& error) {
  std::string storage;
  ReadMembers(cursor, storage, [&](std::string_view key) {
    if (key == "error_code") {
      ReadInto(cursor, error.code);
    } else if (key == "retryDelay") {
      std::string delay;
      ReadInto(cursor, delay);
      error.retry_after = ParseGoDuration(delay);
    } else {
      cursor.Skip();
    }
  });
}

void ReadDetails(text::JsonCursor& cursor, ServiceError& error) {
  if (!cursor.EnterArray()) {
    ReadOneDetail(cursor, error);
    return;
  }
  while (cursor.NextElement()) ReadOneDetail(cursor, error);
}

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool Has(const ServiceError& error, std::initializer_list<std::string_view> words) {
  return IsOneOf(error.code, words) || IsOneOf(error.type, words);
}

bool Says(const ServiceError& error, std::string_view phrase) {
  return text::FindIgnoringCase(error.message, phrase) != std::string_view::npos;
}

// The kind that the words of the error tell, whatever its status; kInternal if they tell none.
ErrorKind ClassifyWords(const ServiceError& error) {
  if (Has(error, {"insufficient_quota", "credit_balance_exhausted",
                  "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
                  "organization_usage_limit_exceeded", "billing_hard_limit_reached",
                  "billing_not_active", "billing_error", "enforced_spend_limit_reached"}) ||
      // Anthropic's own, with status 400 and type invalid_request_error.
      Says(error, "credit balance is too low") || Says(error, "specified API usage limits")) {
    return ErrorKind::kQuotaExhausted;
  }
  if (Has(error, {"context_length_exceeded", "exceed_context_size_error"}) ||
      Says(error, "maximum context length") || Says(error, "prompt is too long") ||
      Says(error, "input is too long")) {
    return ErrorKind::kContextLength;
  }
  if (Has(error, {"content_filter", "content_policy_violation"})) return ErrorKind::kContentFilter;
  if (Has(error, {"model_not_found", "DeploymentNotFound", "model_not_available"})) {
    return ErrorKind::kModelUnavailable;
  }
  return ErrorKind::kInternal;
}

}  // namespace

ServiceError ReadServiceError(text::JsonCursor& cursor) {
  ServiceError error;
  if (cursor.EnterObject()) {
    text::JsonString name;
    std::string storage;
    while (cursor.NextMember(name)) {
      const std::string_view key = Text(name, storage);
      if (key == "message") {
        ReadInto(cursor, error.message);
      } else if (key == "type") {
        ReadInto(cursor, error.type);
      } else if (key == "code") {
        ReadCode(cursor, error);
      } else if (key == "details") {
        ReadDetails(cursor, error);
      } else {
        cursor.Skip();
      }
    }
  } else {
    ReadInto(cursor, error.message);
  }
  return error;
}

ServiceError DecodeErrorBody(std::string_view body) {
  text::JsonCursor cursor(body);
  ServiceError error;
  bool found = false;
  std::string storage;
  const bool array = cursor.EnterArray();
  do {
    if (array && !cursor.NextElement()) break;
    ReadMembers(cursor, storage, [&](std::string_view key) {
      if (key == "error") {
        error = ReadServiceError(cursor);
        found = true;
      } else if (!found && (key == "message" || key == "detail")) {
        ReadInto(cursor, error.message);
      } else if (!found && key == "type") {
        ReadInto(cursor, error.type);
      } else if (!found && key == "code") {
        ReadCode(cursor, error);
      } else {
        cursor.Skip();
      }
    });
  } while (array);
  if (cursor.Finished() && (found || !error.message.empty() || !error.code.empty())) return error;
  ServiceError raw;
  raw.message.assign(body);
  return raw;
}

std::string ProviderCode(const ServiceError& error) {
  const bool number =
      error.code.find_first_not_of("-0123456789") == std::string::npos;  // also if empty
  return number && !error.type.empty() ? error.type : error.code;
}

ErrorKind ClassifyStatus(int http_status, const ServiceError& error) {
  if (http_status >= 400 && http_status <= 499) {
    const ErrorKind kind = ClassifyWords(error);
    if (kind != ErrorKind::kInternal) return kind;
  }
  // Servers without a code for a missing model have these words; the answer for a wrong path has
  // not.
  if (http_status == 404 && Says(error, "model") &&
      (Says(error, "not found") || Says(error, "does not exist"))) {
    return ErrorKind::kModelUnavailable;
  }
  return KindOfHttpStatus(http_status);
}

ErrorKind ClassifyErrorInSuccess(const ServiceError& error) {
  if (error.code_number != 0) return ClassifyStatus(error.code_number, error);
  const ErrorKind kind = ClassifyWords(error);
  if (kind != ErrorKind::kInternal) return kind;
  if (Has(error, {"rate_limit_exceeded", "rate_limit_error", "slow_down"})) {
    return ErrorKind::kRateLimited;
  }
  return Has(error, {"overloaded_error", "server_is_overloaded", "unavailable_error"})
             ? ErrorKind::kOverloaded
             : ErrorKind::kServerError;
}

}  // namespace llmload::wire
