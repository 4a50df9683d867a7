#include "llmload/metrics/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

#include "llmload/metrics/statistics.h"
#include "src/metrics/relaxed.h"

namespace llmload {
namespace {

constexpr unsigned kLinearBits = 11;  // 2048 cells of 1 µs
constexpr std::uint64_t kHalf = std::uint64_t{1} << (kLinearBits - 1);
constexpr std::uint64_t kMicrosecond = 1000;  // nanoseconds

using CellRef = std::atomic_ref<std::uint64_t>;

// The cell of a value in microseconds.
constexpr std::size_t CellOf(std::uint64_t micros) {
  const unsigned width = static_cast<unsigned>(std::bit_width(micros));
  const unsigned shift = width > kLinearBits ? width - kLinearBits : 0;
  return static_cast<std::size_t>(shift * kHalf + (micros >> shift));
}

// The last nanosecond that falls into a cell.
constexpr Duration CellEnd(std::size_t cell) {
  const std::uint64_t shift = cell < 2 * kHalf ? 0 : cell / kHalf - 1;
  const std::uint64_t first = (cell - shift * kHalf) << shift;
  const std::uint64_t next = first + (std::uint64_t{1} << shift);
  return Duration(static_cast<Duration::rep>(next * kMicrosecond - 1));
}

constexpr std::uint64_t Micros(Duration value) {
  return static_cast<std::uint64_t>(value.count()) / kMicrosecond;
}

static_assert(CellOf(Micros(Histogram::kHighestTracked)) < Histogram::kCellCount);
static_assert(CellOf(2047) == 2047 && CellOf(2048) == 2048 && CellOf(2049) == 2048);

// One writer: a load and a store are enough, and cost what a plain increment costs.
void Add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  counter.store(counter.load(kRelaxed) + amount, kRelaxed);
}

void AddSaturating(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  const std::uint64_t before = counter.load(kRelaxed);
  const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - before;
  counter.store(before + std::min(amount, room), kRelaxed);
}

void AddToCell(std::uint64_t& cell, std::uint64_t amount) noexcept {
  const CellRef reference(cell);
  reference.store(reference.load(kRelaxed) + amount, kRelaxed);
}

}  // namespace

void Histogram::FreeCells::operator()(std::uint64_t* cells) const noexcept { std::free(cells); }

Histogram::Histogram()
    : cells_(static_cast<std::uint64_t*>(std::calloc(kCellCount, sizeof(std::uint64_t)))),
      min_(std::numeric_limits<Duration::rep>::max()) {
  if (cells_ == nullptr) throw std::bad_alloc();
}

Histogram::Histogram(const Histogram& other) : Histogram() { Merge(other); }

Histogram& Histogram::operator=(const Histogram& other) {
  if (this == &other) return *this;
  std::fill_n(cells_.get(), kCellCount, 0);
  for (auto* counter : {&count_, &overflow_, &negative_, &sum_}) counter->store(0, kRelaxed);
  min_.store(std::numeric_limits<Duration::rep>::max(), kRelaxed);
  max_.store(0, kRelaxed);
  Merge(other);
  return *this;
}

void Histogram::Record(Duration value) noexcept {
  if (value < Duration::zero()) {
    Add(negative_, 1);
    value = Duration::zero();
  }
  // Extremes before cells: a reader that sees the cell then seldom lacks its extreme.
  if (value.count() < min_.load(kRelaxed)) min_.store(value.count(), kRelaxed);
  if (value.count() > max_.load(kRelaxed)) max_.store(value.count(), kRelaxed);
  AddSaturating(sum_, static_cast<std::uint64_t>(value.count()));
  if (value > kHighestTracked) {
    Add(overflow_, 1);
  } else {
    AddToCell(cells_[CellOf(Micros(value))], 1);
  }
  Add(count_, 1);
}

void Histogram::Merge(const Histogram& other) noexcept {
  const Duration::rep low = other.min_.load(kRelaxed);
  const Duration::rep high = other.max_.load(kRelaxed);
  if (low < min_.load(kRelaxed)) min_.store(low, kRelaxed);
  if (high > max_.load(kRelaxed)) max_.store(high, kRelaxed);
  // What is counted is what the cells hold, so that a snapshot taken during recording is
  // consistent.
  std::uint64_t merged = 0;
  // Outside of the extremes, all cells are 0; of an empty histogram, `low` is above `high`.
  const auto cell_of = [](Duration::rep value) {
    return CellOf(Micros(std::min(Duration(value), kHighestTracked)));
  };
  const std::size_t end = low > high ? 0 : cell_of(high) + 1;
  for (std::size_t i = cell_of(low); i < end; ++i) {
    const std::uint64_t amount = CellRef(other.cells_[i]).load(kRelaxed);
    if (amount == 0) continue;  // reading a zero page leaves it unmapped, writing would not
    AddToCell(cells_[i], amount);
    merged += amount;
  }
  const std::uint64_t overflow = other.overflow_.load(kRelaxed);
  Add(overflow_, overflow);
  Add(negative_, other.negative_.load(kRelaxed));
  AddSaturating(sum_, other.sum_.load(kRelaxed));
  Add(count_, merged + overflow);
}

Duration Histogram::min() const noexcept {
  const Duration::rep low = min_.load(kRelaxed);
  return low == std::numeric_limits<Duration::rep>::max() ? max() : Duration(low);
}

Duration Histogram::max() const noexcept { return Duration(max_.load(kRelaxed)); }

Duration Histogram::sum() const noexcept {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max());
  return Duration(static_cast<Duration::rep>(std::min(sum_.load(kRelaxed), kMost)));
}

Duration Histogram::mean() const noexcept {
  const std::uint64_t n = count();
  if (n == 0) return Duration::zero();
  return Duration(static_cast<Duration::rep>(sum_.load(kRelaxed) / n));
}

std::uint64_t Histogram::CellTotal() const noexcept {
  std::uint64_t total = overflow_.load(kRelaxed);
  for (std::size_t i = 0; i < kCellCount; ++i) total += CellRef(cells_[i]).load(kRelaxed);
  return total;
}

Duration Histogram::ValueAtRank(std::uint64_t rank) const noexcept {
  if (rank <= 1) return min();
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kCellCount; ++i) {
    seen += CellRef(cells_[i]).load(kRelaxed);
    if (seen >= rank) return std::clamp(CellEnd(i), min(), std::max(min(), max()));
  }
  return max();
}

Duration Histogram::ValueAtQuantile(double quantile) const noexcept {
  const std::uint64_t total = CellTotal();
  if (total == 0) return Duration::zero();
  return ValueAtRank(NearestRank(std::clamp(quantile, 0.0, 1.0), total));
}

QuantileBounds Histogram::BoundsAtQuantile(double quantile) const {
  const std::uint64_t total = CellTotal();
  QuantileBounds bounds;
  if (total == 0) return bounds;
  bounds.value = ValueAtRank(NearestRank(std::clamp(quantile, 0.0, 1.0), total));
  const RankBounds ranks = QuantileRankBounds(quantile, total);
  if (ranks.lower) bounds.lower = ValueAtRank(*ranks.lower);
  if (ranks.upper) bounds.upper = ValueAtRank(*ranks.upper);
  return bounds;
}

}  // namespace llmload
