// The base of all load-test fixtures: gate, target, reporting.
#ifndef LLMLOAD_TESTING_LOAD_TEST_H_
#define LLMLOAD_TESTING_LOAD_TEST_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/provider/provider.h"
#include "llmload/report/run_report.h"
#include "llmload/testing/load_test_environment.h"

namespace llmload {

/// What every load test asks of a model.
struct RequestOptions {
  std::string prompt = "Reply with a short greeting.";
  int max_tokens = 16;
  bool stream = true;
};

/// A GoogleTest fixture that runs a load and judges what it measured.
///
/// `SetUp` skips the test unless load tests are switched on (`SKIP_LOAD_TESTS=0`), reads the
/// environment, makes the target and asks it one question: a server that is down skips the test
/// with the reason, a wrong key, model or certificate fails it at once instead of a thousand times.
///
/// Derive from one of the ready tests (open_loop_test.h, memory_usage_test.h, ...) rather than from
/// this, and override `MakeTarget` to test a provider of your own.
class LoadTest : public ::testing::Test {
 protected:
  LoadTest();
  ~LoadTest() override;

  void SetUp() override;

  /// False for a test that costs nothing and may always run.
  virtual bool IsGated() const { return true; }

  /// The clock of the whole test.
  virtual Clock& TestClock() { return SystemClock::Instance(); }

  /// The provider under test. By default the one that the environment names; `EmbeddedTarget` for
  /// the embedded fake server.
  virtual Target MakeTarget();

  /// A server inside this test; none here. See `WithEmbeddedServer`.
  virtual Target EmbeddedTarget();

  /// False: do not ask the one question before the load.
  virtual bool ChecksTarget() const { return true; }

  /// The processes whose memory and CPU are sampled: this one, and the one that serves a loopback
  /// target.
  virtual std::vector<std::unique_ptr<ResourceProbe>> MakeProbes();

  /// Fails the GoogleTest test unless the verdict is PASS.
  virtual void Enforce(const RunReport& report);

  const LoadTestEnvironment& Environment() const { return environment_; }
  /// Precondition: `SetUp` succeeded.
  Provider& TargetProvider() { return *target_.provider; }
  const Target& TestTarget() const { return target_; }

  /// Prompts for the environment's model.
  std::shared_ptr<const PromptSource> MakePrompts(const RequestOptions& options) const;

  /// Runs `load` against the target with progress lines; `resources`, if given, samples along.
  LoadResult RunLoad(LoadOptions load, std::optional<Duration> planned, ResourceMonitor* resources);

  /// A report of `result` with everything but criteria, under the name of the current test.
  RunReport MakeReport(const LoadResult& result, const ResourceMonitor* resources) const;

  /// Judges the report, prints it, writes it to `LLMLOAD_REPORT_DIR`, hands CTest the measurements,
  /// and enforces the verdict.
  void Conclude(RunReport report, const std::vector<Criterion>& criteria,
                const ValidityLimits& limits = {});

  /// The concluded report. Precondition: `Conclude` was called.
  const RunReport& Report() const { return *report_; }

 private:
  void CheckTarget();

  LoadTestEnvironment environment_;
  Target target_;
  std::chrono::system_clock::time_point started_at_{};
  std::optional<RunReport> report_;
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_LOAD_TEST_H_
