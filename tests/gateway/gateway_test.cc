// The fixture of check_gateway.py: what a gateway needs, in twenty lines.
#include <cstdlib>
#include <memory>
#include <string>

#include "llmload/service/openai_provider.h"
#include "llmload/testing/open_loop_test.h"

namespace {

using namespace llmload;
using namespace std::chrono_literals;

class Gateway : public SustainedLoadTest {
  World MakeWorld() override {
    const Secret key(std::string("Bearer ") + std::getenv("GATEWAY_KEY"));
    OpenAiOptions options{.base_url = std::getenv("GATEWAY_URL"),
                          .http = {.headers = {{.name = "X-Tenant", .value = Secret("blue")},
                                               {.name = "Authorization", .value = key}},
                                   .extra_body = R"({"top_p":0.9,"metadata":{"team":"a"}})"}};
    return RealWorld(
        {.provider = std::make_shared<OpenAiProvider>(options), .url = options.base_url});
  }
  RunPlan Plan() override {
    return {.load = ClosedLoop{.concurrency = 2, .requests = 4},
            .request = {.model = "m", .max_tokens = 8, .stream = false},
            .criteria = {SuccessRate() >= 1, Max() < 59.5s}};
  }
};
TEST_F(Gateway, AnswersAll) { RunAndJudge(); }

}  // namespace
