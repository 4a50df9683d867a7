#include "llmload/testing/load_test_environment.h"

#include <limits>

#include "llmload/core/environment.h"

namespace llmload {

LoadTestEnvironment LoadTestEnvironment::Read() {
  LoadTestEnvironment read;
  read.provider = ProviderFromEnvironment();
  read.model = ModelFromEnvironment(read.provider);
  read.report_dir = environment::Text("LLMLOAD_REPORT_DIR");
  read.local_pid =
      environment::Integer("LLMLOAD_LOCAL_PID", 1, std::numeric_limits<std::int32_t>::max());
  read.seed = environment::Integer("LLMLOAD_SEED", 0, std::numeric_limits<std::uint64_t>::max())
                  .value_or(read.seed);
  return read;
}

}  // namespace llmload
