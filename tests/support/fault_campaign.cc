#include "tests/support/fault_campaign.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "llmload/judge/judgement.h"
#include "llmload/record/failover_figures.h"
#include "llmload/run/runner.h"
#include "tests/support/real_time.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

constexpr const char* kPrimary = "primary";

class BreakerLog final : public BreakerObserver {
 public:
  explicit BreakerLog(simulation::EventLog& log) : log_(log) {}

  void OnStateChange(std::string_view breaker, const StateChange& event) override {
    Add(breaker, {ToString(event.from), "->", ToString(event.to), ToString(event.cause)});
  }
  void OnCallRecorded(std::string_view breaker, const CallRecorded& event) override {
    Add(breaker, {"recorded", ToString(event.outcome)});
  }
  void OnCallRejected(std::string_view breaker, const CallRejected& event) override {
    Add(breaker, {"rejected, wait", std::to_string(event.remaining_wait.count()), "ns"});
  }
  void OnLateResult(std::string_view breaker, const LateResult& event) override {
    Add(breaker, {"late", ToString(event.outcome)});
  }

 private:
  void Add(std::string_view breaker, std::initializer_list<std::string_view> words) {
    std::string line = "breaker of " + std::string(breaker) + ":";
    for (const std::string_view word : words) line.append(" ").append(word);
    log_.Add(line);
  }
  simulation::EventLog& log_;
};

// Tells the log which requests were lost.
class LossLog final : public Provider {
 public:
  LossLog(std::shared_ptr<Provider> provider, simulation::EventLog& log)
      : provider_(std::move(provider)), log_(log) {}

  const ProviderIdentity& Identity() const noexcept override { return provider_->Identity(); }
  ConnectionCounters Connections() const override { return provider_->Connections(); }
  asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                               StreamObserver* observer) override {
    const std::uint64_t number = next_++;
    Result<Completion> outcome = co_await provider_->Complete(request, observer);
    if (outcome.has_error()) {
      log_.Add("request " + std::to_string(number) + " lost: " + Describe(outcome.error()));
    }
    co_return outcome;
  }

 private:
  const std::shared_ptr<Provider> provider_;
  simulation::EventLog& log_;
  std::uint64_t next_ = 0;
};

}  // namespace

CampaignChain::CampaignChain(const FaultScenario& scenario, std::shared_ptr<Provider> primary,
                             std::shared_ptr<Provider> fallback, std::uint64_t seed, Clock& clock,
                             simulation::EventLog* log)
    : seed_(seed), clock_(clock) {
  const auto breaker = [&](CircuitBreakerOptions options, const char* name) {
    options.open.seed = seed;
    auto made = std::make_shared<CircuitBreaker>(name, std::move(options), clock);
    if (log != nullptr) made->AddObserver(std::make_shared<BreakerLog>(*log));
    return made;
  };
  primary_breaker_ = breaker(scenario.primary_breaker, kPrimary);
  fallback_breaker_ = breaker(scenario.fallback_breaker, "fallback");
  budget_ = std::make_shared<RetryBudget>(scenario.budget);
  FailoverOptions options = scenario.failover;
  options.budget = budget_;
  options.seed = seed;
  auto failover = std::make_shared<FailoverProvider>(
      std::vector<FailoverTarget>{{.provider = std::move(primary), .breaker = primary_breaker_},
                                  {.provider = std::move(fallback), .breaker = fallback_breaker_}},
      std::move(options), clock);
  recorder_ = std::make_shared<RecordingProvider>(std::move(failover), clock);
  top_ = recorder_;
  if (log != nullptr) top_ = std::make_shared<LossLog>(recorder_, *log);
}

