// Runs of services whose latencies and failures are known, as records like those of real runs.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/judge/judgement.h"
#include "llmload/metrics/histogram.h"
#include "llmload/metrics/statistics.h"
#include "src/metrics/cohort_recorder.h"
#include "src/run/run_looks.h"
#include "tests/support/start.h"
#include "tests/support/verdict_simulation.h"

namespace llmload {
namespace {

using test_support::kStart;

double NormalShare(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// The quantile of the latencies of a service whose typical latency is 1.
double QuantileOf(const LatencySystem& system, double quantile) {
  double low = -20;  // logarithms
  double high = 20;
  for (int i = 0; i < 100; ++i) {
    const double x = (low + high) / 2;
    const double share =
        (1 - system.slow.share) * NormalShare(x / system.sigma) +
        system.slow.share * NormalShare((x - std::log(system.factor)) / system.sigma);
    (share < quantile ? low : high) = x;
  }
  return std::exp(low);
}

// Whether an instant is in a phase of the kind looked for. Asked with ascending instants.
class PhaseWalk {
 public:
  PhaseWalk(const Phases& phases, Random& random) : phases_(phases), random_(random) {
    in_phase_ = random_.Uniform() < phases_.share;
    if (InTime()) end_ = random_.Exponential(MeanLength());
  }

  bool At(double second) {
    if (phases_.share <= 0 || phases_.share >= 1) return phases_.share >= 1;
    if (!InTime()) return random_.Uniform() < phases_.share;
    while (second >= end_) {
      in_phase_ = !in_phase_;
      end_ += random_.Exponential(MeanLength());
    }
    return in_phase_;
  }

 private:
  bool InTime() const { return phases_.seconds > 0; }
  double MeanLength() const {
    return in_phase_ ? phases_.seconds : phases_.seconds * (1 - phases_.share) / phases_.share;
  }

  const Phases& phases_;
  Random& random_;
  bool in_phase_ = false;
  double end_ = 0;
};

// The record of a run in the making.
class SimulatedRun {
 public:
  explicit SimulatedRun(const RunLength& length)
      : length_(length),
        cohorts_(kStart, FiguresOf(Figure::kScheduledLatency, Figure::kServiceLatency)) {}

  double SecondOf(std::uint64_t request) const {
    return static_cast<double>(request) / static_cast<double>(length_.requests) * length_.seconds;
  }
  void Succeeded(std::uint64_t request, Duration latency) {
    const TimePoint at = InstantOf(request);
    cohorts_.Add(CohortRecorder::kScheduled, at);
    cohorts_.Add(CohortRecorder::kSucceeded, at);
    cohorts_.Record(Figure::kScheduledLatency, at, latency);
    cohorts_.Record(Figure::kServiceLatency, at, latency);  // the generator is not late
    latencies_.Record(latency);
    ++succeeded_;
  }
  void Failed(std::uint64_t request) {
    const TimePoint at = InstantOf(request);
    cohorts_.Add(CohortRecorder::kScheduled, at);
    cohorts_.Add(CohortRecorder::kLost, at);
    ++failed_;
  }

  RunRecord Record() const {
    RunRecord record;
    MetricsSnapshot& metrics = record.metrics;
    metrics[Counter::kScheduled] = metrics[Counter::kSent] = succeeded_ + failed_;
    metrics[Counter::kSucceeded] = succeeded_;
    metrics[Counter::kFailed] = failed_;
    metrics[Figure::kScheduledLatency] = latencies_.Snapshot();
    metrics[Figure::kServiceLatency] = metrics[Figure::kScheduledLatency];
    metrics.cohorts = cohorts_.Snapshot();
    return record;
  }
  Verdict Judged(const Criterion& criterion) const {
    return Judge(Record(), std::vector{criterion}).verdict;
  }

 private:
  TimePoint InstantOf(std::uint64_t request) const {
    return kStart + Duration(std::llround(SecondOf(request) * 1e9));
  }

  RunLength length_;
  CohortRecorder cohorts_;
  Histogram latencies_;
  std::uint64_t succeeded_ = 0;
  std::uint64_t failed_ = 0;
};

// The latencies of one run, in the order of its requests.
class LatencyWalk {
 public:
  // `typical`: in seconds, outside slow phases.
  LatencyWalk(const LatencySystem& system, double typical, Random& random)
      : system_(system),
        typical_(typical),
        kept_(std::sqrt(1 - system.correlation * system.correlation)),
        random_(random),
        slow_(system.slow, random),
        score_(random.Normal()) {}

  Duration At(double second) {
    double latency = typical_ * std::exp(system_.sigma * score_);
    if (slow_.At(second)) latency *= system_.factor;
    score_ = system_.correlation * score_ + kept_ * random_.Normal();
    return Duration(std::llround(latency * 1e9));
  }

 private:
  const LatencySystem& system_;
  double typical_;
  double kept_;
  Random& random_;
  PhaseWalk slow_;
  double score_;
};

Duration OfSeconds(double seconds) { return Duration(std::llround(seconds * 1e9)); }

std::string Seconds(double seconds) { return std::to_string(std::llround(seconds)) + " s"; }

}  // namespace

LatencySystem IndependentLatencies() { return {.name = "independent"}; }

LatencySystem TwoModes() {
  return {.name = "two modes", .sigma = 0.3, .slow = {.share = 0.1}, .factor = 10};
}

LatencySystem Correlated(double correlation) {
  const std::string digits = std::to_string(correlation).substr(0, 4);
  return {.name = "AR(1) " + digits, .correlation = correlation};
}

LatencySystem SlowPhases(double seconds) {
  return {.name = "slow phases of " + Seconds(seconds),
          .slow = {.seconds = seconds, .share = 0.1},
          .factor = 3};
}

FailureSystem IndependentFailures() { return {.name = "independent"}; }

FailureSystem FailingPhases(double seconds) {
  return {.name = "bursts of " + Seconds(seconds), .failing = {.seconds = seconds, .share = 0.1}};
}

std::optional<double> ExpectedPhases(const Phases& phases, const RunLength& length) {
  if (phases.seconds <= 0) return std::nullopt;
  return length.seconds * phases.share / phases.seconds;
}

VerdictShares SimulateLatency(double quantile, double ratio, const LatencySystem& system,
                              const RunLength& length, std::uint64_t runs, std::uint64_t seed) {
  const double typical = ratio / QuantileOf(system, quantile);
  return JudgeRuns(runs, [&](std::uint64_t number) {
    Random random = Random::Stream(seed, number);
    const double bound = std::exp2(random.Uniform());  // seconds
    LatencyWalk latencies(system, bound * typical, random);
    SimulatedRun run(length);
    for (std::uint64_t i = 0; i < length.requests; ++i) {
      run.Succeeded(i, latencies.At(run.SecondOf(i)));
    }
    return run.Judged(Percentile(quantile) < OfSeconds(bound));
  });
}

double LookShares::DecidedWithin(double limit) const {
  const auto within = std::upper_bound(decided_seconds.begin(), decided_seconds.end(), limit);
  return verdicts.Percent(static_cast<std::uint64_t>(within - decided_seconds.begin()));
}

LookShares SimulateLooks(double quantile, double ratio, const LatencySystem& system,
                         const UntilConclusive& until, std::uint64_t runs, std::uint64_t seed) {
  constexpr double kRate = 1000.0 / 60;
  const double typical = ratio / QuantileOf(system, quantile);
  const double longest = ToSeconds(until.longest);
  const RunLength length{.requests = static_cast<std::uint64_t>(std::llround(longest * kRate)),
                         .seconds = longest};
  LookShares shares;
  shares.verdicts = JudgeRuns(runs, [&](std::uint64_t number) {
    Random random = Random::Stream(seed, number);
    const double bound = std::exp2(random.Uniform());
    RunPlan plan;
    plan.load = OpenLoop{.rate_per_second = kRate};
    plan.criteria = {Percentile(quantile) < OfSeconds(bound)};
    plan.until_conclusive = until;
    RunLooks looks(plan);
    const LoadLooks times = looks.times();
    LatencyWalk latencies(system, bound * typical, random);
    SimulatedRun run(length);
    std::size_t look = 0;
    double seconds = longest;
    for (std::uint64_t i = 0; i < length.requests; ++i) {
      const double second = run.SecondOf(i);
      if (look < times.at.size() && second >= ToSeconds(times.at[look])) {
        if (looks.Enough(look++, run.Record())) {
          seconds = second;
          break;
        }
      }
      run.Succeeded(i, latencies.At(second));
    }
    RunRecord record = run.Record();
    Judgement judgement = Judge(record, plan.criteria, plan.validity, looks.HowToJudge());
    looks.Conclude(record, judgement);
    shares.seconds.push_back(seconds);
    if (judgement.verdict != Verdict::kInconclusive) {
      shares.decided_seconds.push_back(seconds);
    } else if (seconds < longest) {
      ++shares.given_up;
    }
    return judgement.verdict;
  });
  std::sort(shares.seconds.begin(), shares.seconds.end());
  std::sort(shares.decided_seconds.begin(), shares.decided_seconds.end());
  return shares;
}

VerdictShares SimulateSuccessRate(double bound, double failure_rate, const FailureSystem& system,
                                  const RunLength& length, std::uint64_t runs, std::uint64_t seed) {
  const double rate_in_phase = failure_rate / system.failing.share;
  return JudgeRuns(runs, [&](std::uint64_t number) {
    Random random = Random::Stream(seed, number);
    PhaseWalk failing(system.failing, random);
    SimulatedRun run(length);
    for (std::uint64_t i = 0; i < length.requests; ++i) {
      if (failing.At(run.SecondOf(i)) && random.Uniform() < rate_in_phase) {
        run.Failed(i);
      } else {
        run.Succeeded(i, std::chrono::milliseconds(300));
      }
    }
    return run.Judged(SuccessRate() >= bound);
  });
}

}  // namespace llmload
