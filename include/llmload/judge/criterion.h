// What a run has to meet, written as it is said: `P95() < 5s`, `SuccessRate() >= 0.95`.
#ifndef LLMLOAD_JUDGE_CRITERION_H_
#define LLMLOAD_JUDGE_CRITERION_H_

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/judge/verdict.h"
#include "llmload/metrics/cells.h"
#include "llmload/metrics/figures.h"
#include "llmload/provider/error.h"

namespace llmload {

struct RunRecord;

/// Where the true value of what was sampled lies. A side without a number has no bound.
struct ConfidenceInterval {
  std::optional<double> lower;
  std::optional<double> upper;
};

/// How a record is judged: what follows from the plan as a whole.
struct Judging {
  /// A request that failed, was dropped or did not end counts as infinitely slow in every latency.
  /// False where the plan states how many failures it tolerates: then percentiles are of the
  /// successes.
  bool failures_are_slow = true;
  /// Criteria `AsObserved` are judged by their intervals like all others.
  bool confidence_required = false;
  /// The probability of error on each side of an interval.
  double error = 0.005;
};

/// What a metric says about a run.
struct Observation {
  std::optional<double> value;        ///< in the metric's unit; empty: nothing was observed
  std::uint64_t samples = 0;          ///< how many measurements `value` rests on
  std::uint64_t minimum_samples = 1;  ///< below it the verdict is INCONCLUSIVE
  /// Used where there is no value, or (INCONCLUSIVE) where the value cannot confirm a criterion.
  Verdict without_value = Verdict::kInconclusive;
  /// 99 % confidence interval (0.5 % beyond each side) of the true value that `value` estimates.
  /// Empty: `value` is not an estimate (a count, a maximum) and is judged as it is.
  std::optional<ConfidenceInterval> interval;
  /// The size of an independent sample that says as much as `samples` requests that resemble their
  /// neighbours; empty: it is not known to be another one.
  std::optional<double> effective_samples;
  std::vector<std::string> notes;    ///< what the message says besides
  std::vector<std::string> remarks;  ///< what `CriterionResult::remark` says
  /// How long the requests were scheduled for; empty: not known.
  std::optional<Duration> watched;
  /// `value` is the share of `samples` requests that had some quality, in [0, 1].
  bool is_proportion = false;
  /// The factor by which the run would have to be longer to decide about `bound`, if the value
  /// stays what it is; empty where that cannot be told. Null: the interval narrows with the root of
  /// `samples`.
  std::function<std::optional<double>(double bound)> longer_by;
  std::string remark;  ///< why there is no value, or what limits it
  /// Part of what was to be observed is missing: the rest can violate a criterion, but not confirm
  /// it.
  bool partial = false;
};

/// What a run must do so that a metric can be observed at all. A plan is checked against it before
/// the first request.
struct MetricNeeds {
  std::optional<Figure> figure;    ///< a distribution of the catalogue that must get values
  std::optional<double> quantile;  ///< of `figure`: needs `MinimumSamples` values
  std::optional<double> rank;      ///< of `figure`: the quantile, 1 for the maximum
  bool is_mean = false;            ///< the value is the mean of `figure`
  bool objectives = false;         ///< requests must have objectives
  bool is_share = false;           ///< the value is in [0, 1]
  bool states_failures = false;    ///< a bound says how many failures are tolerated
  bool memory = false;             ///< processes must be sampled
  std::string measurement;         ///< of `RunRecord::measurements`; empty: none
  std::string distribution;        ///< of `RunRecord::distributions`; empty: none
  Slice slice;                     ///< of the requests that are looked at; empty: all
};

enum class Comparison : std::uint8_t { kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kEqual };

/// "<", "<=", ">", ">=", "==".
std::string_view ToString(Comparison comparison) noexcept;

/// One criterion, evaluated.
struct CriterionResult {
  std::string name;  ///< of the metric: "p95 scheduled latency"
  std::string unit;  ///< of bound and observed: "s", "requests/s", "" for ratios and counts
  Comparison comparison = Comparison::kLess;
  double bound = 0;
  std::optional<double> observed;
  std::optional<double> observed_lower;  ///< 99 % confidence; empty: no estimate, or no bound
  std::optional<double> observed_upper;
  std::uint64_t samples = 0;
  /// See `Observation::effective_samples`.
  std::optional<double> effective_samples;
  bool as_observed = false;  ///< judged by the value of this run, whatever its interval
  double confidence = 0.99;  ///< of the interval
  /// See `Observation::longer_by`. Only an INCONCLUSIVE result that more samples could decide has
  /// it.
  std::optional<double> longer_by;
  Verdict verdict = Verdict::kInconclusive;
  std::string message;  ///< one sentence that names metric, observed value, bound and samples
  std::string remark;   ///< what a reader of the verdict should know besides; may be empty

