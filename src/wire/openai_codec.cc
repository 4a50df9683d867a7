#include "src/wire/openai_codec.h"

#include <algorithm>
#include <functional>

#include "src/wire/json_fields.h"

namespace llmload::wire {
namespace {

// Longer chunks are not worth the memory for a copy in every stream.
constexpr std::size_t kMaxPattern = 1024;

}  // namespace

void EncodeOpenAiRequest(const CompletionRequest& request, const OpenAiEncoding& encoding,
                         std::string& out) {
  out.append("{\"model\":");
  text::AppendJsonString(encoding.model.empty() ? request.model : encoding.model, out);
  out.append(",\"messages\":");
  AppendMessages(request.messages, true, out);
  if (request.max_tokens) {
    out.append(encoding.max_completion_tokens ? ",\"max_completion_tokens\":" : ",\"max_tokens\":");
    AppendJsonNumber(std::int64_t{*request.max_tokens}, out);
  }
  if (request.temperature) {
    out.append(",\"temperature\":");
    AppendJsonNumber(*request.temperature, out);
  }
  if (request.stream) {
    out.append(",\"stream\":true");
    if (encoding.include_usage) out.append(",\"stream_options\":{\"include_usage\":true}");
  }
  out.push_back('}');
}

const OpenAiMessage* OpenAiDecoder::DecodeAnswer(std::string_view text) {
  const bool valid = Decode(text, "message");
  return valid && (message_.has_choice || message_.error) ? &message_ : nullptr;
}

const OpenAiMessage* OpenAiDecoder::DecodeChunk(std::string_view text) {
  if (DecodeSimilarChunk(text)) return &message_;
  const bool valid = Decode(text, "delta");
  if (valid) KeepAsPattern(text);
  return valid ? &message_ : nullptr;
}

// Most chunks of a stream differ from the chunk before only in their content, and to compare bytes
// costs much less than to parse them. A parser that has read the same bytes is in the same state:
// so a chunk with the same bytes before and after its content has the same meaning apart from the
// content, provided that the content is a string which ends where it seems to. Every doubtful chunk
// is parsed.
bool OpenAiDecoder::DecodeSimilarChunk(std::string_view text) {
  if (pattern_.empty() || text.size() <= pattern_.size()) return false;
  const std::string_view pattern = pattern_;
  // The head ends, and the tail starts, with a quote of the content.
  if (!text.starts_with(pattern.substr(0, pattern_head_)) ||
      !text.ends_with(pattern.substr(pattern_head_))) {
    return false;
  }
  const std::size_t size = text.size() - pattern.size();
  text::JsonCursor cursor(text.substr(pattern_head_ - 1, size + 2));
  const auto string = cursor.ReadString();
  if (!string || string->raw.size() != size) return false;
  message_.content = Text(*string, content_);
  message_.model = pattern_model_;
  return true;
}

void OpenAiDecoder::KeepAsPattern(std::string_view text) {
  const std::string_view content = content_string_.raw;
  const bool only_content = !content.empty() && !message_.error && !message_.usage &&
                            message_.finish_reason.empty() && message_.reasoning.empty() &&
                            !message_.has_tool_call;
  if (!only_content || text.size() - content.size() > kMaxPattern) return;
  const auto in_text = [text](std::string_view view) {
    return std::less_equal<>()(text.data(), view.data()) &&
           std::less_equal<>()(view.data() + view.size(), text.data() + text.size());
  };
  if (!message_.model.empty() && !in_text(message_.model)) return;  // it held escapes
  pattern_head_ = static_cast<std::size_t>(content.data() - text.data());
  pattern_.append(text.substr(0, pattern_head_));
  pattern_.append(text.substr(pattern_head_ + content.size()));
  pattern_model_ = {};
  if (message_.model.empty()) return;
  auto at = static_cast<std::size_t>(message_.model.data() - text.data());
  if (at > pattern_head_) at -= content.size();
  pattern_model_ = std::string_view(pattern_).substr(at, message_.model.size());
}

bool OpenAiDecoder::Decode(std::string_view text, std::string_view body_member) {
  message_ = {};
  content_string_ = {};
  pattern_.clear();
  text::JsonCursor cursor(text);
  if (!cursor.EnterObject()) return false;
  text::JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "choices") {
      DecodeChoices(cursor, body_member);
    } else if (key == "usage") {
      const std::string_view raw = cursor.ReadRaw();
      text::JsonCursor object(raw);
      if (const auto usage = ReadOpenAiUsage(object)) {
        message_.usage = usage;
        message_.raw_usage = raw;
      }
    } else if (key == "model") {
      ReadView(cursor, message_.model, model_);
    } else if (key == "error") {
      const bool object = cursor.Peek() == text::JsonCursor::Type::kObject;
      ServiceError error = ReadServiceError(cursor);
      if (object || !error.message.empty()) message_.error = std::move(error);
    } else {
      cursor.Skip();
    }
  }
  return cursor.Finished();
}

