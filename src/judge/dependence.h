// How much the requests of a run resemble those before and after them, as blocks of time show it,
// and what that leaves of their number. docs/verdicts.md explains it and names the sources.
#ifndef LLMLOAD_SRC_JUDGE_DEPENDENCE_H_
#define LLMLOAD_SRC_JUDGE_DEPENDENCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/metrics/cohorts.h"
#include "llmload/metrics/figures.h"
#include "llmload/metrics/metrics_snapshot.h"

namespace llmload::judge {

/// One number for each block of time.
using PerBlock = std::vector<double>;

/// The cohorts of a run, joined to blocks of equal time from the first with a request to the last.
class Blocks {
 public:
  static constexpr std::size_t kMost = 24;
  static constexpr std::size_t kFewest = 8;  ///< below it dependence cannot be judged

  explicit Blocks(const Cohorts& cohorts);

  bool empty() const noexcept { return blocks_.empty(); }
  bool Suffice() const noexcept { return blocks_.size() >= kFewest; }
  std::size_t size() const noexcept { return blocks_.size(); }
  const Cohort& operator[](std::size_t i) const { return blocks_[i]; }
  // Since the start of the run.
  Duration BeginOf(std::size_t i) const { return begins_[i]; }
  Duration EndOf(std::size_t i) const { return begins_[i + 1]; }
  Duration Length() const {
    return begins_.empty() ? Duration{} : begins_.back() - begins_.front();
  }

  template <class Read>
  PerBlock Of(Read read) const {
    PerBlock counts;
    counts.reserve(blocks_.size());
    for (const Cohort& block : blocks_) counts.push_back(static_cast<double>(read(block)));
    return counts;
  }

 private:
  std::vector<Cohort> blocks_;
  std::vector<Duration> begins_;  // one more than blocks; empty without any
};

/// What a sample is worth.
struct SampleWorth {
  double samples = 0;
  double effective = 0;   ///< the size of an independent sample that says as much
  double inflation = 1;   ///< of the variance, at least 1
  bool borrowed = false;  ///< the inflation is that of another percentile
  bool judged = false;    ///< false: the run is too short to judge dependence, or has no cohorts
  /// How many more with the quality (slow, failed) the worst block has than its share; 0 unless the
  /// inflation is marked.
  double worst_excess = 0;
  std::optional<std::size_t> worst_block;
};

/// Above it requests clearly resemble their neighbours.
inline constexpr double kMarkedInflation = 1.6;

/// Of `all[b]` requests in each block, `part[b]` have some quality: by how much the variance of
/// their sum exceeds that of a binomial count. 1 where the part is nothing or everything.
double Inflation(const PerBlock& all, const PerBlock& part);

/// A level that changed during a run.
struct Drift {
  Duration edge{};
  double first = 0;  ///< the share of values above the edge in the first third of the run
  double last = 0;
};

/// The values of a figure that are judged: those of its successes and, where they count as slow, of
/// the requests that did not succeed. Each of these stands for as many values as a success has.
class JudgedValues {
 public:
  JudgedValues(const MetricsSnapshot& metrics, const Blocks& blocks, Figure figure,
               bool failures_are_slow);

  double samples() const noexcept { return count_ + slow_; }
  /// How many count as infinitely slow.
  double slow() const noexcept { return slow_; }

  /// At an error of `tail` on each side.
  SampleWorth WorthAt(double quantile, double tail) const;

  /// The first third of the blocks against the last: whether the share of values above an edge,
  /// near the quantile or near the median, differs by more than chance (0.5 % for each of them).
  std::optional<Drift> DriftAt(double quantile) const;

 private:
  /// The cell at or below whose end `share` of all values are, as near as cells allow.
  std::size_t EdgeAt(double share) const;
  /// How many values are above the end of that cell.
  PerBlock AboveEdge(std::size_t cell) const;
  PerBlock AboveEdgeAt(double share) const { return AboveEdge(EdgeAt(share)); }
  bool CanEstimate(double quantile) const;
  double InflationAt(double quantile) const;

  const Blocks& blocks_;
  Figure figure_;
  double count_ = 0;
  double slow_ = 0;
  double slow_each_ = 0;  // values that a request without success stands for
  PerBlock all_;
};

/// Half the width of the confidence interval of sum(part) / sum(all), from how the blocks scatter
/// about it; empty with fewer than `Blocks::kFewest` of them.
std::optional<double> HalfWidthOfRatio(const PerBlock& all, const PerBlock& part, double tail);

/// The share of `part` in `all` requests.
SampleWorth WorthOfShare(const PerBlock& all, const PerBlock& part, double samples, double tail);

/// The factor by which the run would have to be longer to tell whether more or less than `share` of
/// all samples have a quality that `above` of these have. Infinite where it is just that share;
/// empty where it cannot be told.
std::optional<double> LongerBy(const SampleWorth& worth, double above, double share, double tail);

}  // namespace llmload::judge

#endif  // LLMLOAD_SRC_JUDGE_DEPENDENCE_H_
