// When the tokens of one stream came, and whether that says anything about the service.
#ifndef LLMLOAD_METRICS_STREAM_TIMES_H_
#define LLMLOAD_METRICS_STREAM_TIMES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "llmload/core/time.h"

namespace llmload {

/// How the token events of a stream arrived.
enum class StreamArrival : std::uint8_t {
  kFewEvents,  ///< fewer than 16: too few to say
  kSteady,     ///< as the service made them, as far as can be seen
  kOnePiece,   ///< more than 5000 a second: no service makes one answer that fast
  kBursts,     ///< groups of 4 or more, 20 ms apart or more
};

/// Follows the token events of one stream. Events of one read have one instant: the time between
/// them is unknown, and not zero. A proxy that buffers, compression, or Nagle's algorithm let them
/// arrive bunched, and then the times between them are not those of the service. (The bounds were
/// chosen by simulation: docs/metrics.md.)
class StreamTimes {
 public:
  static constexpr std::uint64_t kFewestEvents = 16;
  static constexpr double kMostEventsPerSecond = 5000;
  static constexpr std::uint64_t kBurstEvents = 4;
  static constexpr double kBurstShare = 0.8;
  static constexpr Duration kBurstDistance = std::chrono::milliseconds(20);
  /// Reads that follow the first of their group this soon belong to it.
  static constexpr Duration kGroupLength = std::chrono::milliseconds(1);

  /// The next event. Instants do not go backwards. May throw std::bad_alloc.
  void Event(TimePoint at);

  std::uint64_t events() const noexcept { return events_; }
  /// Of the first event; empty without one.
  std::optional<TimePoint> first() const noexcept {
    return events_ > 0 ? std::optional(first_) : std::nullopt;
  }
  /// Between each read with an event and the next.
  const std::vector<Duration>& gaps() const noexcept { return gaps_; }
  std::optional<Duration> LongestGap() const noexcept;
  Duration Length() const noexcept { return events_ > 0 ? last_ - first_ : Duration{}; }
  /// Events that came after the first group.
  std::uint64_t EventsAfterFirst() const noexcept { return events_ - first_group_; }

  StreamArrival Arrival() const noexcept;
  /// Between the groups, on average; empty with fewer than two.
  std::optional<Duration> GroupDistance() const noexcept;

 private:
  std::uint64_t events_ = 0;
  TimePoint first_{};
  TimePoint last_{};
  std::vector<Duration> gaps_;
  std::uint64_t groups_ = 0;
  TimePoint group_begin_{};
  std::uint64_t group_ = 0;        // events of the present group
  std::uint64_t first_group_ = 0;  // events of the first one
  std::uint64_t in_bursts_ = 0;    // events of past groups of kBurstEvents or more
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_STREAM_TIMES_H_
