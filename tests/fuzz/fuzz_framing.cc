// Server-sent events and lines, cut anywhere.
#include "src/wire/ndjson_parser.h"
#include "src/wire/sse_parser.h"
#include "tests/fuzz/fuzz_decoder.h"

namespace llmload {
namespace {

std::string Events(std::initializer_list<std::string_view> pieces) {
  wire::SseParser parser(fuzz::kLimit);
  wire::SseEvent event;
  std::string text;
  const auto drain = [&] {
    while (true) {
      const auto status = parser.Next(event);
      if (status == wire::SseParser::Status::kTooLarge) text = "too large";
      if (status != wire::SseParser::Status::kEvent) return;
      text.append(event.name).append("\1").append(event.data).append("\2");
    }
  };
  for (const std::string_view piece : pieces) {
    parser.Feed(piece);
    drain();
  }
  parser.Finish();
  drain();
  return text;
}

std::string Lines(std::initializer_list<std::string_view> pieces) {
  wire::NdjsonParser parser(fuzz::kLimit);
  std::string_view line;
  std::string text;
  const auto drain = [&] {
    while (true) {
      const auto status = parser.Next(line);
      if (status == wire::NdjsonParser::Status::kTooLarge) text = "too large";
      if (status != wire::NdjsonParser::Status::kLine) return;
      text.append(line).append("\1");
    }
  };
  for (const std::string_view piece : pieces) {
    parser.Feed(piece);
    drain();
  }
  parser.Finish();
  drain();
  return text;
}

}  // namespace
}  // namespace llmload

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  return fuzz::WithSeed(data, size, [](std::string_view bytes, std::uint32_t seed) {
    const std::size_t cut = bytes.empty() ? 0 : seed % bytes.size();
    fuzz::Require(Events({bytes}) == Events({bytes.substr(0, cut), bytes.substr(cut)}),
                  "events are the same wherever the stream is cut");
    fuzz::Require(Lines({bytes}) == Lines({bytes.substr(0, cut), bytes.substr(cut)}),
                  "lines are the same wherever the stream is cut");
  });
}
