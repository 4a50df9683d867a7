#include "src/judge/dependence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "llmload/metrics/statistics.h"

namespace llmload::judge {
namespace {

double Sum(const PerBlock& counts) { return std::accumulate(counts.begin(), counts.end(), 0.0); }

// Fewer exceedances than blocks say nothing of how they are spread.
constexpr double kFewestExceedances = 24;

// A second edge, further inside: the tail alone holds few values, and correlation reaches further.
double InnerShare(double quantile) { return 1 - 3 * (1 - quantile); }

void AddWorst(const PerBlock& all, const PerBlock& part, SampleWorth& worth) {
  if (worth.inflation <= kMarkedInflation) return;
  const double share = Sum(part) / Sum(all);
  for (std::size_t b = 0; b < all.size(); ++b) {
    const double excess = part[b] - share * all[b];
    if (excess <= worth.worst_excess) continue;
    worth.worst_excess = excess;
    worth.worst_block = b;
  }
}

// Whether the share of `part` differs between the first and the last third of the blocks. Their
// variance is taken from successive differences, so that a trend does not hide itself.
bool Differs(const PerBlock& all, const PerBlock& part, Drift& drift) {
  const double share = Sum(part) / Sum(all);
  if (!(share > 0) || !(share < 1)) return false;
  double squares = 0;
  std::size_t differences = 0;
  for (std::size_t b = 1; b < all.size(); ++b) {
    if (all[b - 1] == 0 || all[b] == 0) continue;
    const double difference = part[b] / all[b] - part[b - 1] / all[b - 1];
    squares += difference * difference / (1 / all[b] + 1 / all[b - 1]);
    ++differences;
  }
  const auto third = static_cast<std::ptrdiff_t>(all.size() / 3);
  const auto first = [third](const PerBlock& counts) {
    return std::accumulate(counts.begin(), counts.begin() + third, 0.0);
  };
  const auto last = [third](const PerBlock& counts) {
    return std::accumulate(counts.end() - third, counts.end(), 0.0);
  };
  if (differences == 0 || first(all) == 0 || last(all) == 0) return false;
  const double variance = share * (1 - share);
  const double inflation = std::max(1.0, squares / (static_cast<double>(differences) * variance));
  drift.first = first(part) / first(all);
  drift.last = last(part) / last(all);
  const double error = std::sqrt(variance * inflation * (1 / first(all) + 1 / last(all)));
  return std::abs(drift.first - drift.last) > NormalQuantile(0.9975) * error;
}

// The inflation is estimated from the blocks, and so is uncertain itself: Student's t pays for it.
void SetEffective(std::size_t blocks, double tail, SampleWorth& worth) {
  const double ratio =
      NormalQuantile(1 - tail) / StudentQuantile(1 - tail, static_cast<double>(blocks - 1));
  worth.effective = worth.samples * ratio * ratio / worth.inflation;
}

}  // namespace

Blocks::Blocks(const Cohorts& cohorts) {
  const auto has_requests = [](const Cohort& cohort) { return cohort.scheduled > 0; };
  const auto& all = cohorts.cohorts;
  const auto first = std::find_if(all.begin(), all.end(), has_requests);
  if (first == all.end()) return;
  const auto begin = static_cast<std::size_t>(first - all.begin());
  const std::size_t count = all.size() - begin;
  // At least two cohorts each, or one block may last twice as long as another.
  const std::size_t size = std::min(kMost, std::max<std::size_t>(count / 2, 1));
  blocks_.resize(size);
  begins_.resize(size + 1);
  for (std::size_t b = 0; b <= size; ++b) {
    begins_[b] = cohorts.interval * static_cast<Duration::rep>(begin + b * count / size);
  }
  for (std::size_t b = 0; b < size; ++b) {
    for (std::size_t i = b * count / size; i < (b + 1) * count / size; ++i) {
      blocks_[b].Merge(all[begin + i]);
    }
  }
}

double Inflation(const PerBlock& all, const PerBlock& part) {
  const double n = Sum(all);
  const double share = n > 0 ? Sum(part) / n : 0;
  if (!(share > 0) || !(share < 1) || all.size() < 2) return 1;
  double squares = 0;
  for (std::size_t b = 0; b < all.size(); ++b) {
    const double excess = part[b] - share * all[b];
    squares += excess * excess;
  }
  const double blocks = static_cast<double>(all.size());
  return std::max(1.0, blocks / (blocks - 1) * squares / (n * share * (1 - share)));
}

JudgedValues::JudgedValues(const MetricsSnapshot& metrics, const Blocks& blocks, Figure figure,
                           bool failures_are_slow)
    : blocks_(blocks), figure_(figure), count_(static_cast<double>(metrics[figure].count())) {
  const FigureScope scope = InfoOf(figure).scope;
  const bool of_successes = scope == FigureScope::kSuccesses ||
                            scope == FigureScope::kStreamedSuccesses ||
                            scope == FigureScope::kTokenEvents;
  // An answer that failed has no length, but it took longer than any time one would wait.
  const bool is_time = InfoOf(figure).unit == FigureUnit::kTime;
  const auto succeeded = static_cast<double>(metrics[Counter::kSucceeded]);
  if (failures_are_slow && of_successes && is_time && succeeded > 0) {
    slow_each_ = count_ / succeeded;
    slow_ =
        slow_each_ * static_cast<double>(metrics[Counter::kFailed] + metrics[Counter::kDropped] +
                                         metrics[Counter::kUnfinished]);
  }
  all_ = blocks.Of([this](const Cohort& block) {
    double values = slow_each_ * static_cast<double>(block.lost);
    for (const SeriesCell& cell : block[figure_]) values += cell.count;
    return values;
  });
}

std::size_t JudgedValues::EdgeAt(double share) const {
  std::vector<double> in_cell(SeriesCells::kCount);
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    for (const SeriesCell& cell : blocks_[b][figure_]) in_cell[cell.index] += cell.count;
  }
  const double n = Sum(all_);
  // The edge is the upper end of a cell: the one whose share is nearest.
  std::size_t last = 0;
  double below = 0;
  double nearest = 2;
  for (std::size_t i = 0; i < in_cell.size(); ++i) {
    if (in_cell[i] == 0) continue;
    below += in_cell[i];
    const double distance = std::abs(below / n - share);
    if (distance >= nearest) break;
    nearest = distance;
    last = i;
  }
  return last;
}

