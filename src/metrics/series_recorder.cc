#include "src/metrics/series_recorder.h"

#include <algorithm>
#include <new>
#include <utility>

#include "src/metrics/relaxed.h"

namespace llmload {
void SeriesRecorder::Succeeded(TimePoint at, Duration scheduled_latency) noexcept {
  Slot& slot = SlotAt(at);
  Bump(slot.fields[kSucceeded]);
  Bump(slot.latency[SeriesCells::Of(scheduled_latency)]);
}

SeriesRecorder::Slot& SeriesRecorder::FindSlot(TimePoint at) noexcept {
  const Duration since = std::max(at - start_, Duration::zero());
  while (since / interval_ >= static_cast<Duration::rep>(kMaxPoints)) Coarsen();
  const auto index = static_cast<std::size_t>(since / interval_);
  std::unique_ptr<Block>& block = blocks_[index / kBlock];
  if (block == nullptr) {
    std::unique_ptr<Block> made(new (std::nothrow) Block());
    // A run does not end because memory for a plot is missing.
    if (made == nullptr) return spill_;
    const std::lock_guard lock(mutex_);
    block = std::move(made);
  }
  current_ = &(*block)[index % kBlock];
  current_begin_ = start_ + static_cast<Duration::rep>(index) * interval_;
  current_end_ = current_begin_ + interval_;
  return *current_;
}

void SeriesRecorder::Coarsen() {
  decltype(blocks_) coarse;
  const auto add = [](const auto& from, auto& to) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[i].store(to[i].load(kRelaxed) + from[i].load(kRelaxed), kRelaxed);
    }
  };
  for (std::size_t index = 0; index < kMaxPoints; ++index) {
    const auto& block = blocks_[index / kBlock];
    if (block == nullptr) continue;
    auto& target = coarse[index / 2 / kBlock];
    if (target == nullptr) target.reset(new (std::nothrow) Block());
    if (target == nullptr) continue;
    Slot& to = (*target)[index / 2 % kBlock];
    add((*block)[index % kBlock].fields, to.fields);
    add((*block)[index % kBlock].latency, to.latency);
  }
  const std::lock_guard lock(mutex_);
  blocks_ = std::move(coarse);
  interval_ *= 2;
  current_end_ = TimePoint::min();
}

TimeSeries SeriesRecorder::Snapshot() const {
  TimeSeries series;
  const std::lock_guard lock(mutex_);
  series.interval = interval_;
  for (std::size_t index = 0; index < kMaxPoints; ++index) {
    const auto& block = blocks_[index / kBlock];
    if (block == nullptr) continue;
    const Slot& slot = (*block)[index % kBlock];
    const auto any = [](const auto& field) { return field.load(kRelaxed) != 0; };
    if (std::none_of(slot.fields.begin(), slot.fields.end(), any)) continue;
    series.points.resize(index + 1);
    SeriesPoint& point = series.points.back();
    point.scheduled = slot.fields[kScheduled].load(kRelaxed);
    point.sent = slot.fields[kSent].load(kRelaxed);
    point.succeeded = slot.fields[kSucceeded].load(kRelaxed);
    point.failed = slot.fields[kFailed].load(kRelaxed);
    point.unfinished = slot.fields[kUnfinished].load(kRelaxed);
    point.dropped = slot.fields[kDropped].load(kRelaxed);
    point.token_events = slot.fields[kTokens].load(kRelaxed);
    for (std::size_t cell = 0; cell < slot.latency.size(); ++cell) {
      const std::uint32_t count = slot.latency[cell].load(kRelaxed);
      if (count == 0) continue;
      point.latency.push_back({.index = static_cast<std::uint16_t>(cell), .count = count});
    }
  }
  return series;
}

}  // namespace llmload
