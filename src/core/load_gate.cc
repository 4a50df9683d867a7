#include "llmload/core/load_gate.h"

#include "llmload/core/environment.h"

namespace llmload {

bool LoadTestsEnabled() {
  constexpr const char* kGate = "SKIP_LOAD_TESTS";
  const auto skip = environment::Text(kGate);
  if (!skip || *skip == "1") return false;
  if (*skip == "0") return true;
  throw ConfigurationError::Invalid(kGate, *skip,
                                    "0 (run the load tests), 1 or unset (leave them out)");
}

}  // namespace llmload
