// Bodies of OpenAI's chat completions API, sans-io. Accepts the deviations of compatible servers.
#ifndef LLMLOAD_WIRE_OPENAI_CODEC_H_
#define LLMLOAD_WIRE_OPENAI_CODEC_H_

#include <array>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/wire/answer_progress.h"
#include "src/wire/extra_body.h"
#include "src/wire/openai_message.h"
#include "src/wire/sse_answer_decoder.h"

namespace llmload::wire {

struct OpenAiEncoding {
  std::string_view model;              ///< replaces the request's; empty: the request's
  bool max_completion_tokens = false;  ///< the name under which `max_tokens` is sent
  bool include_usage = true;           ///< streaming: ask for the usage chunk
};

inline constexpr std::array<BodyForm::Own, 7> kOpenAiOwn = {{
    {"model", kModelOption},
    {"messages", kPromptOption},
    {"stream", kStreamOption},
    {"stream_options.include_usage", "--stream-options (OpenAiOptions::include_usage)"},
    {"max_tokens", kMaxTokensOption},
    {"max_completion_tokens", kMaxTokensOption},
    {"n", "one answer per request, which is what is measured"},
}};
inline constexpr BodyForm kOpenAiBody = {.nested = "stream_options", .own = kOpenAiOwn};

/// Appends the JSON body of `request` to `out`.
/// @param extra  added members, by `kOpenAiBody`; null: none. Likewise in the other codecs
void EncodeOpenAiRequest(const CompletionRequest& request, const OpenAiEncoding& encoding,
                         std::string& out, const ExtraBody* extra = nullptr);

/// Answers of OpenAI's chat completions API. A stream is complete if it named a finish reason, with
/// or without "[DONE]"; "[DONE]" alone proves nothing.
class OpenAiAnswerDecoder final : public SseAnswerDecoder {
 public:
  using SseAnswerDecoder::SseAnswerDecoder;

  Status DecodeAnswer(std::string_view body, AnswerHandler& handler) override;
  DecodeFailure DecodeErrorAnswer(int http_status, std::string_view error_type,
                                  std::string_view body) override;

 private:
  Status TakeEvent(const SseEvent& event, AnswerHandler& handler) override;
  Status TakeEnd() override;
  Status TakeChunk(std::string_view chunk, AnswerHandler& handler);
  void Report(const OpenAiMessage& message, AnswerHandler& handler);

  OpenAiDecoder decoder_;
  AnswerProgress progress_;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_OPENAI_CODEC_H_
