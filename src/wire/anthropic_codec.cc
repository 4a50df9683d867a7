#include "src/wire/anthropic_codec.h"

#include <algorithm>
#include <utility>

#include "src/wire/error_words.h"
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

bool IsKnownEvent(std::string_view type) {
  return type == "content_block_delta" || type == "content_block_start" ||
         type == "content_block_stop" || type == "message_start" || type == "message_delta" ||
         type == "message_stop" || type == "ping";
}

void ReadBlock(text::JsonCursor& cursor, Blocks& blocks, std::string& key_storage) {
  if (cursor.Peek() == text::JsonCursor::Type::kString) {  // some gateways leave the block out
    if (const auto text = cursor.ReadString()) AppendText(*text, blocks.text);
    return;
  }
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    std::string* into = nullptr;
    if (key == "text") into = &blocks.text;
    if (key == "thinking" || key == "data") into = &blocks.thinking;
    if (key == "input" && cursor.Peek() == text::JsonCursor::Type::kObject) {
      blocks.tool_use.append(cursor.ReadRaw());
    } else if (into == nullptr) {
      cursor.Skip();
    } else if (const auto text = cursor.ReadString()) {
      AppendText(*text, *into);
    }
  });
}

}  // namespace

void EncodeAnthropicRequest(const CompletionRequest& request, AnthropicHost host, std::string& out,
                            const ExtraBody* extra) {
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
  if (request.temperature && (extra == nullptr || !extra->Has("temperature"))) {
    out.append(",\"temperature\":");
    AppendJsonNumber(*request.temperature, out);
  }
  if (request.stream && host == AnthropicHost::kAnthropic) out.append(",\"stream\":true");
  CloseBody(extra, out);
}

void AnthropicUsage::Take(std::string_view json) {
  text::JsonCursor cursor(json);
  if (cursor.Peek() != text::JsonCursor::Type::kObject) return;
  std::string key_storage;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    std::int64_t* into = nullptr;
    if (key == "input_tokens" || key == "inputTokenCount") into = &input_;
    if (key == "cache_read_input_tokens") into = &cache_read_;
    if (key == "cache_creation_input_tokens") into = &cache_write_;
    if (key == "output_tokens" || key == "outputTokenCount") into = &output_;
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
  std::string_view invocation;  // Bedrock's own counts
  bool is_error = false;        // it has an error member
};

void AnthropicEvents::ReadDelta(text::JsonCursor& cursor, Event& event) {
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (key == "text") {
      ReadView(cursor, event.text, text_);
    } else if (key == "thinking" || key == "data") {  // the data of thoughts that are hidden
      ReadView(cursor, event.thinking, thinking_);
    } else if (key == "partial_json") {
      ReadView(cursor, event.partial_json, partial_json_);
    } else if (key == "input" && cursor.Peek() == text::JsonCursor::Type::kObject) {
      // Some gateways send all arguments with the start of the block, where the service sends {}.
      const std::string_view input = cursor.ReadRaw();
      if (input != "{}") event.partial_json = input;
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
    } else if (key == "amazon-bedrock-invocationMetrics") {
      event.invocation = cursor.ReadRaw();
    } else if (key == "error") {
      event.is_error = ReadIsError(cursor);
    } else {
      cursor.Skip();
    }
  });
}

AnthropicEvents::Result AnthropicEvents::Take(std::string_view name, std::string_view json,
                                              AnswerHandler& handler) {
  text::JsonCursor cursor(json);
  Event event;
  const bool is_object = cursor.Peek() == text::JsonCursor::Type::kObject;
  ReadEvent(cursor, event);
  const bool is_valid = is_object && cursor.Finished();
  if (name == "error" || event.is_error || !IsKnownEvent(event.type)) {
    std::optional<ServiceError> error = FindError(json);
    if (name == "error") error = DecodeErrorBody(json);
    if (error) {
      error_ = *std::move(error);
      return Result::kError;
    }
    if (event.type.empty()) event.type = name;
  }
  if (!is_valid) return Result::kOdd;
  Report(event, handler);
  return event.type == "message_stop" ? Result::kEnd : Result::kTaken;
}

