// Bodies of Ollama's own chat API, sans-io.
#ifndef LLMLOAD_WIRE_OLLAMA_CODEC_H_
#define LLMLOAD_WIRE_OLLAMA_CODEC_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/answer_progress.h"
#include "src/wire/extra_body.h"
#include "src/wire/ndjson_parser.h"

namespace llmload::wire {

inline constexpr std::array<BodyForm::Own, 4> kOllamaOwn = {{
    {"model", kModelOption},
    {"messages", kPromptOption},
    {"stream", kStreamOption},
    {"options.num_predict", kMaxTokensOption},
}};
inline constexpr BodyForm kOllamaBody = {.nested = "options", .own = kOllamaOwn};

/// Appends the JSON body of `request` to `out`.
/// @param think  whether a model that can reason does so; empty: the model's default
void EncodeOllamaRequest(const CompletionRequest& request, std::optional<bool> think,
                         std::string& out, const ExtraBody* extra = nullptr);

/// Answers of `/api/chat`: JSON objects, one in each line if streamed. A stream is complete only
/// with the object that says `done`.
class OllamaAnswerDecoder final : public AnswerDecoder {
 public:
  /// @param max_line_bytes  bound of one line of a stream
  explicit OllamaAnswerDecoder(std::size_t max_line_bytes) : lines_(max_line_bytes) {}

  bool MayBeStream(char first) const override { return first == '{'; }
  Status FeedStream(std::string_view bytes, AnswerHandler& handler) override;
  Status FinishStream(AnswerHandler& handler) override;
  Status DecodeAnswer(std::string_view body, AnswerHandler& handler) override;
  DecodeFailure DecodeErrorAnswer(int http_status, std::string_view error_type,
                                  std::string_view body) override;

 private:
  struct Object;
  Status TakeLines(AnswerHandler& handler);
  Status TakeObject(std::string_view json, bool streamed, AnswerHandler& handler);
  void ReadObject(text::JsonCursor& cursor, Object& object);
  void ReadMessage(text::JsonCursor& cursor, Object& object);

  NdjsonParser lines_;
  AnswerProgress progress_;
  std::string key_;
  std::string content_;
  std::string thinking_;
  std::string done_reason_;
  std::string model_;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_OLLAMA_CODEC_H_
