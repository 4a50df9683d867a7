// The values that a run recorded of one figure, as counts: small, mergeable, written and read back.
#ifndef LLMLOAD_METRICS_DISTRIBUTION_H_
#define LLMLOAD_METRICS_DISTRIBUTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"

namespace llmload {

/// A percentile with its confidence bounds.
struct QuantileBounds {
  Duration value{};  ///< nearest rank
  /// Two-sided bounds of 99 % confidence; empty where the sample is too small for a bound.
  std::optional<Duration> lower;
  std::optional<Duration> upper;
};

/// A percentile that reports show, and the one name it has everywhere.
struct NamedQuantile {
  std::string_view name;
  double quantile = 0;
};

/// The percentiles of tables, JSON, measurements and criteria.
inline constexpr std::array<NamedQuantile, 5> kQuantiles{
    {{"p50", 0.50}, {"p90", 0.90}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}}};

/// Counts of durations in the cells of a log-linear layout with three significant digits from 1 µs
/// to 1 h, as HdrHistogram has it: 2048 cells of 1 µs, then 1024 cells for each doubling. Cells
/// without a value take no memory.
///
/// A value read back is the upper end of its cell, so it is never below the recorded value, and
/// above it by at most 0.1 % (1 µs below 2 ms). Minimum, maximum, sum and count are exact, in
/// nanoseconds. Values beyond 1 h are counted in an overflow cell that reads back as the maximum;
/// negative values are recorded as zero and counted apart.
///
/// Thread safety: that of a container.
class Distribution {
 public:
  static constexpr std::size_t kCellCount = std::size_t{23} * 1024;
  static constexpr Duration kHighestTracked = std::chrono::hours(1);

  /// One cell that holds values.
  struct Cell {
    std::uint32_t index = 0;
    std::uint64_t count = 0;
    friend bool operator==(const Cell&, const Cell&) = default;
  };

  /// Everything that a distribution is made of, for writing it and reading it back.
  struct Parts {
    std::vector<Cell> cells;  ///< in ascending order of their index, none empty
    std::uint64_t overflow = 0;
    std::uint64_t negative = 0;
    std::uint64_t sum = 0;  ///< nanoseconds; stays at its largest value once it got there
    Duration min{};         ///< without meaning if there are no values
    Duration max{};
    friend bool operator==(const Parts&, const Parts&) = default;
  };

  Distribution() = default;
  /// Throws `std::invalid_argument`, with the reason, for parts that no recording leaves behind.
  explicit Distribution(Parts parts);

  /// Records one value. Costs a search among the cells: `Histogram` is for the path of a request.
  void Record(Duration value);

  /// Adds all that `other` holds.
  void Merge(const Distribution& other);

  std::uint64_t count() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  /// Values beyond `kHighestTracked`.
  std::uint64_t overflow_count() const noexcept { return parts_.overflow; }
  /// Values below zero.
  std::uint64_t negative_count() const noexcept { return parts_.negative; }
  // Exact. Zero when empty.
  Duration min() const noexcept { return parts_.min; }
  Duration max() const noexcept { return parts_.max; }
  Duration mean() const noexcept;
  /// Exact up to 292 years, then saturates.
  Duration sum() const noexcept;
  const Parts& parts() const noexcept { return parts_; }

  /// The value of 1-based `rank` in ascending order; ranks beyond the count give the maximum. Zero
  /// when empty.
  Duration ValueAtRank(std::uint64_t rank) const noexcept;

  /// The nearest-rank percentile. `quantile` is clamped to [0, 1]; 0 gives the minimum. Zero when
  /// empty.
  Duration ValueAtQuantile(double quantile) const noexcept;

  /// How many values read back as more than `bound`.
  std::uint64_t CountAbove(Duration bound) const noexcept;

  /// The percentile with its 99 % confidence bounds (statistics.h). All zero and empty when empty.
  QuantileBounds BoundsAtQuantile(double quantile) const;

  /// The percentile of these values and of `failures` further ones, each of which counts as
  /// +infinity. Empty if the percentile is infinite, or if there is no value at all.
  std::optional<Duration> FailureAdjustedQuantile(double quantile,
                                                  std::uint64_t failures) const noexcept;

  friend bool operator==(const Distribution&, const Distribution&) = default;

 private:
  friend class Histogram;
  // Of parts that were read while they were recorded: their figures may differ by a value or two.
  static Distribution OfRecorder(Parts parts);

  Parts parts_;
  std::uint64_t count_ = 0;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_DISTRIBUTION_H_
