#include "src/wire/event_stream.h"

#include <algorithm>
#include <array>

namespace llmload::wire {
namespace {

constexpr std::size_t kPreludeBytes = 12;   // two lengths and their checksum
constexpr std::size_t kOverheadBytes = 16;  // prelude and the message's checksum
constexpr std::size_t kUuidBytes = 16;

constexpr std::array<std::uint32_t, 256> MakeCrcTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1U) ^ ((value & 1U) * 0xEDB88320U);
    table[i] = value;
  }
  return table;
}

// Eight tables, so that eight bytes are one step ("slicing-by-8", Kounavis and Berry, 2005).
constexpr std::array<std::array<std::uint32_t, 256>, 8> MakeCrcTables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  tables[0] = MakeCrcTable();
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t before = tables[k - 1][i];
      tables[k][i] = (before >> 8U) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr auto kCrc = MakeCrcTables();

std::uint8_t Byte(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

// Big-endian, like all numbers of the format.
std::uint64_t ReadNumber(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<std::uint8_t>(c);
  return value;
}

std::int64_t ReadSigned(std::string_view bytes) {
  const std::uint64_t value = ReadNumber(bytes);
  const auto unused = static_cast<unsigned>(64 - 8 * bytes.size());
  return static_cast<std::int64_t>(value << unused) >> unused;
}

void AppendBigEndian(std::uint64_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU));
  }
}

// Takes `size` bytes off the front; false if there are fewer.
bool Take(std::string_view& bytes, std::size_t size, std::string_view& taken) {
  if (bytes.size() < size) return false;
  taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

// The size of a number; 0 for other types.
std::size_t NumberSize(EventStreamType type) {
  switch (type) {
    case EventStreamType::kByte:
      return 1;
    case EventStreamType::kShort:
      return 2;
    case EventStreamType::kInt:
      return 4;
    case EventStreamType::kLong:
    case EventStreamType::kTimestamp:
      return 8;
    default:
      return 0;
  }
}

bool ReadHeader(std::string_view& bytes, EventStreamHeader& header) {
  std::string_view taken;
  if (!Take(bytes, 1, taken) || !Take(bytes, Byte(taken, 0), header.name) || header.name.empty() ||
      !Take(bytes, 1, taken)) {
    return false;
  }
  const std::uint8_t type = Byte(taken, 0);
  if (type > static_cast<std::uint8_t>(EventStreamType::kUuid)) return false;
  header.type = static_cast<EventStreamType>(type);
  if (const std::size_t size = NumberSize(header.type); size > 0) {
    if (!Take(bytes, size, taken)) return false;
    header.number = ReadSigned(taken);
    return true;
  }
  switch (header.type) {
    case EventStreamType::kBytes:
    case EventStreamType::kString:
      return Take(bytes, 2, taken) && Take(bytes, ReadNumber(taken), header.bytes);
    case EventStreamType::kUuid:
      return Take(bytes, kUuidBytes, header.bytes);
    default:
      return true;
  }
}

bool HasNameTwice(std::span<const EventStreamHeader> headers) {
  constexpr std::size_t kFew = 16;
  if (headers.size() <= kFew) {
    for (std::size_t i = 1; i < headers.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (headers[i].name == headers[k].name) return true;
      }
    }
    return false;
  }
  // A message may have too many headers to compare each with each.
  std::vector<std::string_view> names;
  names.reserve(headers.size());
  for (const EventStreamHeader& header : headers) names.push_back(header.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

}  // namespace

std::uint32_t Crc32(std::string_view bytes, std::uint32_t crc) {
  crc = ~crc;
  std::size_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    const std::uint32_t low =
        crc ^
        (std::uint32_t{Byte(bytes, at)} | std::uint32_t{Byte(bytes, at + 1)} << 8U |
         std::uint32_t{Byte(bytes, at + 2)} << 16U | std::uint32_t{Byte(bytes, at + 3)} << 24U);
    crc = kCrc[7][low & 0xFFU] ^ kCrc[6][low >> 8U & 0xFFU] ^ kCrc[5][low >> 16U & 0xFFU] ^
          kCrc[4][low >> 24U] ^ kCrc[3][Byte(bytes, at + 4)] ^ kCrc[2][Byte(bytes, at + 5)] ^
          kCrc[1][Byte(bytes, at + 6)] ^ kCrc[0][Byte(bytes, at + 7)];
  }
  for (; at < bytes.size(); ++at) {
    crc = (crc >> 8U) ^ kCrc[0][(crc ^ Byte(bytes, at)) & 0xFFU];
  }
  return ~crc;
}

std::string_view EventStreamMessage::Text(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return header.name == name && header.type == EventStreamType::kString;
  });
  return found == headers.end() ? std::string_view{} : found->bytes;
}