  friend bool operator==(const CriterionResult&, const CriterionResult&) = default;
};

class Criterion;

/// Something measured, from which comparisons make criteria. A metric in seconds takes bounds of
/// type Duration only, every other metric takes numbers only; a mixture throws ConfigurationError.
/// Cheap to copy.
class Metric {
 public:
  using Observe = std::function<Observation(const RunRecord&, const Judging&)>;

  Metric(std::string name, std::string unit, Observe observe, MetricNeeds needs = {});

  const std::string& name() const noexcept { return name_; }
  const std::string& unit() const noexcept { return unit_; }
  const MetricNeeds& needs() const noexcept { return needs_; }
  Observation Of(const RunRecord& record, const Judging& judging = {}) const;

  /// This metric of some of the requests, as if the run had consisted of these alone:
  /// `P95(Figure::kTtft).OfPhase("burst").WithTag("tenant", "a") < 500ms`. Rates are per second
  /// from their first dispatch to their last completion. A slice without any request is
  /// INCONCLUSIVE. Throws `ConfigurationError` for a metric that is not of requests (memory,
  /// measurements), and for a second phase, model or value of the same tag.
  /// @param phase  the name of a measured phase of the load profile ("phase 2" if it has none)
  Metric OfPhase(std::string phase) const;
  /// @param model  as the requests ask for it
  Metric OfModel(std::string model) const;
  Metric WithTag(std::string tag, std::string value) const;

  Criterion operator<(double bound) const;
  Criterion operator<=(double bound) const;
  Criterion operator>(double bound) const;
  Criterion operator>=(double bound) const;
  /// Compares exactly, and is meant for counts.
  Criterion operator==(double bound) const;
  Criterion operator<(Duration bound) const;
  Criterion operator<=(Duration bound) const;
  Criterion operator>(Duration bound) const;
  Criterion operator>=(Duration bound) const;
  // Bounds in floating point, as in `P95() < 1.5s`.
  template <std::floating_point Rep, class Period>
  auto operator<(std::chrono::duration<Rep, Period> bound) const {
    return *this < ToDuration(bound);
  }
  template <std::floating_point Rep, class Period>
  auto operator<=(std::chrono::duration<Rep, Period> bound) const {
    return *this <= ToDuration(bound);
  }
  template <std::floating_point Rep, class Period>
  auto operator>(std::chrono::duration<Rep, Period> bound) const {
    return *this > ToDuration(bound);
  }
  template <std::floating_point Rep, class Period>
  auto operator>=(std::chrono::duration<Rep, Period> bound) const {
    return *this >= ToDuration(bound);
  }

 private:
  void CheckSlice(bool is_set, const std::string& part) const;
  Criterion Compare(Comparison comparison, double bound) const;
  Criterion Compare(Comparison comparison, Duration bound) const;

  std::string name_;
  std::string unit_;
  Observe observe_;
  MetricNeeds needs_;
};

/// A metric with a bound. Cheap to copy.
class Criterion {
 public:
  /// Throws ConfigurationError for a bound that is not finite.
  Criterion(Metric metric, Comparison comparison, double bound);

  const Metric& metric() const noexcept { return metric_; }
  Comparison comparison() const noexcept { return comparison_; }
  double bound() const noexcept { return bound_; }

  /// This criterion, judged by the value of the run itself: what did hold PASSes, with a remark
  /// where a repeat could miss it. For tests that document what a run showed.
  Criterion AsObserved() const;
  bool as_observed() const noexcept { return as_observed_; }

  /// "p95 scheduled latency < 5 s".
  std::string Describe() const;

  /// Compares what was observed with the bound. Never PASS without a value and enough samples. An
  /// exception from a custom metric is INVALID, with its message.
  ///
  /// An observation with a confidence interval PASSes if the bound holds for the whole interval,
  /// FAILs if it is violated by the whole interval, and is INCONCLUSIVE otherwise. Two exceptions
  /// for proportions: a bound of 0 or 1 is about the requests of this run, since no sample could
  /// confirm it, and is judged by the value alone; and where not one request had the quality, a
  /// bound that asks for some is violated. See docs/verdicts.md.
  CriterionResult Evaluate(const RunRecord& record, const Judging& judging = {}) const;

