#include "llmload/testing/open_loop_test.h"

#include <string>
#include <utility>

namespace llmload {

using namespace std::chrono_literals;

void OpenLoopTest::RunAndJudge() {
  OpenLoopTestOptions options = DefaultOptions();
  Configure(options);

  ResourceMonitor resources;
  for (auto& probe : MakeProbes()) resources.AddProbe(std::move(probe));
  LoadOptions load;
  if (options.profile) {
    load.shape = *options.profile;
  } else {
    load.shape = options.load;
  }
  load.prompts = options.prompts ? options.prompts : MakePrompts(options.request);
  load.drain_timeout = options.drain_timeout;
  load.objectives = options.objectives;
  const std::string schedule = Describe(load.shape);
  const Duration planned =
      options.profile ? ScheduleDuration(*options.profile) : options.load.duration;
  const LoadResult result = RunLoad(std::move(load), planned, &resources);

  RunReport report = MakeReport(result, &resources);
  report.configuration.emplace_back("schedule", schedule);
  if (options.prompts) {
    report.configuration.emplace_back("prompts", options.prompts->Describe());
  } else {
    report.configuration.emplace_back("streaming", options.request.stream ? "yes" : "no");
    report.configuration.emplace_back("max_tokens", std::to_string(options.request.max_tokens));
  }
  if (!options.objectives.empty()) {
    report.configuration.emplace_back("a good request has", Describe(options.objectives));
  }
  Conclude(std::move(report), options.criteria);
}

OpenLoopTestOptions SustainedLoadTest::DefaultOptions() const {
  return {.load = {.rate_per_second = 1000.0 / 60.0, .duration = 60s},
          .criteria = {CompletedRequests() >= 900, SuccessRate() >= 0.70, Throughput() >= 13.3,
                       P95(LatencyKind::kScheduled) < Duration(10s)}};
}

OpenLoopTestOptions ProductionReadinessTest::DefaultOptions() const {
  return {.load = {.rate_per_second = 10, .duration = 120s},
          .criteria = {SuccessRate() >= 0.95, Throughput() >= 9.0,
                       P95(LatencyKind::kScheduled) < Duration(5s),
                       P99(LatencyKind::kScheduled) < Duration(10s)}};
}

}  // namespace llmload
