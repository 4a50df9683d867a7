// The time that CTest gives a test.
#ifndef LLMLOAD_SRC_TESTING_TEST_TIMEOUT_H_
#define LLMLOAD_SRC_TESTING_TEST_TIMEOUT_H_

#include "llmload/core/time.h"
#include "llmload/run/run_plan.h"

namespace llmload {

/// Has a plan that leaves its drain time-out open end within `timeout`, and throws
/// `ConfigurationError` for one that cannot, or may last longer by its own words: CTest would kill
/// the test, and nothing would be left of the run. A load that a number of requests or
/// `stop.enough` ends is not refused, as nothing tells how long it takes. Precondition: `CheckPlan`
/// accepts the plan.
void FitIntoTestTimeout(RunPlan& plan, Duration timeout);

}  // namespace llmload

#endif  // LLMLOAD_SRC_TESTING_TEST_TIMEOUT_H_
