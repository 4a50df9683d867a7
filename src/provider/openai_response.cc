#include "src/provider/openai_response.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "src/wire/retry_after.h"

namespace llmload {
namespace {

constexpr std::size_t kMaxErrorBody = 64 << 10;
constexpr std::size_t kMaxMessage = 512;
constexpr std::size_t kMaxWord = 128;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

// Without the key, without control characters, and no longer than `max_size`, for logs and reports.
std::string Clean(std::string text, const Secret& key, std::size_t max_size) {
  text = Redact(std::move(text), key);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  if (text.size() <= max_size) return text;
  std::size_t size = max_size;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
  return text + "...";
}

std::string_view FirstOf(const net::ResponseHead& head,
                         std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const std::string_view value = head.Get(name); !value.empty()) return value;
  }
  return {};
}

}  // namespace

OpenAiResponse::OpenAiResponse(bool stream, const ProviderLimits& limits, const Secret& key,
                               StreamObserver* observer)
    : stream_(stream), limits_(limits), key_(key), observer_(observer) {}

bool OpenAiResponse::OutputHasBegun() const {
  if (mode_ == Mode::kNoHead) return false;
  return mode_ != Mode::kStream || completion_.token_events > 0;
}

std::int64_t OpenAiResponse::output_tokens() const {
  return has_usage_ ? completion_.usage.output : completion_.token_events;
}

OpenAiResponse::Next OpenAiResponse::OnHead(const net::ResponseHead& head, TimePoint) {
  http_status_ = head.status;
  completion_.request_id =
      Clean(std::string(FirstOf(head, {"x-request-id", "request-id", "apim-request-id"})), key_,
            kMaxWord);
  if (http_status_ < 200 || http_status_ > 299) {
    mode_ = Mode::kError;
    retry_after_ = wire::ParseRetryAfter({.retry_after = head.Get("retry-after"),
                                          .retry_after_ms = head.Get("retry-after-ms"),
                                          .date = head.Get("date")},
                                         std::chrono::system_clock::now());
    return http_status_ < 400 ? Next::kStop : Next::kContinue;
  }
  mode_ = Mode::kBody;
  const std::string_view encoding = head.Get("content-encoding");
  if (!encoding.empty() && Lower(encoding) != "identity") {
    return Fail(ErrorKind::kMalformedResponse,
                "the answer is compressed, which was not asked for: " + std::string(encoding));
  }
  const std::string_view type = head.Get("content-type");
  if (stream_ && (type.empty() || Lower(type).find("text/event-stream") != std::string::npos)) {
    mode_ = Mode::kStream;
    events_.emplace(limits_.event_bytes);
    return Next::kContinue;
  }
  const std::string_view length_text = head.Get("content-length");
  std::uint64_t length = 0;
  std::from_chars(length_text.data(), length_text.data() + length_text.size(), length);
  if (length > limits_.body_bytes) {
    return Fail(ErrorKind::kResponseTooLarge,
                "the body of the answer has " + std::to_string(length) + " bytes, at most " +
                    std::to_string(limits_.body_bytes) + " are accepted");
  }
  return Next::kContinue;
}

OpenAiResponse::Next OpenAiResponse::OnBody(std::string_view bytes, TimePoint at) {
  switch (mode_) {
    case Mode::kStream:
      events_->Feed(bytes);
      return TakeEvents(at);
    case Mode::kError:
      body_.append(bytes.substr(0, kMaxErrorBody - body_.size()));
      return body_.size() < kMaxErrorBody ? Next::kContinue : Next::kStop;
    default:
      break;
  }
  if (bytes.size() > limits_.body_bytes - body_.size()) {
    return Fail(ErrorKind::kResponseTooLarge, "the body of the answer has more than " +
                                                  std::to_string(limits_.body_bytes) + " bytes");
  }
  body_.append(bytes);
  return Next::kContinue;
}

OpenAiResponse::Next OpenAiResponse::TakeEvents(TimePoint at) {
  wire::SseEvent event;
  while (true) {
    switch (events_->Next(event)) {
      case wire::SseParser::Status::kNeedMore:
        return Next::kContinue;
      case wire::SseParser::Status::kTooLarge:
        return Fail(ErrorKind::kResponseTooLarge, "an event of the stream has more than " +
                                                      std::to_string(limits_.event_bytes) +
                                                      " bytes");
      case wire::SseParser::Status::kEvent:
        break;
    }
    const Next next = TakeEvent(event, at);
    if (next != Next::kContinue) return next;
  }
}