void AnthropicEvents::Report(const Event& event, AnswerHandler& handler) {
  if (!event.usage.empty()) {
    usage_.Take(event.usage);
    handler.OnUsage(usage_.Normalised(), usage_.Raw());
  } else if (!event.invocation.empty() && usage_.empty()) {
    usage_.Take(event.invocation);
    handler.OnUsage(usage_.Normalised(), usage_.Raw());
  }
  if (!event.model.empty()) handler.OnModel(event.model);
  if (event.type == "content_block_start" || event.type == "content_block_delta") {
    progress_.Token(TokenKind::kReasoning, event.thinking, handler);
    progress_.Token(TokenKind::kContent, event.text, handler);
    progress_.Token(TokenKind::kToolCall, event.name, handler);
    progress_.Token(TokenKind::kToolCall, event.partial_json, handler);
  } else if (event.type == "message_delta") {
    progress_.FinishReason(event.stop_reason, handler);
    // The usage of the whole answer comes at its end only.
    if (!event.usage.empty()) progress_.Close();
  }
}

std::optional<AnswerProgress> DecodeAnthropicMessage(std::string_view body,
                                                     AnswerHandler& handler) {
  text::JsonCursor cursor(body);
  Blocks blocks;
  AnthropicUsage usage;
  std::string_view model;
  std::string_view stop_reason;
  std::string key_storage;
  std::string model_storage;
  std::string reason_storage;
  bool has_content = false;
  bool is_error = false;
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == "content" && cursor.EnterArray()) {
      has_content = true;
      while (cursor.NextElement()) ReadBlock(cursor, blocks, key_storage);
    } else if (key == "content" && cursor.Peek() == text::JsonCursor::Type::kString) {
      has_content = true;
      ReadBlock(cursor, blocks, key_storage);
    } else if (key == "model") {
      ReadView(cursor, model, model_storage);
    } else if (key == "stop_reason") {
      ReadView(cursor, stop_reason, reason_storage);
    } else if (key == "usage") {
      usage.Take(cursor.ReadRaw());
    } else if (key == "error") {
      is_error = ReadIsError(cursor);
    } else {
      cursor.Skip();
    }
  });
  const bool has_message = has_content || !stop_reason.empty();
  if (!cursor.Finished() || is_error || !has_message) return {};
  AnswerProgress progress;
  if (!usage.empty()) handler.OnUsage(usage.Normalised(), usage.Raw());
  if (usage.Normalised().output > 0) progress.Close();
  if (!model.empty()) handler.OnModel(model);
  progress.FinishReason(stop_reason, handler);
  progress.Token(TokenKind::kReasoning, blocks.thinking, handler);
  progress.Token(TokenKind::kContent, blocks.text, handler);
  progress.Token(TokenKind::kToolCall, blocks.tool_use, handler);
  return progress;
}

Status AnthropicAnswerDecoder::TakeEvent(const SseEvent& event, AnswerHandler& handler) {
  // OpenAI's end, which some gateways add to this API too, says nothing here.
  if (event.data.starts_with("[DONE]")) return Status::kNeedMore;
  if (event.name.empty() && !events_.progress().answered()) {
    if (const auto api = ApiOf(event.data); api == "OpenAI's API") {
      return Fail(ErrorKind::kMalformedResponse, DescribeAnswerOf(api));
    }
  }
  switch (events_.Take(event.name, event.data, handler)) {
    case AnthropicEvents::Result::kTaken:
      return Status::kNeedMore;
    case AnthropicEvents::Result::kEnd:
      return End(events_.progress().FailureOfStream());
    case AnthropicEvents::Result::kError:
      return Fail(FailureInSuccess(events_.error(), events_.progress().answered()));
    case AnthropicEvents::Result::kOdd:
      break;
  }
  return TakeOddEvent(event.data, events_.progress().answered());
}

Status AnthropicAnswerDecoder::TakeEnd() {
  return Fail(ErrorKind::kTruncatedStream, "the stream ended without message_stop");
}

Status AnthropicAnswerDecoder::DecodeAnswer(std::string_view body, AnswerHandler& handler) {
  const auto progress = DecodeAnthropicMessage(body, handler);
  return progress ? End(progress->FailureOfWhole()) : FailUnknownAnswer("a message", body);
}

DecodeFailure AnthropicAnswerDecoder::DecodeErrorAnswer(int http_status, std::string_view,
                                                        std::string_view body) {
  const ServiceError error = DecodeErrorBody(body);
  return FailureOf(error, ClassifyStatus(http_status, error));
}

}  // namespace llmload::wire
