#include "src/wire/ollama_codec.h"

#include <cstdint>

#include "src/wire/json_fields.h"
#include "src/wire/service_error.h"

namespace llmload::wire {
namespace {

// Counts, and the server's own durations in nanoseconds.
bool IsUsage(std::string_view key) {
  return key == "prompt_eval_count" || key == "eval_count" || key == "total_duration" ||
         key == "load_duration" || key == "prompt_eval_duration" || key == "eval_duration";
}

}  // namespace

void EncodeOllamaRequest(const CompletionRequest& request, std::optional<bool> think,
                         std::string& out, const ExtraBody* extra) {
  out.append("{\"model\":");
  text::AppendJsonString(request.model, out);
  out.append(",\"messages\":");
  AppendMessages(request.messages, true, out);
  // Its default is true.
  out.append(",\"stream\":").append(request.stream ? "true" : "false");
  if (think && (extra == nullptr || !extra->Has("think"))) {
    out.append(",\"think\":").append(*think ? "true" : "false");
  }
  AppendSampling(kOllamaBody.nested, "num_predict", request, extra, out);
  CloseBody(extra, out);
}

struct OllamaAnswerDecoder::Object {
  std::string_view content;
  std::string_view thinking;
  std::string_view tool_calls;
  std::string_view done_reason;
  std::string_view model;
  bool has_message = false;
  bool done = false;
  std::optional<std::int64_t> prompt_eval_count;
  std::optional<std::int64_t> eval_count;
  std::string raw_usage;
  bool is_error = false;  // it has an error member
};

void OllamaAnswerDecoder::ReadMessage(text::JsonCursor& cursor, Object& object) {
  object.has_message = cursor.Peek() == text::JsonCursor::Type::kObject;
  ReadMembers(cursor, key_, [&](std::string_view key) {
    if (key == "content") {
      ReadView(cursor, object.content, content_);
    } else if (key == "thinking") {
      ReadView(cursor, object.thinking, thinking_);
    } else if (key == "tool_calls" && cursor.Peek() == text::JsonCursor::Type::kArray) {
      object.tool_calls = cursor.ReadRaw();
    } else {
      cursor.Skip();
    }
  });
}

void OllamaAnswerDecoder::ReadObject(text::JsonCursor& cursor, Object& object) {
  text::JsonString name;
  while (cursor.NextMember(name)) {
    const std::string_view key = Text(name, key_);
    if (key == "message") {
      ReadMessage(cursor, object);
    } else if (key == "response") {  // of /api/generate, which gateways answer with too
      object.has_message = true;
      ReadView(cursor, object.content, content_);
    } else if (key == "done") {
      object.done = cursor.ReadRaw() == "true";
    } else if (key == "done_reason") {
      ReadView(cursor, object.done_reason, done_reason_);
    } else if (key == "model") {
      ReadView(cursor, object.model, model_);
    } else if (IsUsage(key) && cursor.Peek() == text::JsonCursor::Type::kNumber) {
      const std::string_view number = cursor.ReadRaw();
      text::JsonCursor count(number);
      if (key == "prompt_eval_count") object.prompt_eval_count = ReadCount(count);
      if (key == "eval_count") object.eval_count = ReadCount(count);
      object.raw_usage.append(object.raw_usage.empty() ? "{\"" : ",\"").append(key);
      object.raw_usage.append("\":").append(number);
    } else if (key == "error") {
      object.is_error = ReadIsError(cursor);
    } else {
      cursor.Skip();
    }
  }
}

AnswerDecoder::Status OllamaAnswerDecoder::TakeObject(std::string_view json, bool streamed,
                                                      AnswerHandler& handler) {
  text::JsonCursor cursor(json);
  Object object;
  if (cursor.EnterObject()) ReadObject(cursor, object);
  if (!cursor.Finished()) {
    return streamed ? TakeOddEvent(json, progress_.answered())
                    : FailUnknownAnswer("a JSON object", json);
  }
  if (object.is_error || (!object.has_message && !object.done)) {
    if (const auto error = FindError(json)) {
      return Fail(FailureInSuccess(*error, streamed && progress_.answered()));
    }
  }
  if (!streamed && !object.has_message) return FailUnknownAnswer("a chat message", json);
  if (!object.model.empty()) handler.OnModel(object.model);
  progress_.Token(TokenKind::kReasoning, object.thinking, handler);
  progress_.Token(TokenKind::kContent, object.content, handler);
  progress_.Token(TokenKind::kToolCall, object.tool_calls, handler);
  if (!object.done && streamed) return Status::kNeedMore;
  progress_.FinishReason(object.done_reason, handler);
  if (streamed || object.eval_count.value_or(0) > 0) progress_.Close();
  if (object.eval_count) {
    // A prompt that is wholly in the cache may not be counted.
    Usage usage;
    usage.input = object.prompt_eval_count.value_or(0);
    usage.output = *object.eval_count;
    handler.OnUsage(usage, object.raw_usage + "}");
  }
  return End(streamed ? progress_.FailureOfStream() : progress_.FailureOfWhole());
}

AnswerDecoder::Status OllamaAnswerDecoder::FeedStream(std::string_view bytes,
                                                      AnswerHandler& handler) {
  lines_.Feed(bytes);
  return TakeLines(handler);
}

AnswerDecoder::Status OllamaAnswerDecoder::FinishStream(AnswerHandler& handler) {
  lines_.Finish();
  const Status status = TakeLines(handler);
  if (status != Status::kNeedMore) return status;
  return Fail(ErrorKind::kTruncatedStream, "the stream ended before a line that says done");
}

AnswerDecoder::Status OllamaAnswerDecoder::TakeLines(AnswerHandler& handler) {
  std::string_view line;
  while (true) {
    switch (lines_.Next(line)) {
      case NdjsonParser::Status::kNeedMore:
        return Status::kNeedMore;
      case NdjsonParser::Status::kTooLarge:
        return Fail(ErrorKind::kResponseTooLarge, "a line of the stream is too large");
      case NdjsonParser::Status::kLine:
        break;
    }
    const Status status = TakeObject(line, true, handler);
    if (status != Status::kNeedMore) return status;
  }
}

AnswerDecoder::Status OllamaAnswerDecoder::DecodeAnswer(std::string_view body,
                                                        AnswerHandler& handler) {
  return TakeObject(body, false, handler);
}

DecodeFailure OllamaAnswerDecoder::DecodeErrorAnswer(int http_status, std::string_view,
                                                     std::string_view body) {
  const ServiceError error = DecodeErrorBody(body);
  return FailureOf(error, ClassifyStatus(http_status, error));
}

}  // namespace llmload::wire