CampaignRun CampaignChain::Run(const CampaignTiming& timing, const FaultScenario& scenario,
                               TimePoint start) {
  RunPlan plan;
  plan.name = scenario.name;
  plan.lanes = {{.target = {.provider = top_, .url = "primary, then fallback"}}};
  plan.load = OpenLoop{.rate_per_second = timing.rate_per_second, .duration = scenario.length};
  plan.seed = seed_;
  plan.workers = 1;  // one thread: what is handed over after the breaker opened is a leak for sure
  plan.stop.on_signals = false;
  plan.checks_targets = false;
  plan.request = {.model = "gpt-3.5-turbo", .max_tokens = 16, .stream = true};
  plan.prompts = FixedPrompt{.prompt = "Say hello."};

  CampaignRun run;
  run.seed = seed_;
  run.record = Runner(clock_).Measure(plan);
  run.primary_breaker = primary_breaker_->Snapshot();
  run.fallback_breaker = fallback_breaker_->Snapshot();
  run.budget_requests = budget_->requests();
  run.budget_withdrawals = budget_->withdrawals();
  run.budget_refusals = budget_->refusals();
  FailoverObservation& seen = run.observation;
  seen.primary = kPrimary;
  seen.fault_onset = start + scenario.onset;
  seen.fault_healed = start + scenario.heal;
  seen.breaker = primary_breaker_->History();
  for (RecordingProvider::Call& call : recorder_->Calls()) {
    // The generator's lateness is judged by the report; here a request begins when it is
    // dispatched.
    seen.requests.push_back({.scheduled = call.started,
                             .completed = call.finished,
                             .succeeded = call.succeeded,
                             .attempts = std::move(call.attempts)});
  }
  return run;
}

namespace {

std::vector<Criterion> CriteriaOf(const FaultBounds& bounds) {
  std::vector<Criterion> criteria;
  if (bounds.detection) criteria.push_back(MaxOf("detection time") <= *bounds.detection);
  if (bounds.failover) criteria.push_back(MaxOf("failover time") <= *bounds.failover);
  if (bounds.success_restored) {
    criteria.push_back(MaxOf("success restored time") <= *bounds.success_restored);
  }
  criteria.push_back(MaxOf("breaker closed time") <= bounds.closed);
  criteria.push_back(MaxOf("recovery time") <= bounds.recovery);
  const auto at_most = [&](const char* name, std::uint64_t bound) {
    criteria.push_back(Measurement(name) <= static_cast<double>(bound));
  };
  at_most("failures spent max", bounds.failures_spent);
  at_most("leak in flight at trip max", bounds.in_flight_at_trip);
  at_most("leak probes max", bounds.probes);
  at_most("leak admitted after trip", 0);
  at_most("lost requests max", bounds.lost_requests);
  return criteria;
}

}  // namespace

RunReport ReportCampaign(const std::string& name, const FaultScenario& scenario,
                         const CampaignTiming& timing, const std::vector<CampaignRun>& runs) {
  RunReport report;
  RunRecord& record = report.record;
  record.name = name;
  record.origin = OriginOfThisProcess();
  record.started_at = test_support::WallTime();
  record.run_id = MakeRunId(record.started_at);
  std::vector<FailoverMetrics> metrics;
  std::string seeds;
  for (const CampaignRun& run : runs) {
    metrics.push_back(run.metrics);
    record.duration += run.record.duration;
    record.metrics.Merge(run.record.metrics);
    seeds += (seeds.empty() ? "" : " ") + std::to_string(run.seed);
  }
  const auto seconds = [](Duration duration) {
    return std::to_string(std::chrono::duration<double>(duration).count()) + " s";
  };
  record.configuration.seed = runs.empty() ? 0 : runs.front().seed;
  record.configuration.details = {
      {.name = "fault", .value = scenario.name},
      {.name = "rate", .value = std::to_string(static_cast<int>(timing.rate_per_second)) + "/s"},
      {.name = "outage", .value = seconds(scenario.heal - scenario.onset)},
      {.name = "seeds", .value = seeds},
  };
  AddFailoverFigures(record, metrics);
  report.judgement = Judge(record, CriteriaOf(scenario.bounds));
  return report;
}

}  // namespace llmload
