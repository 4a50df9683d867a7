// What became of the requests of a run, by the time at which they were scheduled.
#ifndef LLMLOAD_METRICS_COHORTS_H_
#define LLMLOAD_METRICS_COHORTS_H_

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/metrics/figures.h"
#include "llmload/metrics/time_series.h"

namespace llmload {

/// Some figures of the catalogue, indexed by `Figure`.
using FigureSet = std::bitset<kFigureCount>;

/// A set of these figures.
template <class... Figures>
FigureSet FiguresOf(Figures... figures) {
  FigureSet set;
  (set.set(static_cast<std::size_t>(figures)), ...);
  return set;
}

/// The requests that were scheduled in one interval of a run.
struct Cohort {
  std::uint64_t scheduled = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t lost = 0;       ///< failed, dropped or unfinished
  std::uint64_t completed = 0;  ///< succeeded or failed
  std::uint64_t good = 0;
  std::uint64_t attempts = 0;
  std::uint64_t output_tokens = 0;
  /// Values of these requests that fall into one of `SeriesCells`, indexed by `Figure`; in
  /// ascending order of their cell, none empty.
  std::array<std::vector<SeriesCell>, kFigureCount> figures;

  /// Those whose end is known. During a run, the others are on their way.
  std::uint64_t Ended() const noexcept { return succeeded + lost; }
  const std::vector<SeriesCell>& operator[](Figure figure) const {
    return figures[static_cast<std::size_t>(figure)];
  }
  std::vector<SeriesCell>& operator[](Figure figure) {
    return figures[static_cast<std::size_t>(figure)];
  }

  void Merge(const Cohort& other);
  friend bool operator==(const Cohort&, const Cohort&) = default;
};

/// Evenly spaced cohorts from the start of the run on. What verdicts need in order to see whether
/// requests resemble those before and after them: from 96 to 192 cohorts for a run of more than
/// 6 s, since the interval doubles as often as it has to.
///
/// A request counts where it was scheduled, not where it ended: a slow phase would else smear into
/// what follows it.
struct Cohorts {
  static constexpr Duration kShortestInterval = std::chrono::microseconds(62'500);
  static constexpr std::size_t kMost = 192;

  Duration interval = kShortestInterval;
  std::vector<Cohort> cohorts;

  /// Adds `other`, which starts at the same instant. The longer interval wins. Precondition: the
  /// intervals are the shortest one times a power of two.
  void Merge(const Cohorts& other);

  /// Joins pairs of cohorts.
  void DoubleInterval();

  friend bool operator==(const Cohorts&, const Cohorts&) = default;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_COHORTS_H_
