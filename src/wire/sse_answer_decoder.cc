#include "src/wire/sse_answer_decoder.h"

namespace llmload::wire {

bool SseAnswerDecoder::IsStream(std::string_view media_type) const {
  return media_type.empty() || media_type == "text/event-stream";
}

AnswerDecoder::Status SseAnswerDecoder::FeedStream(std::string_view bytes, AnswerHandler& handler) {
  events_.Feed(bytes);
  return TakeEvents(handler);
}

AnswerDecoder::Status SseAnswerDecoder::FinishStream(AnswerHandler& handler) {
  // The last event may lack its empty line.
  events_.Finish();
  const Status status = TakeEvents(handler);
  return status == Status::kNeedMore ? TakeEnd() : status;
}

AnswerDecoder::Status SseAnswerDecoder::TakeEvents(AnswerHandler& handler) {
  SseEvent event;
  while (true) {
    switch (events_.Next(event)) {
      case SseParser::Status::kNeedMore:
        return Status::kNeedMore;
      case SseParser::Status::kTooLarge:
        return Fail(ErrorKind::kResponseTooLarge, "an event of the stream is too large");
      case SseParser::Status::kEvent:
        break;
    }
    if (event.data.empty()) continue;
    const Status status = TakeEvent(event, handler);
    if (status != Status::kNeedMore) return status;
  }
}

}  // namespace llmload::wire
