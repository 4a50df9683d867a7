// Server-sent events (WHATWG HTML, section 9.2.6), sans-io: bytes in, events out.
#ifndef LLMLOAD_WIRE_SSE_PARSER_H_
#define LLMLOAD_WIRE_SSE_PARSER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace llmload::wire {

/// One event. Both views are valid until the next call of the parser.
struct SseEvent {
  std::string_view name;  ///< of the `event:` field; empty if there was none
  std::string_view data;  ///< the `data:` fields, joined by line feeds
};

/// Splits a byte stream into events. Lines end in LF, CRLF or CR; comments and unknown fields are
/// dropped, and so is an event without a `data:` field. The stream may be cut anywhere, even inside
/// a CRLF.
///
/// Use: `Feed` bytes, then call `Next` until it returns `kNeedMore`, and so on; `Finish` and `Next`
/// again at the end of the stream. An event that lies in one piece inside the bytes fed is not
/// copied.
class SseParser {
 public:
  enum class Status { kEvent, kNeedMore, kTooLarge };

  /// @param max_event_bytes bound of the name and data of one event, and of any line
  explicit SseParser(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

  /// Precondition: the bytes fed before are used up (`Next` returned `kNeedMore`).
  /// `bytes` must stay alive until then.
  void Feed(std::string_view bytes) { input_ = bytes; }

  /// Tells that the stream has ended: a last line without its end, and an event without its empty
  /// line, count.
  void Finish() { finished_ = true; }

  /// `kTooLarge` is final.
  Status Next(SseEvent& event);

 private:
  bool TakeLine(std::string_view& line, bool& in_input);
  void TakeField(std::string_view line, bool in_input);
  bool Dispatch(SseEvent& event);
  void KeepData();

  std::size_t max_event_bytes_;
  std::string_view input_;
  std::string partial_;  // start of a line whose end has not come yet
  std::string line_;     // a line that was composed of pieces
  std::string name_;
  std::string data_storage_;
  std::string_view data_;  // in `input_`, or all of `data_storage_`
  bool data_in_input_ = false;
  bool has_data_ = false;
  bool dispatched_ = false;      // the event that was returned last is still to be cleared
  bool skip_line_feed_ = false;  // the last line ended in CR: an LF that follows belongs to it
  bool first_line_ = true;
  bool finished_ = false;
  bool too_large_ = false;
};

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_SSE_PARSER_H_
