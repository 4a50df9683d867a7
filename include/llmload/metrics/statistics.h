// The statistics behind percentiles, rates and trends: confidence bounds, minimum sample counts,
// and the Theil–Sen slope.
#ifndef LLMLOAD_METRICS_STATISTICS_H_
#define LLMLOAD_METRICS_STATISTICS_H_

#include <cstdint>
#include <optional>
#include <span>

namespace llmload {

/// 1-based rank of the `quantile` of `count` values by the nearest-rank rule: ceil(quantile *
/// count), at least 1. Precondition: count > 0, 0 <= quantile <= 1.
std::uint64_t NearestRank(double quantile, std::uint64_t count) noexcept;

/// Ranks (1-based) of the order statistics that enclose a quantile. Empty where the sample is too
/// small for a bound on that side.
struct RankBounds {
  std::optional<std::uint64_t> lower;
  std::optional<std::uint64_t> upper;
};

/// Distribution-free two-sided confidence bounds of the `quantile` of the population from which
/// `count` independent values were drawn: the number of values below it is Binomial(count,
/// quantile), and each side gets half of 1 - `confidence` (David and Nagaraja, "Order Statistics",
/// 3rd ed., section 7.1).
RankBounds QuantileRankBounds(double quantile, std::uint64_t count, double confidence = 0.99);

/// The smallest sample that says anything about a percentile: at this count the second largest
/// value is a 99 % upper confidence bound of it, that is P(Binomial(count, 1 - quantile) <= 1) <=
/// 0.01 (the early-stopping rule of MLPerf). p90: 64, p95: 130, p99: 662, p99.9: 6636. Quantiles
/// below 0.5 count from the other end. Precondition: 0 < quantile < 1.
std::uint64_t MinimumSamples(double quantile);

/// An interval of probabilities.
struct ProportionBounds {
  double lower = 0;
  double upper = 1;
};

/// The quantile of the standard normal distribution. Precondition: 0 < p < 1.
double NormalQuantile(double p);
/// The quantile of Student's t distribution. Precondition: 0 < p < 1, degrees > 0.
double StudentQuantile(double p, double degrees);

/// How many of some trials are too few, and too many, to be chance. Real numbers: a sample whose
/// members resemble each other counts like a smaller one, of no whole size.
struct UnlikelyCounts {
  /// P(Binomial(trials, share) <= few) = tail, by the incomplete beta function; empty where even 0
  /// is no more unlikely than that.
  std::optional<double> few;
  /// P(Binomial(trials, share) >= many) = tail; empty where even all of them are no more unlikely.
  std::optional<double> many;
};

/// Precondition: 0 < share < 1, trials > 0, 0 < tail < 0.5.
UnlikelyCounts UnlikelyCountsOf(double share, double trials, double tail);

/// The probabilities at which so few as `successes`, or so many, of `trials` are just as unlikely
/// as `tail`: `ExactProportionBounds` for counts that are no whole numbers (Korn and Graubard,
/// Survey Methodology 24, 1998, pp. 193–201). Counts beyond 0 and `trials` give 0 and 1.
/// Precondition: trials > 0, 0 < tail < 0.5.
ProportionBounds ProportionBoundsOf(double fewest_successes, double most_successes, double trials,
                                    double tail);

/// Two-sided confidence bounds of a probability of which `successes` in `trials` independent trials
/// were seen: the exact interval of Clopper and Pearson (Biometrika 26, 1934, pp. 404–413), which
/// gives each side at most half of 1 - `confidence`. Without trials: [0, 1]. Precondition:
/// successes <= trials, 0 < confidence < 1.
ProportionBounds ExactProportionBounds(std::uint64_t successes, std::uint64_t trials,
                                       double confidence = 0.99);

/// A slope with its confidence interval, in units of y per unit of x.
struct SlopeEstimate {
  double slope = 0;
  double lower = 0;
  double upper = 0;

  friend bool operator==(const SlopeEstimate&, const SlopeEstimate&) = default;
};

/// Theil–Sen estimator: the median of the slopes between all pairs of points, with the confidence
/// interval of Sen (Journal of the American Statistical Association 63, 1968, pp. 1379–1389),
/// without the correction for ties, which can only widen the interval. It holds for points that
/// scatter independently of each other. Robust against outliers up to 29 % of the points. Beyond
/// 500 points, 500 evenly spread ones are used: the cost is quadratic. Empty if there are fewer
/// than three points or no two with different x. Precondition: x.size() == y.size(), 0 < confidence
/// < 1.
std::optional<SlopeEstimate> TheilSen(std::span<const double> x, std::span<const double> y,
                                      double confidence = 0.95);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_STATISTICS_H_
