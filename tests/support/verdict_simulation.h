// How often the verdicts are right: runs of systems whose truth is known, judged by the real code.
#ifndef LLMLOAD_TESTS_SUPPORT_VERDICT_SIMULATION_H_
#define LLMLOAD_TESTS_SUPPORT_VERDICT_SIMULATION_H_

#include <cstdint>
#include <functional>
#include <string>

#include "llmload/judge/verdict.h"

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

/// The shape of simulated latencies.
enum class LatencyShape : std::uint8_t {
  kLogNormal,  ///< sigma 0.5, as answers of one model are
  kTwoModes,   ///< one answer in ten is ten times slower: a queue, a cold start, a retry
};

/// `runs` runs of `requests` successful requests each, whose latencies have `ratio` times the bound
/// as their true `quantile` (0.95 or 0.99), judged by `P95() < bound` or `P99() < bound`. Each run
/// is a function of `seed` and its number.
VerdictShares SimulateLatency(double quantile, double ratio, LatencyShape shape,
                              std::uint64_t requests, std::uint64_t runs, std::uint64_t seed);

/// `runs` runs of `requests` requests each, of which each fails with probability `failure_rate`,
/// judged by `SuccessRate() >= bound`.
VerdictShares SimulateSuccessRate(double bound, double failure_rate, std::uint64_t requests,
                                  std::uint64_t runs, std::uint64_t seed);

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