 private:
  Metric metric_;
  Comparison comparison_;
  double bound_;
  bool as_observed_ = false;
};

/// succeeded / attempted, in [0, 1]. Judged with an exact confidence interval of the effective
/// sample size (docs/verdicts.md).
Metric SuccessRate();
/// A share of your own: `part` of `whole` requests, with the exact confidence interval
/// (`ExactProportionBounds`) under the assumption that they are independent. Not observed if
/// `whole` is 0.
Metric Proportion(std::string name, std::function<std::uint64_t(const RunRecord&)> part,
                  std::function<std::uint64_t(const RunRecord&)> whole);
/// Successful requests per second.
Metric Throughput();
/// Completed requests per second, failures included.
Metric CompletedThroughput();
/// Output tokens of successful requests per second.
Metric TokensPerSecond();
/// Requests per second that meet every one of `RunPlan::objectives`.
Metric Goodput();
/// Their share of the requests attempted, in [0, 1].
Metric GoodFraction();
/// Requests whose end is known: succeeded + failed.
Metric CompletedRequests();
Metric SuccessfulRequests();
Metric FailedRequests();
/// Failed requests whose error was of this kind.
Metric ErrorCount(ErrorKind kind);
Metric AttemptsPerRequest();
/// Requests that more than one provider was asked for.
Metric FailedOverRequests();

/// The percentile of a figure over successes, and over all other requests as infinitely slow unless
/// a criterion says how many may fail (lengths are of successes alone). Judged with the order
/// statistics of the effective sample size (docs/verdicts.md). Below the minimum sample count
/// (statistics.h) the verdict is INCONCLUSIVE. For the request latencies (scheduled, service), a
/// run in which no request succeeded FAILs. `quantile` is one of `kQuantiles`; another one throws
/// ConfigurationError.
Metric Percentile(double quantile, Figure figure = Figure::kScheduledLatency);
Metric P50(Figure figure = Figure::kScheduledLatency);
Metric P90(Figure figure = Figure::kScheduledLatency);
Metric P95(Figure figure = Figure::kScheduledLatency);
Metric P99(Figure figure = Figure::kScheduledLatency);
Metric P999(Figure figure = Figure::kScheduledLatency);
Metric Mean(Figure figure = Figure::kScheduledLatency);
Metric Max(Figure figure = Figure::kScheduledLatency);

/// Memory of the process with this label, or with an empty label the worst of all sampled
/// processes. Definitions: `ResourceSummary`. A process that ended before the run did cannot
/// confirm a criterion.
Metric MemoryIncrease(std::string process = {});
Metric PeakMemoryRatio(std::string process = {});
Metric MemoryGrowth(std::string process = {});

/// Bytes of resident memory that each request leaves behind, with the confidence interval of
/// `EstimateSustainedSlope`. Growth that was slowing down when the run ended can PASS, but not
/// FAIL. With an empty label, the interval reaches from the largest lower to the largest upper end
/// of all sampled processes: one that leaks is enough for FAIL, and all have to be below the bound
/// for PASS.
Metric MemoryLeakPerRequest(std::string process = {});

/// What the documented memory test allows, in bytes: its 500 requests tell a leak of 20 KB per
/// request from none with room to spare on both sides (docs/verdicts.md). For a lower bound, send
/// more requests.
inline constexpr double kMaxLeakBytesPerRequest = 5000;

/// One of `RunRecord::measurements`, by its name; INCONCLUSIVE if the run did not measure it.
Metric Measurement(const std::string& name, std::string unit = {});

/// The largest value of one of `RunRecord::distributions`, as in `MaxOf("detection time") <=
/// 200ms`. INCONCLUSIVE if the run has no such distribution or the distribution has no value.
Metric MaxOf(const std::string& distribution);
/// The mean of one of `RunRecord::distributions`, under the conditions of `MaxOf`.
Metric MeanOf(const std::string& distribution);

/// A metric of your own. `value` reads it off the record (empty: not observed) in `unit` ("s" takes
/// Duration bounds); `samples` says how many measurements it rests on (default: 1).
Metric Custom(std::string name, std::string unit,
              std::function<std::optional<double>(const RunRecord&)> value,
              std::function<std::uint64_t(const RunRecord&)> samples = {});

/// What a metric of your own says about a run.
struct CustomValue {
  std::optional<double> value = {};  ///< empty: not observed
  std::uint64_t samples = 1;         ///< how many measurements it rests on
  /// Where the true value lies; empty: the value is judged as it is.
  std::optional<ConfidenceInterval> interval = {};
};
/// A metric of your own that states its interval, by which it is judged as all other metrics are.
Metric Custom(std::string name, std::string unit,
              std::function<CustomValue(const RunRecord&)> observe);

}  // namespace llmload

#endif  // LLMLOAD_JUDGE_CRITERION_H_
