// Bodies of Anthropic's Messages API, sans-io: of the service itself and of Bedrock's InvokeModel.
#ifndef LLMLOAD_WIRE_ANTHROPIC_CODEC_H_
#define LLMLOAD_WIRE_ANTHROPIC_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/answer_progress.h"
#include "src/wire/extra_body.h"
#include "src/wire/service_error.h"
#include "src/wire/sse_answer_decoder.h"

namespace llmload::wire {

/// The API requires a bound of the output. This one is sent for a request that has none.
inline constexpr int kAnthropicDefaultMaxTokens = 1024;

/// The receiver of the body. Bedrock has the model and the stream flag in its path, and requires a
/// version in the body.
enum class AnthropicHost : std::uint8_t { kAnthropic, kBedrock };

inline constexpr std::array<BodyForm::Own, 6> kAnthropicOwn = {{
    {"model", kModelOption},
    {"messages", kPromptOption},
    {"system", kPromptOption},
    {"stream", kStreamOption},
    {"max_tokens", kMaxTokensOption},
    {"anthropic_version", "the version that llmload speaks"},
}};
inline constexpr BodyForm kAnthropicBody = {.nested = "", .own = kAnthropicOwn};

/// Appends the JSON body of `request` to `out`. System messages become the `system` member.
void EncodeAnthropicRequest(const CompletionRequest& request, AnthropicHost host, std::string& out,
                            const ExtraBody* extra = nullptr);

/// The usage of an answer, composed of its parts.
class AnthropicUsage {
 public:
  /// Takes a `usage` object; members that it lacks keep their values of an earlier one.
  void Take(std::string_view json);
  /// `input_tokens` excludes tokens read from or written to the cache; they are added here.
  Usage Normalised() const;
  /// The only object that came, or the first and the last as an array.
  std::string Raw() const;
  bool empty() const { return first_raw_.empty(); }

 private:
  std::int64_t input_ = 0;
  std::int64_t cache_read_ = 0;
  std::int64_t cache_write_ = 0;
  std::int64_t output_ = 0;
  std::int64_t reasoning_ = 0;
  std::string first_raw_;
  std::string last_raw_;  // if it is not the first
};

/// Takes the events of a stream, one JSON text each.
class AnthropicEvents {
 public:
  /// What an event was.
  enum class Result : std::uint8_t {
    kTaken,  ///< a part of the answer, or an unknown event, which is ignored
    kEnd,    ///< message_stop
    kError,  ///< see `error`
    kOdd,    ///< not a JSON object
  };

  /// @param name  of the server-sent event; empty if there is none
  Result Take(std::string_view name, std::string_view json, AnswerHandler& handler);

  const ServiceError& error() const { return error_; }
  const AnswerProgress& progress() const { return progress_; }

 private:
  struct Event;
  void ReadEvent(text::JsonCursor& cursor, Event& event);
  void ReadDelta(text::JsonCursor& cursor, Event& event);
  void ReadMessage(text::JsonCursor& cursor, Event& event);
  void Report(const Event& event, AnswerHandler& handler);

  AnthropicUsage usage_;
  AnswerProgress progress_;
  ServiceError error_;
  std::string key_;
  std::string type_;
  std::string text_;
  std::string thinking_;
  std::string partial_json_;
  std::string name_;
  std::string stop_reason_;
  std::string model_;
};

/// Takes an answer that is not streamed, and passes on its parts. Nullopt if it is not a message.
std::optional<AnswerProgress> DecodeAnthropicMessage(std::string_view body, AnswerHandler& handler);

/// Answers of the Messages API. A stream is complete only with its message_stop.
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
