// Does memory stay flat under load?
#ifndef LLMLOAD_TESTING_MEMORY_USAGE_TEST_H_
#define LLMLOAD_TESTING_MEMORY_USAGE_TEST_H_

#include "llmload/run/documented_plans.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// `MemoryUsagePlan`: samples the resident memory of this process and, if the target is on this
/// machine, of the process that serves it.
class MemoryUsageTest : public LoadTest {
 protected:
  /// `LLMLOAD_LOCAL_URL` where it is set, since memory can be seen only of a local service;
  /// otherwise as every load test.
  World MakeWorld() override;

  RunPlan Plan() override { return MemoryUsagePlan(TestWorld().CostsNothing()); }
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_MEMORY_USAGE_TEST_H_
