// Which cell of a histogram a value falls into, and where the cell ends.
#ifndef LLMLOAD_SRC_METRICS_CELL_LAYOUT_H_
#define LLMLOAD_SRC_METRICS_CELL_LAYOUT_H_

#include <bit>
#include <cstddef>
#include <cstdint>

#include "llmload/metrics/distribution.h"

namespace llmload::cells {

inline constexpr unsigned kLinearBits = 11;  // 2048 cells of 1 µs
inline constexpr std::uint64_t kHalf = std::uint64_t{1} << (kLinearBits - 1);
inline constexpr std::uint64_t kMicrosecond = 1000;  // nanoseconds

/// The cell of a value from 0 to `Distribution::kHighestTracked`.
constexpr std::size_t Of(Duration value) noexcept {
  const std::uint64_t micros = static_cast<std::uint64_t>(value.count()) / kMicrosecond;
  const unsigned width = static_cast<unsigned>(std::bit_width(micros));
  const unsigned shift = width > kLinearBits ? width - kLinearBits : 0;
  return static_cast<std::size_t>(shift * kHalf + (micros >> shift));
}

/// The last nanosecond that falls into `cell`.
constexpr Duration End(std::size_t cell) noexcept {
  const std::uint64_t shift = cell < 2 * kHalf ? 0 : cell / kHalf - 1;
  const std::uint64_t first = (cell - shift * kHalf) << shift;
  const std::uint64_t next = first + (std::uint64_t{1} << shift);
  return Duration(static_cast<Duration::rep>(next * kMicrosecond - 1));
}

static_assert(Of(Distribution::kHighestTracked) < Distribution::kCellCount);
static_assert(Of(std::chrono::microseconds(2047)) == 2047 &&
              Of(std::chrono::microseconds(2048)) == 2048 &&
              Of(std::chrono::microseconds(2049)) == 2048);

}  // namespace llmload::cells

#endif  // LLMLOAD_SRC_METRICS_CELL_LAYOUT_H_
