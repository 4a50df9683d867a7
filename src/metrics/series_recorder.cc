#include "src/metrics/series_recorder.h"

#include <algorithm>
#include <bit>
#include <new>
#include <optional>

#include "llmload/metrics/statistics.h"
#include "src/metrics/relaxed.h"

namespace llmload {
namespace {

constexpr unsigned kFirstBits = 16;  // the first bucket ends at 2^16 ns
constexpr unsigned kSubBits = 3;

}  // namespace

std::size_t SmallBuckets::Of(Duration value) noexcept {
  const auto nanos = static_cast<std::uint64_t>(std::max<Duration::rep>(value.count(), 0));
  const unsigned width = static_cast<unsigned>(std::bit_width(nanos));
  if (width <= kFirstBits) return 0;
  // The bits behind the leading one.
  const std::uint64_t sub = (nanos >> (width - 1 - kSubBits)) - (1U << kSubBits);
  const std::uint64_t bucket = 1 + (std::uint64_t{width - 1 - kFirstBits} << kSubBits) + sub;
  return static_cast<std::size_t>(std::min<std::uint64_t>(bucket, kCount - 1));
}

Duration SmallBuckets::End(std::size_t bucket) noexcept {
  if (bucket == 0) return Duration((Duration::rep{1} << kFirstBits) - 1);
  const std::size_t octave = (bucket - 1) >> kSubBits;
  const std::size_t sub = (bucket - 1) & ((1U << kSubBits) - 1);
  const auto base = Duration::rep{1} << (kFirstBits + octave);
  return Duration(base + (base >> kSubBits) * static_cast<Duration::rep>(sub + 1) - 1);
}

void SeriesRecorder::Succeeded(TimePoint at, Duration scheduled_latency) noexcept {
  Slot& slot = SlotAt(at);
  Bump(slot.fields[kSucceeded]);
  Bump(slot.latency[SmallBuckets::Of(scheduled_latency)]);
}

SeriesRecorder::Slot& SeriesRecorder::FindSlot(TimePoint at) noexcept {
  const Duration since = std::max(at - start_, Duration::zero());
  while (since / interval_ >= static_cast<Duration::rep>(kMaxPoints)) Coarsen();
  const auto index = static_cast<std::size_t>(since / interval_);
  std::unique_ptr<Block>& block = blocks_[index / kBlock];
  if (block == nullptr) {
    std::unique_ptr<Block> made(new (std::nothrow) Block());
    // Numbers for a plot are no reason to end a run.
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

void SeriesMerger::Add(const SeriesRecorder& recorder) {
  const std::lock_guard lock(recorder.mutex_);
  while (interval_ < recorder.interval_) DoubleInterval();
  const auto factor = static_cast<std::size_t>(interval_ / recorder.interval_);
  for (std::size_t b = 0; b < recorder.blocks_.size(); ++b) {
    if (recorder.blocks_[b] == nullptr) continue;
    for (std::size_t i = 0; i < SeriesRecorder::kBlock; ++i) {
      const SeriesRecorder::Slot& slot = (*recorder.blocks_[b])[i];
      const auto any = [](const auto& field) { return field.load(kRelaxed) != 0; };
      if (std::none_of(slot.fields.begin(), slot.fields.end(), any)) continue;
      Sum& sum = sums_[(b * SeriesRecorder::kBlock + i) / factor];
      for (std::size_t f = 0; f < sum.fields.size(); ++f) {
        sum.fields[f] += slot.fields[f].load(kRelaxed);
      }
      for (std::size_t f = 0; f < sum.latency.size(); ++f) {
        sum.latency[f] += slot.latency[f].load(kRelaxed);
      }
    }
  }
}

void SeriesMerger::DoubleInterval() {
  std::map<std::size_t, Sum> merged;
  for (const auto& [index, sum] : sums_) {
    Sum& target = merged[index / 2];
    for (std::size_t f = 0; f < sum.fields.size(); ++f) target.fields[f] += sum.fields[f];
    for (std::size_t f = 0; f < sum.latency.size(); ++f) target.latency[f] += sum.latency[f];
  }
  sums_ = std::move(merged);
  interval_ *= 2;
}

TimeSeries SeriesMerger::Take() const {
  TimeSeries series{.interval = interval_, .points = {}};
  if (sums_.empty()) return series;
  series.points.resize(sums_.rbegin()->first + 1);
  std::uint64_t sent = 0;
  std::uint64_t ended = 0;
  auto next = sums_.begin();
  for (std::size_t index = 0; index < series.points.size(); ++index) {
    SeriesPoint& point = series.points[index];
    if (next->first == index) {
      const Sum& sum = next->second;
      point.scheduled = sum.fields[SeriesRecorder::kScheduled];
      point.sent = sum.fields[SeriesRecorder::kSent];
      point.succeeded = sum.fields[SeriesRecorder::kSucceeded];
      point.failed = sum.fields[SeriesRecorder::kFailed];
      point.dropped = sum.fields[SeriesRecorder::kDropped];
      point.token_events = sum.fields[SeriesRecorder::kTokens];
      sent += point.sent;
      ended += point.succeeded + point.failed + sum.fields[SeriesRecorder::kUnfinished];
      std::uint64_t count = 0;
      for (const std::uint64_t bucket : sum.latency) count += bucket;
      const auto percentile = [&](double quantile) -> std::optional<Duration> {
        if (count == 0) return std::nullopt;
        std::uint64_t left = NearestRank(quantile, count);
        std::size_t bucket = 0;
        while (sum.latency[bucket] < left) left -= sum.latency[bucket++];
        return SmallBuckets::End(bucket);
      };
      point.p50 = percentile(0.50);
      point.p95 = percentile(0.95);
      point.p99 = percentile(0.99);
      ++next;
    }
    point.in_flight = sent > ended ? sent - ended : 0;
  }
  return series;
}

}  // namespace llmload
