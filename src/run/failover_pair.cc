#include "llmload/run/failover_pair.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace llmload {
namespace {

constexpr const char* kFailoverTime = "failover time";

// From the start of the first failed attempt on the primary to the success elsewhere.
std::optional<Duration> FailoverTimeOf(const RecordingProvider::Call& call,
                                       const std::string& primary) {
  if (!call.succeeded) return std::nullopt;
  const auto failed = std::find_if(
      call.attempts.begin(), call.attempts.end(),
      [&](const Attempt& attempt) { return attempt.provider == primary && attempt.error; });
  const auto answered = std::find_if(failed, call.attempts.end(), [&](const Attempt& attempt) {
    return attempt.provider != primary && !attempt.error;
  });
  if (answered == call.attempts.end()) return std::nullopt;
  return answered->finished - failed->started;
}

std::string Describe(const StateChange& change) {
  return std::string("breaker ")
      .append(ToString(change.from))
      .append(" -> ")
      .append(ToString(change.to))
      .append(" (")
      .append(ToString(change.cause))
      .append(")");
}

void SetCalls(RunRecord& record, const FailoverPair& pair) {
  record.SetMeasurement("primary calls", static_cast<double>(pair.primary().Calls().size()));
  record.SetMeasurement("fallback calls", static_cast<double>(pair.fallback().Calls().size()));
}

void ReadBreaker(const FailoverPair& pair, RunRecord& record, TimePoint start) {
  const std::vector<RecordingProvider::Call> calls = pair.primary().Calls();
  std::optional<double> failures_to_open;
  for (const StateChange& change : pair.breaker()->History()) {
    record.timeline.push_back({.at = change.at - start, .what = Describe(change)});
    if (failures_to_open || change.to != BreakerState::kOpen) continue;
    failures_to_open =
        static_cast<double>(std::count_if(calls.begin(), calls.end(), [&](const auto& call) {
          return call.error && call.finished <= change.at;
        }));
  }
  record.SetMeasurement("breaker openings",
                        static_cast<double>(pair.breaker()->Snapshot().openings));
  SetCalls(record, pair);
  if (failures_to_open) record.SetMeasurement("failures to open", *failures_to_open);
}

void ReadFailoverTimes(const FailoverPair& pair, RunRecord& record) {
  Distribution times;
  for (const RecordingProvider::Call& call : pair.chain().Calls()) {
    if (const auto time = FailoverTimeOf(call, pair.primary().Identity().name)) times.Record(*time);
  }
  record.SetMeasurement("failed over", static_cast<double>(times.count()));
  SetCalls(record, pair);
  record.SetDistribution(kFailoverTime, std::move(times));
}

}  // namespace

FailoverPair::FailoverPair(std::shared_ptr<Provider> primary, std::shared_ptr<Provider> fallback,
                           std::optional<CircuitBreakerOptions> breaker, std::uint64_t seed,
                           Clock& clock)
    : primary_(std::make_shared<RecordingProvider>(std::move(primary), clock)),
      fallback_(std::make_shared<RecordingProvider>(std::move(fallback), clock)) {
  if (breaker) {
    breaker_ = std::make_shared<CircuitBreaker>("primary", *std::move(breaker), clock);
  }
  FailoverOptions options;
  options.budget = std::make_shared<RetryBudget>();
  options.seed = seed;
  std::vector<FailoverTarget> targets{{.provider = primary_, .breaker = breaker_},
                                      {.provider = fallback_}};
  chain_ = std::make_shared<RecordingProvider>(
      std::make_shared<FailoverProvider>(std::move(targets), std::move(options), clock), clock);
}

Lane FailoverPair::AsLane() const {
  return {.target = {.provider = chain_,
                     .unavailable = {},
                     .url = primary_->Identity().name + ", then " + fallback_->Identity().name}};
}

ExtraFigures BreakerFigures(std::shared_ptr<const FailoverPair> pair) {
  return {
      .measurements = {"breaker openings", "primary calls", "fallback calls", "failures to open"},
      .read = [pair = std::move(pair)](RunRecord& record, TimePoint start) {
        ReadBreaker(*pair, record, start);
      }};
}

ExtraFigures FailoverTimeFigures(std::shared_ptr<const FailoverPair> pair) {
  return {.measurements = {"failed over", "primary calls", "fallback calls"},
          .distributions = {kFailoverTime},
          .read = [pair = std::move(pair)](RunRecord& record, TimePoint) {
            ReadFailoverTimes(*pair, record);
          }};
}

}  // namespace llmload
