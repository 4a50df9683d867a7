#include "llmload/testing/load_test.h"

#include <cstdio>
#include <optional>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/report/load_report.h"
#include "llmload/report/progress.h"
#include "llmload/service/target_check.h"
#include "llmload/testing/deliver.h"
#include "llmload/world/target_probes.h"

namespace llmload {

namespace {

// An interruption is meant for the whole program, not for the test that happened to run.
bool g_interrupted = false;

}  // namespace

LoadTest::LoadTest() = default;
LoadTest::~LoadTest() = default;

void LoadTest::SetUp() {
  if (g_interrupted) GTEST_SKIP() << "an earlier load test was interrupted";
  try {
    if (IsGated() && !LoadTestsEnabled()) {
      GTEST_SKIP() << "load tests are off, because real calls cost money: SKIP_LOAD_TESTS=0 turns "
                      "them on";
    }
    environment_ = LoadTestEnvironment::Read();
    target_ = MakeTarget();
  } catch (const ConfigurationError& error) {
    FAIL() << "configuration: " << error.what();
  }
  if (!target_.provider) GTEST_SKIP() << "target unavailable: " << target_.unavailable;
  if (ChecksTarget()) CheckTarget();
  started_at_ = std::chrono::system_clock::now();
}

Target LoadTest::MakeTarget() {
  if (environment_.provider == ProviderChoice::kFake) return EmbeddedTarget();
  return TargetFromEnvironment(environment_.provider, TestClock());
}

Target LoadTest::EmbeddedTarget() {
  return TargetFromEnvironment(environment_.provider, TestClock());
}

void LoadTest::CheckTarget() {
  const TargetCheck check =
      llmload::CheckTarget(target_, MakePrompts({})->MakeRequest(0), TestClock());
  if (check.state == TargetState::kUnavailable) GTEST_SKIP() << check.message;
  if (check.state == TargetState::kMisconfigured) FAIL() << check.message;
}

std::vector<std::unique_ptr<ResourceProbe>> LoadTest::MakeProbes() {
  std::optional<pid_t> server;
  if (environment_.local_pid) server = static_cast<pid_t>(*environment_.local_pid);
  return ProbesFor(target_.url, server);
}

std::shared_ptr<const PromptSource> LoadTest::MakePrompts(const RequestOptions& options) const {
  return MakePromptSource(FixedPrompt{options.prompt},
                          {.model = environment_.model,
                           .max_tokens = options.max_tokens,
                           .temperature = std::nullopt,
                           .stream = options.stream},
                          environment_.seed);
}

LoadResult LoadTest::RunLoad(LoadOptions load, std::optional<Duration> planned,
                             ResourceMonitor* resources) {
  ProgressPrinter progress(stdout);
  if (!TestClock().IsVirtual()) {
    load.progress_interval = std::chrono::seconds(1);
    load.on_progress = [&](const LiveCounters& counters, Duration elapsed) {
      ProgressSnapshot snapshot{.elapsed = elapsed, .total = planned, .counters = counters};
      if (resources != nullptr) {
        if (const auto sample = resources->Latest()) snapshot.rss_bytes = sample->rss_bytes;
      }
      progress.Update(snapshot);
    };
  }
  load.resources = resources;
  load.seed = environment_.seed;
  LoadGenerator generator(std::move(load), TestClock());
  LoadResult result = generator.Run(TargetProvider());
  progress.Finish();
  return result;
}

RunReport LoadTest::MakeReport(const LoadResult& result, const ResourceMonitor* resources) const {
  return MakeLoadReport({.name = NameOfCurrentTest(),
                         .started_at = started_at_,
                         .provider = target_.provider->Identity(),
                         .model = environment_.model,
                         .target = target_.url,
                         .seed = environment_.seed},
                        result, resources);
}

void LoadTest::Conclude(RunReport report, const std::vector<Criterion>& criteria,
                        const ValidityLimits& limits) {
  Judge(report, criteria, limits);
  g_interrupted = g_interrupted || report.interrupted;
  report_ = std::move(report);
  DeliverReport(*report_, environment_.report_dir);
  Enforce(*report_);
}

void LoadTest::Enforce(const RunReport& report) {
  if (report.verdict != Verdict::kPass) ADD_FAILURE() << Explain(report);
}

}  // namespace llmload
