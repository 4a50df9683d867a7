#include <memory>

#include "src/wire/ollama_codec.h"
#include "tests/fuzz/fuzz_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llmload;
  return fuzz::WithSeed(data, size, [](std::string_view stream, std::uint32_t seed) {
    const auto make = [] { return std::make_unique<wire::OllamaAnswerDecoder>(fuzz::kLimit); };
    fuzz::FuzzDecoder(make, stream, seed);
  });
}
