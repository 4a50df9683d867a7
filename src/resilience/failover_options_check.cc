#include "src/resilience/failover_options_check.h"

#include <optional>
#include <string>

#include "llmload/core/environment.h"

namespace llmload::resilience {
namespace {

[[noreturn]] void Reject(const std::string& field, const std::string& value, const char* accepted) {
  throw ConfigurationError::Invalid(field, value, accepted);
}

void CheckPositive(const std::string& field, std::optional<Duration> value) {
  if (value && *value <= Duration::zero()) {
    Reject(field, std::to_string(value->count()) + " ns", "above 0 ns");
  }
}

}  // namespace

void CheckFailoverOptions(const std::vector<FailoverTarget>& targets,
                          const FailoverOptions& options) {
  if (targets.empty()) Reject("FailoverProvider.targets", "", "at least one target");
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const std::string target = "FailoverTarget[" + std::to_string(i) + "].";
    if (targets[i].provider == nullptr) Reject(target + "provider", "null", "a provider");
    CheckPositive(target + "deadlines.first_token", targets[i].deadlines.first_token);
    CheckPositive(target + "deadlines.idle", targets[i].deadlines.idle);
    CheckPositive(target + "deadlines.total", targets[i].deadlines.total);
  }
  Validate(options.backoff, "FailoverOptions.backoff");
  CheckPositive("FailoverOptions.total_deadline", options.total_deadline);
  if (options.retries_per_target < 0 || options.retries_per_target > 100) {
    Reject("FailoverOptions.retries_per_target", std::to_string(options.retries_per_target),
           "0 to 100");
  }
  if (options.max_rate_limit_wait < Duration::zero()) {
    Reject("FailoverOptions.max_rate_limit_wait",
           std::to_string(options.max_rate_limit_wait.count()) + " ns", "at least 0 ns");
  }
}

}  // namespace llmload::resilience
