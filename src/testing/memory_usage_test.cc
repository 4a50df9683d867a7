#include "llmload/testing/memory_usage_test.h"

#include "llmload/core/environment.h"

namespace llmload {

World MemoryUsageTest::MakeWorld() {
  if (!environment::Text("LLMLOAD_LOCAL_URL")) return LoadTest::MakeWorld();
  return RealWorld(TargetFromEnvironment(ProviderChoice::kLocal, SystemClock::Instance()),
                   Environment().local_pid);
}

}  // namespace llmload
