// Bedrock's three decoders: raw bytes, and payloads in frames that are right, since a fuzzer does
// not guess checksums.
#include <algorithm>
#include <array>
#include <memory>

#include "src/core/text/base64.h"
#include "src/wire/bedrock_codec.h"
#include "src/wire/event_stream.h"
#include "tests/fuzz/fuzz_decoder.h"

namespace llmload {
namespace {

wire::EventStreamHeader TextHeader(std::string_view name, std::string_view value) {
  return {.name = name, .type = wire::EventStreamType::kString, .number = 0, .bytes = value};
}

void AppendFrame(char kind, std::string_view payload, std::string& out) {
  constexpr std::array<std::string_view, 8> kTypes = {"messageStart",
                                                      "contentBlockStart",
                                                      "contentBlockDelta",
                                                      "contentBlockStop",
                                                      "messageStop",
                                                      "metadata",
                                                      "chunk",
                                                      "unknown"};
  const std::string_view type = kTypes[static_cast<unsigned char>(kind) % kTypes.size()];
  std::string wrapped;
  if (type == "chunk") {
    wrapped = "{\"bytes\":\"";
    text::AppendBase64(payload, wrapped);
    payload = wrapped.append("\"}");
  }
  const bool exception = kind == 'x';
  const std::array headers = {TextHeader(exception ? ":exception-type" : ":event-type", type),
                              TextHeader(":message-type", exception ? "exception" : "event")};
  wire::AppendEventStreamMessage(headers, payload, out);
}

// One frame a line; the first character of a line picks its type.
std::string Framed(std::string_view lines) {
  std::string stream;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = lines.substr(0, end);
    if (!line.empty()) AppendFrame(line.front(), line.substr(1), stream);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return stream;
}

}  // namespace
}  // namespace llmload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  return fuzz::WithSeed(data, size, [](std::string_view bytes, std::uint32_t seed) {
    const std::string framed = seed % 2 == 0 ? Framed(bytes) : std::string(bytes);
    fuzz::FuzzDecoder([] { return std::make_unique<wire::ConverseAnswerDecoder>(fuzz::kLimit); },
                      framed, seed);
    for (const auto family : {wire::BedrockFamily::kAnthropic, wire::BedrockFamily::kTitan}) {
      fuzz::FuzzDecoder(
          [family] {
            return std::make_unique<wire::InvokeModelAnswerDecoder>(family, fuzz::kLimit);
          },
          framed, seed);
    }
    wire::DecodeAwsError(400, bytes, bytes);
  });
}
