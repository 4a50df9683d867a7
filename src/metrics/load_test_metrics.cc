#include "llmload/metrics/load_test_metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <map>
#include <string_view>
#include <utility>

namespace llmload {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::size_t kProviderSlots = 64;
constexpr std::size_t kMaxMessageLength = 300;
constexpr std::string_view kOverflowProvider = "(other)";
constexpr std::string_view kUnnamedProvider = "(unnamed)";
constexpr Duration::rep kNever = std::numeric_limits<Duration::rep>::max();

// Written by one thread, read by any. A reader that sees a count sees what was counted before it.
template <class T>
class SingleWriter {
 public:
  explicit SingleWriter(T value = T{}) noexcept : value_(value) {}
  void Add(T amount) noexcept { Set(value_.load(kRelaxed) + amount); }
  void LowerTo(T value) noexcept { Set(std::min(value_.load(kRelaxed), value)); }
  void RaiseTo(T value) noexcept { Set(std::max(value_.load(kRelaxed), value)); }
  T Get() const noexcept { return value_.load(std::memory_order_acquire); }

 private:
  void Set(T value) noexcept { value_.store(value, std::memory_order_release); }

  std::atomic<T> value_;
};

using Counter = SingleWriter<std::uint64_t>;
using TokenCounter = SingleWriter<std::int64_t>;

struct ProviderSlot {
  std::string name;  // written before the slot is published, constant afterwards
  Counter attempts, successes, failures, rejected, answered;
};

struct ErrorSlot {
  Counter count;
  std::atomic<bool> has_message{false};  // publishes the message
  std::string message;
};

std::string Shorten(const std::string& text) {
  if (text.size() <= kMaxMessageLength) return text;
  std::size_t end = kMaxMessageLength;
  // Not in the middle of a UTF-8 sequence.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// An error that is decided before any provider is called.
bool NothingWasSent(ErrorKind kind) { return kind == ErrorKind::kCircuitOpen; }

}  // namespace

struct alignas(64) MetricsShard::State {
  Counter scheduled, sent, succeeded, failed, dropped, unfinished, failed_over, attempts;
  SingleWriter<Duration::rep> first_dispatch{kNever};
  SingleWriter<Duration::rep> last_completion{std::numeric_limits<Duration::rep>::min()};

  Histogram scheduled_latency, service_latency, ttft, ttfo, tpot;
  Histogram failed_latency, schedule_lag, failover_overhead, failover_added_latency;

  std::array<ErrorSlot, kErrorKindCount> errors;
  std::array<ProviderSlot, kProviderSlots> providers;
  std::atomic<std::size_t> provider_count{0};

  TokenCounter input, cached_input, output, reasoning, partial_output;
  Counter counted_requests;

