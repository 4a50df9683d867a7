// Where and whether load tests run: the environment variables, read once and strictly.
#ifndef LLMLOAD_TESTING_LOAD_TEST_ENVIRONMENT_H_
#define LLMLOAD_TESTING_LOAD_TEST_ENVIRONMENT_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/load_gate.h"
#include "llmload/report/output.h"
#include "llmload/run/until_conclusive.h"
#include "llmload/service/target.h"

namespace llmload {

/// The `LLMLOAD_*` variables of the tests themselves; those of the providers are read by
/// `TargetFromEnvironment`.
struct LoadTestEnvironment {
  ProviderChoice provider = ProviderChoice::kFake;  ///< LLMLOAD_PROVIDER
  std::string model = "gpt-3.5-turbo";              ///< LLMLOAD_MODEL
  std::optional<pid_t> local_pid;                   ///< LLMLOAD_LOCAL_PID
  std::uint64_t seed = 1;                           ///< LLMLOAD_SEED
  /// LLMLOAD_CONFIDENCE=required: what was observed has to be certain, too
  /// (`Criterion::AsObserved`).
  bool confidence_required = false;
  /// LLMLOAD_REQUIRE_TARGET=1: a target that is unavailable fails a test instead of skipping it.
  bool require_target = false;
  /// LLMLOAD_UNTIL_CONCLUSIVE=10m: a run goes on until its criteria are decided.
  std::optional<UntilConclusive> until_conclusive;
  /// LLMLOAD_TEST_TIMEOUT: after how long CTest ends a test. `llmload_add_load_tests` sets it, in
  /// seconds.
  std::optional<Duration> test_timeout;
  /// LLMLOAD_OUTPUT (default: the summary), and the JSON form in the folder LLMLOAD_REPORT_DIR.
  std::vector<OutputSpec> outputs = {{.kind = "summary", .where = {}}};

  /// Reads and checks all of them. Throws `ConfigurationError` for a malformed value.
  static LoadTestEnvironment Read();
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_LOAD_TEST_ENVIRONMENT_H_
