#include "src/wire/openai_codec.h"

#include "src/core/text/json_cursor.h"
#include "src/wire/error_words.h"
#include "src/wire/json_fields.h"
#include "src/wire/service_error.h"

namespace llmload::wire {

void EncodeOpenAiRequest(const CompletionRequest& request, const OpenAiEncoding& encoding,
                         std::string& out, const ExtraBody* extra) {
  out.append("{\"model\":");
  text::AppendJsonString(encoding.model.empty() ? request.model : encoding.model, out);
  out.append(",\"messages\":");
  AppendMessages(request.messages, true, out);
  if (request.max_tokens) {
    out.append(encoding.max_completion_tokens ? ",\"max_completion_tokens\":" : ",\"max_tokens\":");
    AppendJsonNumber(std::int64_t{*request.max_tokens}, out);
  }
  if (request.temperature && (extra == nullptr || !extra->Has("temperature"))) {
    out.append(",\"temperature\":");
    AppendJsonNumber(*request.temperature, out);
  }
  if (request.stream) out.append(",\"stream\":true");
  AppendNested(kOpenAiBody.nested, extra, out, [&] {
    if (request.stream && encoding.include_usage) out.append(",\"include_usage\":true");
  });
  CloseBody(extra, out);
}

AnswerDecoder::Status OpenAiAnswerDecoder::TakeEvent(const SseEvent& event,
                                                     AnswerHandler& handler) {
  if (!event.data.starts_with('{') && event.data.starts_with("[DONE]")) return TakeEnd();
  if (!event.name.empty() && event.name == "error") {
    return Fail(FailureInSuccess(DecodeErrorBody(event.data), progress_.answered()));
  }
  return TakeChunk(event.data, handler);
}

AnswerDecoder::Status OpenAiAnswerDecoder::TakeChunk(std::string_view chunk,
                                                     AnswerHandler& handler) {
  const OpenAiMessage* const message = decoder_.DecodeChunk(chunk);
  if (message == nullptr) return TakeOddEvent(chunk, progress_.answered());
  if (message->error) return Fail(FailureInSuccess(*message->error, progress_.answered()));
  const bool says_nothing = !message->has_choice && !message->usage && !progress_.answered();
  if (says_nothing && !ApiOf(chunk).empty()) {
    return Fail(ErrorKind::kMalformedResponse, DescribeAnswerOf(ApiOf(chunk)));
  }
  Report(*message, handler);
  return Status::kNeedMore;
}

AnswerDecoder::Status OpenAiAnswerDecoder::TakeEnd() { return End(progress_.FailureOfStream()); }

void OpenAiAnswerDecoder::Report(const OpenAiMessage& message, AnswerHandler& handler) {
  if (message.usage) {
    handler.OnUsage(*message.usage, message.raw_usage);
    // The usage comes behind the last choice.
    if (!message.has_choice) progress_.Close();
  }
  if (!message.model.empty()) handler.OnModel(message.model);
  progress_.FinishReason(message.finish_reason, handler);
  progress_.Token(TokenKind::kReasoning, message.reasoning, handler);
  progress_.Token(TokenKind::kContent, message.content, handler);
  progress_.Token(TokenKind::kToolCall, message.tool_call, handler);
}

AnswerDecoder::Status OpenAiAnswerDecoder::DecodeAnswer(std::string_view body,
                                                        AnswerHandler& handler) {
  const OpenAiMessage* const answer = decoder_.DecodeAnswer(body);
  if (answer == nullptr) return FailUnknownAnswer("a chat completion", body);
  if (answer->error) return Fail(FailureInSuccess(*answer->error, false));
  Report(*answer, handler);
  if (answer->usage && answer->usage->output > 0) progress_.Close();
  return End(progress_.FailureOfWhole());
}

DecodeFailure OpenAiAnswerDecoder::DecodeErrorAnswer(int http_status, std::string_view,
                                                     std::string_view body) {
  const ServiceError error = DecodeErrorBody(body);
  return FailureOf(error, ClassifyStatus(http_status, error));
}

}  // namespace llmload::wire
