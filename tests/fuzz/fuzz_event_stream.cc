// Frames: raw bytes; and headers and payloads that are written and read back.
#include <algorithm>
#include <vector>

#include "src/wire/event_stream.h"
#include "tests/fuzz/fuzz_decoder.h"

namespace llmload {
namespace {

using wire::EventStreamDecoder;
using wire::EventStreamHeader;
using wire::EventStreamMessage;
using wire::EventStreamType;

void DecodeRaw(std::string_view bytes) {
  EventStreamDecoder decoder(fuzz::kLimit);
  EventStreamMessage message;
  decoder.Feed(bytes);
  while (decoder.Next(message) == EventStreamDecoder::Status::kMessage) {
    fuzz::Require(message.payload.size() <= fuzz::kLimit, "a payload is within the bound");
  }
}

// The first bytes become headers of all types, the rest the payload.
void RoundTrip(std::string_view bytes, std::uint32_t seed) {
  std::vector<EventStreamHeader> headers;
  std::vector<std::string> names;
  names.reserve(16);
  for (std::uint32_t i = 0; i < seed % 16 && bytes.size() > 16; ++i) {
    names.push_back("h" + std::to_string(i));
    EventStreamHeader header{
        .name = names.back(),
        .type = static_cast<EventStreamType>(static_cast<unsigned char>(bytes.front()) % 10),
        .number = 0,
        .bytes = {}};
    if (header.type == EventStreamType::kByte) header.number = bytes[1];
    if (header.type == EventStreamType::kUuid) header.bytes = bytes.substr(0, 16);
    if (header.type == EventStreamType::kString || header.type == EventStreamType::kBytes) {
      header.bytes = bytes.substr(1, seed % 16);
    }
    headers.push_back(header);
    bytes.remove_prefix(1);
  }
  std::string frame;
  wire::AppendEventStreamMessage(headers, bytes, frame);
  EventStreamDecoder decoder(frame.size());
  EventStreamMessage message;
  decoder.Feed(frame);
  fuzz::Require(decoder.Next(message) == EventStreamDecoder::Status::kMessage, "it is a message");
  fuzz::Require(message.payload == bytes, "the payload comes back");
  fuzz::Require(message.headers.size() == headers.size(), "so do the headers");
  for (std::size_t i = 0; i < headers.size(); ++i) {
    fuzz::Require(message.headers[i].name == headers[i].name &&
                      message.headers[i].type == headers[i].type &&
                      message.headers[i].number == headers[i].number &&
                      message.headers[i].bytes == headers[i].bytes,
                  "each as it was");
  }
}

}  // namespace
}  // namespace llmload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  return fuzz::WithSeed(data, size, [](std::string_view bytes, std::uint32_t seed) {
    DecodeRaw(bytes);
    RoundTrip(bytes, seed);
  });
}
