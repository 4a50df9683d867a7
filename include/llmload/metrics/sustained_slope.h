// Does something that is sampled during a run keep growing, or does it only settle?
#ifndef LLMLOAD_METRICS_SUSTAINED_SLOPE_H_
#define LLMLOAD_METRICS_SUSTAINED_SLOPE_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "llmload/metrics/statistics.h"

namespace llmload {

/// Samples brought down to a few points that scatter (nearly) independently of each other.
struct BlockMedians {
  std::vector<double> x;
  std::vector<double> y;
};

/// Cuts the samples, which are in order, into `blocks` runs of equal length (of one sample each, if
/// there are fewer), and takes the medians of each. Samples that follow each other closely share
/// their noise; a median of many shares little with the next one, and no outlier moves it.
/// Precondition: x.size() == y.size(), blocks > 0.
BlockMedians MedianOfBlocks(std::span<const double> x, std::span<const double> y,
                            std::size_t blocks = 24);

/// The slope of 24 block medians by `TheilSen`, with a 99 % confidence interval that is widened by
/// the noise that neighbouring blocks still share: by the root of (1 + r) / (1 - r), where r is the
/// lag-one autocorrelation of the residuals, corrected for its bias (Marriott and Pope, and
/// Kendall, Biometrika 41, 1954, pp. 390–404) and at most 0.9. Nothing below 6 samples: fewer
/// points have no interval of that confidence.
std::optional<SlopeEstimate> BlockSlope(std::span<const double> x, std::span<const double> y);

/// A slope that a whole run shows, in units of y per unit of x.
struct SustainedSlope {
  double slope = 0;
  double lower = 0;  ///< 99 % confidence, steps left out
  double upper = 0;  ///< 99 % confidence
  /// Growth was slowing down when the run ended: it may come to an end. Then `lower` says how fast
  /// it was, not how fast it will be.
  bool settling = false;

  friend bool operator==(const SustainedSlope&, const SustainedSlope&) = default;
};

/// The slope that lasts, of samples in the order in which they were taken.
///
/// Of 24 block medians the first quarter is left out: things still get up to speed then. `slope`
/// and `upper` are those of `BlockSlope` on the rest. For `lower`, the three largest increments
/// between blocks are cut down to the fourth largest: a leak loses little by that, memory that grew
/// in a few steps is flat without them.
///
/// What is approached exponentially is steeper in the first half than in the second: `settling` is
/// set if the second slope is below 60 % of the first, or below 75 % and significantly so (three
/// standard errors, read off the two intervals). Then `slope` and both ends are of the second half,
/// where they are lower.
///
/// Returns nullopt for fewer than 24 samples, or if x stood still in a half.
std::optional<SustainedSlope> EstimateSustainedSlope(std::span<const double> x,
                                                     std::span<const double> y);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_SUSTAINED_SLOPE_H_
