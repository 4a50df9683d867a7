#include "llmload/run/runner.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>

#include "llmload/load/load_generator.h"

namespace llmload {
namespace {

// Calls observers, and lets none of them end or slow the run a second time.
class Observers {
 public:
  void Add(RunObserver& observer) { observers_.push_back({.observer = &observer, .failed = {}}); }
  bool empty() const { return observers_.empty(); }

  template <class Call>
  void Tell(Call call) {
    for (Entry& entry : observers_) {
      if (entry.failed) continue;
      try {
        call(*entry.observer);
      } catch (const std::exception& thrown) {
        entry.failed = thrown.what();
      }
    }
  }

  // What went wrong since the last call.
  std::vector<std::string> TakeFailures() {
    std::vector<std::string> failures;
    for (Entry& entry : observers_) {
      if (!entry.failed || entry.reported) continue;
      failures.push_back("an observer failed: " + *entry.failed);
      entry.reported = true;
    }
    return failures;
  }

 private:
  struct Entry {
    RunObserver* observer;
    std::optional<std::string> failed;
    bool reported = false;
  };
  std::vector<Entry> observers_;
};

TargetRecord RecordOf(const Lane& lane) {
  return {.name = lane.name, .url = lane.target.url, .provider = lane.target.provider->Identity()};
}

RunRecord RecordOf(const RunPlan& plan, const PromptSource& prompts, LoadResult&& result) {
  RunRecord record;
  record.name = plan.name;
  record.origin = OriginOfThisProcess();
  record.duration = result.duration;
  record.shares = {.of = plan.share.of, .present = {plan.share.index}};
  RunConfiguration& configuration = record.configuration;
  for (const Lane& lane : plan.lanes) configuration.targets.push_back(RecordOf(lane));
  configuration.models = std::move(result.asked.models);
  configuration.schedule = Describe(plan.load);
  configuration.closed_loop = plan.load.closed_loop() != nullptr;
  configuration.prompts = prompts.Describe();
  configuration.seed = plan.Seed();
  configuration.workers = result.workers;
  if (result.planned != ClosedLoop::kUnlimited) configuration.planned_requests = result.planned;
  configuration.measured_arrivals = result.planned_measured;
  configuration.measured_duration = result.measured_duration;
  configuration.min_max_tokens = result.asked.lowest_max_tokens;
  configuration.max_max_tokens = result.asked.highest_max_tokens;
  configuration.objectives = plan.objectives;
  configuration.details = plan.details;
  record.metrics = std::move(result.metrics);
  record.unmeasured = std::move(result.unmeasured);
  record.health = std::move(result.health);
  record.interrupted = result.interrupted;
  record.stopped_because = std::move(result.stopped_because);
  record.drained = result.drained;
  return record;
}

}  // namespace

class Runner::Impl {
 public:
  explicit Impl(Clock& clock) : clock_(clock) {}

  void AddObserver(RunObserver& observer) { observers_.Add(observer); }

  void CheckTargets(const RunPlan& plan) {
    const auto prompts = MakePromptSource(plan.prompts, plan.request, plan.Seed());
    for (const Lane& lane : plan.lanes) {
      TargetCheck check{.state = TargetState::kUnavailable,
                        .message = "target unavailable: " + lane.target.unavailable};
      if (lane.target.provider) check = CheckTarget(lane.target, prompts->MakeRequest(0), clock_);
      if (!lane.name.empty()) check.message = lane.name + ": " + check.message;
      if (check.state != TargetState::kReady) throw TargetNotReady(check);
    }
  }

