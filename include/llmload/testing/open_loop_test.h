// Load tests at a fixed rate of arrivals: sustained load and production readiness.
#ifndef LLMLOAD_TESTING_OPEN_LOOP_TEST_H_
#define LLMLOAD_TESTING_OPEN_LOOP_TEST_H_

#include <memory>
#include <optional>
#include <vector>

#include "llmload/judge/criterion.h"
#include "llmload/load/load_profile.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// Load, objectives and criteria of `SustainedLoadTest` and `ProductionReadinessTest`.
struct OpenLoopTestOptions {
  OpenLoop load;
  /// If given, what is run instead of `load`: ramps, spikes, phases that are not measured.
  std::optional<LoadProfile> profile = std::nullopt;
  RequestOptions request;
  Duration drain_timeout = std::chrono::seconds(30);  ///< for answers after the last arrival
  /// Where the prompts come from, if not from `request`. The source decides on model, size and
  /// streaming.
  std::shared_ptr<const PromptSource> prompts = nullptr;
  /// What makes a request a good one, for the criteria `Goodput` and `GoodFraction`.
  LatencyObjectives objectives = {};
  std::vector<Criterion> criteria;
};

/// Sends requests at a fixed rate, however slowly they are answered, and judges the criteria.
class OpenLoopTest : public LoadTest {
 protected:
  /// Changes the options before the run.
  virtual void Configure(OpenLoopTestOptions& options) { static_cast<void>(options); }

  /// The test body: runs the load, reports, enforces the criteria.
  void RunAndJudge();

  /// The options before `Configure`.
  virtual OpenLoopTestOptions DefaultOptions() const = 0;
};

/// Does the target hold 1000 requests a minute for a minute?
/// Passes with >= 900 completed, success >= 70 %, throughput >= 13.3/s (80 % of the rate), p95 < 10
/// s.
class SustainedLoadTest : public OpenLoopTest {
 protected:
  OpenLoopTestOptions DefaultOptions() const override;
};

/// Do all production criteria hold together, for two minutes at 10 requests/s?
/// Passes with success >= 95 %, throughput >= 9/s, p95 < 5 s, p99 < 10 s.
class ProductionReadinessTest : public OpenLoopTest {
 protected:
  OpenLoopTestOptions DefaultOptions() const override;
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_OPEN_LOOP_TEST_H_
