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
  /// A value of `phase`: any of them, beyond the bound on the number of cells.
  static constexpr std::uint32_t kOtherPhases = kNoStep;

  std::uint32_t phase = 0;       ///< index into the phases of the load profile
  std::uint32_t step = kNoStep;  ///< of a ramp: index into the steps of the phase
  /// That was asked for. Empty for arrivals that were dropped before there was a request;
  /// `kOtherNames` beyond the bound on the number of cells.
  std::string model = {};
  /// In ascending order of their names. Beyond the bound, their values are `kOtherNames`.
  std::vector<RequestTag> tags = {};

  friend auto operator<=>(const CellKey&, const CellKey&) = default;
};

/// The figures of the requests of one cell. Each request of a run is in exactly one.
struct MetricsCell {
  CellKey key;
  /// Without the series and the providers, and without cohorts unless they were asked for.
  MetricsSnapshot figures;
  friend bool operator==(const MetricsCell&, const MetricsCell&) = default;
};

/// Adds cells to others. Both are in ascending order of their keys.
void AddCells(std::vector<MetricsCell>& cells, const std::vector<MetricsCell>& more);

/// Some of the requests of a run: those that have everything which is named here.
struct Slice {
  std::optional<std::string> phase = {};
  std::optional<std::uint32_t> step = {};  ///< of `phase`, a ramp; counted from 0
  std::optional<std::string> model = {};
  std::vector<RequestTag> tags = {};

  bool empty() const noexcept { return !phase && !step && !model && tags.empty(); }
  friend bool operator==(const Slice&, const Slice&) = default;
};

/// "phase burst, model gpt-4o, tag tenant=a".
std::string Describe(const Slice& slice);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_CELLS_H_
