// Does memory stay flat under load?
#ifndef LLMLOAD_TESTING_MEMORY_USAGE_TEST_H_
#define LLMLOAD_TESTING_MEMORY_USAGE_TEST_H_

#include <vector>

#include "llmload/judge/criterion.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// Load, watched processes and criteria of `MemoryUsageTest`.
struct MemoryUsageTestOptions {
  ClosedLoop load{.concurrency = 50, .requests = 500};
  /// Before the baseline: connections are opened and buffers reach their size, which is not a leak.
  std::uint64_t warm_up_requests = 100;
  Duration sample_interval = std::chrono::milliseconds(50);
  RequestOptions request{.max_tokens = 16, .stream = false};
  std::vector<Criterion> criteria;
};

/// Sends 500 requests, 50 at a time, and samples the resident memory of this process and, if the
/// target is on this machine, of the process that serves it. Passes with increase < 100 %, peak < 2
/// x initial, growth < 50 % for each of them (definitions: `ResourceSummary`), and less than
/// `kMaxLeakBytesPerRequest` left behind by each request (`MemoryLeakPerRequest`).
class MemoryUsageTest : public LoadTest {
 protected:
  /// `LLMLOAD_LOCAL_URL` where it is set, since memory can be seen only of a local service;
  /// otherwise as every load test.
  Target MakeTarget() override;

  /// Changes the options before the run.
  virtual void Configure(MemoryUsageTestOptions& options) { static_cast<void>(options); }

  /// The test body: runs the load, reports, enforces the criteria.
  void RunAndJudge();
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_MEMORY_USAGE_TEST_H_
