#include "llmload/testing/load_test.h"

#include <cstdio>
#include <string>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/report/progress.h"
#include "llmload/run/runner.h"
#include "llmload/testing/deliver.h"
#include "src/core/text/format.h"
#include "src/testing/test_timeout.h"

namespace llmload {

namespace {

// An interruption is meant for the whole program, not for the test that happened to run.
bool g_interrupted = false;

// What comes before the test's body belongs to its TEST_F.
void FailTest(const std::string& why) {
  const auto at = LineOfCurrentTest();
  GTEST_FAIL_AT(at.file_name(), static_cast<int>(at.line())) << why;
}

void SkipTest(const std::string& why) {
  const auto at = LineOfCurrentTest();
  // GTEST_SKIP has no form that takes a line.
  GTEST_MESSAGE_AT_(at.file_name(), static_cast<int>(at.line()), why.c_str(),
                    ::testing::TestPartResult::kSkip);
}

void FailForItsConfiguration(const std::string& why) {
  FailTest("configuration: " + text::CleanLine(why));
}

}  // namespace

LoadTest::LoadTest() = default;
LoadTest::~LoadTest() = default;

void LoadTest::SetUp() {
  if (g_interrupted) return SkipTest("an earlier load test was interrupted");
  bool enabled = false;
  try {
    enabled = LoadTestsEnabled();
  } catch (const ConfigurationError& error) {
    return FailForItsConfiguration(error.what());
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
    return SkipTest(
        "load tests are off, because real calls cost money: SKIP_LOAD_TESTS=0 turns them on");
  }
  if (!problem.empty()) return FailForItsConfiguration(problem);
  try {
    Prepare();
  } catch (const TargetNotReady& refused) {
    RefuseTarget(refused);
  } catch (const std::exception& error) {
    FailForItsConfiguration(error.what());
  }
}

void LoadTest::RefuseTarget(const TargetNotReady& refused) {
  const std::string why = text::CleanLine(refused.what());
  if (refused.state() != TargetState::kUnavailable) return FailTest(why);
  if (environment_.require_target) return FailTest(why + " (LLMLOAD_REQUIRE_TARGET=1)");
  SkipTest(why);
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
  if (environment_.test_timeout && !world_.IsVirtual()) {
    FitIntoTestTimeout(plan_, *environment_.test_timeout);
  }
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
  if (call_site_ || IsSkipped() || HasFailure()) return;
  const auto at = LineOfCurrentTest();
  ADD_FAILURE_AT(at.file_name(), static_cast<int>(at.line()))
      << "the test did not run its plan: its body has to call RunAndJudge()";
}

World LoadTest::MakeWorld() {
  if (environment_.provider == ProviderChoice::kFake) {
    return EmbeddedServerWorld({.seed = environment_.seed}, "test process",
                               HttpOptionsFromEnvironment());
  }
  return RealWorld(TargetFromEnvironment(environment_.provider, SystemClock::Instance()),
                   environment_.local_pid);
}

boost::source_location LoadTest::CallSite() const {
  return call_site_ ? *call_site_ : LineOfCurrentTest();
}

void LoadTest::RunAndJudge(const boost::source_location& where) {
  call_site_ = where;
  Runner runner(world_.clock());
  ProgressPrinter progress(stdout);
  if (!world_.IsVirtual()) runner.AddObserver(progress);
  for (const auto& output : outputs_) runner.AddObserver(*output);
  try {
    report_ = runner.Run(plan_);
  } catch (const std::exception& thrown) {
    progress.Finish();
    report_.emplace();
    GTEST_FAIL_AT(where.file_name(), static_cast<int>(where.line()))
        << "the run ended: " << text::CleanLine(thrown.what());
  }
  g_interrupted = g_interrupted || report_->record.interrupted;
  DeliverReport(*report_, outputs_, where);
  Enforce(*report_);
}

void LoadTest::Enforce(const RunReport& report) {
  if (report.judgement.verdict == Verdict::kPass) return;
  const auto at = CallSite();
  ADD_FAILURE_AT(at.file_name(), static_cast<int>(at.line())) << Explain(report.judgement);
}

}  // namespace llmload
