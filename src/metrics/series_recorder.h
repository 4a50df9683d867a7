// The per-second series of one worker.
#ifndef LLMLOAD_SRC_METRICS_SERIES_RECORDER_H_
#define LLMLOAD_SRC_METRICS_SERIES_RECORDER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "llmload/core/time.h"
#include "llmload/metrics/time_series.h"

namespace llmload {

/// Buckets of durations, eight to a doubling from 64 us to 1 h: a bucket's end is at most 12.5 %
/// above what is in it. For small histograms, of which there are many.
struct SmallBuckets {
  static constexpr std::size_t kCount = 216;
  static std::size_t Of(Duration value) noexcept;
  /// The last nanosecond that falls into it.
  static Duration End(std::size_t bucket) noexcept;
};

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

 private:
  friend class SeriesMerger;
  static constexpr std::size_t kFields = 7;
  static constexpr std::size_t kBlock = 60;

  struct Slot {
    std::array<std::atomic<std::uint64_t>, kFields> fields{};
    std::array<std::atomic<std::uint32_t>, SmallBuckets::kCount> latency{};
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

/// Adds up the series of several recorders.
class SeriesMerger {
 public:
  void Add(const SeriesRecorder& recorder);
  /// Up to the last interval in which anything happened.
  TimeSeries Take() const;

 private:
  struct Sum {
    std::array<std::uint64_t, SeriesRecorder::kFields> fields{};
    std::array<std::uint64_t, SmallBuckets::kCount> latency{};
  };
  void DoubleInterval();

  Duration interval_ = std::chrono::seconds(1);
  std::map<std::size_t, Sum> sums_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_METRICS_SERIES_RECORDER_H_
