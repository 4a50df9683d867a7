#include "src/wire/bedrock_codec.h"

#include <algorithm>
#include <optional>

#include "src/core/text/base64.h"
#include "src/wire/error_words.h"
#include "src/wire/json_fields.h"
#include "src/wire/service_error.h"

namespace llmload::wire {
namespace {

using Status = AnswerDecoder::Status;

void AppendTextBlock(std::string_view text, std::string& out) {
  out.append("{\"text\":");
  text::AppendJsonString(text, out);
  out.push_back('}');
}

// Converse counts the input without the tokens read from or written to the cache.
Usage ReadConverseUsage(std::string_view json, std::string& key_storage) {
  text::JsonCursor cursor(json);
  Usage usage;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == "inputTokens") {
      usage.input = ReadCount(cursor);
    } else if (key == "outputTokens") {
      usage.output = ReadCount(cursor);
    } else if (key == "cacheReadInputTokens") {
      usage.cached_input = ReadCount(cursor);
    } else if (key == "cacheWriteInputTokens") {
      usage.cache_write_input = ReadCount(cursor);
    } else {
      cursor.Skip();
    }
  });
  usage.input += usage.cached_input + usage.cache_write_input;
  return usage;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The kind of an error by its name; nullopt for an unknown name.
std::optional<ErrorKind> KindOfAwsError(std::string_view name, std::string_view message) {
  if (name == "ValidationException") {
    const bool too_long = Contains(message, "too long") ||
                          Contains(message, "maximum context length") ||
                          Contains(message, "context window");
    return too_long ? ErrorKind::kContextLength : ErrorKind::kInvalidRequest;
  }
  if (name == "AccessDeniedException") {
    // Access to a model is granted per account, whatever the credential allows.
    return Contains(message, "access to the model") ? ErrorKind::kModelUnavailable
                                                    : ErrorKind::kCredential;
  }
  struct Entry {
    std::string_view name;
    ErrorKind kind;
  };
  static constexpr Entry kEntries[] = {
      {"ThrottlingException", ErrorKind::kRateLimited},
      {"TooManyRequestsException", ErrorKind::kRateLimited},
      {"ServiceQuotaExceededException", ErrorKind::kQuotaExhausted},
      {"ResourceNotFoundException", ErrorKind::kModelUnavailable},
      {"ConflictException", ErrorKind::kInvalidRequest},
      {"ModelTimeoutException", ErrorKind::kServerError},
      {"ModelErrorException", ErrorKind::kServerError},
      {"ModelStreamErrorException", ErrorKind::kServerError},
      {"ModelNotReadyException", ErrorKind::kOverloaded},
      {"InternalServerException", ErrorKind::kServerError},
      {"InternalFailure", ErrorKind::kServerError},
      {"ServiceUnavailableException", ErrorKind::kOverloaded},
      {"ServiceUnavailable", ErrorKind::kOverloaded},
      {"UnrecognizedClientException", ErrorKind::kCredential},
      {"InvalidSignatureException", ErrorKind::kCredential},
      {"SignatureDoesNotMatch", ErrorKind::kCredential},
      {"ExpiredTokenException", ErrorKind::kCredential},
      {"ExpiredToken", ErrorKind::kCredential},
      {"MissingAuthenticationTokenException", ErrorKind::kCredential},
      {"MissingAuthenticationToken", ErrorKind::kCredential},
      {"IncompleteSignatureException", ErrorKind::kCredential},
      {"IncompleteSignature", ErrorKind::kCredential},
      {"InvalidClientTokenId", ErrorKind::kCredential},
      {"RequestExpired", ErrorKind::kCredential},
      {"RequestTimeTooSkewed", ErrorKind::kCredential},
      {"RequestInTheFuture", ErrorKind::kCredential},
      {"AuthFailure", ErrorKind::kCredential},
      {"OptInRequired", ErrorKind::kCredential},
      {"NotAuthorized", ErrorKind::kCredential},
  };
  const auto* const found = std::find_if(std::begin(kEntries), std::end(kEntries),
                                         [&](const Entry& entry) { return entry.name == name; });
  if (found == std::end(kEntries)) return {};
  return found->kind;
}

}  // namespace

