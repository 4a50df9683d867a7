// The base of all load-test fixtures: gate, world, plan, outputs.
#ifndef LLMLOAD_TESTING_LOAD_TEST_H_
#define LLMLOAD_TESTING_LOAD_TEST_H_

#include <gtest/gtest.h>

#include <boost/assert/source_location.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/report/output.h"
#include "llmload/run/run_plan.h"
#include "llmload/run/run_report.h"
#include "llmload/testing/load_test_environment.h"
#include "llmload/world/world.h"

namespace llmload {

class TargetNotReady;

/// A GoogleTest fixture that runs a plan in a world and judges what it measured.
///
///   class Gateway : public SustainedLoadTest {
///     World MakeWorld() override { return RealWorld({.provider = ..., .url = ...}); }
///   };
///   TEST_F(Gateway, DISABLED_HoldsTheRate) { RunAndJudge(); }
///
/// `SetUp` makes the world and skips the test unless load tests are switched on
/// (`SKIP_LOAD_TESTS=0`) or time is virtual. It checks the plan, opens the outputs, and asks each
/// target one question: a server that is down skips the test with the reason, or fails it with
/// `LLMLOAD_REQUIRE_TARGET=1`; a wrong key, model or certificate, a plan that cannot be judged, and
/// one that cannot end within the TIMEOUT given to `llmload_add_load_tests`, fail it before the
/// load is sent. A test whose body does not run its plan fails.
///
/// Failures name a line of the test: that of `RunAndJudge`, or that of `TEST_F` for what comes
/// before and after it.
///
/// Derive from one of the ready tests (open_loop_test.h, memory_usage_test.h, failover_tests.h),
/// and override `MakeWorld` to test a target of your own and `Plan` to ask something else of it.
class LoadTest : public ::testing::Test {
 protected:
  LoadTest();
  ~LoadTest() override;

  void SetUp() override;
  void TearDown() override;

  /// False for a test that costs nothing, and may always run. Virtual time is never gated.
  virtual bool IsGated() const { return true; }

  /// Where the plan runs. By default the target that the environment names (`LLMLOAD_PROVIDER`), or
  /// a fake LLM server inside this process. Called once, by `SetUp`.
  virtual World MakeWorld();

  /// What is run. Called once, by `SetUp`, when the world is there. What it leaves open is filled
  /// in: the name of the test, `LLMLOAD_MODEL`, `LLMLOAD_SEED`, the world's targets and samplers.
  virtual RunPlan Plan() = 0;

  /// Fails the GoogleTest test, at `CallSite()`, unless the verdict is PASS.
  virtual void Enforce(const RunReport& report);

  /// The test body: runs the plan, delivers the report, enforces the verdict. A second call is
  /// another run of the same plan.
  ///
  /// @param where  the line that failures name: that of the caller
  void RunAndJudge(const boost::source_location& where = BOOST_CURRENT_LOCATION);

  /// The line of the last call of `RunAndJudge`; before it, that of the `TEST_F`. For
  /// `ADD_FAILURE_AT` in an `Enforce` of your own.
  boost::source_location CallSite() const;

  const LoadTestEnvironment& Environment() const { return environment_; }
  // Valid from the call of `MakeWorld` on.
  World& TestWorld() { return world_; }
  Clock& TestClock() { return world_.clock(); }

  /// The report of the last run. Precondition: `RunAndJudge` was called.
  const RunReport& Report() const { return *report_; }

 private:
  void Prepare();
  // Skips or fails the test.
  void RefuseTarget(const TargetNotReady& refused);

  LoadTestEnvironment environment_;
  World world_;
  RunPlan plan_;
  std::vector<std::unique_ptr<Output>> outputs_;
  std::optional<RunReport> report_;
  std::optional<boost::source_location> call_site_;  // empty: `RunAndJudge` was not called
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_LOAD_TEST_H_
