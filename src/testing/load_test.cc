#include "llmload/testing/load_test.h"

#include <cstdio>
#include <string>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/report/progress.h"
#include "llmload/run/runner.h"
#include "llmload/testing/deliver.h"
#include "src/core/text/format.h"

namespace llmload {

namespace {

// An interruption is meant for the whole program, not for the test that happened to run.
bool g_interrupted = false;

}  // namespace

LoadTest::LoadTest() = default;
LoadTest::~LoadTest() = default;

void LoadTest::SetUp() {
  if (g_interrupted) GTEST_SKIP() << "an earlier load test was interrupted";
  bool enabled = false;
  try {
    enabled = LoadTestsEnabled();
  } catch (const ConfigurationError& error) {
    FAIL() << "configuration: " << text::CleanLine(error.what());
  }
  // Switched off, a service need not be configured: then its problem is not the test's.
  std::string problem;
  try {
    environment_ = LoadTestEnvironment::Read();
  } catch (const ConfigurationError& error) {
    problem = error.what();
  }
  try {
    world_ = MakeWorld();
  } catch (const ConfigurationError& error) {
    if (problem.empty()) problem = error.what();
  }
  if (!enabled && IsGated() && !world_.IsVirtual()) {
    GTEST_SKIP() << "load tests are off, because real calls cost money: SKIP_LOAD_TESTS=0 turns "
                    "them on";
  }
  if (!problem.empty()) FAIL() << "configuration: " << text::CleanLine(problem);
  try {
    Prepare();
  } catch (const TargetNotReady& refused) {
    RefuseTarget(refused);
  } catch (const std::exception& error) {
    FAIL() << "configuration: " << text::CleanLine(error.what());
  }
}

void LoadTest::RefuseTarget(const TargetNotReady& refused) {
  const std::string why = text::CleanLine(refused.what());
  if (refused.state() != TargetState::kUnavailable) FAIL() << why;
  if (environment_.require_target) FAIL() << why << " (LLMLOAD_REQUIRE_TARGET=1)";
  GTEST_SKIP() << why;
}

void LoadTest::Prepare() {
  RunPlan plan = Plan();
  plan.name = NameOfCurrentTest();
  if (plan.request.model.empty()) plan.request.model = environment_.model;
  if (!plan.seed) plan.seed = environment_.seed;
  if (environment_.confidence_required) plan.confidence_required = true;
  // Of what could go on: a closed loop of a special test has the length that it needs.
  if (plan.load.profile() != nullptr && !plan.until_conclusive) {
    plan.until_conclusive = environment_.until_conclusive;
  }
  plan_ = world_.Furnish(std::move(plan));
  CheckPlan(plan_);
  outputs_ = OpenOutputs(environment_.outputs);
  if (plan_.checks_targets) {
    Runner runner(world_.clock());
    ProgressPrinter progress(stdout);
    if (!world_.IsVirtual()) runner.AddObserver(progress);
    for (Detail& found : runner.CheckTargets(plan_)) {
      plan_.details.push_back(std::move(found));
    }
  }
  plan_.checks_targets = false;
}

void LoadTest::TearDown() {
  if (attempted_ || IsSkipped() || HasFailure()) return;
  ADD_FAILURE() << "the test did not run its plan: its body has to call RunAndJudge()";
}

World LoadTest::MakeWorld() {
  if (environment_.provider == ProviderChoice::kFake) {
    return EmbeddedServerWorld({.seed = environment_.seed});
  }
  return RealWorld(TargetFromEnvironment(environment_.provider, SystemClock::Instance()),
                   environment_.local_pid);
}

void LoadTest::RunAndJudge() {
  attempted_ = true;
  Runner runner(world_.clock());
  ProgressPrinter progress(stdout);
  if (!world_.IsVirtual()) runner.AddObserver(progress);
  for (const auto& output : outputs_) runner.AddObserver(*output);
  try {
    report_ = runner.Run(plan_);
  } catch (const std::exception& thrown) {
    progress.Finish();
    report_.emplace();
    FAIL() << "the run ended: " << text::CleanLine(thrown.what());
  }
  g_interrupted = g_interrupted || report_->record.interrupted;
  DeliverReport(*report_, outputs_);
  Enforce(*report_);
}

void LoadTest::Enforce(const RunReport& report) {
  if (report.judgement.verdict != Verdict::kPass) ADD_FAILURE() << Explain(report.judgement);
}

}  // namespace llmload
