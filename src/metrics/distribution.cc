#include "llmload/metrics/distribution.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "llmload/metrics/statistics.h"
#include "src/metrics/cell_layout.h"

namespace llmload {
namespace {

std::uint64_t AddSaturating(std::uint64_t a, std::uint64_t b) {
  return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

Duration Nanoseconds(std::uint64_t count) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max());
  return Duration(static_cast<Duration::rep>(std::min(count, kMost)));
}

bool ByIndex(const Distribution::Cell& cell, std::uint32_t index) { return cell.index < index; }

}  // namespace

Distribution::Distribution(Parts parts) : parts_(std::move(parts)) {
  const auto refuse = [](bool wrong, const char* reason) {
    if (wrong) throw std::invalid_argument(reason);
  };
  std::optional<std::uint32_t> last;
  for (const Cell& cell : parts_.cells) {
    refuse(cell.index >= kCellCount, "a cell beyond the layout");
    refuse(last && cell.index <= *last, "cells that are not in ascending order");
    refuse(cell.count == 0, "a cell without a value");
    refuse(cell.count > std::numeric_limits<std::uint64_t>::max() - count_, "too many values");
    last = cell.index;
    count_ += cell.count;
  }
  refuse(parts_.overflow > std::numeric_limits<std::uint64_t>::max() - count_, "too many values");
  count_ += parts_.overflow;
  refuse(parts_.negative > count_, "more negative values than values");
  refuse(parts_.min < Duration::zero() || parts_.max < parts_.min,
         "a minimum that is negative or above the maximum");
  if (count_ == 0) {
    refuse(parts_.sum != 0 || parts_.max != Duration::zero(), "a sum or maximum without a value");
    return;
  }
  refuse((parts_.overflow > 0) != (parts_.max > kHighestTracked),
         "an overflow count that does not fit the maximum");
  if (parts_.cells.empty()) return;
  refuse(parts_.overflow == 0 && cells::Of(parts_.max) != parts_.cells.back().index,
         "a maximum outside the last cell");
  refuse(parts_.min > kHighestTracked || cells::Of(parts_.min) != parts_.cells.front().index,
         "a minimum outside the first cell");
}

Distribution Distribution::OfRecorder(Parts parts) {
  Distribution made;
  made.parts_ = std::move(parts);
  made.count_ = made.parts_.overflow;
  for (const Cell& cell : made.parts_.cells) made.count_ += cell.count;
  return made;
}

void Distribution::Record(Duration value) {
  if (value < Duration::zero()) {
    ++parts_.negative;
    value = Duration::zero();
  }
  parts_.min = count_ == 0 ? value : std::min(parts_.min, value);
  parts_.max = std::max(parts_.max, value);
  parts_.sum = AddSaturating(parts_.sum, static_cast<std::uint64_t>(value.count()));
  ++count_;
  if (value > kHighestTracked) {
    ++parts_.overflow;
    return;
  }
  const auto index = static_cast<std::uint32_t>(cells::Of(value));
  const auto at = std::lower_bound(parts_.cells.begin(), parts_.cells.end(), index, ByIndex);
  if (at != parts_.cells.end() && at->index == index) {
    ++at->count;
  } else {
    parts_.cells.insert(at, {.index = index, .count = 1});
  }
}

void Distribution::Merge(const Distribution& other) {
  if (other.empty()) return;
  if (empty()) {
    *this = other;
    return;
  }
  const Parts& from = other.parts_;
  std::vector<Cell> merged;
  merged.reserve(parts_.cells.size() + from.cells.size());
  auto a = parts_.cells.begin();
  auto b = from.cells.begin();
  while (a != parts_.cells.end() || b != from.cells.end()) {
    if (b == from.cells.end() || (a != parts_.cells.end() && a->index < b->index)) {
      merged.push_back(*a++);
    } else if (a == parts_.cells.end() || b->index < a->index) {
      merged.push_back(*b++);
    } else {
      merged.push_back({.index = a->index, .count = a->count + b->count});
      ++a;
      ++b;
    }
  }
  parts_.cells = std::move(merged);
  parts_.overflow += from.overflow;
  parts_.negative += from.negative;
  parts_.sum = AddSaturating(parts_.sum, from.sum);
  parts_.min = std::min(parts_.min, from.min);
  parts_.max = std::max(parts_.max, from.max);
  count_ += other.count_;
}

Duration Distribution::sum() const noexcept { return Nanoseconds(parts_.sum); }

Duration Distribution::mean() const noexcept {
  if (count_ == 0) return Duration::zero();
  return Nanoseconds(parts_.sum / count_);
}

Duration Distribution::ValueAtRank(std::uint64_t rank) const noexcept {
  if (rank <= 1) return min();
  std::uint64_t seen = 0;
  for (const Cell& cell : parts_.cells) {
    seen += cell.count;
    if (seen >= rank) return std::clamp(cells::End(cell.index), min(), max());
  }
  return max();
}

Duration Distribution::ValueAtQuantile(double quantile) const noexcept {
  if (count_ == 0) return Duration::zero();
  return ValueAtRank(NearestRank(std::clamp(quantile, 0.0, 1.0), count_));
}

std::uint64_t Distribution::CountAbove(Duration bound) const noexcept {
  if (bound >= max()) return 0;
  std::uint64_t above = parts_.overflow;
  for (const Cell& cell : parts_.cells) {
    if (std::clamp(cells::End(cell.index), min(), max()) > bound) above += cell.count;
  }
  return above;
}

QuantileBounds Distribution::BoundsAtQuantile(double quantile) const {
  QuantileBounds bounds;
  if (count_ == 0) return bounds;
  bounds.value = ValueAtQuantile(quantile);
  const RankBounds ranks = QuantileRankBounds(quantile, count_);
  if (ranks.lower) bounds.lower = ValueAtRank(*ranks.lower);
  if (ranks.upper) bounds.upper = ValueAtRank(*ranks.upper);
  return bounds;
}

std::optional<Duration> Distribution::FailureAdjustedQuantile(
    double quantile, std::uint64_t failures) const noexcept {
  const std::uint64_t all = count_ + failures;
  if (all == 0) return std::nullopt;
  const std::uint64_t rank = NearestRank(std::clamp(quantile, 0.0, 1.0), all);
  if (rank > count_) return std::nullopt;
  return ValueAtRank(rank);
}

}  // namespace llmload