EventStreamDecoder::Status EventStreamDecoder::Malformed(std::string_view problem) {
  problem_ = problem;
  return Status::kMalformed;
}

EventStreamDecoder::Status EventStreamDecoder::Next(EventStreamMessage& message) {
  if (failed_ != Status::kNeedMore) return failed_;
  if (whole_) {
    partial_.clear();
    whole_ = false;
  }
  // The prelude has the length of the message, and its checksum is verified before that is used.
  if (!partial_.empty() || input_.size() < kPreludeBytes) {
    const std::size_t missing = kPreludeBytes - std::min(partial_.size(), kPreludeBytes);
    const std::size_t taken = std::min(missing, input_.size());
    partial_.append(input_.substr(0, taken));
    input_.remove_prefix(taken);
    if (partial_.size() < kPreludeBytes) return Status::kNeedMore;
  }
  const bool in_input = partial_.empty();
  std::size_t size = 0;
  failed_ = CheckPrelude(in_input ? input_ : partial_, size);
  if (failed_ != Status::kNeedMore) return failed_;

  std::string_view frame;
  if (in_input && input_.size() >= size) {
    frame = input_.substr(0, size);
    input_.remove_prefix(size);
  } else {
    const std::size_t taken = std::min(size - partial_.size(), input_.size());
    partial_.append(input_.substr(0, taken));
    input_.remove_prefix(taken);
    if (partial_.size() < size) return Status::kNeedMore;
    frame = partial_;
    whole_ = true;
  }
  const Status status = Decode(frame, message);
  if (status != Status::kMessage) failed_ = status;
  return status;
}

EventStreamDecoder::Status EventStreamDecoder::CheckPrelude(std::string_view bytes,
                                                            std::size_t& size) {
  size = ReadNumber(bytes.substr(0, 4));
  const std::uint64_t headers = ReadNumber(bytes.substr(4, 4));
  if (Crc32(bytes.substr(0, 8)) != ReadNumber(bytes.substr(8, 4))) {
    return Malformed("the checksum of a message's prelude is wrong");
  }
  if (size < kOverheadBytes || headers > size - kOverheadBytes) {
    return Malformed("the lengths of a message contradict each other");
  }
  if (size > max_message_bytes_) return Status::kTooLarge;
  return Status::kNeedMore;
}

EventStreamDecoder::Status EventStreamDecoder::Decode(std::string_view frame,
                                                      EventStreamMessage& message) {
  const std::size_t end = frame.size() - 4;
  if (Crc32(frame.substr(0, end)) != ReadNumber(frame.substr(end))) {
    return Malformed("the checksum of a message is wrong");
  }
  const std::size_t header_bytes = ReadNumber(frame.substr(4, 4));
  std::string_view headers = frame.substr(kPreludeBytes, header_bytes);
  message.headers.clear();
  while (!headers.empty()) {
    EventStreamHeader& header = message.headers.emplace_back();
    if (!ReadHeader(headers, header)) return Malformed("a header of a message is broken");
  }
  if (HasNameTwice(message.headers)) return Malformed("a message has a header twice");
  message.payload =
      frame.substr(kPreludeBytes + header_bytes, frame.size() - kOverheadBytes - header_bytes);
  return Status::kMessage;
}

void AppendEventStreamMessage(std::span<const EventStreamHeader> headers, std::string_view payload,
                              std::string& out) {
  const std::size_t begin = out.size();
  out.append(kPreludeBytes, '\0');
  for (const EventStreamHeader& header : headers) {
    out.push_back(static_cast<char>(header.name.size()));
    out.append(header.name);
    out.push_back(static_cast<char>(header.type));
    if (const std::size_t size = NumberSize(header.type); size > 0) {
      AppendBigEndian(static_cast<std::uint64_t>(header.number), static_cast<int>(size), out);
    } else if (header.type == EventStreamType::kBytes || header.type == EventStreamType::kString) {
      AppendBigEndian(header.bytes.size(), 2, out);
      out.append(header.bytes);
    } else if (header.type == EventStreamType::kUuid) {
      out.append(header.bytes);
    }
  }
  const std::size_t header_bytes = out.size() - begin - kPreludeBytes;
  out.append(payload);
  std::string prelude;
  AppendBigEndian(kOverheadBytes + header_bytes + payload.size(), 4, prelude);
  AppendBigEndian(header_bytes, 4, prelude);
  AppendBigEndian(Crc32(prelude), 4, prelude);
  out.replace(begin, kPreludeBytes, prelude);
  AppendBigEndian(Crc32(std::string_view(out).substr(begin)), 4, out);
}

}  // namespace llmload::wire
