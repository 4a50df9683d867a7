// Composing HTTP/1.1 answers as text.
#ifndef LLMLOAD_SRC_FAKE_SERVER_HTTP_RESPONSE_H_
#define LLMLOAD_SRC_FAKE_SERVER_HTTP_RESPONSE_H_

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace llmload::fake_server {

/// The reason phrase of a status.
std::string_view ReasonPhrase(int status) noexcept;

/// "Tue, 24 Nov 2026 12:00:00 GMT" for now plus `offset`.
std::string HttpDate(std::chrono::seconds offset);

/// A response header in the making: one statement, appended to `out` field by field.
class HeadWriter {
 public:
  HeadWriter(std::string& out, int status, std::string_view date);
  HeadWriter& Field(std::string_view name, std::string_view value);
  HeadWriter& Field(std::string_view name, std::int64_t value);
  /// The empty line; with `Connection: close` before it unless the connection stays.
  void End(bool keep_alive);

 private:
  std::string& out_;
};

void AppendNumber(std::string& out, std::int64_t number);

/// One chunk of a chunked body, made of `parts`; or the parts alone if `chunked` is false.
void AppendChunk(std::string& out, bool chunked, std::initializer_list<std::string_view> parts);

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_HTTP_RESPONSE_H_
