// The common part of the decoders of APIs that stream server-sent events.
#ifndef LLMLOAD_WIRE_SSE_ANSWER_DECODER_H_
#define LLMLOAD_WIRE_SSE_ANSWER_DECODER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "src/wire/answer_decoder.h"
#include "src/wire/sse_parser.h"

namespace llmload::wire {

class SseAnswerDecoder : public AnswerDecoder {
 public:
  /// @param max_event_bytes  bound of one event of a stream
  explicit SseAnswerDecoder(std::size_t max_event_bytes) : events_(max_event_bytes) {}

  bool MayBeStream(char first) const final { return first != '{' && first != '[' && first != '<'; }
  Status FeedStream(std::string_view bytes, AnswerHandler& handler) final;
  Status FinishStream(AnswerHandler& handler) final;

 protected:
  /// Takes one event, whose data are not empty.
  virtual Status TakeEvent(const SseEvent& event, AnswerHandler& handler) = 0;
  /// Takes the end of a stream without a terminal event. Returns `kDone` or `kFailed`.
  virtual Status TakeEnd() = 0;

 private:
  Status TakeEvents(AnswerHandler& handler);

  SseParser events_;
  bool has_event_ = false;
  std::string beginning_;  // of a stream without an event so far, for a message about it
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_SSE_ANSWER_DECODER_H_
