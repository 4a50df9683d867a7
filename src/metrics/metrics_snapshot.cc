#include "llmload/metrics/metrics_snapshot.h"

#include <algorithm>
#include <tuple>

namespace llmload {
namespace {

std::optional<double> Ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

std::optional<double> PerSecond(std::uint64_t count, const std::optional<Duration>& time) {
  if (!time) return std::nullopt;
  return static_cast<double>(count) / ToSeconds(*time);
}

// Beyond so many different words, "(other)" stands for all that are new.
constexpr std::size_t kMostReasons = 16;

void AddReason(std::vector<FinishReason>& reasons, const FinishReason& more) {
  const auto place = [&](std::string_view word) {
    return std::lower_bound(
        reasons.begin(), reasons.end(), word,
        [](const FinishReason& known, std::string_view name) { return known.reason < name; });
  };
  const auto is_other = [](const FinishReason& known) { return known.reason == kOtherNames; };
  auto at = place(more.reason);
  if (at == reasons.end() || at->reason != more.reason) {
    const auto others = std::count_if(reasons.begin(), reasons.end(), is_other);
    const bool full = reasons.size() - static_cast<std::size_t>(others) >= kMostReasons;
    const std::string_view word = full ? kOtherNames : std::string_view(more.reason);
    at = place(word);
    if (at == reasons.end() || at->reason != word) {
      at = reasons.insert(at, {.reason = std::string(word)});
    }
  }
  at->count += more.count;
}

}  // namespace

void ProviderUsage::Merge(const ProviderUsage& other) {
  attempts += other.attempts;
  successes += other.successes;
  failures += other.failures;
  rejected += other.rejected;
  answered += other.answered;
  input_tokens += other.input_tokens;
  output_tokens += other.output_tokens;
  attempt_latency.Merge(other.attempt_latency);
  attempt_ttft.Merge(other.attempt_ttft);
}

std::uint64_t MetricsSnapshot::Completed() const noexcept {
  return (*this)[Counter::kSucceeded] + (*this)[Counter::kFailed];
}

std::optional<Duration> MetricsSnapshot::ActiveTime() const noexcept {
  if (!first_dispatch || !last_completion || *last_completion <= *first_dispatch) {
    return std::nullopt;
  }
  return *last_completion - *first_dispatch;
}

std::optional<double> MetricsSnapshot::SuccessRate() const noexcept {
  return Ratio((*this)[Counter::kSucceeded], (*this)[Counter::kScheduled]);
}

std::optional<double> MetricsSnapshot::CompletedThroughput() const noexcept {
  return PerSecond(Completed(), ActiveTime());
}

std::optional<double> MetricsSnapshot::Throughput() const noexcept {
  return PerSecond((*this)[Counter::kSucceeded], ActiveTime());
}

std::optional<double> MetricsSnapshot::OutputTokensPerSecond() const noexcept {
  return PerSecond((*this)[Counter::kOutputTokens], ActiveTime());
}

std::optional<double> MetricsSnapshot::Goodput() const noexcept {
  if (!has_objectives) return std::nullopt;
  return PerSecond((*this)[Counter::kGood], ActiveTime());
}

std::optional<double> MetricsSnapshot::GoodFraction() const noexcept {
  if (!has_objectives) return std::nullopt;
  return Ratio((*this)[Counter::kGood], (*this)[Counter::kScheduled]);
}

std::optional<double> MetricsSnapshot::AttemptsPerRequest() const noexcept {
  return Ratio((*this)[Counter::kAttempts], Completed());
}

void MetricsSnapshot::Merge(const MetricsSnapshot& other) {
  for (std::size_t i = 0; i < counters.size(); ++i) counters[i] += other.counters[i];
  for (std::size_t i = 0; i < distributions.size(); ++i) {
    distributions[i].Merge(other.distributions[i]);
  }
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i].Merge(other.errors[i]);
  const auto key = [](const ProviderUsage& usage) {
    return std::tie(usage.name, usage.region, usage.model);
  };
  for (const ProviderUsage& usage : other.providers) {
    const auto at = std::lower_bound(
        providers.begin(), providers.end(), usage,
        [&](const ProviderUsage& a, const ProviderUsage& b) { return key(a) < key(b); });
    if (at != providers.end() && key(*at) == key(usage)) {
      at->Merge(usage);
    } else {
      providers.insert(at, usage);
    }
  }
  for (const FinishReason& more : other.finish_reasons) AddReason(finish_reasons, more);
  series.Merge(other.series);
  cohorts.Merge(other.cohorts);
  if (other.first_dispatch) {
    first_dispatch =
        std::min(first_dispatch.value_or(*other.first_dispatch), *other.first_dispatch);
  }
  if (other.last_completion) {
    last_completion =
        std::max(last_completion.value_or(*other.last_completion), *other.last_completion);
  }
  has_objectives = has_objectives || other.has_objectives;
}

std::optional<std::string> CheckAccounting(const MetricsSnapshot& m) {
  const auto text = [&m](Counter counter) {
    return std::string(InfoOf(counter).name) + " " + std::to_string(m[counter]);
  };
  const std::uint64_t ended = m.Completed() + m[Counter::kUnfinished];
  const std::string outcomes = text(Counter::kSucceeded) + " + " + text(Counter::kFailed) + " + ";
  if (m[Counter::kScheduled] != ended + m[Counter::kDropped]) {
    return "accounting identity violated: " + text(Counter::kScheduled) + " != " + outcomes +
           text(Counter::kDropped) + " + " + text(Counter::kUnfinished);
  }
  if (m[Counter::kSent] != ended) {
    return "accounting identity violated: " + text(Counter::kSent) + " != " + outcomes +
           text(Counter::kUnfinished);
  }
  return std::nullopt;
}

}  // namespace llmload
