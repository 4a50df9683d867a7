// The parts of a run that are told apart: its requests by phase, model and tags.
#ifndef LLMLOAD_METRICS_CELLS_H_
#define LLMLOAD_METRICS_CELLS_H_

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "llmload/metrics/metrics_snapshot.h"
#include "llmload/provider/completion.h"

namespace llmload {

/// What the requests of one cell have in common.
struct CellKey {
  /// A value of `step`: the phase is no ramp, or there were too many cells to keep its steps apart.
  static constexpr std::uint32_t kNoStep = std::numeric_limits<std::uint32_t>::max();
  /// A value of `phase`: the requests may be of any phase, since there were too many cells to keep
  /// the phases apart.
  static constexpr std::uint32_t kOtherPhases = kNoStep;

  std::uint32_t phase = 0;       ///< index into the phases of the load profile
  std::uint32_t step = kNoStep;  ///< index into the steps of the phase, if that is a ramp
  /// The model that was asked for. It is empty for arrivals that were dropped before there was a
  /// request, and `kOtherNames` beyond the bound on the number of cells.
  std::string model = {};
  /// The tags are in ascending order of their names. Beyond the bound, their values are
  /// `kOtherNames`.
  std::vector<RequestTag> tags = {};

  friend auto operator<=>(const CellKey&, const CellKey&) = default;
};

/// The figures of the requests of one cell. Each request of a run is in exactly one.
struct MetricsCell {
  CellKey key;
  /// They have no series and no providers, and they have cohorts only if these were asked for.
  MetricsSnapshot figures;
  friend bool operator==(const MetricsCell&, const MetricsCell&) = default;
};

/// Adds cells to others. Both are in ascending order of their keys.
void AddCells(std::vector<MetricsCell>& cells, const std::vector<MetricsCell>& more);

/// Some of the requests of a run: those that have everything which is named here.
struct Slice {
  std::optional<std::string> phase = {};  ///< all measured phases that have this name
  std::optional<std::string> model = {};
  std::vector<RequestTag> tags = {};

  bool empty() const noexcept { return !phase && !model && tags.empty(); }
  friend bool operator==(const Slice&, const Slice&) = default;
};

/// Names the parts of the slice: "phase burst, model gpt-4o, tag tenant=a".
std::string Describe(const Slice& slice);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_CELLS_H_