OpenAiResponse::Next OpenAiResponse::TakeEvent(const wire::SseEvent& event, TimePoint at) {
  if (event.data.empty()) return Next::kContinue;
  if (event.data.substr(0, 6) == "[DONE]") {
    done_ = true;
    return Next::kStop;
  }
  const wire::OpenAiMessage* const message = decoder_.DecodeChunk(event.data);
  if (event.name == "error" || (message != nullptr && message->error)) {
    FailWith(ErrorKind::kStreamError, message != nullptr && message->error
                                          ? *message->error
                                          : wire::DecodeErrorBody(event.data));
    return Next::kStop;
  }
  if (message == nullptr) {
    return Fail(ErrorKind::kMalformedResponse, "an event of the stream is not a JSON object");
  }
  TakeUsage(*message);
  if (completion_.model.empty()) completion_.model = message->model;
  if (!message->finish_reason.empty()) completion_.finish_reason = message->finish_reason;
  if (!message->reasoning.empty()) TakeToken(TokenKind::kReasoning, message->reasoning, at);
  if (!message->content.empty()) {
    if (message->content.size() > limits_.body_bytes - completion_.text.size()) {
      return Fail(ErrorKind::kResponseTooLarge, "the text of the stream has more than " +
                                                    std::to_string(limits_.body_bytes) + " bytes");
    }
    completion_.text.append(message->content);
    TakeToken(TokenKind::kContent, message->content, at);
  }
  if (!message->tool_call.empty()) TakeToken(TokenKind::kToolCall, message->tool_call, at);
  return Next::kContinue;
}

void OpenAiResponse::TakeToken(TokenKind kind, std::string_view text, TimePoint at) {
  Timings& timings = completion_.timings;
  if (!timings.first_token) timings.first_token = at;
  if (kind == TokenKind::kContent && !timings.first_output_token) timings.first_output_token = at;
  timings.last_token = at;
  ++completion_.token_events;
  if (observer_ != nullptr) observer_->OnToken({kind, text, at});
}

void OpenAiResponse::TakeUsage(const wire::OpenAiMessage& message) {
  if (!message.usage) return;
  completion_.usage = *message.usage;
  has_usage_ = true;
}

OpenAiResponse::Next OpenAiResponse::Fail(ErrorKind kind, std::string message) {
  if (!error_) error_.emplace().kind = kind;
  error_->message = std::move(message);
  return Next::kAbort;
}

void OpenAiResponse::FailWith(ErrorKind kind, wire::ServiceError service_error) {
  Error& error = error_.emplace();
  error.kind = kind;
  error.provider_code = Clean(wire::ProviderCode(service_error), key_, kMaxWord);
  error.message = std::move(service_error.message);
}

void OpenAiResponse::FinishStream(const net::Exchange& exchange) {
  if (!done_) {
    // The last event may lack its empty line.
    events_->Finish();
    TakeEvents(exchange.completed.value_or(TimePoint{}));
    if (error_) return;
  }
  if (!done_ && completion_.finish_reason.empty()) {
    Fail(ErrorKind::kTruncatedStream,
         "the stream ended without [DONE] and without a finish reason");
  }
}

void OpenAiResponse::FinishBody() {
  const wire::OpenAiMessage* const answer = decoder_.DecodeAnswer(body_);
  if (answer != nullptr && answer->error) {
    FailWith(wire::ClassifyErrorInSuccess(*answer->error), *answer->error);
  } else if (stream_) {
    Fail(ErrorKind::kMalformedResponse, "the answer is not an event stream");
  } else if (answer == nullptr) {
    Fail(ErrorKind::kMalformedResponse, "the answer is not a chat completion");
  } else {
    completion_.text = answer->content;
    completion_.finish_reason = answer->finish_reason;
    completion_.model = answer->model;
    TakeUsage(*answer);
  }
}

void OpenAiResponse::FinishError() {
  if (http_status_ >= 300 && http_status_ <= 399) {
    Fail(ErrorKind::kUnexpectedRedirect, "a redirect is not followed: check the base URL");
    return;
  }
  wire::ServiceError service_error = wire::DecodeErrorBody(body_);
  const ErrorKind kind = wire::ClassifyStatus(http_status_, service_error);
  FailWith(kind, std::move(service_error));
}

Error OpenAiResponse::TakeError() {
  Error error = *std::move(error_);
  error.message = Clean(std::move(error.message), key_, kMaxMessage);
  error.http_status = http_status_;
  error.retry_after = retry_after_;
  error.after_first_token = completion_.token_events > 0;
  error.request_id = std::move(completion_.request_id);
  error.partial_text = Redact(std::move(completion_.text), key_);
  error.partial_tokens = completion_.token_events;
  return error;
}

Result<Completion> OpenAiResponse::Finish(const net::Exchange& exchange) {
  // A status that says what is wrong counts more than how its body ended.
  if (!error_ && mode_ == Mode::kError) {
    FinishError();
  } else if (!error_ && exchange.failure) {
    Fail(exchange.failure->kind, exchange.failure->message);
  } else if (!error_ && mode_ == Mode::kStream) {
    FinishStream(exchange);
  } else if (!error_ && mode_ == Mode::kBody) {
    FinishBody();
  }
  if (error_) return TakeError();
  completion_.timings.sent = exchange.sent;
  completion_.timings.first_byte = exchange.first_byte;
  completion_.timings.completed = exchange.completed;
  if (!has_usage_) {
    completion_.usage = {};
    completion_.usage.output = completion_.token_events;
    completion_.token_source = TokenSource::kCountedEvents;
  }
  return std::move(completion_);
}

}  // namespace llmload
