#include "llmload/run/runner.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <mutex>
#include <utility>

#include "llmload/load/load_generator.h"
#include "src/run/abort_rules.h"
#include "src/run/run_looks.h"

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
  configuration.phases = std::move(result.phases);
  configuration.objectives = plan.objectives;
  configuration.details = plan.details;
  if (!plan.answer_checks.empty()) {
    configuration.details.push_back(
        {.name = "a right answer", .value = Describe(plan.answer_checks)});
  }
  for (const Lane& lane : plan.lanes) {
    for (auto& [name, value] : lane.target.provider->Settings().details) {
      configuration.details.push_back(
          {.name = lane.name.empty() ? name : name + ", " + lane.name, .value = value});
    }
  }
  record.metrics = std::move(result.metrics);
  record.SetCells(std::move(result.cells));
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

  // Returns what was found out: details for the report.
  std::vector<Detail> CheckTargets(const RunPlan& plan) {
    std::vector<Detail> details;
    const auto prompts = MakePromptSource(plan.prompts, plan.request, plan.Seed());
    const auto on_wait = [this](const TargetWait& wait) {
      observers_.Tell([&](RunObserver& observer) { observer.OnWait(wait); });
    };
    for (const Lane& lane : plan.lanes) {
      TargetCheck check{.state = TargetState::kUnavailable,
                        .message = "target unavailable: " + lane.target.unavailable};
      if (lane.target.provider) {
        check = CheckTarget(lane.target, prompts->MakeRequest(0), clock_, on_wait);
      }
      if (!lane.name.empty()) check.message = lane.name + ": " + check.message;
      if (check.state != TargetState::kReady) throw TargetNotReady(check);
      for (std::string& adaptation : check.adaptations) {
        details.push_back({.name = lane.name.empty() ? "adapted" : "adapted, " + lane.name,
                           .value = std::move(adaptation)});
      }
    }
    return details;
  }

  RunReport Run(const RunPlan& plan) {
    CheckPlan(plan);
    std::optional<RunLooks> looks;
    if (plan.until_conclusive) looks.emplace(plan);
    RunReport report;
    report.record = Measure(plan, looks ? &*looks : nullptr);
    const JudgingOptions options =
        looks ? looks->HowToJudge()
              : JudgingOptions{.confidence_required = plan.confidence_required};
    report.judgement = Judge(report.record, plan.criteria, plan.validity, options);
    if (looks) looks->Conclude(report.record, report.judgement);
    return report;
  }

  // `looks`: null for a run that ends as planned.
  RunRecord Measure(const RunPlan& plan, RunLooks* looks) {
    CheckPlan(plan);
    std::vector<Detail> found;
    if (plan.checks_targets) found = CheckTargets(plan);
    const auto started_at =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const std::string run_id = plan.run_id.empty() ? MakeRunId(started_at) : plan.run_id;
    const auto prompts = MakePromptSource(plan.prompts, plan.request, plan.Seed());
    ResourceMonitor resources;
    for (const auto& sampler : plan.samplers) resources.AddProbe(sampler);
    const LoadShape shape = looks != nullptr ? looks->load() : WithSeed(plan.load, plan.Seed());
    const PlannedLoad planned = PlannedLoadOf(shape);
    AbortRules abort_rules(plan.stop.abort_when);
    std::string aborted_because;

    LoadOptions load;
    load.shape = shape;
    load.seed = plan.Seed();
    load.prompts = prompts;
    load.answer_checks = plan.answer_checks;
    load.share = plan.share;
    load.workers = plan.workers;
    load.objectives = plan.objectives;
    for (const Criterion& criterion : plan.criteria) {
      const MetricNeeds& needs = criterion.metric().needs();
      if (needs.figure) load.judged |= FiguresOf(*needs.figure);
      load.cohorts_by_cell = load.cohorts_by_cell || !needs.slice.empty();
    }
    load.drain_timeout = DrainTimeout(plan);
    load.interrupted_drain_timeout = plan.stop.interrupted_drain_timeout;
    load.stop_on_signals = plan.stop.on_signals;
    if (!plan.samplers.empty()) {
      load.resources = &resources;
      load.resource_interval = plan.sample_interval;
    }
    const auto snapshot = [&](const LiveCounters& counters, Duration elapsed) {
      RunSnapshot now{.elapsed = elapsed,
                      .total = planned.duration,
                      .planned_requests = planned.requests,
                      .target_rate = RateAt(shape, elapsed),
                      .counters = counters};
      if (const auto sample = resources.Latest()) now.rss_bytes = sample->rss_bytes;
      const ResourceMonitor::Progress sampled = resources.SoFar();
      now.resource_samples = sampled.samples;
      now.peak_memory_ratio = sampled.peak_ratio;
      return now;
    };
    if (!observers_.empty()) {
      load.on_progress = [&](const LiveCounters& counters, Duration elapsed) {
        const RunSnapshot now = snapshot(counters, elapsed);
        observers_.Tell([&](RunObserver& observer) { observer.OnSnapshot(now); });
      };
    }
    if (plan.stop.when || !abort_rules.empty()) {
      load.stop_when = [&](const LiveCounters& counters, Duration elapsed,
                           const auto& measured) -> std::optional<std::string> {
        if (auto reason = abort_rules.Ask(counters, elapsed, measured)) {
          return aborted_because = *std::move(reason);
        }
        return plan.stop.when ? plan.stop.when(snapshot(counters, elapsed)) : std::nullopt;
      };
    }
    if (plan.stop.enough) {
      load.finish_when = [&](const LiveCounters& counters, Duration elapsed, const auto&) {
        return plan.stop.enough(snapshot(counters, elapsed));
      };
    }
    if (looks != nullptr) {
      load.looks = looks->times();
      load.looks.enough = [&](const LoadLooks::View& view) {
        RunRecord record;
        record.configuration.closed_loop = shape.closed_loop() != nullptr;
        record.configuration.objectives = plan.objectives;
        record.configuration.phases = PlannedPhasesOf(shape);
        record.metrics = view.so_far;
        record.SetCells(view.cells);
        record.health.loop_delay = view.loop_delay;
        record.resources = resources.Summarise();
        return looks->Enough(view.look, record);
      };
      load.finish_interval = std::chrono::seconds(1);
      load.finish_when = [&](const LiveCounters&, Duration elapsed, const auto& measured) {
        return looks->MayFailForCertain(elapsed) && looks->IsCertainToFail(measured());
      };
    }

    const RunStart start{.name = plan.name,
                         .run_id = run_id,
                         .seed = plan.Seed(),
                         .started_at = started_at,
                         .planned_requests = planned.requests,
                         .planned_duration = planned.duration};
    observers_.Tell([&](RunObserver& observer) {
      observer.OnStart(start);
      if (RequestObserver* const requests = observer.Requests()) {
        load.request_observers.push_back(requests);
      }
    });
    LoadResult result = Generate(std::move(load), plan);
    const TimePoint began = result.start;
    RunRecord record = RecordOf(plan, *prompts, std::move(result));
    record.run_id = run_id;
    record.started_at = started_at;
    std::move(found.begin(), found.end(), std::back_inserter(record.configuration.details));
    record.resources = resources.Summarise(began);
    if (!aborted_because.empty()) {
      record.aborted_because = std::exchange(record.stopped_because, {});
      record.interrupted = false;
    }
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
std::vector<Detail> Runner::CheckTargets(const RunPlan& plan) { return impl_->CheckTargets(plan); }
RunRecord Runner::Measure(const RunPlan& plan) { return impl_->Measure(plan, nullptr); }
RunReport Runner::Run(const RunPlan& plan) { return impl_->Run(plan); }
void Runner::RequestStop() { impl_->RequestStop(); }

}  // namespace llmload
