// One interface for the answers of all APIs, sans-io: bytes in, tokens and an outcome out.
#ifndef LLMLOAD_WIRE_ANSWER_DECODER_H_
#define LLMLOAD_WIRE_ANSWER_DECODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "llmload/core/time.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"

namespace llmload::wire {

/// Receives the parts of an answer, in their order. Views are valid during the call only.
class AnswerHandler {
 public:
  /// The output of one event of a stream, or all output of one kind of an answer that is not
  /// streamed. Never empty.
  virtual void OnToken(TokenKind kind, std::string_view text) = 0;
  virtual void OnModel(std::string_view model) = 0;
  virtual void OnFinishReason(std::string_view reason) = 0;
  /// The whole usage so far: the last of several calls counts.
  /// @param raw  the numbers as the provider sent them, JSON
  virtual void OnUsage(const Usage& usage, std::string_view raw) = 0;

 protected:
  ~AnswerHandler() = default;
};

/// The error that an answer is. Texts are as the service wrote them: not yet cleaned, and perhaps
/// with a secret in them.
struct DecodeFailure {
  ErrorKind kind = ErrorKind::kMalformedResponse;
  std::string message;
  std::string code;                     ///< `Error::provider_code`
  std::optional<Duration> retry_after;  ///< a hint in the body
  /// The service follows its protocol: the connection can be used again.
  bool said_by_service = false;
};

/// Decodes one answer of one API. Throws for no content of the bytes; the result does not depend on
/// how a stream is cut. Not thread-safe.
class AnswerDecoder {
 public:
  enum class Status : std::uint8_t {
    kNeedMore,
    kDone,    ///< the terminal event came; later bytes are ignored
    kFailed,  ///< see `failure()`; final
  };

  virtual ~AnswerDecoder() = default;

  /// True if a body whose first character, white space aside, is `first` may be a stream of this
  /// API. The media type does not matter, because gateways name any.
  virtual bool MayBeStream(char first) const = 0;

  /// Takes the next bytes of a streamed answer, cut anywhere.
  virtual Status FeedStream(std::string_view bytes, AnswerHandler& handler) = 0;
  /// Takes the end of a streamed body that is complete but had no terminal event. Returns `kDone`
  /// if the API allows such an end, else `kFailed` (`ErrorKind::kTruncatedStream`).
  virtual Status FinishStream(AnswerHandler& handler) = 0;

  /// Takes the body of an answer that is not streamed. Returns `kDone` or `kFailed`.
  virtual Status DecodeAnswer(std::string_view body, AnswerHandler& handler) = 0;

  /// Takes the body of an answer with a status other than 2xx.
  /// @param error_type  value of the header that names the error, if the API has one
  /// (x-amzn-errortype)
  virtual DecodeFailure DecodeErrorAnswer(int http_status, std::string_view error_type,
                                          std::string_view body) = 0;

  /// After `kFailed`.
  const DecodeFailure& failure() const { return failure_; }

 protected:
  Status Fail(ErrorKind kind, std::string message, std::string code = {}) {
    return Fail(
        {.kind = kind, .message = std::move(message), .code = std::move(code), .retry_after = {}});
  }

  Status Fail(DecodeFailure failure) {
    failure_ = std::move(failure);
    return Status::kFailed;
  }

  /// Takes a whole answer that is not what the API answers with: an error in another form, or what
  /// is no answer at all.
  /// @param expected  what the answer should be, with its article
  Status FailUnknownAnswer(std::string_view expected, std::string_view body);

  /// Takes the text of an event of a stream that is not a JSON object. `null` says nothing and is
  /// ignored; a list may hold an error.
  /// @param answered  output came before it
  Status TakeOddEvent(std::string_view data, bool answered);

  /// `kDone`, or `kFailed` if the end of the answer is a failure.
  Status End(std::optional<DecodeFailure> failure) {
    return failure ? Fail(*std::move(failure)) : Status::kDone;
  }

 private:
  DecodeFailure failure_;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_ANSWER_DECODER_H_
