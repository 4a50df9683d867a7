#include "src/wire/sse_answer_decoder.h"

#include "src/wire/error_words.h"

namespace llmload::wire {
namespace {

constexpr std::size_t kMaxKeptBeginning = 512;

}  // namespace

AnswerDecoder::Status SseAnswerDecoder::FeedStream(std::string_view bytes, AnswerHandler& handler) {
  if (!has_event_ && beginning_.size() < kMaxKeptBeginning) {
    beginning_.append(bytes.substr(0, kMaxKeptBeginning - beginning_.size()));
  }
  events_.Feed(bytes);
  return TakeEvents(handler);
}

AnswerDecoder::Status SseAnswerDecoder::FinishStream(AnswerHandler& handler) {
  // The last event may lack its empty line.
  events_.Finish();
  const Status status = TakeEvents(handler);
  if (status != Status::kNeedMore) return status;
  if (!has_event_ && !IsEventStream(beginning_)) {
    return FailUnknownAnswer("a stream of server-sent events", beginning_);
  }
  return TakeEnd();
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
    has_event_ = true;
    const Status status = TakeEvent(event, handler);
    if (status != Status::kNeedMore) return status;
  }
}

}  // namespace llmload::wire
