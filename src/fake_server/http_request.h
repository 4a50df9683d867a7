// Incremental parsing of HTTP/1.1 requests: bytes in, requests out.
#ifndef LLMLOAD_SRC_FAKE_SERVER_HTTP_REQUEST_H_
#define LLMLOAD_SRC_FAKE_SERVER_HTTP_REQUEST_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace llmload::fake_server {

struct HttpRequest {
  std::string method;
  std::string target;  ///< path and query
  std::string content_type;
  std::string authorization;
  std::string body;
  std::string fields;  ///< all header fields: name in lower case, line feed, value, line feed, ...
  bool http_1_1 = true;
  bool keep_alive = true;

  /// Value of the first field of this name, which is given in lower case; empty if there is none.
  std::string_view Get(std::string_view name) const;
};

class HttpRequestParser {
 public:
  enum class State {
    kNeedMore,
    kNeedContinue,  ///< as kNeedMore, and the client waits for "100 Continue"; reported once
    kComplete,
    kBad,             ///< 400
    kHeaderTooLarge,  ///< 431
    kBodyTooLarge,    ///< 413
  };

  explicit HttpRequestParser(std::size_t max_body_bytes);
  ~HttpRequestParser();

  /// Parses from the front of `bytes`, and says how much of it is used up; the rest has to be given
  /// again, with more behind it.
  State Feed(std::string_view bytes, std::size_t& used);
  /// After kComplete: the request; the parser is ready for the next one.
  HttpRequest Take();
  /// The target of a request that could not be read or is not complete; empty if not even its first
  /// line was read.
  std::string Target() const;
  /// True if part of a request has been consumed.
  bool InRequest() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // none between requests: an idle connection costs nothing
  std::size_t max_body_bytes_;
  bool continue_reported_ = false;
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_HTTP_REQUEST_H_
