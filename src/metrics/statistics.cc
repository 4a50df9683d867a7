#include "llmload/metrics/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/policies/policy.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

namespace llmload {
namespace {

constexpr std::size_t kMaxTrendPoints = 500;

double LogBinomialPmf(double k, double n, double p) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
         (n - k) * std::log1p(-p);
}

// The largest k with P(Binomial(n, p) < k) <= tail. At least 0.
std::uint64_t LowerTailRank(std::uint64_t count, double p, double tail) {
  const double n = static_cast<double>(count);
  const double deviation = std::sqrt(n * p * (1 - p));
  // Below this the whole tail is far under any probability asked for here.
  double k = std::max(0.0, std::floor(n * p - 12 * deviation - 40));
  double pmf = std::exp(LogBinomialPmf(k, n, p));
  double below_next = pmf;  // P(B < k + 1)
  while (below_next <= tail && k < n) {
    pmf *= (n - k) / (k + 1) * p / (1 - p);
    k += 1;
    below_next += pmf;
  }
  return static_cast<std::uint64_t>(k);
}

// Doubles are accurate enough, and long doubles would cost several times as much.
using Policy = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

// P(Binomial(n, p) >= k), for any real k above 0 and up to n.
double AtLeast(double k, double n, double p) {
  return boost::math::ibeta(k, n - k + 1, p, Policy());
}

// The k from `low` to `high` at which the monotonous `excess` is 0.
template <class Excess>
double SolveCount(Excess excess, double low, double high) {
  std::uintmax_t iterations = 100;
  const auto close = [](double a, double b) { return b - a < 1e-6; };
  const auto [a, b] =
      boost::math::tools::toms748_solve(excess, low, high, close, iterations, Policy());
  return (a + b) / 2;
}

}  // namespace

double NormalQuantile(double p) {
  return boost::math::quantile(boost::math::normal_distribution<double, Policy>(), p);
}

double StudentQuantile(double p, double degrees) {
  return boost::math::quantile(boost::math::students_t_distribution<double, Policy>(degrees), p);
}

UnlikelyCounts UnlikelyCountsOf(double share, double trials, double tail) {
  UnlikelyCounts counts;
  if (std::pow(1 - share, trials) < tail) {
    // Of so many or fewer: 1 - P(k + 1 or more).
    counts.few = SolveCount([&](double k) { return 1 - AtLeast(k + 1, trials, share) - tail; }, 0,
                            trials - 1e-9);
  }
  if (std::pow(share, trials) < tail) {
    counts.many =
        SolveCount([&](double k) { return tail - AtLeast(k, trials, share); }, 1e-9, trials);
  }
  return counts;
}

ProportionBounds ProportionBoundsOf(double fewest_successes, double most_successes, double trials,
                                    double tail) {
  ProportionBounds bounds;
  if (fewest_successes > 0) {
    const double k = std::min(fewest_successes, trials);
    bounds.lower = boost::math::ibeta_inv(k, trials - k + 1, tail, Policy());
  }
  if (most_successes < trials) {
    const double k = std::max(most_successes, 0.0);
    bounds.upper = boost::math::ibeta_inv(k + 1, trials - k, 1 - tail, Policy());
  }
  return bounds;
}

std::uint64_t NearestRank(double quantile, std::uint64_t count) noexcept {
  // The small term undoes products such as 0.07 * 100 = 7.000000000000001.
  const double rank = std::ceil(quantile * static_cast<double>(count) - 1e-9);
  return std::clamp<std::uint64_t>(rank < 1 ? 1 : static_cast<std::uint64_t>(rank), 1, count);
}

RankBounds QuantileRankBounds(double quantile, std::uint64_t count, double confidence) {
  RankBounds bounds;
  if (count == 0 || !(quantile > 0) || !(quantile < 1)) return bounds;
  const double tail = (1 - confidence) / 2;
  if (const std::uint64_t lower = LowerTailRank(count, quantile, tail); lower > 0) {
    bounds.lower = lower;
  }
  // The upper side is the lower side of the same sample in descending order.
  if (const std::uint64_t from_top = LowerTailRank(count, 1 - quantile, tail); from_top > 0) {
    bounds.upper = count + 1 - from_top;
  }
  return bounds;
}

std::uint64_t MinimumSamples(double quantile) {
  const double beyond = std::min(quantile, 1 - quantile);
  const double within = 1 - beyond;
  const auto at_most_one_beyond = [&](double n) {
    return std::exp(n * std::log(within)) + n * beyond * std::exp((n - 1) * std::log(within));
  };
  double n = 2;
  while (at_most_one_beyond(n) > 0.01) n *= 2;
  double low = n / 2;
  while (n - low > 1) {
    const double middle = std::floor((low + n) / 2);
    (at_most_one_beyond(middle) > 0.01 ? low : n) = middle;
  }
  return static_cast<std::uint64_t>(n);
}

ProportionBounds ExactProportionBounds(std::uint64_t successes, std::uint64_t trials,
                                       double confidence) {
  if (trials == 0) return {};
  using Binomial = boost::math::binomial_distribution<double, Policy>;
  const double tail = (1 - confidence) / 2;
  const double k = static_cast<double>(successes);
  const double n = static_cast<double>(trials);
  // The lower bound is the probability at which so many successes or more are just too unlikely,
  // the upper bound the one at which so few are. Both methods default to Clopper and Pearson.
  return {.lower = Binomial::find_lower_bound_on_p(n, k, tail),
          .upper = Binomial::find_upper_bound_on_p(n, k, tail)};
}

std::optional<SlopeEstimate> TheilSen(std::span<const double> x, std::span<const double> y,
                                      double confidence) {
  const std::size_t available = std::min(x.size(), y.size());
  const std::size_t count = std::min(available, kMaxTrendPoints);
  if (count < 3) return std::nullopt;
  const auto index = [&](std::size_t i) { return i * (available - 1) / (count - 1); };

  std::vector<double> slopes;
  slopes.reserve(count * (count - 1) / 2);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      const double run = x[index(j)] - x[index(i)];
      if (run != 0) slopes.push_back((y[index(j)] - y[index(i)]) / run);
    }
  }
  if (slopes.empty()) return std::nullopt;
  std::sort(slopes.begin(), slopes.end());

  const std::size_t pairs = slopes.size();
  const double n = static_cast<double>(count);
  const boost::math::normal_distribution<double, Policy> normal;
  const double half_width = boost::math::quantile(normal, (1 + confidence) / 2) *
                            std::sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2;
  const double center = static_cast<double>(pairs) / 2;
  const auto slope_at = [&](double rank) {  // 1-based, clamped: too few points give the extremes
    const double clamped = std::clamp(rank, 1.0, static_cast<double>(pairs));
    return slopes[static_cast<std::size_t>(clamped) - 1];
  };
  SlopeEstimate estimate;
  estimate.slope =
      pairs % 2 == 1 ? slopes[pairs / 2] : slopes[pairs / 2 - 1] / 2 + slopes[pairs / 2] / 2;
  estimate.lower = slope_at(std::floor(center - half_width));
  estimate.upper = slope_at(std::ceil(center + half_width + 1));
  return estimate;
}

}  // namespace llmload