void EncodeConverseRequest(const CompletionRequest& request, std::string& out,
                           const ExtraBody* extra) {
  out.append("{\"messages\":[");
  bool first = true;
  std::string system;
  for (const Message& message : request.messages) {
    if (message.role == Role::kSystem) {
      if (!system.empty()) system.push_back(',');
      AppendTextBlock(message.content, system);
      continue;
    }
    if (!first) out.push_back(',');
    first = false;
    out.append("{\"role\":\"").append(RoleName(message.role)).append("\",\"content\":[");
    AppendTextBlock(message.content, out);
    out.append("]}");
  }
  out.push_back(']');
  if (!system.empty()) out.append(",\"system\":[").append(system).push_back(']');
  AppendSampling(kConverseBody.nested, "maxTokens", request, extra, out);
  CloseBody(extra, out);
}

void EncodeTitanRequest(const CompletionRequest& request, std::string& out,
                        const ExtraBody* extra) {
  std::string prompt;
  if (request.messages.size() == 1) {
    prompt = request.messages.front().content;
  } else {
    for (const Message& message : request.messages) {
      if (message.role == Role::kUser) prompt.append("User: ");
      if (message.role == Role::kAssistant) prompt.append("Bot: ");
      prompt.append(message.content).push_back('\n');
    }
    prompt.append("Bot:");
  }
  out.append("{\"inputText\":");
  text::AppendJsonString(prompt, out);
  AppendSampling(kTitanBody.nested, "maxTokenCount", request, extra, out);
  CloseBody(extra, out);
}

std::string_view AwsErrorName(std::string_view error_type) {
  error_type = error_type.substr(0, error_type.find(','));
  error_type = error_type.substr(0, error_type.find(':'));
  const std::size_t hash = error_type.find('#');
  if (hash != std::string_view::npos) error_type.remove_prefix(hash + 1);
  while (!error_type.empty() && error_type.back() == ' ') error_type.remove_suffix(1);
  while (!error_type.empty() && error_type.front() == ' ') error_type.remove_prefix(1);
  return error_type;
}

DecodeFailure DecodeAwsError(int http_status, std::string_view error_type, std::string_view body) {
  ServiceError error = DecodeErrorBody(body);
  if (!error_type.empty()) {
    error.code = error_type;
  } else if (error.code.empty()) {
    error.code = error.type;
  }
  error.code = AwsErrorName(error.code);
  return FailureOf(
      error,
      KindOfAwsError(error.code, error.message).value_or(ClassifyStatus(http_status, error)));
}

Status BedrockAnswerDecoder::FeedStream(std::string_view bytes, AnswerHandler& handler) {
  frames_.Feed(bytes);
  while (true) {
    switch (frames_.Next(message_)) {
      case EventStreamDecoder::Status::kNeedMore:
        return Status::kNeedMore;
      case EventStreamDecoder::Status::kMalformed:
        return Fail(ErrorKind::kMalformedResponse, std::string(frames_.problem()));
      case EventStreamDecoder::Status::kTooLarge:
        return Fail(ErrorKind::kResponseTooLarge, "a message of the stream is too large");
      case EventStreamDecoder::Status::kMessage:
        break;
    }
    const Status status = TakeMessage(handler);
    if (status != Status::kNeedMore) return status;
  }
}

Status BedrockAnswerDecoder::FinishStream(AnswerHandler&) {
  return Fail(ErrorKind::kTruncatedStream, frames_.IsAtBoundary()
                                               ? "the stream ended without its last event"
                                               : "the stream ended inside a message");
}

Status BedrockAnswerDecoder::TakeMessage(AnswerHandler& handler) {
  const std::string_view type = message_.Text(":message-type");
  if (type == "event") return TakeEvent(message_.Text(":event-type"), message_.payload, handler);
  if (type != "exception" && type != "error") {
    return Fail(ErrorKind::kMalformedResponse, "a message of the stream has no known type");
  }
  ServiceError error;
  if (type == "exception") {
    error = DecodeErrorBody(message_.payload);
    error.code = message_.Text(":exception-type");
  } else {
    error.message = message_.Text(":error-message");
    error.code = message_.Text(":error-code");
  }
  // Names of exceptions are those of errors, but for the case of their first letter.
  std::string name = error.code;
  if (!name.empty() && name.front() >= 'a' && name.front() <= 'z') {
    name.front() = static_cast<char>(name.front() - 'a' + 'A');
  }
  const ErrorKind kind =
      KindOfAwsError(name, error.message).value_or(ClassifyErrorInSuccess(error));
  return Fail(FailureOf(error, progress_.answered() ? ErrorKind::kStreamError : kind));
}

Status BedrockAnswerDecoder::FailMalformedEvent(std::string_view event) {
  return Fail(ErrorKind::kMalformedResponse,
              "an event of the stream is not a JSON object: " + Beginning(event));
}

