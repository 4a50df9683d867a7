// What a run measured, as plain data. Definitions and formulas: docs/metrics.md.
#ifndef LLMLOAD_METRICS_METRICS_SUMMARY_H_
#define LLMLOAD_METRICS_METRICS_SUMMARY_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/metrics/histogram.h"
#include "llmload/metrics/time_series.h"
#include "llmload/provider/error.h"

namespace llmload {

/// A distribution of durations. With `count == 0` every other field is meaningless and zero.
struct LatencySummary {
  std::uint64_t count = 0;
  Duration mean{};
  Duration min{};
  Duration max{};
  QuantileBounds p50;  ///< the median
  QuantileBounds p90;
  QuantileBounds p95;
  QuantileBounds p99;
  QuantileBounds p999;
  std::uint64_t overflow_count = 0;  ///< beyond what the histogram resolves (1 h)
  std::uint64_t negative_count = 0;  ///< below zero, counted as zero: instants out of order
};

/// Reads all of `histogram`.
LatencySummary Summarise(const Histogram& histogram);

/// Percentiles over successes and failures together, where each failure counts as +infinity. Empty:
/// the percentile is infinite (or there was no request at all).
struct FailureAdjusted {
  std::uint64_t count = 0;  ///< succeeded + failed
  std::optional<Duration> p50;
  std::optional<Duration> p95;
  std::optional<Duration> p99;
};

FailureAdjusted SummariseFailureAdjusted(const Histogram& successes, std::uint64_t failures);

/// How often one kind of error ended a request.
struct ErrorCount {
  ErrorKind kind = ErrorKind::kInternal;
  std::uint64_t count = 0;
  std::string first_message;  ///< of the first such error a worker saw; empty without one
};

/// What one provider did in one region with one model, from the attempt records of all requests.
struct ProviderUsage {
  std::string name;
  std::string region;              ///< empty where it has none
  std::string model;               ///< that was asked for
  std::uint64_t attempts = 0;      ///< calls that reached it
  std::uint64_t successes = 0;     ///< attempts that succeeded
  std::uint64_t failures = 0;      ///< attempts that failed
  std::uint64_t rejected = 0;      ///< calls that its open circuit breaker refused: not attempts
  std::uint64_t answered = 0;      ///< requests whose final answer is this provider's
  std::int64_t output_tokens = 0;  ///< of those answers
  LatencySummary attempt_latency;  ///< finished - started, of `successes`
  LatencySummary attempt_ttft;     ///< first token - start of the attempt, of streamed `answered`
};

/// Tokens of successful answers, as `Usage` defines them.
struct TokenTotals {
  std::int64_t input = 0;
  std::int64_t cached_input = 0;
  std::int64_t output = 0;
  std::int64_t reasoning = 0;
  std::int64_t partial_output = 0;  ///< token events of requests that failed after output began
  std::uint64_t counted_requests =
      0;  ///< answers without usage: their output was counted from events
};

/// What one request has to keep to in order to count as good. An empty bound asks for nothing. A
/// time that the answer does not have, because it was not streamed, does not keep to its bound;
/// `tpot` and `chunk_gap` of an answer with a single token or chunk do.
struct LatencyObjectives {
  std::optional<Duration> scheduled_latency = {};  ///< completed - scheduled
  std::optional<Duration> service_latency = {};    ///< completed - dispatched
  std::optional<Duration> ttft = {};               ///< time to first token
  std::optional<Duration> ttfo = {};               ///< time to first output token
  std::optional<Duration> tpot = {};               ///< time per output token
  std::optional<Duration> chunk_gap = {};          ///< the longest of the request's

  bool empty() const noexcept {
    return !scheduled_latency && !service_latency && !ttft && !ttfo && !tpot && !chunk_gap;
  }
};

/// The figures of a run; docs/metrics.md has the formula of each.
struct MetricsSummary {
  // scheduled = succeeded + failed + dropped + unfinished, once the run is over.
  std::uint64_t scheduled = 0;  ///< arrivals whose instant came: what was attempted
  std::uint64_t sent = 0;       ///< handed to the provider
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t dropped = 0;      ///< not sent, because the limit of requests in flight was reached
  std::uint64_t unfinished = 0;   ///< in flight when the run stopped
  std::uint64_t failed_over = 0;  ///< requests that more than one provider was asked for

  std::optional<TimePoint> first_dispatch;
  std::optional<TimePoint> last_completion;  ///< of a success or failure
  /// Scheduled arrivals / schedule duration. Filled in by the generator, which knows the schedule.
  std::optional<double> offered_rate_per_second;
  /// (succeeded + failed) / (last completion - first dispatch).
  std::optional<double> throughput_per_second;
  /// succeeded / (last completion - first dispatch).
  std::optional<double> success_throughput_per_second;
  /// Output tokens of successes / (last completion - first dispatch).
  std::optional<double> output_tokens_per_second;
  /// succeeded / scheduled: dropped and unfinished requests are in the denominator.
  std::optional<double> success_rate;
  // With `LatencyObjectives` only.
  std::optional<std::uint64_t> good;         ///< successes that meet every objective
  std::optional<double> goodput_per_second;  ///< good / (last completion - first dispatch)
  std::optional<double> good_fraction;       ///< good / scheduled

  // Over successful requests.
  LatencySummary scheduled_latency;  ///< completed - scheduled
  LatencySummary service_latency;    ///< completed - dispatched
  LatencySummary ttft;               ///< first token - dispatched; streaming
  LatencySummary ttfo;               ///< first answer token - dispatched; streaming
  LatencySummary
      tpot;  ///< (last - first token) / (output tokens - 1); streaming, two tokens or more
  /// (completed - dispatched) / output tokens, of answers that have any: its inverse is the
  /// request's tokens/s.
  LatencySummary time_per_token;
  FailureAdjusted scheduled_latency_adjusted;
  FailureAdjusted service_latency_adjusted;

  // Over all requests that were sent.
  LatencySummary failed_latency;  ///< completed - scheduled, of failed requests
  LatencySummary schedule_lag;    ///< dispatched - scheduled: the generator's own lateness
  /// Times between successive token events of a stream, also of one that failed later. An event may
  /// bundle several tokens; two events that were received together are 0 apart.
  LatencySummary chunk_gap;
  LatencySummary
      failover_overhead;  ///< primary's attempt known to have failed -> fallback's attempt started
  /// Scheduled latency of requests that failed over and succeeded - the service time of the
  /// answering attempt.
  LatencySummary failover_added_latency;

  std::uint64_t attempts = 0;  ///< provider attempts for all finished requests
  /// attempts / (succeeded + failed): amplification by retries and failover.
  std::optional<double> attempts_per_request;

  std::array<ErrorCount, kErrorKindCount> errors{};  ///< indexed by kind; most are zero
  std::vector<ProviderUsage> providers;              ///< by name, region and model
  TokenTotals tokens;
  TimeSeries series;  ///< empty if none was asked for

  /// Requests whose end is known: succeeded + failed.
  std::uint64_t completed() const noexcept { return succeeded + failed; }
};

/// Checks `scheduled = succeeded + failed + dropped + unfinished` and `sent = succeeded + failed +
/// unfinished`. Nothing if both hold; otherwise a sentence with the numbers. Holds for a finished
/// run only.
std::optional<std::string> CheckAccounting(const MetricsSummary& metrics);

}  // namespace llmload

#endif  // LLMLOAD_METRICS_METRICS_SUMMARY_H_
