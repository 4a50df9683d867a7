#include "src/wire/anthropic_codec.h"

#include <algorithm>
#include <utility>

#include "src/wire/json_fields.h"

namespace llmload::wire {
namespace {

using Status = AnswerDecoder::Status;

constexpr std::string_view kBedrockVersion = "bedrock-2023-05-31";

// All blocks of one kind of a whole answer, joined.
struct Blocks {
  std::string text;
  std::string thinking;
  std::string tool_use;
};

void ReadBlock(text::JsonCursor& cursor, Blocks& blocks, std::string& key_storage) {
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    std::string* into = nullptr;
    if (key == "text") into = &blocks.text;
    if (key == "thinking") into = &blocks.thinking;
    if (key == "input" && cursor.Peek() == text::JsonCursor::Type::kObject) {
      blocks.tool_use.append(cursor.ReadRaw());
    } else if (into == nullptr) {
      cursor.Skip();
    } else if (const auto text = cursor.ReadString()) {
      AppendText(*text, *into);
    }
  });
}

DecodeFailure FailureOf(const ServiceError& error, ErrorKind kind) {
  return {.kind = kind,
          .message = error.message,
          .code = ProviderCode(error),
          .retry_after = error.retry_after};
}

}  // namespace

void EncodeAnthropicRequest(const CompletionRequest& request, AnthropicHost host,
                            std::string& out) {
  if (host == AnthropicHost::kBedrock) {
    out.append("{\"anthropic_version\":\"").append(kBedrockVersion).push_back('"');
  } else {
    out.append("{\"model\":");
    text::AppendJsonString(request.model, out);
  }
  out.append(",\"max_tokens\":");
  AppendJsonNumber(std::int64_t{request.max_tokens.value_or(kAnthropicDefaultMaxTokens)}, out);
  out.append(",\"messages\":");
  AppendMessages(request.messages, false, out);
  std::string system;
  for (const Message& message : request.messages) {
    if (message.role != Role::kSystem) continue;
    system.append(system.empty() ? "" : "\n\n").append(message.content);
  }
  if (!system.empty()) {
    out.append(",\"system\":");
    text::AppendJsonString(system, out);
  }
  if (request.temperature) {
    out.append(",\"temperature\":");
    AppendJsonNumber(*request.temperature, out);
  }
  if (request.stream && host == AnthropicHost::kAnthropic) out.append(",\"stream\":true");
  out.push_back('}');
}

void AnthropicUsage::Take(std::string_view json) {
  text::JsonCursor cursor(json);
  if (cursor.Peek() != text::JsonCursor::Type::kObject) return;
  std::string key_storage;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    std::int64_t* into = nullptr;
    if (key == "input_tokens") into = &input_;
    if (key == "cache_read_input_tokens") into = &cache_read_;
    if (key == "cache_creation_input_tokens") into = &cache_write_;
    if (key == "output_tokens") into = &output_;
    if (key == "output_tokens_details") {
      reasoning_ = ReadDetail(cursor, "thinking_tokens", key_storage);
    } else if (into != nullptr && cursor.Peek() == text::JsonCursor::Type::kNumber) {
      *into = ReadCount(cursor);
    } else {
      cursor.Skip();
    }
  });
  // Not the objects between them: a stream may have any number.
  (first_raw_.empty() ? first_raw_ : last_raw_).assign(json);
}

Usage AnthropicUsage::Normalised() const {
  Usage usage;
  usage.input = input_ + cache_read_ + cache_write_;
  usage.cached_input = cache_read_;
  usage.cache_write_input = cache_write_;
  usage.output = output_;
  usage.reasoning = std::min(reasoning_, output_);
  return usage;
}

std::string AnthropicUsage::Raw() const {
  return last_raw_.empty() ? first_raw_ : "[" + first_raw_ + "," + last_raw_ + "]";
}

// The members that an event of any type may have; they come in any order.
struct AnthropicEvents::Event {
  std::string_view type;
  std::string_view text;
  std::string_view thinking;
  std::string_view partial_json;
  std::string_view name;  // of a tool
  std::string_view stop_reason;
  std::string_view model;
  std::string_view usage;
  std::optional<ServiceError> error;
};

void AnthropicEvents::ReadDelta(text::JsonCursor& cursor, Event& event) {
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (key == "text") {
      ReadView(cursor, event.text, text_);
    } else if (key == "thinking") {
      ReadView(cursor, event.thinking, thinking_);
    } else if (key == "partial_json") {
      ReadView(cursor, event.partial_json, partial_json_);
    } else if (key == "name") {
      ReadView(cursor, event.name, name_);
    } else if (key == "stop_reason") {
      ReadView(cursor, event.stop_reason, stop_reason_);
    } else {
      cursor.Skip();
    }
  });
}

void AnthropicEvents::ReadMessage(text::JsonCursor& cursor, Event& event) {
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (key == "model") {
      ReadView(cursor, event.model, model_);
    } else if (key == "usage" && cursor.Peek() == text::JsonCursor::Type::kObject) {
      event.usage = cursor.ReadRaw();
    } else {
      cursor.Skip();
    }
  });
}

