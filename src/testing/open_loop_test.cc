#include "llmload/testing/open_loop_test.h"

#include <cstdio>
#include <string>
#include <utility>

namespace llmload {

using namespace std::chrono_literals;

namespace {

std::string DescribeSchedule(const OpenLoop& load) {
  char text[96];
  std::snprintf(text, sizeof text, "open loop, %.4g requests/s for %.4g s, %s arrivals",
                load.rate_per_second, std::chrono::duration<double>(load.duration).count(),
                load.pattern == ArrivalPattern::kConstant ? "constant" : "Poisson");
  return text;
}

}  // namespace

void OpenLoopTest::RunAndJudge() {
  OpenLoopTestOptions options = DefaultOptions();
  options.load.seed = Environment().seed;
  Configure(options);

  ResourceMonitor resources;
  for (auto& probe : MakeProbes()) resources.AddProbe(std::move(probe));
  LoadOptions load;
  load.shape = options.load;
  load.make_request = MakeRequests(options.request);
  load.drain_timeout = options.drain_timeout;
  const LoadResult result = RunLoad(std::move(load), options.load.duration, &resources);

  RunReport report = MakeReport(result, &resources);
  report.configuration.emplace_back("schedule", DescribeSchedule(options.load));
  report.configuration.emplace_back("streaming", options.request.stream ? "yes" : "no");
  report.configuration.emplace_back("max_tokens", std::to_string(options.request.max_tokens));
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
