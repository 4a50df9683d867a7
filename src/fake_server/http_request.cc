#include "src/fake_server/http_request.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

#include "src/core/text/ascii.h"

namespace llmload::fake_server {
namespace {

namespace http = boost::beast::http;
constexpr std::uint32_t kMaxHeaderBytes = 64U << 10;

std::string Text(boost::beast::string_view view) { return {view.data(), view.size()}; }

}  // namespace

std::string_view HttpRequest::Get(std::string_view name) const {
  std::string_view rest = fields;
  while (!rest.empty()) {
    const std::size_t name_end = rest.find('\n');
    const std::size_t value_end = rest.find('\n', name_end + 1);
    if (rest.substr(0, name_end) == name) {
      return rest.substr(name_end + 1, value_end - name_end - 1);
    }
    rest.remove_prefix(value_end + 1);
  }
  return {};
}

struct HttpRequestParser::Impl {
  http::request_parser<http::string_body> parser;
};

HttpRequestParser::HttpRequestParser(std::size_t max_body_bytes)
    : max_body_bytes_(max_body_bytes) {}
HttpRequestParser::~HttpRequestParser() = default;

HttpRequestParser::State HttpRequestParser::Feed(std::string_view bytes, std::size_t& used) {
  if (impl_ == nullptr) {
    impl_ = std::make_unique<Impl>();
    impl_->parser.eager(true);
    impl_->parser.header_limit(kMaxHeaderBytes);
    impl_->parser.body_limit(max_body_bytes_);
    continue_reported_ = false;
  }
  auto& parser = impl_->parser;
  used = 0;
  while (used < bytes.size() && !parser.is_done()) {
    boost::system::error_code error;
    const std::size_t consumed =
        parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += consumed;
    if (error == http::error::need_more) break;
    if (error == http::error::header_limit) return State::kHeaderTooLarge;
    if (error == http::error::body_limit || error == http::error::buffer_overflow) {
      return State::kBodyTooLarge;
    }
    if (error) return State::kBad;
    if (consumed == 0) break;
  }
  if (parser.is_done()) return State::kComplete;
  if (parser.is_header_done() && !continue_reported_ &&
      boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    continue_reported_ = true;
    return State::kNeedContinue;
  }
  return State::kNeedMore;
}

HttpRequest HttpRequestParser::Take() {
  auto message = impl_->parser.release();
  impl_.reset();
  HttpRequest request;
  request.method = Text(message.method_string());
  request.target = Text(message.target());
  request.content_type = Text(message[http::field::content_type]);
  request.authorization = Text(message[http::field::authorization]);
  for (const auto& field : message) {
    request.fields.append(text::Lower(field.name_string()))
        .append("\n")
        .append(Text(field.value()))
        .append("\n");
  }
  request.http_1_1 = message.version() == 11;
  request.keep_alive = message.keep_alive();
  request.body = std::move(message.body());
  return request;
}

std::string HttpRequestParser::Target() const {
  return impl_ == nullptr ? std::string() : Text(impl_->parser.get().target());
}

bool HttpRequestParser::InRequest() const noexcept { return impl_ != nullptr; }

}  // namespace llmload::fake_server
