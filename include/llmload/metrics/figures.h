// The catalogue of figures: one row for each distribution and counter of a run, with the names it
// has everywhere. Tables, JSON, measurements, criteria and documentation are made from the rows.
//
// To add a figure, add its enumerator and its row here, and the place that records it
// (src/metrics/metrics_shard.cc).
#ifndef LLMLOAD_METRICS_FIGURES_H_
#define LLMLOAD_METRICS_FIGURES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "llmload/core/time.h"

namespace llmload {

/// A distribution that every run records. docs/metrics.md has the formulas.
enum class Figure : std::uint8_t {
  kScheduledLatency,
  kServiceLatency,
  kTtft,
  kTtfo,
  kTpot,
  kChunkGap,
  kBurstDistance,
  kTimePerToken,
  kConnectionWait,
  kFailedLatency,
  kScheduleLag,
  kFailoverOverhead,
  kFailoverAddedLatency,
  kOutputLength,
  kInputLength,
};

/// What the values of a figure are. `Distribution` holds durations: tokens are recorded as so many
/// times `kOneToken`, which keeps counts below 1024 exact and all others to 0.1 %.
enum class FigureUnit : std::uint8_t { kTime, kTokens };

inline constexpr Duration kOneToken = std::chrono::milliseconds(1);

/// Which requests a figure is of.
enum class FigureScope : std::uint8_t {
  kSuccesses,          ///< every request that succeeded
  kStreamedSuccesses,  ///< every streamed answer with the tokens that the figure needs
  kTokenEvents,        ///< every read with a token of a stream but its first
  kBurstyStreams,      ///< every stream whose tokens arrived in bursts
  kFailures,           ///< every request that failed
  kSent,               ///< every request that was handed to the provider
  kFailedOver,         ///< every request that more than one provider was asked for
};

/// One row of the catalogue.
struct FigureInfo {
  Figure figure{};
  std::string_view name;   ///< in JSON, measurements, `--slo` and `--good`
  std::string_view alias;  ///< a shorter name that `--slo` and `--good` accept; may be empty
  std::string_view title;  ///< in tables, and after the percentile in the name of a criterion
  std::string_view span;   ///< from which instant to which, as a formula
  FigureScope scope{};
  FigureUnit unit = FigureUnit::kTime;
};

inline constexpr std::size_t kFigureCount = static_cast<std::size_t>(Figure::kInputLength) + 1;

inline constexpr std::array<FigureInfo, kFigureCount> kFigures{{
    {Figure::kScheduledLatency, "scheduled_latency", "latency", "scheduled latency",
     "completed - scheduled", FigureScope::kSuccesses},
    {Figure::kServiceLatency, "service_latency", "service", "service latency",
     "completed - dispatched", FigureScope::kSuccesses},
    {Figure::kTtft, "ttft", "", "time to first token", "first token - dispatched",
     FigureScope::kStreamedSuccesses},
    {Figure::kTtfo, "ttfo", "", "time to first output token", "first output token - dispatched",
     FigureScope::kStreamedSuccesses},
    {Figure::kTpot, "tpot", "", "time per output token",
     "(last token - first token) / tokens after the first instant",
     FigureScope::kStreamedSuccesses},
    {Figure::kChunkGap, "chunk_gap", "gap", "time between chunks",
     "read with a token - the read with a token before it", FigureScope::kTokenEvents},
    {Figure::kBurstDistance, "burst_distance", "", "time between bursts",
     "(last token - first token) / (bursts - 1)", FigureScope::kBurstyStreams},
    {Figure::kTimePerToken, "time_per_token", "", "service time per output token",
     "(completed - dispatched) / output tokens", FigureScope::kSuccesses},
    {Figure::kConnectionWait, "connection_wait", "", "wait for a connection",
     "connection ready - connection asked for", FigureScope::kSuccesses},
    {Figure::kFailedLatency, "failed_latency", "", "latency of failures", "completed - scheduled",
     FigureScope::kFailures},
    {Figure::kScheduleLag, "schedule_lag", "lag", "schedule lag", "dispatched - scheduled",
     FigureScope::kSent},
    {Figure::kFailoverOverhead, "failover_overhead", "", "failover overhead",
     "fallback's attempt started - primary's attempt known to have failed",
     FigureScope::kFailedOver},
    {Figure::kFailoverAddedLatency, "failover_added_latency", "", "latency added by failover",
     "scheduled latency - service time of the answering attempt", FigureScope::kFailedOver},
    {Figure::kOutputLength, "output_length", "", "answer length", "output tokens of an answer",
     FigureScope::kSuccesses, FigureUnit::kTokens},
    {Figure::kInputLength, "input_length", "", "prompt length",
     "input tokens that the service counted", FigureScope::kSuccesses, FigureUnit::kTokens},
}};

/// A count that every run keeps.
enum class Counter : std::uint8_t {
  kScheduled,
  kSent,
  kSucceeded,
  kFailed,
  kDropped,
  kUnfinished,
  kFailedOver,
  kAttempts,
  kStreamed,
  kLongStreams,
  kStreamsInOnePiece,
  kShortStreamsInOnePiece,
  kGood,
  kInputTokens,
  kCachedInputTokens,
  kOutputTokens,
  kReasoningTokens,
  kPartialOutputTokens,
  kAnswersWithoutUsage,
};

/// One row of the catalogue.
struct CounterInfo {
  Counter counter{};
  std::string_view name;     ///< in JSON and measurements
  std::string_view title;    ///< in tables
  std::string_view meaning;  ///< in tables, beside the count; may be empty
  bool of_tokens = false;    ///< shown with the tokens, not with the requests
};

inline constexpr std::size_t kCounterCount =
    static_cast<std::size_t>(Counter::kAnswersWithoutUsage) + 1;

inline constexpr std::array<CounterInfo, kCounterCount> kCounters{{
    {Counter::kScheduled, "scheduled", "scheduled", "arrivals whose time came"},
    {Counter::kSent, "sent", "sent", "handed to the provider"},
    {Counter::kSucceeded, "succeeded", "succeeded", ""},
    {Counter::kFailed, "failed", "failed", ""},
    {Counter::kDropped, "dropped", "dropped", "not sent: too many in flight"},
    {Counter::kUnfinished, "unfinished", "unfinished", "in flight when the run stopped"},
    {Counter::kFailedOver, "failed_over", "failed over", "went to more than one provider"},
    {Counter::kAttempts, "attempts", "provider attempts", "retries and failover included"},
    {Counter::kStreamed, "streamed", "streamed", "asked for as a stream"},
    {Counter::kLongStreams, "long_streams", "long streams", "with 16 token events or more"},
    {Counter::kStreamsInOnePiece, "streams_in_one_piece", "  of these in one piece",
     "more than 5000 token events a second"},
    {Counter::kShortStreamsInOnePiece, "short_streams_in_one_piece", "  the same, short ones",
     "with fewer than 50 token events"},
    {Counter::kGood, "good", "good", "met every objective of a request"},
    {Counter::kInputTokens, "input_tokens", "input", "", true},
    {Counter::kCachedInputTokens, "cached_input_tokens", "  of these cached", "", true},
    {Counter::kOutputTokens, "output_tokens", "output", "", true},
    {Counter::kReasoningTokens, "reasoning_tokens", "  of these reasoning", "", true},
    {Counter::kPartialOutputTokens, "partial_output_tokens", "lost in failed answers",
     "token events", true},
    {Counter::kAnswersWithoutUsage, "answers_without_usage", "answers without usage",
     "their output tokens were counted from events", true},
}};

namespace internal {
constexpr bool CatalogueIsInOrder() {
  for (std::size_t i = 0; i < kFigureCount; ++i) {
    if (static_cast<std::size_t>(kFigures[i].figure) != i) return false;
  }
  for (std::size_t i = 0; i < kCounterCount; ++i) {
    if (static_cast<std::size_t>(kCounters[i].counter) != i) return false;
  }
  return true;
}
}  // namespace internal
static_assert(internal::CatalogueIsInOrder(), "rows stand in the order of their enumerators");

constexpr const FigureInfo& InfoOf(Figure figure) {
  return kFigures[static_cast<std::size_t>(figure)];
}
constexpr const CounterInfo& InfoOf(Counter counter) {
  return kCounters[static_cast<std::size_t>(counter)];
}

/// The figure that `name` or its alias stands for; empty for an unknown one.
constexpr std::optional<Figure> FigureOfName(std::string_view name) {
  for (const FigureInfo& row : kFigures) {
    if (name == row.name || (!row.alias.empty() && name == row.alias)) return row.figure;
  }
  return std::nullopt;
}

/// "s" or "tokens".
constexpr std::string_view UnitOf(Figure figure) {
  return InfoOf(figure).unit == FigureUnit::kTokens ? "tokens" : "s";
}

/// A value of the figure in its unit. A value that is not a mean is a whole number of tokens.
constexpr double InUnitOf(Figure figure, Duration value) {
  if (InfoOf(figure).unit == FigureUnit::kTime) return ToSeconds(value);
  return static_cast<double>(value / kOneToken);
}
/// The same for a mean, which need not be a whole number.
constexpr double MeanInUnitOf(Figure figure, Duration mean) {
  return ToSeconds(mean) * (InfoOf(figure).unit == FigureUnit::kTime ? 1 : 1000);
}

/// True for a figure that only streamed answers have.
constexpr bool NeedsStreaming(Figure figure) {
  const FigureScope scope = InfoOf(figure).scope;
  return scope == FigureScope::kStreamedSuccesses || scope == FigureScope::kTokenEvents;
}

}  // namespace llmload

#endif  // LLMLOAD_METRICS_FIGURES_H_
