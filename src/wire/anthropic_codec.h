// Bodies of Anthropic's Messages API, sans-io: of the service itself and of Bedrock's InvokeModel.
#ifndef LLMLOAD_WIRE_ANTHROPIC_CODEC_H_
#define LLMLOAD_WIRE_ANTHROPIC_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/answer_decoder.h"
#include "src/wire/service_error.h"
#include "src/wire/sse_answer_decoder.h"

namespace llmload::wire {

/// The API requires a bound of the output; this one is sent for a request that has none.
inline constexpr int kAnthropicDefaultMaxTokens = 1024;

/// Who the body goes to: Bedrock has the model and the stream flag in its path, and wants a version
/// in the body.
enum class AnthropicHost : std::uint8_t { kAnthropic, kBedrock };

/// Appends the JSON body of `request` to `out`. System messages become the `system` member.
void EncodeAnthropicRequest(const CompletionRequest& request, AnthropicHost host, std::string& out);

/// Usage of an answer, put together from its parts.
class AnthropicUsage {
 public:
  /// Takes a `usage` object; members that it lacks keep what an earlier one said.
  void Take(std::string_view json);
  /// `input_tokens` leaves out what was read from or written to the cache: it is added here.
  Usage Normalised() const;
  /// The one object that came, or the first and the last as an array.
  std::string Raw() const;
  bool empty() const { return first_raw_.empty(); }

 private:
  std::int64_t input_ = 0;
  std::int64_t cache_read_ = 0;
  std::int64_t cache_write_ = 0;
  std::int64_t output_ = 0;
  std::int64_t reasoning_ = 0;
  std::string first_raw_;
  std::string last_raw_;  // if it is another
};

/// Takes the events of a stream, one JSON text each.
class AnthropicEvents {
 public:
  /// `kNeedMore`, `kDone` after message_stop, or `kFailed`: see `failure()`. What it does not know
  /// is nothing.
  AnswerDecoder::Status Take(std::string_view json, AnswerHandler& handler);

  const DecodeFailure& failure() const { return failure_; }

 private:
  struct Event;
  void ReadEvent(JsonCursor& cursor, Event& event);
  void ReadDelta(JsonCursor& cursor, Event& event);
  void ReadMessage(JsonCursor& cursor, Event& event);
  AnswerDecoder::Status Fail(ErrorKind kind, std::string message, std::string code = {});

  AnthropicUsage usage_;
  DecodeFailure failure_;
  std::string key_;
  std::string type_;
  std::string text_;
  std::string thinking_;
  std::string partial_json_;
  std::string name_;
  std::string stop_reason_;
  std::string model_;
};

/// An answer that is not streamed: `kDone` or `kFailed`, then with `failure` filled in.
AnswerDecoder::Status DecodeAnthropicAnswer(std::string_view body, AnswerHandler& handler,
                                            DecodeFailure& failure);

/// Answers of the Messages API. A stream is complete with its message_stop only.
class AnthropicAnswerDecoder final : public SseAnswerDecoder {
 public:
  using SseAnswerDecoder::SseAnswerDecoder;

  Status DecodeAnswer(std::string_view body, AnswerHandler& handler) override;
  DecodeFailure DecodeErrorAnswer(int http_status, std::string_view error_type,
                                  std::string_view body) override;

 private:
  Status TakeEvent(const SseEvent& event, AnswerHandler& handler) override;
  Status TakeEnd() override;

  AnthropicEvents events_;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_ANTHROPIC_CODEC_H_