DecodeFailure BedrockAnswerDecoder::DecodeErrorAnswer(int http_status, std::string_view error_type,
                                                      std::string_view body) {
  return DecodeAwsError(http_status, error_type, body);
}

void ConverseAnswerDecoder::ReportText(TokenKind kind, text::JsonCursor& cursor,
                                       AnswerHandler& handler) {
  std::string_view text;
  ReadView(cursor, text, text_);
  progress_.Token(kind, text, handler);
}

// In a stream the text lies one level higher than in a whole answer; hidden thoughts have no text.
void ConverseAnswerDecoder::ReadReasoning(text::JsonCursor& cursor, AnswerHandler& handler) {
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (key == "text" || key == "redactedContent") {
      ReportText(TokenKind::kReasoning, cursor, handler);
    } else if (key == "reasoningText") {
      ReadReasoning(cursor, handler);
    } else {
      cursor.Skip();
    }
  });
}

// A `delta`, a `start`, or a content block of a whole answer: all name their kinds in the same way.
void ConverseAnswerDecoder::ReadDelta(text::JsonCursor& cursor, AnswerHandler& handler) {
  ReadMembers(cursor, key_, [&](std::string_view kind) {
    if (kind == "text") {
      ReportText(TokenKind::kContent, cursor, handler);
    } else if (kind == "reasoningContent") {
      ReadReasoning(cursor, handler);
    } else if (kind == "citationsContent") {
      ReadMembers(cursor, key_, [&](std::string_view key) {
        if (key != "content" || !cursor.EnterArray()) return cursor.Skip();
        while (cursor.NextElement()) ReadDelta(cursor, handler);
      });
    } else if (kind == "toolUse") {
      ReadMembers(cursor, key_, [&](std::string_view key) {
        if (key == "name" || (key == "input" && cursor.Peek() == text::JsonCursor::Type::kString)) {
          ReportText(TokenKind::kToolCall, cursor, handler);
        } else {
          cursor.Skip();
        }
      });
    } else {
      cursor.Skip();
    }
  });
}

Status ConverseAnswerDecoder::TakeEvent(std::string_view type, std::string_view payload,
                                        AnswerHandler& handler) {
  const bool is_known = type == "contentBlockDelta" || type == "contentBlockStart" ||
                        type == "messageStop" || type == "metadata";
  if (!is_known) return Status::kNeedMore;
  // Checked first, so that no part of a broken event is reported.
  text::JsonCursor check(payload);
  const bool is_object = check.Peek() == text::JsonCursor::Type::kObject;
  check.Skip();
  if (!is_object || !check.Finished()) return FailMalformedEvent(payload);
  text::JsonCursor cursor(payload);
  bool has_usage = false;
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if ((type == "contentBlockDelta" && key == "delta") ||
        (type == "contentBlockStart" && key == "start")) {
      ReadDelta(cursor, handler);
    } else if (type == "messageStop" && key == "stopReason") {
      std::string_view reason;
      ReadView(cursor, reason, text_);
      progress_.FinishReason(reason, handler);
    } else if (type == "metadata" && key == "usage") {
      const std::string_view raw = cursor.ReadRaw();
      handler.OnUsage(ReadConverseUsage(raw, key_), raw);
      has_usage = true;
    } else {
      cursor.Skip();
    }
  });
  if (type == "messageStop") stopped_ = true;
  if (has_usage) progress_.Close();
  const bool is_end = stopped_ && (has_usage || type == "metadata");
  return is_end ? End(progress_.FailureOfStream()) : Status::kNeedMore;
}

Status ConverseAnswerDecoder::DecodeAnswer(std::string_view body, AnswerHandler& handler) {
  text::JsonCursor check(body);
  check.Skip();
  text::JsonCursor cursor(body);
  bool has_message = false;
  if (check.Finished()) {
    ReadMembers(cursor, key_, [&](std::string_view member) {
      if (member == "output") {
        ReadMembers(cursor, key_, [&](std::string_view output) {
          if (output != "message") return cursor.Skip();
          has_message = true;
          ReadMembers(cursor, key_, [&](std::string_view key) {
            if (key != "content" || !cursor.EnterArray()) return cursor.Skip();
            while (cursor.NextElement()) ReadDelta(cursor, handler);
          });
        });
      } else if (member == "stopReason") {
        std::string_view reason;
        ReadView(cursor, reason, text_);
        progress_.FinishReason(reason, handler);
      } else if (member == "usage") {
        const std::string_view raw = cursor.ReadRaw();
        const Usage usage = ReadConverseUsage(raw, key_);
        handler.OnUsage(usage, raw);
        if (usage.output > 0) progress_.Close();
      } else {
        cursor.Skip();
      }
    });
  }
  if (has_message) return End(progress_.FailureOfWhole());
  return FailUnknownAnswer("a Converse response", body);
}

