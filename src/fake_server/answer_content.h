// What an answer says, whatever the API: text or tool calls, drawn from a seed.
#ifndef LLMLOAD_SRC_FAKE_SERVER_ANSWER_CONTENT_H_
#define LLMLOAD_SRC_FAKE_SERVER_ANSWER_CONTENT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/random.h"
#include "src/fake_server/chat_request.h"

namespace llmload::fake_server {

/// The words that texts consist of. They need no escaping in JSON.
class Words {
 public:
  /// @param random  has to outlive this; words are drawn from it
  Words(Random& random, bool multibyte) : random_(random), multibyte_(multibyte) {}
  /// The next word, with a space before it unless it is the first or a full stop.
  std::string_view Next();

 private:
  Random& random_;
  const bool multibyte_;
  bool first_ = true;
};

/// A call of a tool.
struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;            ///< JSON; if not `complete`, the beginning of it
  std::vector<std::string> pieces;  ///< of the arguments, one a token, escaped for a JSON string
  bool complete = true;             ///< false: the output limit has cut the arguments
};

/// What one answer says.
struct AnswerContent {
  int tokens = 0;    ///< per choice
  bool cut = false;  ///< the output limit ended it
  /// In place of text, if not empty.
  std::vector<ToolCall> calls;
  /// The text, one piece a token, escaped for a JSON string. If absent, and there are no calls, the
  /// text is made of words as they are needed.
  std::optional<std::vector<std::string>> pieces;
  /// The stop sequence that ended the text, and is not part of it.
  std::optional<std::string> stop_sequence;
};

/// Decides what to answer. Tools are called by about half of the answers if the request leaves the
/// choice; text is cut before a stop sequence, and about half of the answers to a request with stop
/// sequences end with one.
/// @param tokens   of a text, and whether the output limit has cut it there
/// @param choices  decides; texts are made of `words`
AnswerContent ComposeAnswer(const ChatRequest& request, int tokens, bool cut, Random choices,
                            Words& words);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_ANSWER_CONTENT_H_
