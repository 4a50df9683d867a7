// From the bytes of an answer to a completion or an error: the part that all APIs share.
#ifndef LLMLOAD_SRC_SERVICE_ANSWER_SINK_H_
#define LLMLOAD_SRC_SERVICE_ANSWER_SINK_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"
#include "llmload/provider/http_options.h"
#include "src/core/text/redactor.h"
#include "src/net/http_client.h"
#include "src/net/response_reader.h"
#include "src/wire/answer_decoder.h"

namespace llmload {

/// Takes one answer: status and header, limits, instants, error bodies. The decoder reads the
/// meaning of the body. Not thread-safe.
class AnswerSink final : public net::ResponseSink, private wire::AnswerHandler {
 public:
  /// @param redact    applied to all texts of the service
  /// @param observer  may be null
  /// All that is passed by reference or pointer must outlive the sink.
  AnswerSink(bool stream, const ProviderLimits& limits, const Redactor& redact,
             wire::AnswerDecoder& decoder, StreamObserver* observer);

  Next OnHead(const net::ResponseHead& head, TimePoint at) override;
  Next OnBody(std::string_view bytes, TimePoint at) override;
  bool HasOutput() const override;

  /// The completion or error. Call it once, after the exchange. The caller adds attempts and
  /// provider.
  Result<Completion> Finish(const net::Exchange& exchange);

  /// Output tokens as far as known: those of the usage, or else the token events.
  std::int64_t output_tokens() const;

  /// The service's wall clock in an error answer; empty if the answer has none, or if a cache on
  /// the way may have stored it.
  std::optional<std::chrono::sys_seconds> server_time() const { return server_time_; }

 private:
  enum class Mode : std::uint8_t {
    kNoHead,
    kUndecided,  // a stream was asked for, and nothing has come yet that tells whether it is one
    kStream,
    kBody,
    kError,
  };

  bool IsUsageCredible() const;

  void OnToken(TokenKind kind, std::string_view text) override;
  void OnModel(std::string_view model) override;
  void OnFinishReason(std::string_view reason) override;
  void OnUsage(const Usage& usage, std::string_view raw) override;

  void ReadErrorHead(const net::ResponseHead& head);
  Next TakeFirstBytes(std::string_view bytes);
  Next TakeBody(std::string_view bytes);
  Next ToNext(wire::AnswerDecoder::Status status);
  Next Fail(ErrorKind kind, std::string message);
  void FailWith(wire::DecodeFailure failure);
  void FinishBody();
  void FinishError();
  Error TakeError();
  std::string Clean(std::string text, std::size_t max_size) const;

  const bool stream_;
  const ProviderLimits& limits_;
  const Redactor& redact_;
  wire::AnswerDecoder& decoder_;
  StreamObserver* const observer_;

  Mode mode_ = Mode::kNoHead;
  TimePoint at_{};     // of the bytes being decoded
  bool done_ = false;  // the decoder saw the terminal event
  bool has_usage_ = false;
  std::string body_;
  std::string error_type_;  // the header field that names the error
  std::string location_;    // the header field that names where a redirect leads
  Completion completion_;
  std::optional<Error> error_;
  int http_status_ = 0;
  std::optional<Duration> retry_after_;
  std::optional<bool> should_retry_;
  std::optional<std::chrono::sys_seconds> server_time_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_SERVICE_ANSWER_SINK_H_
