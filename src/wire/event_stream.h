// application/vnd.amazon.eventstream (Smithy specification, "Amazon Event Stream"), sans-io: the
// frames in which AWS services stream.
#ifndef LLMLOAD_WIRE_EVENT_STREAM_H_
#define LLMLOAD_WIRE_EVENT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llmload::wire {

enum class EventStreamType : std::uint8_t {
  kTrue = 0,
  kFalse = 1,
  kByte = 2,
  kShort = 3,
  kInt = 4,
  kLong = 5,
  kBytes = 6,
  kString = 7,
  kTimestamp = 8,  ///< milliseconds since the epoch
  kUuid = 9,
};

/// One header of a message.
struct EventStreamHeader {
  std::string_view name;
  EventStreamType type = EventStreamType::kString;
  std::int64_t number = 0;  ///< of kByte to kLong and kTimestamp
  std::string_view bytes;   ///< of kBytes, kString and kUuid (16 bytes)
};

/// One message. Views are valid until the decoder's next call.
struct EventStreamMessage {
  std::vector<EventStreamHeader> headers;
  std::string_view payload;

  /// The value of the string header `name`; empty if there is none.
  std::string_view Text(std::string_view name) const;
};

/// Splits a byte stream, cut anywhere, into messages; checks both checksums and every length.
///
/// Use: `Feed` bytes, then call `Next` until it returns `kNeedMore`, and so on. A message that lies
/// in one piece inside the bytes fed is not copied.
class EventStreamDecoder {
 public:
  enum class Status {
    kMessage,
    kNeedMore,
    kMalformed,  ///< see `problem()`; final
    kTooLarge,   ///< a message beyond the bound; final
  };

  /// @param max_message_bytes  bound of one message. The length comes first, and no memory is
  /// allocated for a longer one
  explicit EventStreamDecoder(std::size_t max_message_bytes)
      : max_message_bytes_(max_message_bytes) {}

  /// Precondition: the bytes fed before are used up (`Next` returned `kNeedMore`). `bytes` must
  /// stay alive until then.
  void Feed(std::string_view bytes) { input_ = bytes; }

  Status Next(EventStreamMessage& message);

  /// True if the stream may end here, because no part of a message is left over.
  bool IsAtBoundary() const { return partial_.empty() && input_.empty(); }

  std::string_view problem() const { return problem_; }

 private:
  Status CheckPrelude(std::string_view bytes, std::size_t& size);
  Status Decode(std::string_view frame, EventStreamMessage& message);
  Status Malformed(std::string_view problem);

  std::size_t max_message_bytes_;
  std::string_view input_;
  std::string partial_;  // start of a message whose end has not come yet
  bool whole_ = false;   // `partial_` is a message that `Next` returned
  Status failed_ = Status::kNeedMore;
  std::string_view problem_;
};

/// Appends one message to `out`. Precondition: names have 1 to 255 bytes, strings and byte arrays
/// at most 32767.
void AppendEventStreamMessage(std::span<const EventStreamHeader> headers, std::string_view payload,
                              std::string& out);

/// CRC-32 as in zlib (IEEE 802.3, reflected), continued from `crc`.
std::uint32_t Crc32(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace llmload::wire

#endif  // LLMLOAD_WIRE_EVENT_STREAM_H_
