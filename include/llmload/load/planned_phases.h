// What a load profile plans, phase by phase: what reports compare with what came of it.
#ifndef LLMLOAD_LOAD_PLANNED_PHASES_H_
#define LLMLOAD_LOAD_PLANNED_PHASES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/load/load_profile.h"

namespace llmload {

/// A part of a ramp, which is looked at by itself: a stair, some stairs, or a tenth of a straight
/// line.
struct PhaseStep {
  Duration begin{};  ///< since the start of the run
  Duration duration{};
  double rate_per_second = 0;  ///< planned, on average
  friend bool operator==(const PhaseStep&, const PhaseStep&) = default;
};

/// One phase of a profile.
struct PlannedPhase {
  std::string name;  ///< "phase 2" where the profile has no name for it
  Duration begin{};  ///< since the start of the run
  Duration duration{};
  bool measured = true;
  std::optional<double> lowest_rate;   ///< planned, per second; empty for a trace
  std::optional<double> highest_rate;  ///< likewise
  std::uint64_t arrivals = 0;          ///< of the share
  std::vector<PhaseStep> steps;        ///< of a `LinearRamp` or `StairRamp`
  friend bool operator==(const PlannedPhase&, const PlannedPhase&) = default;
};

/// The phases of a profile, without their arrivals. Empty for a closed loop, and for a profile of
/// more than 32 phases, whose phases are not told apart. A stair ramp has at most 20 steps, of as
/// many stairs as that takes; beyond 40 steps in all, further ramps have none. Precondition: a
/// shape that makes sense.
std::vector<PlannedPhase> PlannedPhasesOf(const LoadShape& shape);

/// The step of `phase` at `at` since the start of the run; `CellKey::kNoStep` without steps.
std::uint32_t StepAt(const PlannedPhase& phase, Duration at);

}  // namespace llmload

#endif  // LLMLOAD_LOAD_PLANNED_PHASES_H_