void AnthropicEvents::ReadEvent(text::JsonCursor& cursor, Event& event) {
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (key == "type") {
      ReadView(cursor, event.type, type_);
    } else if (key == "delta" || key == "content_block") {
      ReadDelta(cursor, event);
    } else if (key == "message") {
      ReadMessage(cursor, event);
    } else if (key == "usage" && cursor.Peek() == text::JsonCursor::Type::kObject) {
      event.usage = cursor.ReadRaw();
    } else if (key == "error") {
      event.error = ReadServiceError(cursor);
    } else {
      cursor.Skip();
    }
  });
}

Status AnthropicEvents::Fail(ErrorKind kind, std::string message, std::string code) {
  failure_ = {
      .kind = kind, .message = std::move(message), .code = std::move(code), .retry_after = {}};
  return Status::kFailed;
}

Status AnthropicEvents::Take(std::string_view json, AnswerHandler& handler) {
  text::JsonCursor cursor(json);
  Event event;
  const bool is_object = cursor.Peek() == text::JsonCursor::Type::kObject;
  ReadEvent(cursor, event);
  if (!is_object || !cursor.Finished()) {
    return Fail(ErrorKind::kMalformedResponse, "an event of the stream is not a JSON object");
  }
  if (event.type == "error") {
    const ServiceError error = event.error.value_or(ServiceError{});
    return Fail(ErrorKind::kStreamError, error.message, ProviderCode(error));
  }
  if (!event.usage.empty()) {
    usage_.Take(event.usage);
    handler.OnUsage(usage_.Normalised(), usage_.Raw());
  }
  if (event.type == "message_start") {
    if (!event.model.empty()) handler.OnModel(event.model);
  } else if (event.type == "content_block_start" || event.type == "content_block_delta") {
    if (!event.thinking.empty()) handler.OnToken(TokenKind::kReasoning, event.thinking);
    if (!event.text.empty()) handler.OnToken(TokenKind::kContent, event.text);
    if (!event.name.empty()) handler.OnToken(TokenKind::kToolCall, event.name);
    if (!event.partial_json.empty()) handler.OnToken(TokenKind::kToolCall, event.partial_json);
  } else if (event.type == "message_delta") {
    if (!event.stop_reason.empty()) handler.OnFinishReason(event.stop_reason);
  } else if (event.type == "message_stop") {
    return Status::kDone;
  }
  return Status::kNeedMore;
}

Status DecodeAnthropicAnswer(std::string_view body, AnswerHandler& handler,
                             DecodeFailure& failure) {
  text::JsonCursor cursor(body);
  Blocks blocks;
  AnthropicUsage usage;
  std::optional<ServiceError> error;
  std::string_view model;
  std::string_view stop_reason;
  std::string key_storage;
  std::string model_storage;
  std::string reason_storage;
  bool has_content = false;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == "content" && cursor.EnterArray()) {
      has_content = true;
      while (cursor.NextElement()) ReadBlock(cursor, blocks, key_storage);
    } else if (key == "model") {
      ReadView(cursor, model, model_storage);
    } else if (key == "stop_reason") {
      ReadView(cursor, stop_reason, reason_storage);
    } else if (key == "usage") {
      usage.Take(cursor.ReadRaw());
    } else if (key == "error" && cursor.Peek() != text::JsonCursor::Type::kNull) {
      error = ReadServiceError(cursor);
    } else {
      cursor.Skip();
    }
  });
  const bool valid = cursor.Finished();
  if (valid && error) {
    failure = FailureOf(*error, ClassifyErrorInSuccess(*error));
    return Status::kFailed;
  }
  if (!valid || !has_content) {
    failure = {.kind = ErrorKind::kMalformedResponse,
               .message = "the answer is not a message",
               .code = {},
               .retry_after = {}};
    return Status::kFailed;
  }
  if (!usage.empty()) handler.OnUsage(usage.Normalised(), usage.Raw());
  if (!model.empty()) handler.OnModel(model);
  if (!stop_reason.empty()) handler.OnFinishReason(stop_reason);
  if (!blocks.thinking.empty()) handler.OnToken(TokenKind::kReasoning, blocks.thinking);
  if (!blocks.text.empty()) handler.OnToken(TokenKind::kContent, blocks.text);
  if (!blocks.tool_use.empty()) handler.OnToken(TokenKind::kToolCall, blocks.tool_use);
  return Status::kDone;
}

Status AnthropicAnswerDecoder::TakeEvent(const SseEvent& event, AnswerHandler& handler) {
  const Status status = events_.Take(event.data, handler);
  return status == Status::kFailed ? Fail(events_.failure()) : status;
}

Status AnthropicAnswerDecoder::TakeEnd() {
  return Fail(ErrorKind::kTruncatedStream, "the stream ended without message_stop");
}

Status AnthropicAnswerDecoder::DecodeAnswer(std::string_view body, AnswerHandler& handler) {
  DecodeFailure failure;
  const Status status = DecodeAnthropicAnswer(body, handler, failure);
  return status == Status::kFailed ? Fail(std::move(failure)) : status;
}

DecodeFailure AnthropicAnswerDecoder::DecodeErrorAnswer(int http_status, std::string_view,
                                                        std::string_view body) {
  const ServiceError error = DecodeErrorBody(body);
  // "model: NAME" is the whole message about a model that the service does not have.
  const bool no_model =
      http_status == 404 && error.type == "not_found_error" && error.message.starts_with("model:");
  return FailureOf(error,
                   no_model ? ErrorKind::kModelUnavailable : ClassifyStatus(http_status, error));
}

}  // namespace llmload::wire
