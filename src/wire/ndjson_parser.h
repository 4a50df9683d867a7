// Newline-delimited JSON, sans-io: bytes in, lines out.
#ifndef LLMLOAD_WIRE_NDJSON_PARSER_H_
#define LLMLOAD_WIRE_NDJSON_PARSER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace llmload::wire {

/// Splits a byte stream, cut anywhere, into lines. They end in LF, with or without a CR before it;
/// empty ones are dropped.
///
/// Use: `Feed` bytes, then call `Next` until it returns `kNeedMore`, and so on; `Finish` and `Next`
/// again at the end of the stream. A line that lies in one piece inside the bytes fed is not
/// copied.
class NdjsonParser {
 public:
  enum class Status { kLine, kNeedMore, kTooLarge };

  explicit NdjsonParser(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  /// Precondition: the bytes fed before are used up (`Next` returned `kNeedMore`).
  /// `bytes` must stay alive until then.
  void Feed(std::string_view bytes) { input_ = bytes; }

  /// Tells that the stream has ended: a last line without its end counts.
  void Finish() { finished_ = true; }

  /// `line` is valid until the next call of the parser. `kTooLarge` is final.
  Status Next(std::string_view& line);

 private:
  std::size_t max_line_bytes_;
  std::string_view input_;
  std::string partial_;  // start of a line whose end has not come yet
  bool handed_out_ = false;
  bool finished_ = false;
  bool too_large_ = false;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_NDJSON_PARSER_H_
