// What an answer, or one chunk of a stream, of OpenAI's chat completions API says, in all the forms
// that compatible services give it.
#ifndef LLMLOAD_WIRE_OPENAI_MESSAGE_H_
#define LLMLOAD_WIRE_OPENAI_MESSAGE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/core/text/json_cursor.h"
#include "src/wire/service_error.h"

namespace llmload::wire {

/// The content of one answer or of one chunk of a stream. The views are valid until the decoder's
/// next call, and no longer than the text that was decoded.
struct OpenAiMessage {
  std::string_view content;    ///< answer text; a refusal is answer text too
  std::string_view reasoning;  ///< of any of the members in which services send it
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
  bool Decode(std::string_view text, bool streamed);
  void DecodeChoices(text::JsonCursor& cursor, bool streamed);
  void DecodeChoice(text::JsonCursor& cursor, bool streamed);
  void DecodeBody(text::JsonCursor& cursor);
  void DecodeContent(text::JsonCursor& cursor);
  void DecodeReasoning(text::JsonCursor& cursor);
  void DecodeToolCalls(text::JsonCursor& cursor);
  void DecodeFunction(text::JsonCursor& cursor);
  void DecodeUsage(text::JsonCursor& cursor);

  OpenAiMessage message_;
  bool has_error_ = false;           // a member outside the choices says that it is an error
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

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_OPENAI_MESSAGE_H_
