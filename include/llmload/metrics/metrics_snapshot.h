// What a run, or a part of one, measured: plain data that can be merged, written and read back.
// Definitions and formulas: docs/metrics.md.
#ifndef LLMLOAD_METRICS_METRICS_SNAPSHOT_H_
#define LLMLOAD_METRICS_METRICS_SNAPSHOT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/metrics/cohorts.h"
#include "llmload/metrics/distribution.h"
#include "llmload/metrics/error_summary.h"
#include "llmload/metrics/figures.h"
#include "llmload/metrics/time_series.h"
#include "llmload/provider/error.h"

namespace llmload {

/// What one provider did in one region with one model, from the attempt records of all requests.
struct ProviderUsage {
  std::string name;
  std::string region;               ///< empty where it has none
  std::string model;                ///< that was asked for
  std::uint64_t attempts = 0;       ///< calls that reached it
  std::uint64_t successes = 0;      ///< attempts that succeeded
  std::uint64_t failures = 0;       ///< attempts that failed
  std::uint64_t rejected = 0;       ///< calls that its open circuit breaker refused: not attempts
  std::uint64_t answered = 0;       ///< requests whose final answer is this provider's
  std::uint64_t input_tokens = 0;   ///< what those answers were charged for as input
  std::uint64_t output_tokens = 0;  ///< how many output tokens those answers had
  Distribution attempt_latency;     ///< finished - started, of `successes`
  Distribution attempt_ttft;        ///< first token - start of the attempt, of streamed `answered`

  void Merge(const ProviderUsage& other);
  friend bool operator==(const ProviderUsage&, const ProviderUsage&) = default;
};

/// What one request has to keep to in order to count as good. An empty bound asks for nothing. A
/// time that the answer does not have, because it was not streamed, does not keep to its bound;
/// `tpot` and `chunk_gap` of an answer with a single token or chunk do.
struct RequestObjectives {
  std::optional<Duration> scheduled_latency = {};  ///< completed - scheduled
  std::optional<Duration> service_latency = {};    ///< completed - dispatched
  std::optional<Duration> ttft = {};               ///< time to first token
  std::optional<Duration> ttfo = {};               ///< time to first output token
  std::optional<Duration> tpot = {};               ///< time per output token
  std::optional<Duration> chunk_gap = {};          ///< the longest of the request's

  bool empty() const noexcept { return *this == RequestObjectives{}; }
  friend bool operator==(const RequestObjectives&, const RequestObjectives&) = default;
};

/// How many answers ended for one reason.
struct FinishReason {
  std::string reason;  ///< the service's own word; "(none)" where it gave none
  std::uint64_t count = 0;
  friend bool operator==(const FinishReason&, const FinishReason&) = default;
};

/// What stands for all that is beyond a bound on different names.
inline constexpr std::string_view kOtherNames = "(other)";

/// The figures of a run. Merging is adding: the snapshots of the shares of a run add up to that of
/// the whole, in every count and percentile.
struct MetricsSnapshot {
  /// Indexed by `Counter`. scheduled = succeeded + failed + dropped + unfinished, once the run is
  /// over.
  std::array<std::uint64_t, kCounterCount> counters{};
  std::array<Distribution, kFigureCount> distributions;  ///< indexed by `Figure`
  std::array<ErrorSummary, kErrorKindCount> errors;      ///< indexed by `ErrorKind`
  std::vector<ProviderUsage> providers;                  ///< by name, region and model
  /// They are in ascending order of the word. At most 16 are kept apart; "(other)" counts the rest.
  std::vector<FinishReason> finish_reasons;
  TimeSeries series;  ///< has no points if no series was asked for
  Cohorts cohorts;    ///< are empty if no series was asked for
  // Both instants count from the start of the run.
  std::optional<Duration> first_dispatch;
  std::optional<Duration> last_completion;  ///< of a success or failure
  bool has_objectives = false;              ///< whether good requests were counted

  std::uint64_t operator[](Counter counter) const {
    return counters[static_cast<std::size_t>(counter)];
  }
  std::uint64_t& operator[](Counter counter) { return counters[static_cast<std::size_t>(counter)]; }
  const Distribution& operator[](Figure figure) const {
    return distributions[static_cast<std::size_t>(figure)];
  }
  Distribution& operator[](Figure figure) {
    return distributions[static_cast<std::size_t>(figure)];
  }
  const ErrorSummary& operator[](ErrorKind kind) const {
    return errors[static_cast<std::size_t>(kind)];
  }
  ErrorSummary& operator[](ErrorKind kind) { return errors[static_cast<std::size_t>(kind)]; }

  /// Requests whose end is known: succeeded + failed.
  std::uint64_t Completed() const noexcept;
  /// Last completion - first dispatch; empty if no time passed between them.
  std::optional<Duration> ActiveTime() const noexcept;

  // Empty where the denominator is zero. Rates are per second of `ActiveTime`.
  std::optional<double> SuccessRate() const noexcept;          ///< succeeded / scheduled
  std::optional<double> CompletedThroughput() const noexcept;  ///< (succeeded + failed) / time
  std::optional<double> Throughput() const noexcept;           ///< succeeded / time
  std::optional<double> OutputTokensPerSecond() const noexcept;
  std::optional<double> Goodput() const noexcept;       ///< good / time; with objectives
  std::optional<double> GoodFraction() const noexcept;  ///< good / scheduled; with objectives
  /// attempts / (succeeded + failed): amplification by retries and failover.
  std::optional<double> AttemptsPerRequest() const noexcept;

  void Merge(const MetricsSnapshot& other);
  friend bool operator==(const MetricsSnapshot&, const MetricsSnapshot&) = default;
};

/// Checks `scheduled = succeeded + failed + dropped + unfinished` and `sent = succeeded + failed +
/// unfinished`. Empty if both hold; otherwise a sentence with the numbers. Holds for a finished run
/// only.
std::optional<std::string> CheckAccounting(const MetricsSnapshot& metrics);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_METRICS_SNAPSHOT_H_