// Requests ask for one choice only; any others are skipped.
void OpenAiDecoder::DecodeChoices(text::JsonCursor& cursor, std::string_view body_member) {
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  while (cursor.NextElement()) {
    if (message_.has_choice || !cursor.EnterObject()) {
      cursor.Skip();
      continue;
    }
    message_.has_choice = true;
    text::JsonString name;
    while (cursor.NextMember(name)) {
      const std::string_view key = Text(name, key_);
      if (key == body_member) {
        DecodeBody(cursor);
      } else if (key == "finish_reason") {
        ReadView(cursor, message_.finish_reason, finish_reason_);
      } else {
        cursor.Skip();
      }
    }
  }
}

void OpenAiDecoder::DecodeBody(text::JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  text::JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "content") {
      DecodeContent(cursor);
    } else if (key == "refusal" && message_.content.empty()) {
      ReadView(cursor, message_.content, content_);
    } else if ((key == "reasoning" || key == "reasoning_content") && message_.reasoning.empty()) {
      ReadView(cursor, message_.reasoning, reasoning_);
    } else if (key == "tool_calls") {
      DecodeToolCalls(cursor);
    } else if (key == "function_call") {
      DecodeFunction(cursor);
    } else {
      cursor.Skip();
    }
  }
}

// A text, or the list of typed parts that some servers send instead.
void OpenAiDecoder::DecodeContent(text::JsonCursor& cursor) {
  if (cursor.Peek() == text::JsonCursor::Type::kString) {
    const auto string = cursor.ReadString();
    // A refusal that came before an empty content is not overwritten.
    if (string && !string->raw.empty()) {
      message_.content = Text(*string, content_);
      content_string_ = *string;
    }
    return;
  }
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  std::string text;
  text::JsonString name;
  while (cursor.NextElement()) {
    if (!cursor.EnterObject()) {
      cursor.Skip();
      continue;
    }
    while (cursor.NextMember(name)) {
      if (Text(name, key_) == "text") {
        if (const auto string = cursor.ReadString()) AppendText(*string, text);
      } else {
        cursor.Skip();
      }
    }
  }
  if (!text.empty()) {
    content_ = std::move(text);
    message_.content = content_;
    content_string_ = {};
  }
}

void OpenAiDecoder::DecodeToolCalls(text::JsonCursor& cursor) {
  if (!cursor.EnterArray()) {
    cursor.Skip();
    return;
  }
  text::JsonString name;
  while (cursor.NextElement()) {
    message_.has_tool_call = true;
    if (!cursor.EnterObject()) {
      cursor.Skip();
      continue;
    }
    while (cursor.NextMember(name)) {
      if (Text(name, key_) == "function") {
        DecodeFunction(cursor);
      } else {
        cursor.Skip();
      }
    }
  }
}

void OpenAiDecoder::DecodeFunction(text::JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return;
  }
  message_.has_tool_call = true;
  text::JsonString name;
  std::string_view arguments;
  std::string_view function;
  std::string function_storage;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "arguments") {
      ReadView(cursor, arguments, tool_call_);
    } else if (key == "name") {
      ReadView(cursor, function, function_storage);
    } else {
      cursor.Skip();
    }
  }
  if (arguments.empty() && !function.empty()) {
    tool_call_.assign(function);
    arguments = tool_call_;
  }
  if (!arguments.empty()) message_.tool_call = arguments;
}

