// From the bytes of an OpenAI-compatible answer to a completion or an error, sans-io.
#ifndef LLMLOAD_PROVIDER_OPENAI_RESPONSE_H_
#define LLMLOAD_PROVIDER_OPENAI_RESPONSE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/error.h"
#include "llmload/core/secret.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/http_options.h"
#include "src/net/http_client.h"
#include "src/net/response_reader.h"
#include "src/wire/openai_codec.h"
#include "src/wire/sse_parser.h"

namespace llmload {

/// Takes one answer. Not thread-safe.
class OpenAiResponse final : public net::ResponseSink {
 public:
  /// @param key       taken out of whatever the service says
  /// @param observer  may be null
  /// All that is passed by reference or pointer must outlive the response.
  OpenAiResponse(bool stream, const ProviderLimits& limits, const Secret& key,
                 StreamObserver* observer);

  Next OnHead(const net::ResponseHead& head, TimePoint at) override;
  Next OnBody(std::string_view bytes, TimePoint at) override;
  bool OutputHasBegun() const override;

  /// What came of it. Call it once, after the exchange. Attempts and provider are left to the
  /// caller.
  Result<Completion> Finish(const net::Exchange& exchange);

  /// Output tokens as far as known.
  std::int64_t output_tokens() const;

 private:
  enum class Mode : std::uint8_t { kNoHead, kStream, kBody, kError };

  Next TakeEvents(TimePoint at);
  Next TakeEvent(const wire::SseEvent& event, TimePoint at);
  void TakeToken(TokenKind kind, std::string_view text, TimePoint at);
  void TakeUsage(const wire::OpenAiMessage& message);
  Next Fail(ErrorKind kind, std::string message);
  void FailWith(ErrorKind kind, wire::ServiceError service_error);
  void FinishStream(const net::Exchange& exchange);
  void FinishBody();
  void FinishError();
  Error TakeError();

  const bool stream_;
  const ProviderLimits& limits_;
  const Secret& key_;
  StreamObserver* const observer_;

  Mode mode_ = Mode::kNoHead;
  bool done_ = false;  // "[DONE]" came
  bool has_usage_ = false;
  std::string body_;
  std::optional<wire::SseParser> events_;
  wire::OpenAiDecoder decoder_;
  Completion completion_;
  std::optional<Error> error_;
  int http_status_ = 0;
  std::optional<Duration> retry_after_;
};

}  // namespace llmload

#endif  // LLMLOAD_PROVIDER_OPENAI_RESPONSE_H_
