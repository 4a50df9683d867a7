#include "src/wire/bedrock_codec.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "src/core/text/base64.h"
#include "src/wire/json_fields.h"

namespace llmload::wire {
namespace {

using Status = AnswerDecoder::Status;

constexpr std::string_view kMediaType = "application/vnd.amazon.eventstream";

void AppendInferenceConfig(const CompletionRequest& request, std::string_view member,
                           std::string_view max_tokens, std::string& out) {
  if (!request.max_tokens && !request.temperature) return;
  out.append(",\"").append(member).append("\":{");
  if (request.max_tokens) {
    out.append("\"").append(max_tokens).append("\":");
    AppendJsonNumber(std::int64_t{*request.max_tokens}, out);
  }
  if (request.temperature) {
    out.append(request.max_tokens ? ",\"temperature\":" : "\"temperature\":");
    AppendJsonNumber(*request.temperature, out);
  }
  out.push_back('}');
}

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

void ReportText(TokenKind kind, text::JsonCursor& cursor, std::string& storage,
                AnswerHandler& handler) {
  std::string_view text;
  ReadView(cursor, text, storage);
  if (!text.empty()) handler.OnToken(kind, text);
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

void EncodeConverseRequest(const CompletionRequest& request, std::string& out) {
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
  AppendInferenceConfig(request, "inferenceConfig", "maxTokens", out);
  out.push_back('}');
}

void EncodeTitanRequest(const CompletionRequest& request, std::string& out) {
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
  AppendInferenceConfig(request, "textGenerationConfig", "maxTokenCount", out);
  out.push_back('}');
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
  text::JsonCursor cursor(body);
  std::string key_storage;
  std::string message_storage;
  std::string code_storage;
  std::string type_storage;
  std::string_view message;
  std::string_view code;
  std::string_view type;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == "message" || key == "Message") {
      ReadView(cursor, message, message_storage);
    } else if (key == "code") {
      ReadView(cursor, code, code_storage);
    } else if (key == "__type") {
      ReadView(cursor, type, type_storage);
    } else {
      cursor.Skip();
    }
  });
  if (!cursor.Finished()) {
    message = body;
    code = type = {};
  }
  if (error_type.empty()) error_type = code.empty() ? type : code;
  const std::string_view name = AwsErrorName(error_type);
  return {.kind = KindOfAwsError(name, message).value_or(KindOfHttpStatus(http_status)),
          .message = std::string(message),
          .code = std::string(name),
          .retry_after = {}};
}

bool BedrockAnswerDecoder::IsStream(std::string_view media_type) const {
  return media_type.empty() || media_type == kMediaType;
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
  if (type == "exception") {
    const DecodeFailure failure = DecodeAwsError(200, {}, message_.payload);
    return Fail(ErrorKind::kStreamError, failure.message,
                std::string(message_.Text(":exception-type")));
  }
  if (type == "error") {
    return Fail(ErrorKind::kStreamError, std::string(message_.Text(":error-message")),
                std::string(message_.Text(":error-code")));
  }
  return Fail(ErrorKind::kMalformedResponse, "a message of the stream has no known type");
}

Status BedrockAnswerDecoder::FailMalformedEvent() {
  return Fail(ErrorKind::kMalformedResponse, "an event of the stream is not a JSON object");
}

DecodeFailure BedrockAnswerDecoder::DecodeErrorAnswer(int http_status, std::string_view error_type,
                                                      std::string_view body) {
  return DecodeAwsError(http_status, error_type, body);
}

