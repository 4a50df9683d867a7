#include "src/service/answer_sink.h"

#include <charconv>
#include <initializer_list>
#include <utility>
#include <vector>

#include "src/core/text/ascii.h"
#include "src/core/text/harmless.h"
#include "src/core/text/uri.h"
#include "src/wire/retry_after.h"
#include "src/wire/timestamp.h"

namespace llmload {
namespace {

using Status = wire::AnswerDecoder::Status;

constexpr std::size_t kMaxErrorBody = 64 << 10;
constexpr std::size_t kMaxMessage = 512;
constexpr std::size_t kMaxWord = 128;
constexpr std::size_t kMaxRawUsage = 4 << 10;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view WithoutByteOrderMark(std::string_view body) {
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  return body;
}

// Position of the first character that is neither white space nor a byte order mark, of which only
// a part may have come; npos if there is none yet.
std::size_t FirstCharacter(std::string_view body) {
  if (body.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(body)) {
    return std::string_view::npos;
  }
  return body.find_first_not_of(" \t\r\n", body.size() - WithoutByteOrderMark(body).size());
}

std::string_view FirstOf(const net::ResponseHead& head,
                         std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const std::string_view value = head.Get(name); !value.empty()) return value;
  }
  return {};
}

// Where a redirect leads, and which URL would lead there at once. A query may hold a key.
std::string DescribeRedirect(std::string_view location) {
  if (location.empty()) return "a redirect to nowhere is not followed: check the base URL";
  const std::string_view path = location.substr(0, location.find_first_of("?#"));
  std::string message = "a redirect to " + text::ShownUrl(location) + " is not followed: ";
  // What the APIs append to their base URLs.
  for (const std::string_view end : {"/chat/completions", "/v1/messages", "/api/chat"}) {
    if (!path.ends_with(end)) continue;
    const std::string base = text::ShownUrl(path.substr(0, path.size() - end.size()));
    return message + (path.starts_with('/') ? "set the path of the URL to " : "set the URL to ") +
           (base.empty() ? "/" : base);
  }
  return message + "check the base URL";
}

}  // namespace

AnswerSink::AnswerSink(bool stream, const ProviderLimits& limits, const Redactor& redact,
                       wire::AnswerDecoder& decoder, StreamObserver* observer)
    : stream_(stream), limits_(limits), redact_(redact), decoder_(decoder), observer_(observer) {}

bool AnswerSink::HasOutput() const {
  if (mode_ == Mode::kNoHead || mode_ == Mode::kUndecided) return false;
  return mode_ != Mode::kStream || completion_.token_events > 0;
}

// Some services count no output although they sent some.
bool AnswerSink::IsUsageCredible() const {
  return has_usage_ && (completion_.usage.output > 0 || completion_.token_events == 0);
}

std::int64_t AnswerSink::output_tokens() const {
  return IsUsageCredible() ? completion_.usage.output : completion_.token_events;
}

