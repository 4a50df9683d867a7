#include <algorithm>
#include <cmath>
#include <utility>

#include "llmload/metrics/load_test_metrics.h"
#include "src/core/text/utf8.h"
#include "src/metrics/metrics_shard_state.h"
#include "src/metrics/relaxed.h"

namespace llmload {

using metrics::ProviderKey;
using metrics::ProviderSlot;
using metrics::ReasonSlot;

namespace {

// A reader that is late finds several events in each read: of fewer events it makes one piece.
constexpr std::uint64_t kEventsOfALateReader = 50;
constexpr std::size_t kMaxReasonLength = 64;
constexpr std::string_view kNoReason = "(none)";
constexpr std::string_view kUnnamedProvider = "(unnamed)";

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

// Whether the events of a stream came as the service made them.
bool IsBunched(const StreamTimes& stream) {
  const StreamArrival arrival = stream.Arrival();
  return arrival == StreamArrival::kOnePiece || arrival == StreamArrival::kBursts;
}

// How many tokens came with the events of a stream: reasoning that was not streamed is in the
// usage, but not in them.
std::int64_t StreamedTokens(const Completion& completion) {
  if (completion.token_source == TokenSource::kCountedEvents) return completion.token_events;
  const bool streams_reasoning =
      completion.timings.first_token && completion.timings.first_output_token &&
      *completion.timings.first_token < *completion.timings.first_output_token;
  return completion.usage.output - (streams_reasoning ? 0 : completion.usage.reasoning);
}

// The window of a stream over the tokens that came after its first instant. A buffer lets tokens
// arrive late, but the last of them at their time, so that this is right behind one, too.
std::optional<Duration> TimePerOutputToken(const RequestInstants& instants,
                                           const Completion& completion) {
  const StreamTimes* const stream = instants.stream;
  if (stream == nullptr || stream->Arrival() == StreamArrival::kOnePiece) return std::nullopt;
  const auto tokens = static_cast<double>(StreamedTokens(completion));
  const auto events = static_cast<double>(stream->events());
  const double after_first = tokens * static_cast<double>(stream->EventsAfterFirst()) / events;
  if (!(after_first >= 1)) return std::nullopt;
  return Duration(std::llround(static_cast<double>(stream->Length().count()) / after_first));
}

// A service that counts below zero counts nothing.
std::uint64_t Tokens(std::int64_t count) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0));
}

// See `FigureUnit`.
Duration AsLength(std::int64_t tokens) {
  constexpr std::int64_t kMost = 1'000'000'000;
  return kOneToken * std::clamp<std::int64_t>(tokens, 0, kMost);
}

}  // namespace

ProviderSlot& MetricsShard::State::Provider(ProviderKey key) {
  if (key.name.empty()) key.name = kUnnamedProvider;
  const std::size_t count = provider_count.load(kRelaxed);
  for (std::size_t i = 0; i < count; ++i) {
    if (providers[i].Key() == key) return providers[i];
  }
  if (count == metrics::kProviderSlots) return providers[metrics::kProviderSlots - 1];
  ProviderSlot& slot = providers[count];
  if (count == metrics::kProviderSlots - 1) key = {kOtherNames, {}, {}};
  slot.name = key.name;
  slot.region = key.region;
  slot.model = key.model;
  slot.attempt_latency = std::make_unique<Histogram>();
  slot.attempt_ttft = std::make_unique<Histogram>();
  provider_count.store(count + 1, std::memory_order_release);
  return slot;
}

void MetricsShard::State::RecordAttempts(const std::vector<Attempt>& list,
                                         std::string_view provider, TimePoint scheduled,
                                         std::optional<ErrorKind> error) {
  std::uint64_t made = 0;
  const auto record = [this, &made](ProviderKey key, std::optional<ErrorKind> outcome,
                                    std::optional<Duration> latency) {
    ProviderSlot& slot = Provider(key);
    if (outcome && NothingWasSent(*outcome)) {
      slot.rejected.Add(1);
      return;
    }
    slot.attempts.Add(1);
    (outcome ? slot.failures : slot.successes).Add(1);
    if (!outcome && latency) slot.attempt_latency->Record(*latency);
    ++made;
  };
  // A provider without a resilience layer may leave no records: then the request was one attempt.
  if (list.empty()) record({provider, {}, {}}, error, std::nullopt);
  for (const Attempt& attempt : list) {
    record(KeyOf(attempt), attempt.error, attempt.finished - attempt.started);
  }
  (*this)[Counter::kAttempts].Add(made);
  if (cohorts) cohorts->Add(CohortRecorder::kAttempts, scheduled, made);
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
  Record(Figure::kFailoverOverhead, instants.scheduled, fallback->started - primary.finished);
  if (!success) return;
  const Attempt* const answering = AnsweringAttempt(list);
  if (answering == nullptr) return;
  Record(Figure::kFailoverAddedLatency, instants.scheduled,
         (instants.completed - instants.scheduled) - (answering->finished - answering->started));
}

