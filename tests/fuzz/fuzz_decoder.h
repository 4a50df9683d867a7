// What every decoder has to stand, whatever comes: any bytes, cut anywhere, decoded alike.
#ifndef LLMLOAD_TESTS_FUZZ_FUZZ_DECODER_H_
#define LLMLOAD_TESTS_FUZZ_FUZZ_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/support/answer_recording.h"

namespace llmload::fuzz {

inline std::string_view Text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

/// Bound of one event: small, so that it is reached.
inline constexpr std::size_t kLimit = 4096;

/// Decodes `stream` whole and cut in three at places that `seed` chooses, and as an answer and an
/// error.
inline void FuzzDecoder(const test_support::MakeDecoder& make, std::string_view stream,
                        std::uint32_t seed) {
  const std::string whole = test_support::DecodeStream(make, {stream});
  Require(!whole.empty(), "a stream ends in a status");
  const std::size_t first = stream.empty() ? 0 : seed % stream.size();
  const std::size_t second = first + (seed / 7) % (stream.size() - first + 1);
  Require(test_support::DecodeStream(make,
                                     {stream.substr(0, first), stream.substr(first, second - first),
                                      stream.substr(second)}) == whole,
          "a stream is decoded alike wherever it is cut");
  test_support::DecodeWhole(make, stream);
  const wire::DecodeFailure failure =
      make()->DecodeErrorAnswer(static_cast<int>(400 + seed % 200), "", stream);
  Require(failure.kind != ErrorKind::kInternal, "an error answer has a kind");
}

/// The bytes behind the first four, which are the seed.
template <class Fuzz>
int WithSeed(const std::uint8_t* data, std::size_t size, Fuzz fuzz) {
  if (size < 4) return 0;
  std::uint32_t seed = 0;
  for (int i = 0; i < 4; ++i) seed = seed << 8U | data[i];
  fuzz(Text(data + 4, size - 4), seed);
  return 0;
}

}  // namespace llmload::fuzz

#endif  // LLMLOAD_TESTS_FUZZ_FUZZ_DECODER_H_