AnswerSink::Next AnswerSink::OnHead(const net::ResponseHead& head, TimePoint) {
  http_status_ = head.status;
  if (const std::string_view request_id =
          FirstOf(head, {"x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"});
      !request_id.empty()) {
    completion_.request_id = Clean(std::string(request_id), kMaxWord);
  }
  if (http_status_ < 200 || http_status_ > 299) {
    mode_ = Mode::kError;
    ReadErrorHead(head);
    return http_status_ < 400 ? Next::kStop : Next::kContinue;
  }
  mode_ = stream_ ? Mode::kUndecided : Mode::kBody;
  const std::string_view encoding = head.Get("content-encoding");
  if (!encoding.empty() && text::Lower(encoding) != "identity") {
    return Fail(
        ErrorKind::kMalformedResponse,
        "the answer is compressed, although the request excluded that: " + std::string(encoding));
  }
  if (stream_) return Next::kContinue;
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

void AnswerSink::ReadErrorHead(const net::ResponseHead& head) {
  std::vector<wire::HeaderField> fields;
  head.ForEach([&fields](std::string_view name, std::string_view value) {
    fields.push_back({.name = name, .value = value});
  });
  retry_after_ = wire::ReadRetryAfter(fields, std::chrono::system_clock::now());
  const std::string_view should_retry = head.Get("x-should-retry");
  if (should_retry == "true") should_retry_ = true;
  if (should_retry == "false") should_retry_ = false;
  error_type_ = head.Get("x-amzn-errortype");
  location_ = head.Get("location");
  // A cache may have stored the date along with the answer.
  if (head.Get("age").empty()) server_time_ = wire::ParseHttpDate(head.Get("date"));
}

AnswerSink::Next AnswerSink::OnBody(std::string_view bytes, TimePoint at) {
  at_ = at;
  switch (mode_) {
    case Mode::kStream:
      return ToNext(decoder_.FeedStream(bytes, *this));
    case Mode::kError:
      body_.append(bytes.substr(0, kMaxErrorBody - body_.size()));
      return body_.size() < kMaxErrorBody ? Next::kContinue : Next::kStop;
    case Mode::kUndecided:
      return TakeFirstBytes(bytes);
    default:
      return TakeBody(bytes);
  }
}

// The media type does not tell whether an answer is a stream: gateways give a stream any type, and
// errors that of a stream.
AnswerSink::Next AnswerSink::TakeFirstBytes(std::string_view bytes) {
  const Next next = TakeBody(bytes);
  if (next != Next::kContinue) return next;
  const std::size_t first = FirstCharacter(body_);
  if (first == std::string::npos) return Next::kContinue;
  if (!decoder_.MayBeStream(body_[first])) {
    mode_ = Mode::kBody;
    return Next::kContinue;
  }
  mode_ = Mode::kStream;
  const Status status = decoder_.FeedStream(body_, *this);
  body_.clear();
  return ToNext(status);
}

AnswerSink::Next AnswerSink::TakeBody(std::string_view bytes) {
  if (bytes.size() > limits_.body_bytes - body_.size()) {
    return Fail(ErrorKind::kResponseTooLarge, "the body of the answer has more than " +
                                                  std::to_string(limits_.body_bytes) + " bytes");
  }
  body_.append(bytes);
  return Next::kContinue;
}

AnswerSink::Next AnswerSink::ToNext(Status status) {
  if (error_) return Next::kAbort;  // there was too much text
  switch (status) {
    case Status::kNeedMore:
      return Next::kContinue;
    case Status::kDone:
      done_ = true;
      return Next::kStop;
    case Status::kFailed:
      break;
  }
  FailWith(decoder_.failure());
  return decoder_.failure().said_by_service ? Next::kStop : Next::kAbort;
}

void AnswerSink::OnToken(TokenKind kind, std::string_view text) {
  if (error_) return;  // too much already
  if (kind == TokenKind::kContent) {
    if (text.size() > limits_.body_bytes - completion_.text.size()) {
      Fail(ErrorKind::kResponseTooLarge,
           "the text of the answer has more than " + std::to_string(limits_.body_bytes) + " bytes");
      return;
    }
    completion_.text.append(text);
  }
  if (mode_ != Mode::kStream) return;
  Timings& timings = completion_.timings;
  if (!timings.first_token) timings.first_token = at_;
  if (kind == TokenKind::kContent && !timings.first_output_token) timings.first_output_token = at_;
  timings.last_token = at_;
  ++completion_.token_events;
  if (observer_ != nullptr) observer_->OnToken({kind, text, at_});
}

void AnswerSink::OnModel(std::string_view model) {
  if (completion_.model.empty()) completion_.model = model;
}

void AnswerSink::OnFinishReason(std::string_view reason) { completion_.finish_reason = reason; }

void AnswerSink::OnUsage(const Usage& usage, std::string_view raw) {
  completion_.usage = usage;
  completion_.raw_usage = raw.substr(0, raw.size() <= kMaxRawUsage ? raw.size() : 0);
  has_usage_ = true;
}

AnswerSink::Next AnswerSink::Fail(ErrorKind kind, std::string message) {
  FailWith({.kind = kind, .message = std::move(message), .code = {}, .retry_after = {}});
  return Next::kAbort;
}

void AnswerSink::FailWith(wire::DecodeFailure failure) {
  // Some services say how long to wait in the message only.
  const bool asks_to_wait =
      failure.kind == ErrorKind::kRateLimited || failure.kind == ErrorKind::kOverloaded;
  if (!failure.retry_after && asks_to_wait) {
    failure.retry_after = wire::ParseRetryText(failure.message);
  }
  Error& error = error_.emplace();
  error.kind = failure.kind;
  error.message = std::move(failure.message);
  error.provider_code = Clean(std::move(failure.code), kMaxWord);
  error.retry_after = failure.retry_after;
}

void AnswerSink::FinishBody() {
  const Status status = decoder_.DecodeAnswer(WithoutByteOrderMark(body_), *this);
  if (error_) return;
  if (status != Status::kDone) {
    FailWith(decoder_.failure());
  } else if (stream_) {
    Fail(ErrorKind::kMalformedResponse,
         "the answer is not a stream of this API: a whole answer came instead");
  }
}

void AnswerSink::FinishError() {
  if (http_status_ >= 300 && http_status_ <= 399) {
    Fail(ErrorKind::kUnexpectedRedirect, DescribeRedirect(location_));
    return;
  }
  FailWith(decoder_.DecodeErrorAnswer(http_status_, error_type_, WithoutByteOrderMark(body_)));
}

// The text for logs and reports: without a secret, harmless, and no longer than `max_size`.
std::string AnswerSink::Clean(std::string text, std::size_t max_size) const {
  return text::Excerpt(redact_(std::move(text)), max_size);
}

Error AnswerSink::TakeError() {
  Error error = *std::move(error_);
  error.message = Clean(std::move(error.message), kMaxMessage);
  error.http_status = http_status_;
  if (retry_after_) error.retry_after = retry_after_;
  error.should_retry = should_retry_;
  error.after_first_token = completion_.token_events > 0;
  error.request_id = std::move(completion_.request_id);
  error.partial_text = redact_(std::move(completion_.text));
  error.partial_tokens = completion_.token_events;
  return error;
}

Result<Completion> AnswerSink::Finish(const net::Exchange& exchange) {
  // An error status counts more than the way in which its body ended.
  if (!error_ && mode_ == Mode::kError) {
    FinishError();
  } else if (!error_ && exchange.failure) {
    Fail(exchange.failure->kind, exchange.failure->message);
    error_->system_error = exchange.failure->system_error;
  } else if (!error_ && (mode_ == Mode::kStream || mode_ == Mode::kUndecided)) {
    at_ = exchange.completed.value_or(at_);
    if (mode_ == Mode::kUndecided) {
      Fail(ErrorKind::kTruncatedStream, "the answer is empty");
    } else if (!done_) {
      ToNext(decoder_.FinishStream(*this));
    }
  } else if (!error_ && mode_ == Mode::kBody) {
    FinishBody();
  }
  if (error_) return TakeError();
  completion_.timings.connection_wait = exchange.connection_wait;
  completion_.timings.sent = exchange.sent;
  completion_.timings.first_byte = exchange.first_byte;
  completion_.timings.completed = exchange.completed;
  if (!IsUsageCredible()) {
    completion_.usage.output = completion_.token_events;
    completion_.token_source = TokenSource::kCountedEvents;
  }
  return std::move(completion_);
}

}  // namespace llmload
