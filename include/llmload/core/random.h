// Seeded randomness that is the same on every platform and standard library.
#ifndef LLMLOAD_CORE_RANDOM_H_
#define LLMLOAD_CORE_RANDOM_H_

#include <cstdint>

#include "llmload/core/time.h"

namespace llmload {

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014)
/// with the distributions llmload needs. The standard library's distributions differ between
/// implementations; a seed printed in a failure report has to reproduce the run anywhere. Not
/// thread-safe.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  /// An independent generator for stream `index` of `seed`: one per worker, provider, request...
  static Random Stream(std::uint64_t seed, std::uint64_t index) noexcept;

  /// Uniform over all 64-bit values.
  std::uint64_t Next() noexcept;
  /// Uniform in [0, 1).
  double Uniform() noexcept;
  /// Uniform in [0, bound). Precondition: bound > 0.
  std::uint64_t Below(std::uint64_t bound) noexcept;
  /// True with the given probability (clamped to [0, 1]).
  bool Chance(double probability) noexcept;
  /// Exponential with the given mean.
  double Exponential(double mean) noexcept;
  /// Standard normal (Box–Muller: every second value is the other one of a pair).
  double Normal() noexcept;
  /// Log-normal with the given median and sigma of the underlying normal.
  Duration LogNormal(Duration median, double sigma) noexcept;

 private:
  std::uint64_t state_;
  double spare_ = 0;  // of a pair of normals
  bool has_spare_ = false;
};

}  // namespace llmload

#endif  // LLMLOAD_CORE_RANDOM_H_
