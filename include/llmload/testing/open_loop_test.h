// Load tests at a fixed rate of arrivals: sustained load and production readiness.
#ifndef LLMLOAD_TESTING_OPEN_LOOP_TEST_H_
#define LLMLOAD_TESTING_OPEN_LOOP_TEST_H_

#include "llmload/run/documented_plans.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// `SustainedLoadPlan`: does the target hold 1000 requests a minute for a minute?
class SustainedLoadTest : public LoadTest {
 protected:
  RunPlan Plan() override { return SustainedLoadPlan(); }
};

/// `ProductionReadinessPlan`: do all production criteria hold together?
class ProductionReadinessTest : public LoadTest {
 protected:
  RunPlan Plan() override { return ProductionReadinessPlan(); }
};

}  // namespace llmload

#endif  // LLMLOAD_TESTING_OPEN_LOOP_TEST_H_
