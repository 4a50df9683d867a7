#include "llmload/testing/failover_tests.h"

#include <algorithm>
#include <string>
#include <utility>

#include "llmload/metrics/histogram.h"

namespace llmload {

namespace {

constexpr const char* kFailoverTime = "failover time";

const NamedDistribution* FindDistribution(const RunReport& report, std::string_view name) {
  const auto found = std::find_if(report.distributions.begin(), report.distributions.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  return found == report.distributions.end() ? nullptr : &*found;
}

Metric OfFailoverTime(std::string name, Duration LatencySummary::*field) {
  const auto samples = [](const RunReport& report) -> std::uint64_t {
    const NamedDistribution* times = FindDistribution(report, kFailoverTime);
    return times == nullptr ? 0 : times->summary.count;
  };
  return Custom(
      std::move(name), "s",
      [field, samples](const RunReport& report) -> std::optional<double> {
        if (samples(report) == 0) return std::nullopt;
        const LatencySummary& times = FindDistribution(report, kFailoverTime)->summary;
        return ToSeconds(times.*field);
      },
      samples);
}

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

}  // namespace

FailoverPairTest::~FailoverPairTest() = default;

Target FailoverPairTest::MakeTarget() {
  primary_ = std::make_shared<RecordingProvider>(MakePrimary(), TestClock());
  fallback_ = std::make_shared<RecordingProvider>(MakeFallback(), TestClock());
  std::vector<FailoverTarget> targets{{.provider = primary_, .breaker = MakeBreaker()},
                                      {.provider = fallback_}};
  FailoverOptions options;
  options.budget = std::make_shared<RetryBudget>();
  options.seed = Environment().seed;
  auto failover =
      std::make_shared<FailoverProvider>(std::move(targets), std::move(options), TestClock());
  chain_ = std::make_shared<RecordingProvider>(std::move(failover), TestClock());
  return {.provider = chain_,
          .unavailable = {},
          .url = primary_->Identity().name + ", then " + fallback_->Identity().name};
}

LoadResult FailoverPairTest::RunOneByOne(std::uint64_t requests) {
  LoadOptions load;
  load.shape = ClosedLoop{.concurrency = 1, .requests = requests};
  load.prompts = MakePrompts({.max_tokens = 16, .stream = false});
  load.workers = 1;
  return RunLoad(std::move(load), std::nullopt, nullptr);
}

CircuitBreakerTest::~CircuitBreakerTest() = default;

std::shared_ptr<CircuitBreaker> CircuitBreakerTest::MakeBreaker() {
  Configure(options_);
  breaker_ = std::make_shared<CircuitBreaker>("primary", options_.breaker, TestClock());
  return breaker_;
}

void CircuitBreakerTest::RunAndJudge() {
  const TimePoint start = TestClock().Now();
  const LoadResult result = RunOneByOne(options_.requests);
  RunReport report = MakeReport(result, nullptr);
  const double threshold = options_.breaker.consecutive_failures.value_or(0);
  report.configuration.emplace_back(
      "breaker", "opens at consecutive failure " + std::to_string(static_cast<int>(threshold)));

  // How many calls of the primary had failed when the breaker opened for the first time.
  std::optional<double> failures_to_open;
  for (const StateChange& change : breaker_->History()) {
    report.timeline.push_back({.at = change.at - start,
                               .what = "breaker " + std::string(ToString(change.from)) + " -> " +
                                       std::string(ToString(change.to)) + " (" +
                                       std::string(ToString(change.cause)) + ")"});
    if (failures_to_open || change.to != BreakerState::kOpen) continue;
    failures_to_open = 0;
    for (const RecordingProvider::Call& call : Primary().Calls()) {
      if (call.error && call.finished <= change.at) ++*failures_to_open;
    }
  }
  const auto openings = static_cast<double>(breaker_->Snapshot().openings);
  const auto primary_calls = static_cast<double>(Primary().Calls().size());
  report.measurements = {{"breaker openings", openings},
                         {"primary calls", primary_calls},
                         {"fallback calls", static_cast<double>(Fallback().Calls().size())}};
  if (failures_to_open) report.measurements.emplace_back("failures to open", *failures_to_open);

  std::vector<Criterion> criteria = {
      Measurement("breaker openings") >= 1,
      SuccessfulRequests() >= static_cast<double>(options_.requests),
  };
  // Other trip rules open at a ratio, not at a count that is known in advance.
  if (options_.breaker.consecutive_failures) {
    criteria.push_back(Measurement("failures to open") == threshold);
    criteria.push_back(Measurement("primary calls") == threshold);
  }
  criteria.insert(criteria.end(), options_.criteria.begin(), options_.criteria.end());
  Conclude(std::move(report), criteria);
}

void FailoverTimeTest::RunAndJudge() {
  FailoverTimeTestOptions options;
  Configure(options);
  const LoadResult result = RunOneByOne(options.attempts);
  RunReport report = MakeReport(result, nullptr);

  Histogram times;
  for (const RecordingProvider::Call& call : Chain().Calls()) {
    if (const auto time = FailoverTimeOf(call, Primary().Identity().name)) times.Record(*time);
  }
  report.distributions.push_back({.name = kFailoverTime, .summary = Summarise(times)});
  report.measurements = {{"primary calls", static_cast<double>(Primary().Calls().size())},
                         {"fallback calls", static_cast<double>(Fallback().Calls().size())},
                         {"failed over", static_cast<double>(times.count())}};

  std::vector<Criterion> criteria = {
      Measurement("failed over") >= static_cast<double>(options.min_failed_over),
      OfFailoverTime("mean failover time", &LatencySummary::mean) < options.max_mean,
      OfFailoverTime("max failover time", &LatencySummary::max) < options.max_single,
  };
  criteria.insert(criteria.end(), options.criteria.begin(), options.criteria.end());
  Conclude(std::move(report), criteria);
}

}  // namespace llmload