// A `delta`, a `start`, or a content block of a whole answer: all name their kinds in the same way.
void ConverseAnswerDecoder::ReadDelta(text::JsonCursor& cursor, AnswerHandler& handler) {
  ReadMembers(cursor, key_, [&](std::string_view kind) {
    if (kind == "text") {
      ReportText(TokenKind::kContent, cursor, text_, handler);
    } else if (kind == "reasoningContent") {
      ReadMembers(cursor, key_, [&](std::string_view key) {
        if (key == "text") {
          ReportText(TokenKind::kReasoning, cursor, text_, handler);
        } else if (key == "reasoningText") {
          ReadMembers(cursor, key_, [&](std::string_view inner) {
            if (inner == "text") {
              ReportText(TokenKind::kReasoning, cursor, text_, handler);
            } else {
              cursor.Skip();
            }
          });
        } else {
          cursor.Skip();
        }
      });
    } else if (kind == "toolUse") {
      ReadMembers(cursor, key_, [&](std::string_view key) {
        if (key == "name" || (key == "input" && cursor.Peek() == text::JsonCursor::Type::kString)) {
          ReportText(TokenKind::kToolCall, cursor, text_, handler);
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
  // Checked first, so that no part of a broken event is reported.
  text::JsonCursor check(payload);
  const bool is_object = check.Peek() == text::JsonCursor::Type::kObject;
  check.Skip();
  if (!is_object || !check.Finished()) return FailMalformedEvent();
  text::JsonCursor cursor(payload);
  bool has_usage = false;
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if ((type == "contentBlockDelta" && key == "delta") ||
        (type == "contentBlockStart" && key == "start")) {
      ReadDelta(cursor, handler);
    } else if (type == "messageStop" && key == "stopReason") {
      std::string_view reason;
      ReadView(cursor, reason, text_);
      if (!reason.empty()) handler.OnFinishReason(reason);
    } else if (type == "metadata" && key == "usage") {
      const std::string_view raw = cursor.ReadRaw();
      handler.OnUsage(ReadConverseUsage(raw, key_), raw);
      has_usage = true;
    } else {
      cursor.Skip();
    }
  });
  if (type == "messageStop") stopped_ = true;
  return stopped_ && (has_usage || type == "metadata") ? Status::kDone : Status::kNeedMore;
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
        if (!reason.empty()) handler.OnFinishReason(reason);
      } else if (member == "usage") {
        const std::string_view raw = cursor.ReadRaw();
        handler.OnUsage(ReadConverseUsage(raw, key_), raw);
      } else {
        cursor.Skip();
      }
    });
  }
  if (has_message) return Status::kDone;
  return Fail(ErrorKind::kMalformedResponse, "the answer is not a Converse response");
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
  if (!cursor.Finished()) return FailMalformedEvent();
  if (!text::DecodeBase64(bytes, inner_)) {
    return Fail(ErrorKind::kMalformedResponse, "a chunk of the stream is not base64");
  }
  if (family_ == BedrockFamily::kTitan) return TakeTitan(inner_, true, handler);
  const Status status = anthropic_.Take(inner_, handler);
  return status == Status::kFailed ? Fail(anthropic_.failure()) : status;
}

Status InvokeModelAnswerDecoder::TakeTitan(std::string_view json, bool streamed,
                                           AnswerHandler& handler) {
  text::JsonCursor check(json);
  check.Skip();
  if (!check.Finished()) {
    return streamed ? FailMalformedEvent()
                    : Fail(ErrorKind::kMalformedResponse, "the answer is not a text completion");
  }
  text::JsonCursor cursor(json);
  std::optional<std::int64_t> output;
  std::string_view reason;
  std::string reason_storage;
  bool has_text = false;
  const auto take = [&](std::string_view key) {
    if (key == "outputText") {
      has_text = true;
      ReportText(TokenKind::kContent, cursor, text_, handler);
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
  if (!streamed && !has_text) {
    return Fail(ErrorKind::kMalformedResponse, "the answer is not a text completion");
  }
  if (!reason.empty()) handler.OnFinishReason(reason);
  if (streamed && reason.empty()) return Status::kNeedMore;
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
  return Status::kDone;
}

Status InvokeModelAnswerDecoder::DecodeAnswer(std::string_view body, AnswerHandler& handler) {
  if (family_ == BedrockFamily::kTitan) return TakeTitan(body, false, handler);
  DecodeFailure failure;
  const Status status = DecodeAnthropicAnswer(body, handler, failure);
  return status == Status::kFailed ? Fail(std::move(failure)) : status;
}

}  // namespace llmload::wire