  RunRecord Measure(const RunPlan& plan) {
    CheckPlan(plan);
    if (plan.checks_targets) CheckTargets(plan);
    const auto started_at =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const std::string run_id = plan.run_id.empty() ? MakeRunId(started_at) : plan.run_id;
    const auto prompts = MakePromptSource(plan.prompts, plan.request, plan.Seed());
    ResourceMonitor resources;
    for (const auto& sampler : plan.samplers) resources.AddProbe(sampler);
    const PlannedLoad planned = PlannedLoadOf(plan.load);

    LoadOptions load;
    load.shape = plan.load;
    load.seed = plan.Seed();
    load.prompts = prompts;
    load.share = plan.share;
    load.workers = plan.workers;
    load.objectives = plan.objectives;
    load.drain_timeout = plan.stop.drain_timeout;
    load.interrupted_drain_timeout = plan.stop.interrupted_drain_timeout;
    load.stop_on_signals = plan.stop.on_signals;
    if (!plan.samplers.empty()) {
      load.resources = &resources;
      load.resource_interval = plan.sample_interval;
    }
    const auto snapshot = [&](const LiveCounters& counters, Duration elapsed) {
      RunSnapshot now{.elapsed = elapsed, .total = planned.duration, .counters = counters};
      if (const auto sample = resources.Latest()) now.rss_bytes = sample->rss_bytes;
      return now;
    };
    if (!observers_.empty()) {
      load.on_progress = [&](const LiveCounters& counters, Duration elapsed) {
        const RunSnapshot now = snapshot(counters, elapsed);
        observers_.Tell([&](RunObserver& observer) { observer.OnSnapshot(now); });
      };
    }
    if (plan.stop.when) {
      load.stop_when = [&](const LiveCounters& counters, Duration elapsed) {
        return plan.stop.when(snapshot(counters, elapsed));
      };
    }

    const RunStart start{.name = plan.name,
                         .run_id = run_id,
                         .planned_requests = planned.requests,
                         .planned_duration = planned.duration};
    observers_.Tell([&](RunObserver& observer) { observer.OnStart(start); });
    LoadResult result = Generate(std::move(load), plan);
    const TimePoint began = result.start;
    RunRecord record = RecordOf(plan, *prompts, std::move(result));
    record.run_id = run_id;
    record.started_at = started_at;
    record.resources = resources.Summarise(began);
    for (const ExtraFigures& extra : plan.extra_figures) extra.read(record, began);
    observers_.Tell([&](RunObserver& observer) { observer.OnEnd(record); });
    for (std::string& failure : observers_.TakeFailures()) {
      record.timeline.push_back({.at = record.duration, .what = std::move(failure)});
    }
    return record;
  }

  void RequestStop() {
    const std::lock_guard lock(mutex_);
    if (running_ != nullptr) running_->RequestStop();
  }

 private:
  LoadResult Generate(LoadOptions load, const RunPlan& plan) {
    LoadGenerator generator(std::move(load), clock_);
    std::vector<Provider*> providers;
    for (const Lane& lane : plan.lanes) providers.push_back(lane.target.provider.get());
    SetRunning(&generator);
    try {
      LoadResult result = generator.Run(providers);
      SetRunning(nullptr);
      return result;
    } catch (...) {
      SetRunning(nullptr);
      throw;
    }
  }

  void SetRunning(LoadGenerator* generator) {
    const std::lock_guard lock(mutex_);
    running_ = generator;
  }

  Clock& clock_;
  Observers observers_;
  std::mutex mutex_;
  LoadGenerator* running_ = nullptr;  // guarded by mutex_
};

Runner::Runner(Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
Runner::~Runner() = default;

void Runner::AddObserver(RunObserver& observer) { impl_->AddObserver(observer); }
void Runner::CheckTargets(const RunPlan& plan) { impl_->CheckTargets(plan); }
RunRecord Runner::Measure(const RunPlan& plan) { return impl_->Measure(plan); }
void Runner::RequestStop() { impl_->RequestStop(); }

RunReport Runner::Run(const RunPlan& plan) {
  RunReport report;
  report.record = Measure(plan);
  report.judgement = Judge(report.record, plan.criteria, plan.validity);
  return report;
}

}  // namespace llmload