  ProviderSlot& Provider(std::string_view name);
  void RecordAttempts(const std::vector<Attempt>& list, std::string_view provider,
                      std::optional<ErrorKind> error);
  void RecordFailover(const std::vector<Attempt>& list, const RequestInstants& instants,
                      bool success);
  void RecordTokenTimes(const RequestInstants& instants, const Completion& completion);
};

ProviderSlot& MetricsShard::State::Provider(std::string_view name) {
  if (name.empty()) name = kUnnamedProvider;
  const std::size_t count = provider_count.load(kRelaxed);
  for (std::size_t i = 0; i < count; ++i) {
    if (providers[i].name == name) return providers[i];
  }
  if (count == kProviderSlots) return providers[kProviderSlots - 1];
  ProviderSlot& slot = providers[count];
  slot.name = count == kProviderSlots - 1 ? kOverflowProvider : name;
  provider_count.store(count + 1, std::memory_order_release);
  return slot;
}

void MetricsShard::State::RecordAttempts(const std::vector<Attempt>& list,
                                         std::string_view provider,
                                         std::optional<ErrorKind> error) {
  const auto record = [this](std::string_view name, std::optional<ErrorKind> outcome) {
    ProviderSlot& slot = Provider(name);
    if (outcome && NothingWasSent(*outcome)) {
      slot.rejected.Add(1);
      return;
    }
    slot.attempts.Add(1);
    (outcome ? slot.failures : slot.successes).Add(1);
    attempts.Add(1);
  };
  // A provider without a resilience layer may leave no records: then the request was one attempt.
  if (list.empty()) record(provider, error);
  for (const Attempt& attempt : list) record(attempt.provider, attempt.error);
}

void MetricsShard::State::RecordFailover(const std::vector<Attempt>& list,
                                         const RequestInstants& instants, bool success) {
  if (list.empty()) return;
  const auto fallback = std::find_if(list.begin(), list.end(), [&](const Attempt& attempt) {
    return attempt.provider != list.front().provider;
  });
  if (fallback == list.end()) return;
  failed_over.Add(1);
  const Attempt& primary = *std::prev(fallback);
  // A fallback that began before the primary was done is a hedge: no failure was waited for.
  if (!primary.error || fallback->started < primary.finished) return;
  failover_overhead.Record(fallback->started - primary.finished);
  if (!success) return;
  const auto answering = std::find_if(list.rbegin(), list.rend(),
                                      [](const Attempt& attempt) { return !attempt.error; });
  if (answering == list.rend()) return;
  failover_added_latency.Record((instants.completed - instants.scheduled) -
                                (answering->finished - answering->started));
}

void MetricsShard::State::RecordTokenTimes(const RequestInstants& instants,
                                           const Completion& completion) {
  const Timings& timings = completion.timings;
  if (timings.first_token) ttft.Record(*timings.first_token - instants.dispatched);
  if (timings.first_output_token) ttfo.Record(*timings.first_output_token - instants.dispatched);
  if (timings.first_token && timings.last_token && completion.usage.output >= 2 &&
      *timings.last_token >= *timings.first_token) {
    tpot.Record((*timings.last_token - *timings.first_token) / (completion.usage.output - 1));
  }
}

MetricsShard::MetricsShard() : state_(std::make_unique<State>()) {}
MetricsShard::~MetricsShard() = default;

void MetricsShard::Scheduled(std::uint64_t arrivals) noexcept { state_->scheduled.Add(arrivals); }

void MetricsShard::Dropped() noexcept { state_->dropped.Add(1); }

void MetricsShard::Dispatched(TimePoint scheduled, TimePoint dispatched) noexcept {
  state_->first_dispatch.LowerTo(dispatched.time_since_epoch().count());
  state_->schedule_lag.Record(dispatched - scheduled);
  state_->sent.Add(1);
}

void MetricsShard::Succeeded(const RequestInstants& instants, const Completion& completion) {
  State& state = *state_;
  state.RecordAttempts(completion.attempts, completion.provider, std::nullopt);
  state.RecordFailover(completion.attempts, instants, true);
  state.RecordTokenTimes(instants, completion);
  state.Provider(completion.provider).answered.Add(1);
  state.input.Add(completion.usage.input);
  state.cached_input.Add(completion.usage.cached_input);
  state.output.Add(completion.usage.output);
  state.reasoning.Add(completion.usage.reasoning);
  if (completion.token_source == TokenSource::kCountedEvents) state.counted_requests.Add(1);
  state.scheduled_latency.Record(instants.completed - instants.scheduled);
  state.service_latency.Record(instants.completed - instants.dispatched);
  state.last_completion.RaiseTo(instants.completed.time_since_epoch().count());
  state.succeeded.Add(1);
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
  state.partial_output.Add(error.partial_tokens);
  state.failed_latency.Record(instants.completed - instants.scheduled);
  state.last_completion.RaiseTo(instants.completed.time_since_epoch().count());
  state.failed.Add(1);
}

void MetricsShard::Unfinished(const RequestInstants& /*instants*/) noexcept {
  state_->unfinished.Add(1);
}

LoadTestMetrics::LoadTestMetrics() = default;
LoadTestMetrics::~LoadTestMetrics() = default;

MetricsShard& LoadTestMetrics::AddShard() {
  std::unique_ptr<MetricsShard> shard(new MetricsShard);
  const std::lock_guard lock(mutex_);
  return *shards_.emplace_back(std::move(shard));
}

MetricsSummary LoadTestMetrics::Summarise() const {
  MetricsSummary summary;
  Histogram scheduled_latency, service_latency, ttft, ttfo, tpot, failed_latency, schedule_lag,
      failover_overhead, failover_added_latency;
  Duration::rep first = kNever;
  Duration::rep last = std::numeric_limits<Duration::rep>::min();
  std::map<std::string, ProviderUsage> providers;
  for (std::size_t kind = 0; kind < summary.errors.size(); ++kind) {
    summary.errors[kind].kind = static_cast<ErrorKind>(kind);
  }

  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    const MetricsShard::State& state = *shard->state_;
    summary.scheduled += state.scheduled.Get();
    summary.sent += state.sent.Get();
    summary.succeeded += state.succeeded.Get();
    summary.failed += state.failed.Get();
    summary.dropped += state.dropped.Get();
    summary.unfinished += state.unfinished.Get();
    summary.failed_over += state.failed_over.Get();
    summary.attempts += state.attempts.Get();
    first = std::min(first, state.first_dispatch.Get());
    last = std::max(last, state.last_completion.Get());

    scheduled_latency.Merge(state.scheduled_latency);
    service_latency.Merge(state.service_latency);
    ttft.Merge(state.ttft);
    ttfo.Merge(state.ttfo);
    tpot.Merge(state.tpot);
    failed_latency.Merge(state.failed_latency);
    schedule_lag.Merge(state.schedule_lag);
    failover_overhead.Merge(state.failover_overhead);
    failover_added_latency.Merge(state.failover_added_latency);

    for (std::size_t kind = 0; kind < summary.errors.size(); ++kind) {
      const ErrorSlot& slot = state.errors[kind];
      ErrorCount& total = summary.errors[kind];
      total.count += slot.count.Get();
      if (total.first_message.empty() && slot.has_message.load(std::memory_order_acquire)) {
        total.first_message = slot.message;
      }
    }
    const std::size_t known = state.provider_count.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < known; ++i) {
      const ProviderSlot& slot = state.providers[i];
      ProviderUsage& usage = providers[slot.name];
      usage.attempts += slot.attempts.Get();
      usage.successes += slot.successes.Get();
      usage.failures += slot.failures.Get();
      usage.rejected += slot.rejected.Get();
      usage.answered += slot.answered.Get();
    }
    summary.tokens.input += state.input.Get();
    summary.tokens.cached_input += state.cached_input.Get();
    summary.tokens.output += state.output.Get();
    summary.tokens.reasoning += state.reasoning.Get();
    summary.tokens.partial_output += state.partial_output.Get();
    summary.tokens.counted_requests += state.counted_requests.Get();
  }

  for (auto& [name, usage] : providers) {
    usage.name = name;
    summary.providers.push_back(std::move(usage));
  }
  summary.scheduled_latency = llmload::Summarise(scheduled_latency);
  summary.service_latency = llmload::Summarise(service_latency);
  summary.ttft = llmload::Summarise(ttft);
  summary.ttfo = llmload::Summarise(ttfo);
  summary.tpot = llmload::Summarise(tpot);
  summary.failed_latency = llmload::Summarise(failed_latency);
  summary.schedule_lag = llmload::Summarise(schedule_lag);
  summary.failover_overhead = llmload::Summarise(failover_overhead);
  summary.failover_added_latency = llmload::Summarise(failover_added_latency);
  summary.scheduled_latency_adjusted = SummariseFailureAdjusted(scheduled_latency, summary.failed);
  summary.service_latency_adjusted = SummariseFailureAdjusted(service_latency, summary.failed);

  if (first != kNever) summary.first_dispatch = TimePoint(Duration(first));
  if (summary.completed() > 0) {
    summary.last_completion = TimePoint(Duration(last));
    summary.attempts_per_request =
        static_cast<double>(summary.attempts) / static_cast<double>(summary.completed());
  }
  if (summary.first_dispatch && summary.last_completion &&
      *summary.last_completion > *summary.first_dispatch) {
    const double seconds =
        std::chrono::duration<double>(*summary.last_completion - *summary.first_dispatch).count();
    summary.throughput_per_second = static_cast<double>(summary.completed()) / seconds;
    summary.success_throughput_per_second = static_cast<double>(summary.succeeded) / seconds;
    summary.output_tokens_per_second = static_cast<double>(summary.tokens.output) / seconds;
  }
  if (summary.scheduled > 0) {
    summary.success_rate =
        static_cast<double>(summary.succeeded) / static_cast<double>(summary.scheduled);
  }
  return summary;
}

LiveCounters LoadTestMetrics::Live() const {
  LiveCounters live;
  Histogram latency;
  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) {
    const MetricsShard::State& state = *shard->state_;
    // Outcomes before what precedes them, so that no request in between is counted negatively.
    live.succeeded += state.succeeded.Get();
    live.failed += state.failed.Get();
    live.unfinished += state.unfinished.Get();
    live.dropped += state.dropped.Get();
    live.sent += state.sent.Get();
    live.scheduled += state.scheduled.Get();
    latency.Merge(state.scheduled_latency);
  }
  const std::uint64_t ended = live.succeeded + live.failed + live.unfinished;
  live.in_flight = live.sent > ended ? live.sent - ended : 0;
  if (latency.count() > 0) live.p95 = latency.ValueAtQuantile(0.95);
  return live;
}

}  // namespace llmload
