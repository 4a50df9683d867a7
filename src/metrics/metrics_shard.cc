#include <algorithm>
#include <utility>

#include "llmload/metrics/load_test_metrics.h"
#include "src/metrics/metrics_shard_state.h"
#include "src/metrics/relaxed.h"

namespace llmload {

using metrics::ErrorSlot;
using metrics::ProviderKey;
using metrics::ProviderSlot;

namespace {

constexpr std::size_t kMaxMessageLength = 300;
constexpr std::string_view kOverflowProvider = "(other)";
constexpr std::string_view kUnnamedProvider = "(unnamed)";

std::string Shorten(const std::string& text) {
  if (text.size() <= kMaxMessageLength) return text;
  std::size_t end = kMaxMessageLength;
  // Not in the middle of a UTF-8 sequence.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

ProviderKey KeyOf(const Attempt& attempt) {
  return {attempt.provider, attempt.region, attempt.model};
}

// The attempt that a successful answer is from; null if there is no record of it.
const Attempt* AnsweringAttempt(const std::vector<Attempt>& attempts) {
  const auto found = std::find_if(attempts.rbegin(), attempts.rend(),
                                  [](const Attempt& attempt) { return !attempt.error; });
  return found == attempts.rend() ? nullptr : &*found;
}

bool Keeps(const std::optional<Duration>& bound, const std::optional<Duration>& value) {
  return !bound || (value && *value <= *bound);
}

std::optional<Duration> Since(TimePoint begin, const std::optional<TimePoint>& end) {
  if (!end) return std::nullopt;
  return *end - begin;
}

std::optional<Duration> TimePerOutputToken(const Completion& completion) {
  const Timings& timings = completion.timings;
  if (!timings.first_token || !timings.last_token || completion.usage.output < 2 ||
      *timings.last_token < *timings.first_token) {
    return std::nullopt;
  }
  return (*timings.last_token - *timings.first_token) / (completion.usage.output - 1);
}

// A service that counts below zero counts nothing.
std::uint64_t Tokens(std::int64_t count) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

// An error that is decided before any provider is called.
bool NothingWasSent(ErrorKind kind) { return kind == ErrorKind::kCircuitOpen; }

}  // namespace

ProviderSlot& MetricsShard::State::Provider(ProviderKey key) {
  if (key.name.empty()) key.name = kUnnamedProvider;
  const std::size_t count = provider_count.load(kRelaxed);
  for (std::size_t i = 0; i < count; ++i) {
    if (providers[i].Key() == key) return providers[i];
  }
  if (count == metrics::kProviderSlots) return providers[metrics::kProviderSlots - 1];
  ProviderSlot& slot = providers[count];
  if (count == metrics::kProviderSlots - 1) key = {kOverflowProvider, {}, {}};
  slot.name = key.name;
  slot.region = key.region;
  slot.model = key.model;
  slot.attempt_latency = std::make_unique<Histogram>();
  slot.attempt_ttft = std::make_unique<Histogram>();
  provider_count.store(count + 1, std::memory_order_release);
  return slot;
}

void MetricsShard::State::RecordAttempts(const std::vector<Attempt>& list,
                                         std::string_view provider,
                                         std::optional<ErrorKind> error) {
  const auto record = [this](ProviderKey key, std::optional<ErrorKind> outcome,
                             std::optional<Duration> latency) {
    ProviderSlot& slot = Provider(key);
    if (outcome && NothingWasSent(*outcome)) {
      slot.rejected.Add(1);
      return;
    }
    slot.attempts.Add(1);
    (outcome ? slot.failures : slot.successes).Add(1);
    if (!outcome && latency) slot.attempt_latency->Record(*latency);
    (*this)[Counter::kAttempts].Add(1);
  };
  // A provider without a resilience layer may leave no records: then the request was one attempt.
  if (list.empty()) record({provider, {}, {}}, error, std::nullopt);
  for (const Attempt& attempt : list) {
    record(KeyOf(attempt), attempt.error, attempt.finished - attempt.started);
  }
}

void MetricsShard::State::RecordFailover(const std::vector<Attempt>& list,
                                         const RequestInstants& instants, bool success) {
  if (list.empty()) return;
  const auto fallback = std::find_if(list.begin(), list.end(), [&](const Attempt& attempt) {
    return attempt.provider != list.front().provider;
  });
  if (fallback == list.end()) return;
  (*this)[Counter::kFailedOver].Add(1);
  const Attempt& primary = *std::prev(fallback);
  // A fallback that began before the primary was done is a hedge: no failure was waited for.
  if (!primary.error || fallback->started < primary.finished) return;
  (*this)[Figure::kFailoverOverhead].Record(fallback->started - primary.finished);
  if (!success) return;
  const Attempt* const answering = AnsweringAttempt(list);
  if (answering == nullptr) return;
  (*this)[Figure::kFailoverAddedLatency].Record((instants.completed - instants.scheduled) -
                                                (answering->finished - answering->started));
}

void MetricsShard::State::RecordTokenTimes(const RequestInstants& instants,
                                           const Completion& completion) {
  const Timings& timings = completion.timings;
  if (timings.connection_wait) (*this)[Figure::kConnectionWait].Record(*timings.connection_wait);
  if (timings.first_token) {
    (*this)[Figure::kTtft].Record(*timings.first_token - instants.dispatched);
  }
  if (timings.first_output_token) {
    (*this)[Figure::kTtfo].Record(*timings.first_output_token - instants.dispatched);
  }
  if (const auto each = TimePerOutputToken(completion)) (*this)[Figure::kTpot].Record(*each);
  if (completion.usage.output > 0) {
    (*this)[Figure::kTimePerToken].Record((instants.completed - instants.dispatched) /
                                          completion.usage.output);
  }
}

void MetricsShard::State::RecordAnswer(const Completion& completion) {
  const Attempt* const attempt = AnsweringAttempt(completion.attempts);
  ProviderSlot& slot =
      Provider(attempt != nullptr ? KeyOf(*attempt) : ProviderKey{completion.provider, {}, {}});
  slot.answered.Add(1);
  slot.output_tokens.Add(Tokens(completion.usage.output));
  const auto& first_token = completion.timings.first_token;
  // Of an answer that another attempt began, the first token is not this attempt's.
  if (attempt != nullptr && first_token && *first_token >= attempt->started) {
    slot.attempt_ttft->Record(*first_token - attempt->started);
  }
}

bool MetricsShard::State::IsGood(const RequestInstants& instants,
                                 const Completion& completion) const {
  const RequestObjectives& bounds = options.objectives;
  const Timings& timings = completion.timings;
  const auto tpot_value = TimePerOutputToken(completion);
  const auto& gap = instants.longest_chunk_gap;
  return Keeps(bounds.scheduled_latency, instants.completed - instants.scheduled) &&
         Keeps(bounds.service_latency, instants.completed - instants.dispatched) &&
         Keeps(bounds.ttft, Since(instants.dispatched, timings.first_token)) &&
         Keeps(bounds.ttfo, Since(instants.dispatched, timings.first_output_token)) &&
         // Streamed, but nothing to measure between.
         (Keeps(bounds.tpot, tpot_value) || (!tpot_value && timings.first_token)) &&
         (Keeps(bounds.chunk_gap, gap) || (!gap && timings.first_token));
}

MetricsShard::MetricsShard(const MetricsOptions& options)
    : state_(std::make_unique<State>(options)) {}
MetricsShard::~MetricsShard() = default;

void MetricsShard::Scheduled(std::uint64_t arrivals) noexcept {
  (*state_)[Counter::kScheduled].Add(arrivals);
}

void MetricsShard::Dropped(TimePoint scheduled) noexcept {
  if (auto& series = state_->series) {
    series->Count(SeriesRecorder::kScheduled, scheduled);
    series->Count(SeriesRecorder::kDropped, scheduled);
  }
  (*state_)[Counter::kDropped].Add(1);
}

void MetricsShard::Dispatched(TimePoint scheduled, TimePoint dispatched, bool streamed) noexcept {
  state_->first_dispatch.LowerTo(dispatched.time_since_epoch().count());
  (*state_)[Figure::kScheduleLag].Record(dispatched - scheduled);
  if (auto& series = state_->series) {
    series->Count(SeriesRecorder::kScheduled, scheduled);
    series->Count(SeriesRecorder::kSent, dispatched);
  }
  if (streamed) (*state_)[Counter::kStreamed].Add(1);
  (*state_)[Counter::kSent].Add(1);
}

void MetricsShard::TokenEvent(TimePoint at, std::optional<Duration> gap) noexcept {
  if (gap) (*state_)[Figure::kChunkGap].Record(*gap);
  if (state_->series) state_->series->Count(SeriesRecorder::kTokens, at);
}

void MetricsShard::Succeeded(const RequestInstants& instants, const Completion& completion) {
  State& state = *state_;
  state.RecordAttempts(completion.attempts, completion.provider, std::nullopt);
  state.RecordFailover(completion.attempts, instants, true);
  state.RecordTokenTimes(instants, completion);
  state.RecordAnswer(completion);
  state[Counter::kInputTokens].Add(Tokens(completion.usage.input));
  state[Counter::kCachedInputTokens].Add(Tokens(completion.usage.cached_input));
  state[Counter::kOutputTokens].Add(Tokens(completion.usage.output));
  state[Counter::kReasoningTokens].Add(Tokens(completion.usage.reasoning));
  if (completion.token_source == TokenSource::kCountedEvents)
    state[Counter::kAnswersWithoutUsage].Add(1);
  if (!state.options.objectives.empty() && state.IsGood(instants, completion))
    state[Counter::kGood].Add(1);
  const Duration scheduled_latency = instants.completed - instants.scheduled;
  state[Figure::kScheduledLatency].Record(scheduled_latency);
  state[Figure::kServiceLatency].Record(instants.completed - instants.dispatched);
  if (state.series) state.series->Succeeded(instants.completed, scheduled_latency);
  state.last_completion.RaiseTo(instants.completed.time_since_epoch().count());
  state[Counter::kSucceeded].Add(1);
}

void MetricsShard::Failed(const RequestInstants& instants, const Error& error) {
  State& state = *state_;
  state.RecordAttempts(error.attempts, error.provider, error.kind);
  state.RecordFailover(error.attempts, instants, false);
  const auto kind = std::min(static_cast<std::size_t>(error.kind), state.errors.size() - 1);
  ErrorSlot& slot = state.errors[kind];
  if (!slot.has_message.load(kRelaxed)) {
    slot.message = Shorten(Describe(error));
    slot.has_message.store(true, std::memory_order_release);
  }
  slot.count.Add(1);
  state[Counter::kPartialOutputTokens].Add(Tokens(error.partial_tokens));
  state[Figure::kFailedLatency].Record(instants.completed - instants.scheduled);
  if (state.series) state.series->Count(SeriesRecorder::kFailed, instants.completed);
  state.last_completion.RaiseTo(instants.completed.time_since_epoch().count());
  state[Counter::kFailed].Add(1);
}

void MetricsShard::Unfinished(const RequestInstants& instants) noexcept {
  if (state_->series) state_->series->Count(SeriesRecorder::kUnfinished, instants.completed);
  (*state_)[Counter::kUnfinished].Add(1);
}

}  // namespace llmload
