// The cumulative rate of a phase, piece by piece, and its inverse.
#ifndef LLMLOAD_SRC_LOAD_RATE_CURVE_H_
#define LLMLOAD_SRC_LOAD_RATE_CURVE_H_

#include <vector>

#include "llmload/core/time.h"
#include "llmload/load/load_profile.h"

namespace llmload {

/// A piece of a phase on which the rate is a straight line, or a sine. Times are seconds.
struct RateSegment {
  double begin = 0;     ///< since the start of the phase
  double length = 0;    ///< above 0
  double level = 0;     ///< L(t) at `begin`: expected arrivals of the phase before it
  double expected = 0;  ///< expected arrivals in it
  double from = 0;      ///< rate at `begin`; of a sine: the mean
  double to = 0;        ///< rate at its end
  double amplitude = 0;
  double omega = 0;  ///< of a sine: 2 pi / period; otherwise 0
  double offset = 0;

  /// Expected arrivals from `begin` to `begin + t`.
  double Cumulative(double t) const;
  /// The time since the start of the phase at which L is `target`, at least `begin`. For a target
  /// beyond the segment it is the end of the segment or later. Bounded effort: O(1).
  double TimeOf(double target) const;
};

/// The segments of `phase`, in order and without gaps, those of rate zero included. Empty for a
/// trace. Precondition: the phase has been validated.
std::vector<RateSegment> MakeSegments(const LoadPhase& phase);

/// The phase's own length: `LoadPhase::duration`, or that of its shape where it is zero.
Duration DurationOf(const LoadPhase& phase);

/// Throws `ConfigurationError` for a profile that makes no sense.
void Validate(const LoadProfile& profile);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_RATE_CURVE_H_