PerBlock JudgedValues::AboveEdge(std::size_t cell) const {
  return blocks_.Of([&](const Cohort& block) {
    double above = slow_each_ * static_cast<double>(block.lost);
    for (const SeriesCell& each : block[figure_]) above += each.index > cell ? each.count : 0;
    return above;
  });
}

bool JudgedValues::CanEstimate(double quantile) const {
  return samples() * (1 - std::max(InnerShare(quantile), 0.0)) >= kFewestExceedances;
}

double JudgedValues::InflationAt(double quantile) const {
  double inflation = Inflation(all_, AboveEdgeAt(quantile));
  if (const double inner = InnerShare(quantile); inner > 0) {
    inflation = std::max(inflation, Inflation(all_, AboveEdgeAt(inner)));
  }
  return inflation;
}

SampleWorth JudgedValues::WorthAt(double quantile, double tail) const {
  SampleWorth worth{.samples = samples(), .effective = samples()};
  if (!blocks_.Suffice() || !(Sum(all_) > 0)) return worth;
  worth.judged = true;
  worth.inflation = InflationAt(quantile);
  if (!CanEstimate(quantile)) {
    for (const NamedQuantile& other : kQuantiles) {
      if (other.quantile < 0.9 || other.quantile >= quantile || !CanEstimate(other.quantile)) {
        continue;
      }
      const double borrowed = InflationAt(other.quantile);
      if (borrowed <= worth.inflation) continue;
      worth.inflation = borrowed;
      worth.borrowed = true;
    }
  }
  AddWorst(all_, AboveEdgeAt(quantile), worth);
  SetEffective(blocks_.size(), tail, worth);
  return worth;
}

std::optional<Drift> JudgedValues::DriftAt(double quantile) const {
  if (!blocks_.Suffice() || !(Sum(all_) > 0)) return std::nullopt;
  for (const double share : {quantile, 0.5}) {
    const std::size_t cell = EdgeAt(share);
    Drift drift{.edge = SeriesCells::End(cell)};
    if (Differs(all_, AboveEdge(cell), drift)) return drift;
  }
  return std::nullopt;
}

std::optional<double> HalfWidthOfRatio(const PerBlock& all, const PerBlock& part, double tail) {
  const double total = Sum(all);
  if (all.size() < Blocks::kFewest || !(total > 0)) return std::nullopt;
  const double ratio = Sum(part) / total;
  double squares = 0;
  for (std::size_t b = 0; b < all.size(); ++b) {
    const double excess = part[b] - ratio * all[b];
    squares += excess * excess;
  }
  const double blocks = static_cast<double>(all.size());
  return StudentQuantile(1 - tail, blocks - 1) * std::sqrt(blocks / (blocks - 1) * squares) / total;
}

SampleWorth WorthOfShare(const PerBlock& all, const PerBlock& part, double samples, double tail) {
  SampleWorth worth{.samples = samples, .effective = samples};
  if (all.size() < Blocks::kFewest || !(Sum(all) > 0)) return worth;
  worth.judged = true;
  worth.inflation = Inflation(all, part);
  AddWorst(all, part, worth);
  SetEffective(all.size(), tail, worth);
  return worth;
}

std::optional<double> LongerBy(const SampleWorth& worth, double above, double share, double tail) {
  const double n = worth.samples;
  const UnlikelyCounts unlikely = UnlikelyCountsOf(share, worth.effective, tail);
  const double scale = n / worth.effective;
  const double distance = std::abs(share - above / n);
  double needed = 0;
  if (above / n < share) {
    // With none at all, so many would have to be.
    if (!unlikely.few && above == 0) return std::log(tail) / std::log1p(-share) / worth.effective;
    // A few, in a sample too small for any number of them to do: about as many as a larger one.
    needed = unlikely.few
                 ? share - (*unlikely.few * scale - worth.worst_excess) / n
                 : NormalQuantile(1 - tail) * std::sqrt(share * (1 - share) / worth.effective) +
                       worth.worst_excess / n;
  } else {
    if (!unlikely.many) return std::nullopt;
    needed = (*unlikely.many * scale + worth.worst_excess) / n - share;
  }
  if (distance == 0) return std::numeric_limits<double>::infinity();
  const double ratio = needed / distance;
  // An interval narrows with the root of the count; that of nothing or everything with the count.
  return above == 0 || above == n ? ratio : ratio * ratio;
}

}  // namespace llmload::judge
