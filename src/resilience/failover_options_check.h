// Checks the configuration of a failover chain.
#ifndef LLMLOAD_SRC_RESILIENCE_FAILOVER_OPTIONS_CHECK_H_
#define LLMLOAD_SRC_RESILIENCE_FAILOVER_OPTIONS_CHECK_H_

#include <vector>

#include "llmload/resilience/failover_provider.h"

namespace llmload::resilience {

/// Throws `ConfigurationError` that names the field, its value and what is accepted.
void CheckFailoverOptions(const std::vector<FailoverTarget>& targets,
                          const FailoverOptions& options);

}  // namespace llmload::resilience

#endif  // LLMLOAD_SRC_RESILIENCE_FAILOVER_OPTIONS_CHECK_H_