Status InvokeModelAnswerDecoder::TakeEvent(std::string_view type, std::string_view payload,
                                           AnswerHandler& handler) {
  if (type != "chunk") return Status::kNeedMore;
  text::JsonCursor cursor(payload);
  std::string_view bytes;
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (key == "bytes") {
      ReadView(cursor, bytes, text_);
    } else {
      cursor.Skip();
    }
  });
  if (!cursor.Finished()) return FailMalformedEvent(payload);
  if (!text::DecodeBase64(bytes, inner_)) {
    return Fail(ErrorKind::kMalformedResponse, "a chunk of the stream is not base64");
  }
  return family_ == BedrockFamily::kTitan ? TakeTitan(inner_, true, handler)
                                          : TakeAnthropic(inner_, handler);
}

Status InvokeModelAnswerDecoder::TakeAnthropic(std::string_view json, AnswerHandler& handler) {
  const AnthropicEvents::Result result = anthropic_.Take({}, json, handler);
  progress_ = anthropic_.progress();
  switch (result) {
    case AnthropicEvents::Result::kTaken:
      return Status::kNeedMore;
    case AnthropicEvents::Result::kEnd:
      return End(progress_.FailureOfStream());
    case AnthropicEvents::Result::kError:
      return Fail(FailureInSuccess(anthropic_.error(), progress_.answered()));
    case AnthropicEvents::Result::kOdd:
      break;
  }
  return TakeOddEvent(json, progress_.answered());
}

Status InvokeModelAnswerDecoder::TakeTitan(std::string_view json, bool streamed,
                                           AnswerHandler& handler) {
  text::JsonCursor check(json);
  check.Skip();
  if (!check.Finished()) {
    return streamed ? TakeOddEvent(json, progress_.answered())
                    : FailUnknownAnswer("a text completion", json);
  }
  text::JsonCursor cursor(json);
  std::optional<std::int64_t> output;
  std::string_view reason;
  std::string reason_storage;
  bool has_text = false;
  const auto take = [&](std::string_view key) {
    if (key == "outputText") {
      has_text = true;
      std::string_view text;
      ReadView(cursor, text, text_);
      progress_.Token(TokenKind::kContent, text, handler);
    } else if (key == "completionReason") {
      ReadView(cursor, reason, reason_storage);
    } else if (key == "inputTextTokenCount") {
      titan_input_ = std::max(titan_input_, ReadCount(cursor));
    } else if (key == "tokenCount" || key == "totalOutputTextTokenCount") {
      if (cursor.Peek() == text::JsonCursor::Type::kNumber) {
        output = ReadCount(cursor);
      } else {
        cursor.Skip();
      }
    } else {
      cursor.Skip();
    }
  };
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (streamed || key != "results") return take(key);
    if (!cursor.EnterArray()) return cursor.Skip();
    while (cursor.NextElement()) ReadMembers(cursor, key_, take);
  });
  if (!streamed && !has_text) return FailUnknownAnswer("a text completion", json);
  progress_.FinishReason(reason, handler);
  if (streamed && reason.empty()) {
    if (has_text) return Status::kNeedMore;
    const auto error = FindError(json);
    return error ? Fail(FailureInSuccess(*error, progress_.answered())) : Status::kNeedMore;
  }
  if (output) {
    Usage usage;
    usage.input = titan_input_;
    usage.output = *output;
    std::string raw = "{\"inputTextTokenCount\":";
    AppendJsonNumber(usage.input, raw);
    raw.append(streamed ? ",\"totalOutputTextTokenCount\":" : ",\"tokenCount\":");
    AppendJsonNumber(usage.output, raw);
    raw.push_back('}');
    handler.OnUsage(usage, raw);
  }
  return End(streamed ? progress_.FailureOfStream() : progress_.FailureOfWhole());
}

Status InvokeModelAnswerDecoder::DecodeAnswer(std::string_view body, AnswerHandler& handler) {
  if (family_ == BedrockFamily::kTitan) return TakeTitan(body, false, handler);
  const auto progress = DecodeAnthropicMessage(body, handler);
  return progress ? End(progress->FailureOfWhole()) : FailUnknownAnswer("a message", body);
}

}  // namespace llmload::wire
