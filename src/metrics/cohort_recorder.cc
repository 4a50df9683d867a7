#include "src/metrics/cohort_recorder.h"

#include <new>

namespace llmload {

CohortRecorder::CohortRecorder(TimePoint start, const FigureSet& figures) : start_(start) {
  for (std::size_t i = 0; i < kFigureCount; ++i) rows_[i] = figures[i] ? row_count_++ : kNotKept;
  const std::size_t cells = std::max<std::size_t>(row_count_, 1) * SeriesCells::kCount;
  cells_.reset(
      static_cast<std::uint32_t*>(std::calloc(cells * Cohorts::kMost, sizeof(std::uint32_t))));
  if (cells_ == nullptr) throw std::bad_alloc();
}

void CohortRecorder::FindSlot(TimePoint at) noexcept {
  const Duration since = std::max(at - start_, Duration::zero());
  while (since / interval_ >= static_cast<Duration::rep>(Cohorts::kMost)) Coarsen();
  current_ = static_cast<std::size_t>(since / interval_);
  current_begin_ = start_ + static_cast<Duration::rep>(current_) * interval_;
  current_end_ = current_begin_ + interval_;
  if (current_ == 0) current_begin_ = TimePoint::min();
}

void CohortRecorder::Coarsen() noexcept {
  const auto move = [](auto& from, auto& to) {
    Bump(to, Read(from));
    Bump(from, 0 - Read(from));
  };
  const std::lock_guard lock(mutex_);
  for (std::size_t slot = 1; slot < Cohorts::kMost; ++slot) {
    if (counts_[slot][kScheduled] == 0) continue;
    for (std::size_t i = 0; i < kCounts; ++i) move(counts_[slot][i], counts_[slot / 2][i]);
    for (std::size_t row = 0; row < row_count_; ++row) {
      std::uint32_t* const from = CellsOf(slot, row);
      std::uint32_t* const to = CellsOf(slot / 2, row);
      for (std::size_t i = used_[row].first; i < used_[row].end; ++i) {
        if (from[i] != 0) move(from[i], to[i]);
      }
    }
  }
  interval_ *= 2;
}

Cohorts CohortRecorder::Snapshot() const {
  Cohorts snapshot;
  const std::lock_guard lock(mutex_);
  snapshot.interval = interval_;
  for (std::size_t slot = 0; slot < Cohorts::kMost; ++slot) {
    auto& counts = counts_[slot];
    if (Read(counts[kScheduled]) == 0) continue;
    snapshot.cohorts.resize(slot + 1);
    Cohort& cohort = snapshot.cohorts.back();
    cohort.scheduled = Read(counts[kScheduled]);
    cohort.succeeded = Read(counts[kSucceeded]);
    cohort.lost = Read(counts[kLost]);
    cohort.completed = Read(counts[kCompleted]);
    cohort.good = Read(counts[kGood]);
    cohort.attempts = Read(counts[kAttempts]);
    cohort.output_tokens = Read(counts[kOutputTokens]);
    for (std::size_t figure = 0; figure < kFigureCount; ++figure) {
      if (rows_[figure] == kNotKept) continue;
      std::uint32_t* const cells = CellsOf(slot, rows_[figure]);
      for (std::size_t cell = 0; cell < SeriesCells::kCount; ++cell) {
        const std::uint32_t count = Read(cells[cell]);
        if (count == 0) continue;
        cohort.figures[figure].push_back(
            {.index = static_cast<std::uint16_t>(cell), .count = count});
      }
    }
  }
  return snapshot;
}

}  // namespace llmload
