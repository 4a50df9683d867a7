#include "llmload/metrics/histogram.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#include "src/metrics/cell_layout.h"
#include "src/metrics/relaxed.h"

namespace llmload {
namespace {

using CellRef = std::atomic_ref<std::uint64_t>;

// One writer: a load and a store are enough, and cost what a plain increment costs.
void Add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  counter.store(counter.load(kRelaxed) + amount, kRelaxed);
}

void AddSaturating(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  const std::uint64_t before = counter.load(kRelaxed);
  const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - before;
  counter.store(before + std::min(amount, room), kRelaxed);
}

}  // namespace

void Histogram::FreeCells::operator()(std::uint64_t* cells) const noexcept { std::free(cells); }

Histogram::Histogram()
    : cells_(static_cast<std::uint64_t*>(
          std::calloc(Distribution::kCellCount, sizeof(std::uint64_t)))),
      min_(std::numeric_limits<Duration::rep>::max()) {
  if (cells_ == nullptr) throw std::bad_alloc();
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
  if (value > Distribution::kHighestTracked) {
    Add(overflow_, 1);
  } else {
    const CellRef cell(cells_[cells::Of(value)]);
    cell.store(cell.load(kRelaxed) + 1, kRelaxed);
  }
}

Distribution Histogram::Snapshot() const {
  Distribution::Parts parts;
  parts.overflow = overflow_.load(kRelaxed);
  const Duration::rep low = min_.load(kRelaxed);
  if (low == std::numeric_limits<Duration::rep>::max()) return {};
  // No value lies outside the extremes, which are read before the cells: reading all pages would
  // cost more than everything else here.
  const auto cell_of = [](Duration::rep value) {
    return cells::Of(std::min(Duration(value), Distribution::kHighestTracked));
  };
  parts.min = Duration(low);
  parts.max = Duration(max_.load(kRelaxed));
  const std::size_t end = cell_of(parts.max.count()) + 1;
  for (std::size_t i = cell_of(low); i < end; ++i) {
    const std::uint64_t count = CellRef(cells_[i]).load(kRelaxed);
    if (count > 0) parts.cells.push_back({.index = static_cast<std::uint32_t>(i), .count = count});
  }
  if (parts.cells.empty() && parts.overflow == 0) return {};  // caught in the middle of a record
  parts.negative = negative_.load(kRelaxed);
  parts.sum = sum_.load(kRelaxed);
  return Distribution::OfRecorder(std::move(parts));
}

}  // namespace llmload
