// What has come of one answer, and whether its end makes it a complete one: judged alike for all
// APIs, streamed or not.
#ifndef LLMLOAD_WIRE_ANSWER_PROGRESS_H_
#define LLMLOAD_WIRE_ANSWER_PROGRESS_H_

#include <optional>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "src/wire/answer_decoder.h"

namespace llmload::wire {

/// Passes the parts of an answer on to its handler and remembers which of them came. A terminal
/// event alone proves nothing, because gateways send it whatever happened to the service behind
/// them: an answer is complete if the service also said why it ended. Not thread-safe.
class AnswerProgress {
 public:
  /// Passes on a token; an empty text is no token.
  void Token(TokenKind kind, std::string_view text, AnswerHandler& handler);
  /// Passes on a finish reason; an empty text is none.
  void FinishReason(std::string_view reason, AnswerHandler& handler);
  /// The service itself closed the answer in another way than by a finish reason, such as by the
  /// usage that comes behind the last token, or by one that counts output.
  void Close() { closed_ = true; }

  bool answered() const { return answered_; }

  /// Why a stream that ended in the way of its API is no complete answer; nullopt if it is one.
  std::optional<DecodeFailure> FailureOfStream() const;
  /// The same of an answer that came as a whole.
  std::optional<DecodeFailure> FailureOfWhole() const;

 private:
  bool HasEnd() const { return closed_ || !reason_.empty(); }
  std::optional<DecodeFailure> FailureByReason(bool streamed) const;

  bool answered_ = false;
  bool closed_ = false;
  std::string reason_;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_ANSWER_PROGRESS_H_
