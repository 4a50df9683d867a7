#include "src/wire/answer_progress.h"

#include <algorithm>
#include <array>

#include "src/core/text/ascii.h"

namespace llmload::wire {
namespace {

// Finish reasons that say that the service failed: "error", "abort" (vLLM, SGLang), "cancelled",
// "network_error" (Zhipu), "insufficient_system_resource" (DeepSeek), and what is like them.
bool IsFailure(std::string_view reason) {
  static constexpr std::array<std::string_view, 9> kParts = {
      "error",     "abort",       "cancel",   "fail",           "timeout",
      "timed_out", "interrupted", "overload", "system_resource"};
  return std::any_of(kParts.begin(), kParts.end(), [&](std::string_view part) {
    return text::FindIgnoringCase(reason, part) != std::string_view::npos;
  });
}

}  // namespace

void AnswerProgress::Token(TokenKind kind, std::string_view text, AnswerHandler& handler) {
  if (text.empty()) return;
  answered_ = true;
  handler.OnToken(kind, text);
}

void AnswerProgress::FinishReason(std::string_view reason, AnswerHandler& handler) {
  if (reason.empty()) return;
  reason_ = reason;
  handler.OnFinishReason(reason);
}

std::optional<DecodeFailure> AnswerProgress::FailureByReason(bool streamed) const {
  // By far the most frequent ones.
  if (reason_.empty() || reason_ == "stop" || reason_ == "length" || reason_ == "end_turn")
    return {};
  if (!IsFailure(reason_)) return {};
  return DecodeFailure{
      .kind = streamed && answered_ ? ErrorKind::kStreamError : ErrorKind::kServerError,
      .message = "the service ended the answer with the finish reason \"" + reason_ + "\"",
      .code = reason_,
      .retry_after = {},
      .said_by_service = true};
}

std::optional<DecodeFailure> AnswerProgress::FailureOfStream() const {
  if (auto failure = FailureByReason(true)) return failure;
  if (!reason_.empty() || (closed_ && answered_)) return {};
  return DecodeFailure{.kind = ErrorKind::kTruncatedStream,
                       .message = answered_ ? "the stream ended without a finish reason"
                                            : "the stream ended with neither output nor a finish "
                                              "reason",
                       .code = {},
                       .retry_after = {},
                       .said_by_service = true};
}

std::optional<DecodeFailure> AnswerProgress::FailureOfWhole() const {
  if (auto failure = FailureByReason(false)) return failure;
  if (answered_ || HasEnd()) return {};
  return DecodeFailure{.kind = ErrorKind::kMalformedResponse,
                       .message = "the answer has neither output nor a finish reason",
                       .code = {},
                       .retry_after = {},
                       .said_by_service = true};
}

}  // namespace llmload::wire
