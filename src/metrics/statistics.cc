#include "llmload/metrics/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

namespace llmload {
namespace {

constexpr std::size_t kMaxTrendPoints = 500;
constexpr int kBisections = 60;  // more than a double can tell apart

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

// The argument between `low` and `high` at which `rising` reaches `target`.
template <class Function>
double Invert(const Function& rising, double target, double low, double high) {
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (rising(middle) < target ? low : high) = middle;
  }
  return (low + high) / 2;
}

double NormalQuantile(double probability) {
  const auto cumulative = [](double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; };
  return Invert(cumulative, probability, -40, 40);
}

// The continued fraction of the incomplete beta function (NIST Digital Library of Mathematical
// Functions, 8.17.22), by the modified Lentz algorithm (Press et al., "Numerical Recipes", 3rd ed.,
// section 6.4). Converges in O(sqrt(max(a, b))) steps for x < (a + 1) / (a + b + 2).
double BetaFraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  constexpr double kAccuracy = 1e-15;
  constexpr int kMaxSteps = 1'000'000;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int step = 1; step <= kMaxSteps; ++step) {
    const double m = step;
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) < kAccuracy) break;
  }
  return fraction;
}

// P(Binomial(count, x) >= least): the regularised incomplete beta function of (least, count - least
// + 1). Precondition: 1 <= least <= count.
double UpperBinomialTail(double x, double least, double count) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double a = least;
  const double b = count - least + 1;
  const double log_front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  if (x < (a + 1) / (a + b + 2)) return std::exp(log_front) * BetaFraction(x, a, b) / a;
  return 1 - std::exp(log_front) * BetaFraction(1 - x, b, a) / b;
}

}  // namespace

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
  ProportionBounds bounds;
  const double tail = (1 - confidence) / 2;
  const double k = static_cast<double>(successes);
  const double n = static_cast<double>(trials);
  // The lower bound is the probability at which so many successes or more are just too unlikely,
  // the upper bound the one at which so few are.
  if (successes > 0) {
    bounds.lower = Invert([&](double p) { return UpperBinomialTail(p, k, n); }, tail, 0, k / n);
  }
  if (successes < trials) {
    bounds.upper =
        Invert([&](double p) { return UpperBinomialTail(p, k + 1, n); }, 1 - tail, k / n, 1);
  }
  return bounds;
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
  const double half_width =
      NormalQuantile((1 + confidence) / 2) * std::sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2;
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
