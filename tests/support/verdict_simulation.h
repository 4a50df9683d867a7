// How often the verdicts are right: runs of systems whose truth is known, judged by the real code.
#ifndef LLMLOAD_TESTS_SUPPORT_VERDICT_SIMULATION_H_
#define LLMLOAD_TESTS_SUPPORT_VERDICT_SIMULATION_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "llmload/judge/verdict.h"
#include "llmload/run/until_conclusive.h"

namespace llmload {

/// How many of a number of runs ended in which verdict.
struct VerdictShares {
  std::uint64_t runs = 0;
  std::uint64_t pass = 0;
  std::uint64_t fail = 0;
  std::uint64_t inconclusive = 0;
  std::uint64_t invalid = 0;

  /// Of all runs, in per cent.
  double Percent(std::uint64_t count) const {
    return 100.0 * static_cast<double>(count) / static_cast<double>(runs);
  }
};

/// Judges `runs` runs, numbered from 0.
VerdictShares JudgeRuns(std::uint64_t runs, const std::function<Verdict(std::uint64_t run)>& judge);

/// How long a simulated run is.
struct RunLength {
  std::uint64_t requests = 0;
  double seconds = 0;  ///< over which they are scheduled, evenly
};

/// Phases of a service: exponential lengths, from a stationary start.
struct Phases {
  double seconds = 0;  ///< the mean length of a slow or failing one; 0: each request for itself
  double share = 0;    ///< of the time, or of the requests
};

/// A service whose latencies are log-normal, each `factor` times as long in a slow phase.
struct LatencySystem {
  std::string name;
  double sigma = 0.5;      ///< of the logarithm, as answers of one model have it
  double correlation = 0;  ///< of the logarithm from one request to the next
  Phases slow = {};
  double factor = 1;
};

/// A service that fails in a part of the requests of its failing phases, and in none of the others.
struct FailureSystem {
  std::string name;
  Phases failing = {.seconds = 0, .share = 1};
};

LatencySystem IndependentLatencies();
/// One answer in ten is ten times slower: a queue, a cold start, a retry.
LatencySystem TwoModes();
/// First-order autoregression.
LatencySystem Correlated(double correlation);
/// A tenth of the time is three times as slow.
LatencySystem SlowPhases(double seconds);
FailureSystem IndependentFailures();
/// A tenth of the time.
FailureSystem FailingPhases(double seconds);

/// How many phases a run is expected to hold; nothing for a service without any.
std::optional<double> ExpectedPhases(const Phases& phases, const RunLength& length);

/// `runs` runs of successful requests, whose latencies have `ratio` times the bound as their true
/// `quantile` (one of `kQuantiles`), judged by `Percentile(quantile) < bound`. The bound lies
/// elsewhere between the edges of cells in each run. Each run is a function of `seed` and its
/// number.
VerdictShares SimulateLatency(double quantile, double ratio, const LatencySystem& system,
                              const RunLength& length, std::uint64_t runs, std::uint64_t seed);

/// What became of runs that went on until they were conclusive.
struct LookShares {
  VerdictShares verdicts;
  std::vector<double> seconds;  ///< how long each was, in ascending order
  std::uint64_t given_up = 0;   ///< runs that ended before the longest length without a verdict

  /// Of those runs, the share that was decided within `limit` seconds, in per cent.
  double DecidedWithin(double limit) const;
  std::vector<double> decided_seconds;  ///< those that ended with PASS or FAIL, likewise
};

/// As `SimulateLatency`, of runs at 1000 requests a minute that go on as `until` says.
LookShares SimulateLooks(double quantile, double ratio, const LatencySystem& system,
                         const UntilConclusive& until, std::uint64_t runs, std::uint64_t seed);

/// `runs` runs of requests of which `failure_rate` fail in the long run, judged by `SuccessRate()
/// >= bound`.
VerdictShares SimulateSuccessRate(double bound, double failure_rate, const FailureSystem& system,
                                  const RunLength& length, std::uint64_t runs, std::uint64_t seed);

/// What the resident memory of a simulated process of 30 MB does beside leaking.
enum class MemoryNoise : std::uint8_t {
  kAutocorrelated,      ///< first-order autoregression: 300 kB, correlated over a tenth of the run
  kSawtooth,            ///< an allocator that gives freed pages back at intervals: 0.5 to 1.5 MB
  kExponential,         ///< a plateau approached exponentially from 1 to 5 MB below
  kExponentialFromFar,  ///< the same from 5 to 15 MB below
  kOneOffSteps,         ///< a table doubles, an arena is opened: one or two steps of 0.5 to 4 MB
  kChunks,              ///< memory is taken from the system in chunks of 1 MB
  kAll,                 ///< all but the far plateau and the chunks, each at half its size
};

/// "autocorrelated noise", "sawtooth of an allocator", ...
std::string Describe(MemoryNoise noise);

/// `runs` runs of `MemoryUsageTest`'s shape (`requests` requests, 50 at a time, sampled on a
/// virtual clock) of a process that keeps `leak_bytes` of each request, judged by the criterion of
/// that test.
VerdictShares SimulateMemory(double leak_bytes, MemoryNoise noise, std::uint64_t requests,
                             std::uint64_t runs, std::uint64_t seed);

}  // namespace llmload

#endif  // LLMLOAD_TESTS_SUPPORT_VERDICT_SIMULATION_H_
