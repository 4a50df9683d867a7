// The documented load tests that call a service: the embedded fake LLM server, or the one that
// LLMLOAD_PROVIDER names.
#include "llmload/testing/memory_usage_test.h"
#include "llmload/testing/open_loop_test.h"

namespace llmload {
namespace {

class SustainedLoad : public SustainedLoadTest {};
TEST_F(SustainedLoad, DISABLED_Handles1000RequestsPerMinute) { RunAndJudge(); }

class MemoryUsage : public MemoryUsageTest {};
TEST_F(MemoryUsage, DISABLED_StaysStableUnderLoad) { RunAndJudge(); }

class ProductionReadiness : public ProductionReadinessTest {};
TEST_F(ProductionReadiness, DISABLED_MeetsCombinedCriteria) { RunAndJudge(); }

}  // namespace
}  // namespace llmload
