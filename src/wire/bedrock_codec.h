// Bodies and event streams of the Bedrock runtime, sans-io: Converse and InvokeModel.
#ifndef LLMLOAD_WIRE_BEDROCK_CODEC_H_
#define LLMLOAD_WIRE_BEDROCK_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/answer_progress.h"
#include "src/wire/anthropic_codec.h"
#include "src/wire/event_stream.h"
#include "src/wire/extra_body.h"

namespace llmload::wire {

/// The vendor of a model, whose bodies InvokeModel takes.
enum class BedrockFamily : std::uint8_t { kAnthropic, kTitan };

inline constexpr std::array<BodyForm::Own, 3> kConverseOwn = {{
    {"messages", kPromptOption},
    {"system", kPromptOption},
    {"inferenceConfig.maxTokens", kMaxTokensOption},
}};
inline constexpr BodyForm kConverseBody = {.nested = "inferenceConfig", .own = kConverseOwn};

inline constexpr std::array<BodyForm::Own, 2> kTitanOwn = {{
    {"inputText", kPromptOption},
    {"textGenerationConfig.maxTokenCount", kMaxTokensOption},
}};
inline constexpr BodyForm kTitanBody = {.nested = "textGenerationConfig", .own = kTitanOwn};

/// Append the JSON body of `request` to `out`. Model and stream flag are in the path.
void EncodeConverseRequest(const CompletionRequest& request, std::string& out,
                           const ExtraBody* extra = nullptr);
/// A conversation becomes the transcript that Titan's prompts are made of ("User: ...\nBot:").
void EncodeTitanRequest(const CompletionRequest& request, std::string& out,
                        const ExtraBody* extra = nullptr);

/// The name of an AWS error without namespace and URL: "ThrottlingException" of
/// "aws.protocoltests#ThrottlingException:http://internal.amazon.com/".
std::string_view AwsErrorName(std::string_view error_type);

/// Reads an error answer of an AWS service with JSON bodies.
/// @param error_type  value of the header x-amzn-errortype; empty: the body names the error
DecodeFailure DecodeAwsError(int http_status, std::string_view error_type, std::string_view body);

/// The common part of the streams of all operations: frames and exceptions.
class BedrockAnswerDecoder : public AnswerDecoder {
 public:
  bool MayBeStream(char first) const final { return first != '{' && first != '[' && first != '<'; }
  Status FeedStream(std::string_view bytes, AnswerHandler& handler) final;
  Status FinishStream(AnswerHandler& handler) final;
  DecodeFailure DecodeErrorAnswer(int http_status, std::string_view error_type,
                                  std::string_view body) final;

 protected:
  /// @param max_message_bytes  bound of one message of a stream
  explicit BedrockAnswerDecoder(std::size_t max_message_bytes) : frames_(max_message_bytes) {}

  /// Takes one event. Ignores unknown ones.
  virtual Status TakeEvent(std::string_view type, std::string_view payload,
                           AnswerHandler& handler) = 0;
  Status FailMalformedEvent(std::string_view event);

  AnswerProgress progress_;

 private:
  Status TakeMessage(AnswerHandler& handler);

  EventStreamDecoder frames_;
  EventStreamMessage message_;
};

/// Answers of Converse and ConverseStream. A stream is complete with its metadata event, which
/// comes after messageStop.
class ConverseAnswerDecoder final : public BedrockAnswerDecoder {
 public:
  explicit ConverseAnswerDecoder(std::size_t max_message_bytes)
      : BedrockAnswerDecoder(max_message_bytes) {}

  Status DecodeAnswer(std::string_view body, AnswerHandler& handler) override;

 private:
  Status TakeEvent(std::string_view type, std::string_view payload,
                   AnswerHandler& handler) override;
  void ReadDelta(text::JsonCursor& cursor, AnswerHandler& handler);
  void ReadReasoning(text::JsonCursor& cursor, AnswerHandler& handler);
  void ReportText(TokenKind kind, text::JsonCursor& cursor, AnswerHandler& handler);

  bool stopped_ = false;
  std::string key_;
  std::string text_;
};

/// Answers of InvokeModel and InvokeModelWithResponseStream: the vendor's own JSON, in a stream
/// wrapped in `chunk` events.
class InvokeModelAnswerDecoder final : public BedrockAnswerDecoder {
 public:
  InvokeModelAnswerDecoder(BedrockFamily family, std::size_t max_message_bytes)
      : BedrockAnswerDecoder(max_message_bytes), family_(family) {}

  Status DecodeAnswer(std::string_view body, AnswerHandler& handler) override;

 private:
  Status TakeEvent(std::string_view type, std::string_view payload,
                   AnswerHandler& handler) override;
  Status TakeAnthropic(std::string_view json, AnswerHandler& handler);
  Status TakeTitan(std::string_view json, bool streamed, AnswerHandler& handler);

  const BedrockFamily family_;
  AnthropicEvents anthropic_;
  std::int64_t titan_input_ = 0;  // tokens; not every event has them
  std::string key_;
  std::string text_;
  std::string inner_;  // one event in the vendor's JSON
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_BEDROCK_CODEC_H_
