#include "llmload/metrics/time_series.h"

#include <algorithm>
#include <bit>

#include "llmload/metrics/statistics.h"
#include "src/metrics/intervals.h"

namespace llmload {
namespace {

constexpr unsigned kFirstBits = 16;  // the first cell ends at 2^16 ns
constexpr unsigned kSubBits = 3;

}  // namespace

std::size_t SeriesCells::Of(Duration value) noexcept {
  const auto nanos = static_cast<std::uint64_t>(std::max<Duration::rep>(value.count(), 0));
  const unsigned width = static_cast<unsigned>(std::bit_width(nanos));
  if (width <= kFirstBits) return 0;
  // The bits behind the leading one.
  const std::uint64_t sub = (nanos >> (width - 1 - kSubBits)) - (1U << kSubBits);
  const std::uint64_t cell = 1 + (std::uint64_t{width - 1 - kFirstBits} << kSubBits) + sub;
  return static_cast<std::size_t>(std::min<std::uint64_t>(cell, kCount - 1));
}

Duration SeriesCells::End(std::size_t cell) noexcept {
  if (cell == 0) return Duration((Duration::rep{1} << kFirstBits) - 1);
  const std::size_t octave = (cell - 1) >> kSubBits;
  const std::size_t sub = (cell - 1) & ((1U << kSubBits) - 1);
  const auto base = Duration::rep{1} << (kFirstBits + octave);
  return Duration(base + (base >> kSubBits) * static_cast<Duration::rep>(sub + 1) - 1);
}

std::optional<Duration> SeriesPoint::LatencyQuantile(double quantile) const noexcept {
  std::uint64_t count = 0;
  for (const SeriesCell& cell : latency) count += cell.count;
  if (count == 0) return std::nullopt;
  std::uint64_t left = NearestRank(quantile, count);
  auto cell = latency.begin();
  while (cell->count < left) left -= (cell++)->count;
  return SeriesCells::End(cell->index);
}

void MergeCells(std::vector<SeriesCell>& cells, const std::vector<SeriesCell>& others) {
  for (const SeriesCell& cell : others) {
    const auto at =
        std::lower_bound(cells.begin(), cells.end(), cell.index,
                         [](const SeriesCell& a, std::uint16_t index) { return a.index < index; });
    if (at != cells.end() && at->index == cell.index) {
      at->count += cell.count;
    } else {
      cells.insert(at, cell);
    }
  }
}

void SeriesPoint::Merge(const SeriesPoint& other) {
  scheduled += other.scheduled;
  sent += other.sent;
  succeeded += other.succeeded;
  failed += other.failed;
  unfinished += other.unfinished;
  dropped += other.dropped;
  token_events += other.token_events;
  MergeCells(latency, other.latency);
}

std::vector<std::uint64_t> TimeSeries::InFlight() const {
  std::vector<std::uint64_t> in_flight;
  in_flight.reserve(points.size());
  std::uint64_t sent = 0;
  std::uint64_t ended = 0;
  for (const SeriesPoint& point : points) {
    sent += point.sent;
    ended += point.succeeded + point.failed + point.unfinished;
    in_flight.push_back(sent > ended ? sent - ended : 0);
  }
  return in_flight;
}

void TimeSeries::Merge(const TimeSeries& other) {
  metrics::MergeIntervals(points, interval, other.points, other.interval);
}

void TimeSeries::DoubleInterval() { metrics::DoubleInterval(points, interval); }

}  // namespace llmload
