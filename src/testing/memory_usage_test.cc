#include "llmload/testing/memory_usage_test.h"

#include <string>
#include <utility>

#include "llmload/core/environment.h"

namespace llmload {

Target MemoryUsageTest::MakeTarget() {
  if (!environment::Text("LLMLOAD_LOCAL_URL")) return LoadTest::MakeTarget();
  return TargetFromEnvironment(ProviderChoice::kLocal, TestClock());
}

void MemoryUsageTest::RunAndJudge() {
  MemoryUsageTestOptions options;
  options.criteria = {MemoryIncrease() < 1.0, PeakMemoryRatio() < 2.0, MemoryGrowth() < 0.5,
                      MemoryLeakPerRequest() < kMaxLeakBytesPerRequest};
  Configure(options);

  LoadOptions load;
  load.prompts = MakePrompts(options.request);
  load.resource_interval = options.sample_interval;
  if (options.warm_up_requests > 0) {
    load.shape =
        ClosedLoop{.concurrency = options.load.concurrency, .requests = options.warm_up_requests};
    RunLoad(load, std::nullopt, nullptr);
  }
  ResourceMonitor resources;
  for (auto& probe : MakeProbes()) resources.AddProbe(std::move(probe));
  load.shape = options.load;
  // The last sample is of the running load: what the generator gives back at its end would hide
  // what was not given back.
  const LoadResult result = RunLoad(std::move(load), std::nullopt, &resources);

  RunReport report = MakeReport(result, &resources);
  report.configuration.emplace_back(
      "schedule", "closed loop, " + std::to_string(options.load.requests) + " requests, " +
                      std::to_string(options.load.concurrency) + " at a time, after " +
                      std::to_string(options.warm_up_requests) + " to warm up");
  report.configuration.emplace_back("streaming", options.request.stream ? "yes" : "no");
  // A closed loop goes as fast as it can, and memory does not depend on how fast that is.
  Conclude(std::move(report), options.criteria,
           {.max_loop_delay_p99 = Duration::max(), .max_saturated_share = std::nullopt});
}

}  // namespace llmload
