// Records durations on the path of a request, in memory that never depends on how many there were.
#ifndef LLMLOAD_METRICS_HISTOGRAM_H_
#define LLMLOAD_METRICS_HISTOGRAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "llmload/core/time.h"
#include "llmload/metrics/distribution.h"

namespace llmload {

/// The recorder of a `Distribution`: all cells of its layout, each an integer.
///
/// Thread safety: one thread may record while any number of others read. A reader sees each cell as
/// it was at some moment; cells may differ by the records made during the read. Memory is about 190
/// KB, of which only the pages with recorded values are touched.
class Histogram {
 public:
  /// Throws std::bad_alloc.
  Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  ~Histogram() = default;

  /// Records one value. Only one thread may record.
  void Record(Duration value) noexcept;

  /// Everything recorded so far.
  Distribution Snapshot() const;

 private:
  struct FreeCells {
    void operator()(std::uint64_t* cells) const noexcept;
  };

  // Cells are reached through std::atomic_ref only. Plain integers allow calloc, whose zero pages
  // cost nothing until they are written.
  std::unique_ptr<std::uint64_t[], FreeCells> cells_;
  std::atomic<std::uint64_t> overflow_{0};
  std::atomic<std::uint64_t> negative_{0};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<Duration::rep> min_;
  std::atomic<Duration::rep> max_{0};
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_HISTOGRAM_H_