void MetricsShard::State::RecordStream(const RequestInstants& instants) {
  if (instants.stream == nullptr) return;
  const StreamTimes& stream = *instants.stream;
  switch (stream.Arrival()) {
    case StreamArrival::kFewEvents:
      break;
    case StreamArrival::kSteady:
      (*this)[Counter::kLongStreams].Add(1);
      break;
    case StreamArrival::kOnePiece:
      (*this)[Counter::kLongStreams].Add(1);
      (*this)[stream.events() < kEventsOfALateReader ? Counter::kShortStreamsInOnePiece
                                                     : Counter::kStreamsInOnePiece]
          .Add(1);
      return;
    case StreamArrival::kBursts:
      (*this)[Counter::kLongStreams].Add(1);
      Record(Figure::kBurstDistance, instants.scheduled, *stream.GroupDistance());
      return;
  }
  for (const Duration gap : stream.gaps()) Record(Figure::kChunkGap, instants.scheduled, gap);
}

void MetricsShard::State::RecordTokenTimes(const RequestInstants& instants,
                                           const Completion& completion) {
  const Timings& timings = completion.timings;
  const auto record = [&](Figure figure, Duration value) {
    Record(figure, instants.scheduled, value);
  };
  if (timings.connection_wait) record(Figure::kConnectionWait, *timings.connection_wait);
  if (timings.first_token) record(Figure::kTtft, *timings.first_token - instants.dispatched);
  if (timings.first_output_token) {
    record(Figure::kTtfo, *timings.first_output_token - instants.dispatched);
  }
  if (const auto each = TimePerOutputToken(instants, completion)) record(Figure::kTpot, *each);
  if (completion.usage.output > 0) {
    record(Figure::kTimePerToken,
           (instants.completed - instants.dispatched) / completion.usage.output);
  }
}

void MetricsShard::State::RecordAnswer(const Completion& completion) {
  const Attempt* const attempt = AnsweringAttempt(completion.attempts);
  ProviderSlot& slot =
      Provider(attempt != nullptr ? KeyOf(*attempt) : ProviderKey{completion.provider, {}, {}});
  slot.answered.Add(1);
  slot.input_tokens.Add(Tokens(completion.usage.input));
  slot.output_tokens.Add(Tokens(completion.usage.output));
  const auto& first_token = completion.timings.first_token;
  // Of an answer that another attempt began, the first token is not this attempt's.
  if (attempt != nullptr && first_token && *first_token >= attempt->started) {
    slot.attempt_ttft->Record(*first_token - attempt->started);
  }
}

void MetricsShard::State::RecordFinishReason(std::string_view word) {
  word = word.empty() ? kNoReason : text::CutUtf8(word, kMaxReasonLength);
  const std::size_t known = reason_count.load(kRelaxed);
  for (std::size_t i = 0; i < known; ++i) {
    if (i + 1 == reasons.size() || reasons[i].word == word) return reasons[i].count.Add(1);
  }
  ReasonSlot& slot = reasons[known];
  slot.word = known + 1 == reasons.size() ? kOtherNames : word;
  slot.count.Add(1);
  reason_count.store(known + 1, std::memory_order_release);
}

bool MetricsShard::State::IsGood(const RequestInstants& instants,
                                 const Completion& completion) const {
  const RequestObjectives& bounds = options.objectives;
  const Timings& timings = completion.timings;
  const auto tpot_value = TimePerOutputToken(instants, completion);
  std::optional<Duration> gap;
  if (instants.stream != nullptr && !IsBunched(*instants.stream))
    gap = instants.stream->LongestGap();
  return Keeps(bounds.scheduled_latency, instants.completed - instants.scheduled) &&
         Keeps(bounds.service_latency, instants.completed - instants.dispatched) &&
         Keeps(bounds.ttft, Since(instants.dispatched, timings.first_token)) &&
         Keeps(bounds.ttfo, Since(instants.dispatched, timings.first_output_token)) &&
         // Streamed, but nothing to measure between.
         (Keeps(bounds.tpot, tpot_value) || (!tpot_value && timings.first_token)) &&
         (Keeps(bounds.chunk_gap, gap) || (!gap && timings.first_token));
}

MetricsShard::MetricsShard(const MetricsOptions& options, State* root)
    : state_(std::make_unique<State>(options, root)) {}
MetricsShard::~MetricsShard() = default;

MetricsShard& MetricsShard::Cell(std::size_t id) {
  if (id == 0) return *this;
  std::atomic<MetricsShard*>& cell = state_->cells[id];
  MetricsShard* known = cell.load(kRelaxed);
  if (known == nullptr) {
    known = new MetricsShard(state_->options, state_.get());
    cell.store(known, std::memory_order_release);
  }
  return *known;
}

void MetricsShard::Scheduled(std::uint64_t arrivals) noexcept {
  (*state_)[Counter::kScheduled].Add(arrivals);
}

