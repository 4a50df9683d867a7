#include "llmload/metrics/stream_times.h"

#include <algorithm>

namespace llmload {

void StreamTimes::Event(TimePoint at) {
  if (events_ == 0) {
    first_ = at;
  } else if (at > last_) {
    gaps_.push_back(at - last_);
  }
  last_ = at;
  ++events_;
  if (groups_ == 0 || at - group_begin_ > kGroupLength) {
    if (group_ >= kBurstEvents) in_bursts_ += group_;
    ++groups_;
    group_begin_ = at;
    group_ = 0;
  }
  ++group_;
  if (groups_ == 1) ++first_group_;
}

std::optional<Duration> StreamTimes::LongestGap() const noexcept {
  if (gaps_.empty()) return std::nullopt;
  return *std::max_element(gaps_.begin(), gaps_.end());
}

std::optional<Duration> StreamTimes::GroupDistance() const noexcept {
  if (groups_ < 2) return std::nullopt;
  return (last_ - first_) / static_cast<Duration::rep>(groups_ - 1);
}

StreamArrival StreamTimes::Arrival() const noexcept {
  if (events_ < kFewestEvents) return StreamArrival::kFewEvents;
  const double seconds = ToSeconds(Length());
  if (static_cast<double>(events_) > kMostEventsPerSecond * seconds) {
    return StreamArrival::kOnePiece;
  }
  const std::uint64_t in_bursts = in_bursts_ + (group_ >= kBurstEvents ? group_ : 0);
  const auto distance = GroupDistance();
  const bool bursts = static_cast<double>(in_bursts) >= kBurstShare * static_cast<double>(events_);
  return bursts && distance && *distance >= kBurstDistance ? StreamArrival::kBursts
                                                           : StreamArrival::kSteady;
}

}  // namespace llmload
