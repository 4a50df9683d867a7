// Bodies of OpenAI's chat completions API, sans-io. Accepts the deviations of compatible servers.
#ifndef LLMLOAD_WIRE_OPENAI_CODEC_H_
#define LLMLOAD_WIRE_OPENAI_CODEC_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/wire/service_error.h"
#include "src/wire/sse_answer_decoder.h"

namespace llmload::wire {

struct OpenAiEncoding {
  std::string_view model;              ///< replaces the request's; empty: the request's
  bool max_completion_tokens = false;  ///< the name under which `max_tokens` is sent
  bool include_usage = true;           ///< streaming: ask for the usage chunk
};

/// Appends the JSON body of `request` to `out`.
void EncodeOpenAiRequest(const CompletionRequest& request, const OpenAiEncoding& encoding,
                         std::string& out);

/// The content of one answer or of one chunk of a stream. The views are valid until the decoder's
/// next call, and no longer than the text that was decoded.
struct OpenAiMessage {
  std::string_view content;    ///< answer text; a refusal is answer text too
  std::string_view reasoning;  ///< `reasoning` or `reasoning_content`
  std::string_view tool_call;  ///< arguments (or else the name) of a tool call or a piece of one
  bool has_tool_call = false;
  bool has_choice = false;  ///< the first chunk of Azure and the usage chunk have none
  std::string_view finish_reason;
  std::string_view model;
  std::optional<Usage> usage;
  std::string_view raw_usage;         ///< of `usage`, as it was sent
  std::optional<ServiceError> error;  ///< an in-band error: all other members are ignored
};

/// Decodes answers and stream chunks. Keeps its buffers from call to call; not thread-safe.
class OpenAiDecoder {
 public:
  /// Decodes a whole non-streaming answer. Null if `text` is not JSON or neither a completion nor
  /// an error.
  const OpenAiMessage* DecodeAnswer(std::string_view text);

  /// Decodes one stream chunk (not "[DONE]"). Null if `text` is not a JSON object.
  const OpenAiMessage* DecodeChunk(std::string_view text);

 private:
  bool DecodeSimilarChunk(std::string_view text);
  void KeepAsPattern(std::string_view text);
  bool Decode(std::string_view text, std::string_view body_member);
  void DecodeChoices(text::JsonCursor& cursor, std::string_view body_member);
  void DecodeBody(text::JsonCursor& cursor);
  void DecodeContent(text::JsonCursor& cursor);
  void DecodeToolCalls(text::JsonCursor& cursor);
  void DecodeFunction(text::JsonCursor& cursor);

  OpenAiMessage message_;
  text::JsonString content_string_;  // the source of `message_.content`, if it was a string
  // The last chunk that was parsed, without the text of its content; empty if it held other members
  // that count.
  std::string pattern_;
  std::size_t pattern_head_ = 0;    // its bytes before that text
  std::string_view pattern_model_;  // the model's name in it
  std::string key_;
  std::string content_;
  std::string reasoning_;
  std::string tool_call_;
  std::string finish_reason_;
  std::string model_;
};

/// Reads a `usage` object, normalised. Nullopt if it lacks `completion_tokens` or is not an object;
/// either way the value is consumed.
std::optional<Usage> ReadOpenAiUsage(text::JsonCursor& cursor);

/// Answers of OpenAI's chat completions API. A stream without "[DONE]" is complete if it named a
/// finish reason.
class OpenAiAnswerDecoder final : public SseAnswerDecoder {
 public:
  using SseAnswerDecoder::SseAnswerDecoder;

  Status DecodeAnswer(std::string_view body, AnswerHandler& handler) override;
  DecodeFailure DecodeErrorAnswer(int http_status, std::string_view error_type,
                                  std::string_view body) override;

 private:
  Status TakeEvent(const SseEvent& event, AnswerHandler& handler) override;
  Status TakeEnd() override;
  Status FailInStream(const ServiceError& error);
  void Report(const OpenAiMessage& message, AnswerHandler& handler);

  OpenAiDecoder decoder_;
  bool finished_ = false;  // a finish reason came
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_OPENAI_CODEC_H_
