// A histogram of durations whose size never depends on how many it has recorded.
#ifndef LLMLOAD_METRICS_HISTOGRAM_H_
#define LLMLOAD_METRICS_HISTOGRAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "llmload/core/time.h"

namespace llmload {

/// A percentile with its confidence bounds.
struct QuantileBounds {
  Duration value{};  ///< nearest rank
  std::optional<Duration>
      lower;  ///< 99 % confidence, two-sided; empty: too few samples for a bound
  std::optional<Duration> upper;
};

/// Log-linear histogram with three significant digits from 1 µs to 1 h, as HdrHistogram lays it
/// out: 2048 cells of 1 µs, then 1024 cells for each doubling.
///
/// A value read back is the upper end of its cell, so it is never below the recorded value, and
/// above it by at most 0.1 % (1 µs below 2 ms). Minimum, maximum, sum and count are exact, in
/// nanoseconds. Values beyond 1 h are counted in an overflow cell that reads back as the maximum;
/// negative values are recorded as zero and counted apart.
///
/// Thread safety: one thread may record while any number of others read. A reader sees each cell as
/// it was at some moment; cells may differ by the records made during the read. Memory is about 190
/// KB, of which only the pages with recorded values are touched.
class Histogram {
 public:
  static constexpr std::size_t kCellCount = std::size_t{23} * 1024;
  static constexpr Duration kHighestTracked = std::chrono::hours(1);

  /// Throws std::bad_alloc.
  Histogram();
  /// A snapshot; `other` may be recorded to meanwhile.
  Histogram(const Histogram& other);
  Histogram& operator=(const Histogram& other);
  ~Histogram() = default;

  /// Records one value. Only one thread may record or merge.
  void Record(Duration value) noexcept;

  /// Adds all that `other` has recorded. `other` may be recorded to meanwhile.
  void Merge(const Histogram& other) noexcept;

  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }
  /// Values beyond `kHighestTracked`.
  std::uint64_t overflow_count() const noexcept {
    return overflow_.load(std::memory_order_relaxed);
  }
  /// Values below zero.
  std::uint64_t negative_count() const noexcept {
    return negative_.load(std::memory_order_relaxed);
  }
  /// Exact. Zero when empty.
  Duration min() const noexcept;
  Duration max() const noexcept;
  Duration mean() const noexcept;
  /// Exact up to 292 years, then saturates.
  Duration sum() const noexcept;

  /// The value of 1-based `rank` in ascending order; ranks beyond the count give the maximum. Zero
  /// when empty.
  Duration ValueAtRank(std::uint64_t rank) const noexcept;

  /// The nearest-rank percentile. `quantile` is clamped to [0, 1]; 0 gives the minimum. Zero when
  /// empty.
  Duration ValueAtQuantile(double quantile) const noexcept;

  /// The percentile with its 99 % confidence bounds (statistics.h). All zero and empty when empty.
  QuantileBounds BoundsAtQuantile(double quantile) const;

 private:
  struct FreeCells {
    void operator()(std::uint64_t* cells) const noexcept;
  };

  /// Everything recorded, counted from the cells themselves: consistent under concurrent recording.
  std::uint64_t CellTotal() const noexcept;

  // Cells are reached through std::atomic_ref only. Plain integers allow calloc, whose zero pages
  // cost nothing until they are written.
  std::unique_ptr<std::uint64_t[], FreeCells> cells_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> overflow_{0};
  std::atomic<std::uint64_t> negative_{0};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<Duration::rep> min_;
  std::atomic<Duration::rep> max_{0};
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_HISTOGRAM_H_