namespace {

void ReadPromptDetails(text::JsonCursor& cursor, Usage& usage, std::string& key_storage) {
  ReadMembers(cursor, key_storage, [&](std::string_view key) {
    if (key == "cached_tokens") {
      usage.cached_input = ReadCount(cursor);
    } else if (key == "cache_write_tokens") {
      usage.cache_write_input = ReadCount(cursor);
    } else {
      cursor.Skip();
    }
  });
}

}  // namespace

std::optional<Usage> ReadOpenAiUsage(text::JsonCursor& cursor) {
  if (!cursor.EnterObject()) {
    cursor.Skip();
    return std::nullopt;
  }
  Usage usage;
  bool has_output = false;
  text::JsonString name;
  std::string key_storage;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_storage);
    if (key == "prompt_tokens") {
      usage.input = ReadCount(cursor);
    } else if (key == "completion_tokens") {
      has_output = cursor.Peek() == text::JsonCursor::Type::kNumber;
      usage.output = ReadCount(cursor);
    } else if (key == "prompt_tokens_details") {
      ReadPromptDetails(cursor, usage, key_storage);
    } else if (key == "completion_tokens_details") {
      usage.reasoning = ReadDetail(cursor, "reasoning_tokens", key_storage);
    } else {
      cursor.Skip();
    }
  }
  if (!has_output) return std::nullopt;
  usage.cached_input = std::min(usage.cached_input, usage.input);
  usage.cache_write_input = std::min(usage.cache_write_input, usage.input - usage.cached_input);
  usage.reasoning = std::min(usage.reasoning, usage.output);
  return usage;
}

AnswerDecoder::Status OpenAiAnswerDecoder::TakeEvent(const SseEvent& event,
                                                     AnswerHandler& handler) {
  if (event.data.substr(0, 6) == "[DONE]") return Status::kDone;
  const OpenAiMessage* const message = decoder_.DecodeChunk(event.data);
  if (message != nullptr && message->error) return FailInStream(*message->error);
  if (event.name == "error") return FailInStream(DecodeErrorBody(event.data));
  if (message == nullptr) {
    return Fail(ErrorKind::kMalformedResponse, "an event of the stream is not a JSON object");
  }
  Report(*message, handler);
  return Status::kNeedMore;
}

AnswerDecoder::Status OpenAiAnswerDecoder::TakeEnd() {
  // Some servers omit [DONE]; a stream that named a finish reason is complete.
  if (finished_) return Status::kDone;
  return Fail(ErrorKind::kTruncatedStream,
              "the stream ended without [DONE] and without a finish reason");
}

AnswerDecoder::Status OpenAiAnswerDecoder::FailInStream(const ServiceError& error) {
  return Fail(ErrorKind::kStreamError, error.message, ProviderCode(error));
}

void OpenAiAnswerDecoder::Report(const OpenAiMessage& message, AnswerHandler& handler) {
  if (message.usage) handler.OnUsage(*message.usage, message.raw_usage);
  if (!message.model.empty()) handler.OnModel(message.model);
  if (!message.finish_reason.empty()) {
    finished_ = true;
    handler.OnFinishReason(message.finish_reason);
  }
  if (!message.reasoning.empty()) handler.OnToken(TokenKind::kReasoning, message.reasoning);
  if (!message.content.empty()) handler.OnToken(TokenKind::kContent, message.content);
  if (!message.tool_call.empty()) handler.OnToken(TokenKind::kToolCall, message.tool_call);
}

AnswerDecoder::Status OpenAiAnswerDecoder::DecodeAnswer(std::string_view body,
                                                        AnswerHandler& handler) {
  const OpenAiMessage* const answer = decoder_.DecodeAnswer(body);
  if (answer == nullptr) {
    return Fail(ErrorKind::kMalformedResponse, "the answer is not a chat completion");
  }
  if (answer->error) {
    return Fail(ClassifyErrorInSuccess(*answer->error), answer->error->message,
                ProviderCode(*answer->error));
  }
  Report(*answer, handler);
  return Status::kDone;
}

DecodeFailure OpenAiAnswerDecoder::DecodeErrorAnswer(int http_status, std::string_view,
                                                     std::string_view body) {
  ServiceError error = DecodeErrorBody(body);
  return {.kind = ClassifyStatus(http_status, error),
          .message = error.message,
          .code = ProviderCode(error),
          .retry_after = error.retry_after};
}

}  // namespace llmload::wire
