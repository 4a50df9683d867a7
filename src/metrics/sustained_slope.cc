#include "llmload/metrics/sustained_slope.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "src/metrics/median.h"

namespace llmload {
namespace {

constexpr double kConfidence = 0.99;
constexpr double kConfidenceOfParts = 0.95;
constexpr double kNormalQuantile975 = 1.959963984540054;
constexpr std::size_t kBlocks = 24;
constexpr std::size_t kLeftOut = kBlocks / 4;
constexpr std::size_t kMinBlocksForSlope = 6;

constexpr double kClearlySlower = 0.6;
constexpr double kSlower = 0.75;
constexpr double kSignificant = 3;  // standard errors

// Increments that two steps can make, and one to spare: a step within a block may show in two.
constexpr std::ptrdiff_t kStepIncrements = 3;

// The largest increments, cut down to the next largest. Growth that goes on has many increments of
// its size and loses little; what grew in a few steps only is flat afterwards.
std::vector<double> WithoutSteps(std::span<const double> y) {
  std::vector<double> increments(y.size());
  std::adjacent_difference(y.begin(), y.end(), increments.begin());
  std::vector<double> sorted(increments.begin() + 1, increments.end());
  const auto cut = sorted.begin() + kStepIncrements;
  std::nth_element(sorted.begin(), cut, sorted.end(), std::greater<>());
  const double limit = std::max(*cut, 0.0);
  std::vector<double> level(y.size());
  level[0] = y[0];
  for (std::size_t i = 1; i < y.size(); ++i)
    level[i] = level[i - 1] + std::min(increments[i], limit);
  return level;
}

// By how much the noise that neighbouring points share widens the interval of a slope: the root of
// the variance inflation of a first-order autoregression, (1 + r) / (1 - r), whose r is that of the
// residuals. Few points show too little of it, hence the correction of Marriott and Pope, and of
// Kendall (Biometrika 41, 1954, pp. 390–404). Precondition: more than 4 points.
double Widening(std::span<const double> x, std::span<const double> y, double slope) {
  std::vector<double> residuals(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) residuals[i] = y[i] - slope * x[i];
  const double n = static_cast<double>(residuals.size());
  const double mean = std::accumulate(residuals.begin(), residuals.end(), 0.0) / n;
  double variance = 0;
  double covariance = 0;
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    variance += (residuals[i] - mean) * (residuals[i] - mean);
    if (i > 0) covariance += (residuals[i] - mean) * (residuals[i - 1] - mean);
  }
  if (variance <= 0) return 1;
  const double r = std::clamp(((n - 1) * covariance / variance + 1) / (n - 4), 0.0, 0.9);
  return std::sqrt((1 + r) / (1 - r));
}

// Theil–Sen with an interval for points that may share noise.
std::optional<SlopeEstimate> SlopeOfBlocks(std::span<const double> x, std::span<const double> y) {
  auto estimate = TheilSen(x, y, kConfidence);
  if (!estimate) return estimate;
  const double widening = Widening(x, y, estimate->slope);
  estimate->lower = estimate->slope - widening * (estimate->slope - estimate->lower);
  estimate->upper = estimate->slope + widening * (estimate->upper - estimate->slope);
  return estimate;
}

double StandardError(const SlopeEstimate& estimate) {
  return (estimate.upper - estimate.lower) / (2 * kNormalQuantile975);
}

bool SlowsDown(const SlopeEstimate& first, const SlopeEstimate& second) {
  if (first.slope <= 0) return false;
  if (second.slope < kClearlySlower * first.slope) return true;
  return second.slope < kSlower * first.slope &&
         first.slope - second.slope >
             kSignificant * std::hypot(StandardError(first), StandardError(second));
}

}  // namespace

BlockMedians MedianOfBlocks(std::span<const double> x, std::span<const double> y,
                            std::size_t blocks) {
  const std::size_t samples = std::min(x.size(), y.size());
  blocks = std::min(blocks, samples);
  BlockMedians medians;
  for (std::size_t block = 0; block < blocks; ++block) {
    const std::size_t begin = block * samples / blocks;
    const std::size_t length = (block + 1) * samples / blocks - begin;
    const auto median = [&](std::span<const double> values) {
      const auto part = values.subspan(begin, length);
      return Median({part.begin(), part.end()});
    };
    medians.x.push_back(median(x));
    medians.y.push_back(median(y));
  }
  return medians;
}

std::optional<SlopeEstimate> BlockSlope(std::span<const double> x, std::span<const double> y) {
  const BlockMedians medians = MedianOfBlocks(x, y, kBlocks);
  if (medians.x.size() < kMinBlocksForSlope) return std::nullopt;
  return SlopeOfBlocks(medians.x, medians.y);
}

std::optional<SustainedSlope> EstimateSustainedSlope(std::span<const double> x,
                                                     std::span<const double> y) {
  const BlockMedians medians = MedianOfBlocks(x, y, kBlocks);
  if (medians.x.size() < kBlocks) return std::nullopt;
  // The first quarter is left out.
  const std::vector<double> at(medians.x.begin() + kLeftOut, medians.x.end());
  const std::vector<double> level(medians.y.begin() + kLeftOut, medians.y.end());
  const std::vector<double> stepless = WithoutSteps(level);
  const std::size_t half = at.size() / 2;
  const std::span<const double> early_at = std::span(at).first(half);
  const std::span<const double> late_at = std::span(at).last(half);
  const std::span<const double> late_level = std::span(level).last(half);
  const auto whole = SlopeOfBlocks(at, level);
  const auto without_steps = SlopeOfBlocks(at, stepless);
  const auto first = TheilSen(early_at, std::span(stepless).first(half), kConfidenceOfParts);
  const auto second = TheilSen(late_at, std::span(stepless).last(half), kConfidenceOfParts);
  if (!whole || !without_steps || !first || !second) return std::nullopt;

  SustainedSlope sustained{
      .slope = whole->slope,
      .lower = without_steps->lower,
      .upper = whole->upper,
  };
  sustained.settling = SlowsDown(*first, *second);
  if (sustained.settling) {
    const auto late = SlopeOfBlocks(late_at, late_level);
    sustained.lower = std::min(sustained.lower, late->lower);
    sustained.upper = std::min(sustained.upper, late->upper);
    sustained.slope = std::clamp(late->slope, sustained.lower, sustained.upper);
  }
  return sustained;
}

}  // namespace llmload
