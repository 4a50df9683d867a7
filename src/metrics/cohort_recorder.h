// The cohorts of one worker.
#ifndef LLMLOAD_SRC_METRICS_COHORT_RECORDER_H_
#define LLMLOAD_SRC_METRICS_COHORT_RECORDER_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "llmload/core/time.h"
#include "llmload/metrics/cohorts.h"
#include "src/metrics/relaxed.h"

namespace llmload {

/// One thread records, any number of threads read meanwhile. Memory is bounded: 170 kB for each
/// figure, of which only the pages that were written cost anything. When the intervals are used up,
/// they become twice as long.
class CohortRecorder {
 public:
  enum Count : std::size_t {
    kScheduled,
    kSucceeded,
    kLost,
    kCompleted,
    kGood,
    kAttempts,
    kOutputTokens
  };

  /// Keeps the cells of these figures. Throws std::bad_alloc.
  CohortRecorder(TimePoint start, const FigureSet& figures);

  /// Of a request that was scheduled at `at`. Instants before the start count for the first cohort.
  void Add(Count count, TimePoint at, std::uint64_t amount = 1) noexcept {
    Bump(counts_[SlotAt(at)][count], amount);
  }
  void Record(Figure figure, TimePoint at, Duration value) noexcept {
    const std::size_t row = rows_[static_cast<std::size_t>(figure)];
    if (row == kNotKept) return;
    const std::size_t cell = SeriesCells::Of(value);
    used_[row].first = std::min(used_[row].first, cell);
    used_[row].end = std::max(used_[row].end, cell + 1);
    Bump(CellsOf(SlotAt(at), row)[cell], 1U);
  }

  /// Up to the last cohort with a request. Thread-safe.
  Cohorts Snapshot() const;

 private:
  static constexpr std::size_t kCounts = 7;
  static constexpr std::size_t kNotKept = kFigureCount;

  struct FreeCells {
    void operator()(std::uint32_t* cells) const noexcept { std::free(cells); }
  };

  // Figures are reached through std::atomic_ref only: plain integers allow calloc.
  template <class T>
  static void Bump(T& counter, T amount) noexcept {
    const std::atomic_ref<T> shared(counter);
    shared.store(shared.load(kRelaxed) + amount, kRelaxed);
  }
  template <class T>
  static T Read(T& counter) noexcept {
    return std::atomic_ref<T>(counter).load(kRelaxed);
  }
  std::uint32_t* CellsOf(std::size_t slot, std::size_t row) const noexcept {
    return &cells_[(slot * row_count_ + row) * SeriesCells::kCount];
  }
  std::size_t SlotAt(TimePoint at) noexcept {
    if (at < current_begin_ || at >= current_end_) FindSlot(at);
    return current_;
  }
  void FindSlot(TimePoint at) noexcept;
  void Coarsen() noexcept;

  const TimePoint start_;
  std::array<std::size_t, kFigureCount> rows_{};  // where a figure's cells are, or kNotKept
  std::size_t row_count_ = 0;
  // Cells of a row that were ever written: most are not, and need not be looked at.
  struct Used {
    std::size_t first = SeriesCells::kCount;
    std::size_t end = 0;
  };
  std::array<Used, kFigureCount> used_{};
  // The slot of the last call: many follow each other within an interval.
  std::size_t current_ = 0;
  TimePoint current_begin_ = TimePoint::max();
  TimePoint current_end_ = TimePoint::min();

  mutable std::mutex mutex_;  // between Coarsen and readers
  Duration interval_ = Cohorts::kShortestInterval;
  mutable std::array<std::array<std::uint64_t, kCounts>, Cohorts::kMost> counts_{};
  std::unique_ptr<std::uint32_t[], FreeCells> cells_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_METRICS_COHORT_RECORDER_H_
