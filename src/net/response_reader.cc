#include "src/net/response_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "src/core/text/ascii.h"

namespace llmload::net {
namespace http = boost::beast::http;

namespace {

constexpr int kMaxInterimAnswers = 8;

bool IsInterim(int status) { return status / 100 == 1; }

// True for the beginning of a TLS record: an alert, or a message of a handshake.
bool IsTlsRecord(std::string_view input) {
  return input.size() >= 2 && (input[0] == '\x15' || input[0] == '\x16') && input[1] == '\x03';
}

}  // namespace

std::string_view ResponseHead::Get(std::string_view name) const {
  std::string_view rest = fields_;
  while (!rest.empty()) {
    const std::size_t name_end = rest.find('\n');
    const std::size_t value_end = rest.find('\n', name_end + 1);
    if (name_end == name.size() && rest.starts_with(name)) {
      return rest.substr(name_end + 1, value_end - name_end - 1);
    }
    rest.remove_prefix(value_end + 1);
  }
  return {};
}

void ResponseHead::Clear() {
  status = 0;
  fields_.clear();
}

void ResponseHead::Add(std::string_view name, std::string_view value) {
  const std::size_t at = fields_.size();
  fields_.resize(at + name.size() + value.size() + 2);
  char* out = fields_.data() + at;
  for (const char c : name) *out++ = text::Lower(c);
  *out++ = '\n';
  std::copy(value.begin(), value.end(), out);
  // A folded value could carry a line feed.
  if (value.find('\n') != std::string_view::npos) {
    std::replace(out, out + value.size(), '\n', ' ');
  }
  out[value.size()] = '\n';
}

ResponseReader::Parser::Parser(ResponseReader& reader) : reader_(reader) {
  header_limit(static_cast<std::uint32_t>(reader.max_header_bytes_));
  body_limit(boost::none);  // the sink bounds what it keeps
  eager(true);
}

void ResponseReader::Parser::on_response_impl(int code, View, int, Code&) {
  reader_.has_status_ = true;
  reader_.head_.Clear();
  reader_.head_.status = code;
}

void ResponseReader::Parser::on_field_impl(http::field, View name, View value, Code& error) {
  if (reader_.head_done_) return;  // a trailer
  reader_.head_.Add({name.data(), name.size()}, {value.data(), value.size()});
  // Beast's own bound holds only for the bytes of one call of the parser.
  if (reader_.head_.size() > reader_.max_header_bytes_) error = http::error::header_limit;
}

void ResponseReader::Parser::on_header_impl(Code&) {
  if (IsInterim(reader_.head_.status)) return;
  reader_.head_done_ = true;
  reader_.next_ = reader_.sink_.OnHead(reader_.head_, reader_.at_);
}

std::size_t ResponseReader::Parser::on_body_impl(View body, Code&) {
  reader_.TakeBody({body.data(), body.size()});
  return body.size();
}

std::size_t ResponseReader::Parser::on_chunk_body_impl(std::uint64_t, View body, Code&) {
  reader_.TakeBody({body.data(), body.size()});
  return body.size();
}

ResponseReader::ResponseReader(ResponseHead& head, ResponseSink& sink, std::size_t max_header_bytes)
    : head_(head), sink_(sink), max_header_bytes_(max_header_bytes) {
  head_.Clear();
  parser_.emplace(*this);
}

void ResponseReader::TakeBody(std::string_view body) {
  if (next_ != ResponseSink::Next::kContinue || body.empty()) return;
  next_ = sink_.OnBody(body, at_);
}

ResponseReader::Status ResponseReader::Outcome() const {
  if (next_ == ResponseSink::Next::kAbort) return Status::kAborted;
  if (parser_->is_done()) return Status::kComplete;
  return next_ == ResponseSink::Next::kStop ? Status::kStopped : Status::kNeedMore;
}

// True for "HTTP/1.1 200" without the space that has to follow even if there is no reason: some
// proxies leave it out, and clients accept that.
bool ResponseReader::LacksReason(std::string_view input) const {
  constexpr std::size_t kStatusEnd = 12;
  return !has_status_ && input.size() > kStatusEnd && input.starts_with("HTTP/1.") &&
         input[kStatusEnd] == '\r';
}

ResponseReader::Status ResponseReader::Feed(std::string_view bytes, TimePoint at) {
  at_ = at;
  started_ = started_ || !bytes.empty();
  bool joined = !pending_.empty();
  if (joined) pending_.append(bytes);
  std::string_view input = joined ? std::string_view(pending_) : bytes;
  if (!has_status_ && IsTlsRecord(input)) {
    problem_ = kSpeaksTls;
    return Status::kMalformed;
  }
  while (!input.empty()) {
    if (LacksReason(input)) {
      std::string mended(input);
      mended.insert(mended.find('\r'), " ");
      pending_ = std::move(mended);
      input = pending_;
      joined = true;
    }
    boost::beast::error_code error;
    const std::size_t used = parser_->put(boost::asio::buffer(input.data(), input.size()), error);
    input.remove_prefix(used);
    // The answer was complete for the sink: later bytes cannot change that, whether they come in
    // the same read or in a later one.
    if (error && error != http::error::need_more && next_ == ResponseSink::Next::kStop) {
      return Status::kAborted;
    }
    if (error && error != http::error::need_more) {
      problem_ = error.message();
      return error == http::error::header_limit ? Status::kTooLarge : Status::kMalformed;
    }
    if (next_ == ResponseSink::Next::kAbort) return Status::kAborted;
    if (!parser_->is_done()) break;
    if (!IsInterim(head_.status)) {
      leftover_ = !input.empty();
      return Status::kComplete;
    }
    if (head_.status == 101 || ++interim_answers_ > kMaxInterimAnswers) {
      problem_ = "unexpected interim answer";
      return Status::kMalformed;
    }
    has_status_ = false;
    parser_.emplace(*this);
  }
  if (joined) {
    pending_.erase(0, pending_.size() - input.size());
  } else {
    pending_.assign(input);
  }
  if (pending_.size() > max_header_bytes_) {
    problem_ = "header or chunk size line too long";
    return Status::kTooLarge;
  }
  return Outcome();
}

ResponseReader::Status ResponseReader::FeedEnd() {
  if (!parser_->got_some()) return Status::kMalformed;
  boost::beast::error_code error;
  parser_->put_eof(error);
  if (error) {
    problem_ = error.message();
    return Status::kMalformed;
  }
  return Outcome();
}

bool ResponseReader::CanReuse() const {
  return parser_->is_done() && parser_->keep_alive() && !leftover_;
}

}  // namespace llmload::net
