// The smallest load test a user writes: what bench/compile_time.sh compiles.
#include <llmload/service/openai_provider.h>
#include <llmload/testing/open_loop_test.h>

#include <memory>

namespace {

using namespace llmload;
using namespace std::chrono_literals;

class Gateway : public SustainedLoadTest {
  World MakeWorld() override {
    OpenAiOptions options;
    options.base_url = "http://127.0.0.1:8080/v1";
    return RealWorld(
        {.provider = std::make_shared<OpenAiProvider>(options), .url = options.base_url});
  }
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadPlan();
    plan.load = OpenLoop{.rate_per_second = 50, .duration = 120s};
    plan.criteria = {SuccessRate() >= 0.99, P95(Figure::kTtft) < 800ms};
    return plan;
  }
};
TEST_F(Gateway, DISABLED_HoldsFiftyPerSecond) { RunAndJudge(); }

}  // namespace
