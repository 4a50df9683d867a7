// Whether calls that cost money are allowed.
#ifndef LLMLOAD_CORE_LOAD_GATE_H_
#define LLMLOAD_CORE_LOAD_GATE_H_

namespace llmload {

/// True if load tests are switched on: `SKIP_LOAD_TESTS=0`. Unset, empty and 1 mean off: real calls
/// cost money. Throws `ConfigurationError` for anything else.
bool LoadTestsEnabled();

}  // namespace llmload

#endif  // LLMLOAD_CORE_LOAD_GATE_H_
