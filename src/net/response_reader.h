// HTTP/1.1 answers, sans-io: bytes in, a head and pieces of a body out.
#ifndef LLMLOAD_NET_RESPONSE_READER_H_
#define LLMLOAD_NET_RESPONSE_READER_H_

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "llmload/core/time.h"

namespace llmload::net {

/// `ResponseReader::problem` of an answer that is the beginning of a TLS record.
inline constexpr std::string_view kSpeaksTls =
    "the server speaks TLS on this port (https:// instead of http://?)";

/// Status and header fields of an answer.
class ResponseHead {
 public:
  int status = 0;

  /// Value of the first field of this name, which is given in lower case; empty if there is none.
  std::string_view Get(std::string_view name) const;

  /// Calls `take(name, value)` for each field, in their order; names are in lower case.
  template <class Take>
  void ForEach(Take take) const {
    std::string_view rest = fields_;
    while (!rest.empty()) {
      const std::size_t name_end = rest.find('\n');
      const std::size_t value_end = rest.find('\n', name_end + 1);
      take(rest.substr(0, name_end), rest.substr(name_end + 1, value_end - name_end - 1));
      rest.remove_prefix(value_end + 1);
    }
  }

  void Clear();
  void Add(std::string_view name, std::string_view value);
  /// Bytes of all fields.
  std::size_t size() const { return fields_.size(); }

 private:
  std::string fields_;  // name, line feed, value, line feed, ...
};

/// Receives an answer as it arrives.
class ResponseSink {
 public:
  enum class Next {
    kContinue,
    kStop,   ///< the rest of the body, if any, does not matter
    kAbort,  ///< the answer is unusable: close the connection at once
  };

  virtual Next OnHead(const ResponseHead& head, TimePoint at) = 0;
  /// @param bytes  a piece of the body, valid during the call only
  virtual Next OnBody(std::string_view bytes, TimePoint at) = 0;
  /// True once output has started: from then on the idle timeout applies instead of the first-token
  /// timeout.
  virtual bool HasOutput() const = 0;

 protected:
  ~ResponseSink() = default;
};

/// Parses one answer, after any number of interim (1xx) ones up to a bound.
class ResponseReader {
 public:
  enum class Status {
    kNeedMore,
    kStopped,  ///< by the sink, before the answer was complete
    kComplete,
    kAborted,    ///< by the sink
    kMalformed,  ///< not HTTP; `problem` says more
    kTooLarge,   ///< header beyond the bound
  };

  /// `head` and `sink` must outlive the reader.
  ResponseReader(ResponseHead& head, ResponseSink& sink, std::size_t max_header_bytes);

  /// @param at  when the bytes were read
  Status Feed(std::string_view bytes, TimePoint at);

  /// The peer has closed the connection: this completes an answer whose length was not announced.
  Status FeedEnd();

  bool HasStarted() const { return started_; }
  /// True if another request may be sent on the connection. Call it after `kComplete`.
  bool CanReuse() const;
  std::string_view problem() const { return problem_; }

 private:
  // Beast's parser with its events bound to this reader.
  class Parser final : public boost::beast::http::basic_parser<false> {
   public:
    explicit Parser(ResponseReader& reader);

   private:
    using Code = boost::beast::error_code;
    using View = boost::beast::string_view;
    void on_request_impl(boost::beast::http::verb, View, View, int, Code&) override {}
    void on_response_impl(int code, View reason, int version, Code& error) override;
    void on_field_impl(boost::beast::http::field, View name, View value, Code& error) override;
    void on_header_impl(Code& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
    std::size_t on_body_impl(View body, Code& error) override;
    void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t remain, View body, Code& error) override;
    void on_finish_impl(Code&) override {}

    ResponseReader& reader_;
  };

  Status Outcome() const;
  bool LacksReason(std::string_view input) const;
  void TakeBody(std::string_view body);

  ResponseHead& head_;
  ResponseSink& sink_;
  const std::size_t max_header_bytes_;
  std::optional<Parser> parser_;
  std::string pending_;  // start of a header or of a chunk's size line
  TimePoint at_{};
  int interim_answers_ = 0;
  bool started_ = false;
  bool has_status_ = false;  // of the answer that is being parsed
  bool head_done_ = false;
  bool leftover_ = false;
  ResponseSink::Next next_ = ResponseSink::Next::kContinue;
  std::string problem_;
};

}  // namespace llmload::net

#endif  // LLMLOAD_NET_RESPONSE_READER_H_
