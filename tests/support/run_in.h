// A plan run in a world.
#ifndef LLMLOAD_TESTS_SUPPORT_RUN_IN_H_
#define LLMLOAD_TESTS_SUPPORT_RUN_IN_H_

#include "llmload/run/runner.h"
#include "llmload/world/world.h"

namespace llmload {

inline RunReport RunIn(const World& world, const RunPlan& plan) {
  return Runner(world.clock()).Run(world.Furnish(plan));
}

}  // namespace llmload

#endif  // LLMLOAD_TESTS_SUPPORT_RUN_IN_H_
