#include "src/wire/answer_decoder.h"

#include "src/core/text/json_cursor.h"
#include "src/wire/error_words.h"
#include "src/wire/service_error.h"

namespace llmload::wire {

AnswerDecoder::Status AnswerDecoder::FailUnknownAnswer(std::string_view expected,
                                                       std::string_view body) {
  if (const auto error = FindError(body)) return Fail(FailureInSuccess(*error, false));
  if (const auto error = FindError(FirstLine(body))) return Fail(FailureInSuccess(*error, false));
  if (const auto data = DataOfFirstEvent(body)) {
    if (const auto error = FindError(*data)) return Fail(FailureInSuccess(*error, false));
  }
  return Fail(ErrorKind::kMalformedResponse, DescribeUnknownAnswer(expected, body));
}

AnswerDecoder::Status AnswerDecoder::TakeOddEvent(std::string_view data, bool answered) {
  text::JsonCursor cursor(data);
  const auto type = cursor.Peek();
  cursor.Skip();
  const bool is_json = cursor.Finished();
  if (is_json && type == text::JsonCursor::Type::kNull) return Status::kNeedMore;
  if (is_json) {
    if (const auto error = FindError(data)) return Fail(FailureInSuccess(*error, answered));
  }
  return Fail(ErrorKind::kMalformedResponse,
              "an event of the stream is not a JSON object: " + Beginning(data));
}

}  // namespace llmload::wire
