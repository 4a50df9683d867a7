// The per-second series of one worker.
#ifndef LLMLOAD_SRC_METRICS_SERIES_RECORDER_H_
#define LLMLOAD_SRC_METRICS_SERIES_RECORDER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "llmload/core/time.h"
#include "llmload/metrics/time_series.h"

namespace llmload {

/// One thread records, any number of threads read meanwhile. Memory is allocated as intervals come,
/// and bounded (about 3 MB): when the intervals are used up, they become twice as long.
class SeriesRecorder {
 public:
  enum Field : std::size_t {
    kScheduled,
    kSent,
    kSucceeded,
    kFailed,
    kUnfinished,
    kDropped,
    kTokens
  };

  static constexpr std::size_t kMaxPoints = 3600;

  explicit SeriesRecorder(TimePoint start) : start_(start) {}

  /// What happened at `at`. Instants before the start count for the first interval.
  void Count(Field field, TimePoint at) noexcept { Bump(SlotAt(at).fields[field]); }
  /// Of a success at `at`, which this counts too.
  void Succeeded(TimePoint at, Duration scheduled_latency) noexcept;

  /// Up to the last interval in which anything happened. Thread-safe.
  TimeSeries Snapshot() const;

 private:
  static constexpr std::size_t kFields = 7;
  static constexpr std::size_t kBlock = 60;

  struct Slot {
    std::array<std::atomic<std::uint64_t>, kFields> fields{};
    std::array<std::atomic<std::uint32_t>, SeriesCells::kCount> latency{};
  };
  using Block = std::array<Slot, kBlock>;

  template <class T>
  static void Bump(std::atomic<T>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  Slot& SlotAt(TimePoint at) noexcept {
    if (at >= current_begin_ && at < current_end_) return *current_;
    return FindSlot(at);
  }
  Slot& FindSlot(TimePoint at) noexcept;
  void Coarsen();

  const TimePoint start_;
  // The slot of the last call: most follow each other within an interval.
  TimePoint current_begin_ = TimePoint::max();
  TimePoint current_end_ = TimePoint::min();
  Slot* current_ = nullptr;

  mutable std::mutex mutex_;  // between changes of what follows, and readers
  Duration interval_ = std::chrono::seconds(1);
  std::array<std::unique_ptr<Block>, kMaxPoints / kBlock> blocks_;
  Slot spill_;  // where memory for a block could not be had
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_METRICS_SERIES_RECORDER_H_
