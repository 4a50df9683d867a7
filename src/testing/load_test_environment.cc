#include "llmload/testing/load_test_environment.h"

#include <limits>

#include "llmload/core/environment.h"

namespace llmload {

LoadTestEnvironment LoadTestEnvironment::Read() {
  LoadTestEnvironment read;
  read.provider = ProviderFromEnvironment();
  read.model = ModelFromEnvironment(read.provider);
  if (const auto pid =
          environment::Integer("LLMLOAD_LOCAL_PID", 1, std::numeric_limits<std::int32_t>::max())) {
    read.local_pid = static_cast<pid_t>(*pid);
  }
  read.seed = environment::Integer("LLMLOAD_SEED", 0, std::numeric_limits<std::uint64_t>::max())
                  .value_or(read.seed);
  read.confidence_required = environment::OneOf("LLMLOAD_CONFIDENCE", {"required"}).has_value();
  read.require_target = environment::Flag("LLMLOAD_REQUIRE_TARGET").value_or(false);
  if (const auto until = environment::Text("LLMLOAD_UNTIL_CONCLUSIVE")) {
    read.until_conclusive = ParseUntilConclusive("LLMLOAD_UNTIL_CONCLUSIVE", *until);
  }
  constexpr std::uint64_t kMostSeconds = std::uint64_t{30} * 24 * 3600;
  if (const auto seconds = environment::Integer("LLMLOAD_TEST_TIMEOUT", 1, kMostSeconds)) {
    read.test_timeout = std::chrono::seconds(*seconds);
  }
  if (const auto outputs = environment::Text("LLMLOAD_OUTPUT")) {
    read.outputs = ParseOutputs("LLMLOAD_OUTPUT", *outputs);
  }
  if (const auto folder = environment::Text("LLMLOAD_REPORT_DIR")) {
    read.outputs.push_back({.kind = "json", .where = *folder + "/"});
  }
  return read;
}

}  // namespace llmload