void MetricsShard::Dropped(TimePoint scheduled) noexcept {
  if (auto* const series = state_->series) {
    series->Count(SeriesRecorder::kScheduled, scheduled);
    series->Count(SeriesRecorder::kDropped, scheduled);
  }
  if (auto* const cohorts = state_->cohorts) {
    cohorts->Add(CohortRecorder::kScheduled, scheduled);
    cohorts->Add(CohortRecorder::kLost, scheduled);
  }
  (*state_)[Counter::kDropped].Add(1);
}

void MetricsShard::Dispatched(TimePoint scheduled, TimePoint dispatched, bool streamed) noexcept {
  state_->first_dispatch.LowerTo(dispatched.time_since_epoch().count());
  state_->Record(Figure::kScheduleLag, scheduled, dispatched - scheduled);
  if (state_->cohorts) state_->cohorts->Add(CohortRecorder::kScheduled, scheduled);
  if (auto* const series = state_->series) {
    series->Count(SeriesRecorder::kScheduled, scheduled);
    series->Count(SeriesRecorder::kSent, dispatched);
  }
  if (streamed) (*state_)[Counter::kStreamed].Add(1);
  (*state_)[Counter::kSent].Add(1);
}

void MetricsShard::TokenEvent(TimePoint at) noexcept {
  if (state_->series) state_->series->Count(SeriesRecorder::kTokens, at);
}

void MetricsShard::Succeeded(const RequestInstants& instants, const Completion& completion) {
  State& state = *state_;
  state.RecordAttempts(completion.attempts, completion.provider, instants.scheduled, std::nullopt);
  state.RecordFailover(completion.attempts, instants, true);
  state.RecordTokenTimes(instants, completion);
  state.RecordStream(instants);
  state.RecordAnswer(completion);
  state.RecordFinishReason(completion.finish_reason);
  state.Record(Figure::kOutputLength, instants.scheduled, AsLength(completion.usage.output));
  if (completion.usage.input > 0) {
    state.Record(Figure::kInputLength, instants.scheduled, AsLength(completion.usage.input));
  }
  state[Counter::kInputTokens].Add(Tokens(completion.usage.input));
  state[Counter::kCachedInputTokens].Add(Tokens(completion.usage.cached_input));
  state[Counter::kOutputTokens].Add(Tokens(completion.usage.output));
  state[Counter::kReasoningTokens].Add(Tokens(completion.usage.reasoning));
  if (completion.token_source == TokenSource::kCountedEvents)
    state[Counter::kAnswersWithoutUsage].Add(1);
  const bool good = !state.options.objectives.empty() && state.IsGood(instants, completion);
  if (good) state[Counter::kGood].Add(1);
  const Duration scheduled_latency = instants.completed - instants.scheduled;
  state.Record(Figure::kScheduledLatency, instants.scheduled, scheduled_latency);
  state.Record(Figure::kServiceLatency, instants.scheduled,
               instants.completed - instants.dispatched);
  if (state.series) state.series->Succeeded(instants.completed, scheduled_latency);
  if (auto* const cohorts = state.cohorts) {
    cohorts->Add(CohortRecorder::kSucceeded, instants.scheduled);
    cohorts->Add(CohortRecorder::kCompleted, instants.scheduled);
    cohorts->Add(CohortRecorder::kOutputTokens, instants.scheduled,
                 Tokens(completion.usage.output));
    if (good) cohorts->Add(CohortRecorder::kGood, instants.scheduled);
  }
  state.last_completion.RaiseTo(instants.completed.time_since_epoch().count());
  state[Counter::kSucceeded].Add(1);
}

void MetricsShard::Failed(const RequestInstants& instants, const Error& error) {
  State& state = *state_;
  state.RecordAttempts(error.attempts, error.provider, instants.scheduled, error.kind);
  state.RecordFailover(error.attempts, instants, false);
  state.RecordStream(instants);
  state.errors.Record(error, instants.completed);
  state[Counter::kPartialOutputTokens].Add(Tokens(error.partial_tokens));
  state.Record(Figure::kFailedLatency, instants.scheduled, instants.completed - instants.scheduled);
  if (state.series) state.series->Count(SeriesRecorder::kFailed, instants.completed);
  if (state.cohorts) {
    state.cohorts->Add(CohortRecorder::kLost, instants.scheduled);
    state.cohorts->Add(CohortRecorder::kCompleted, instants.scheduled);
  }
  state.last_completion.RaiseTo(instants.completed.time_since_epoch().count());
  state[Counter::kFailed].Add(1);
}

void MetricsShard::Unfinished(const RequestInstants& instants) noexcept {
  if (state_->series) state_->series->Count(SeriesRecorder::kUnfinished, instants.completed);
  if (state_->cohorts) state_->cohorts->Add(CohortRecorder::kLost, instants.scheduled);
  (*state_)[Counter::kUnfinished].Add(1);
}

}  // namespace llmload
