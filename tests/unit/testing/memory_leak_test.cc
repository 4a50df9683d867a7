// The memory test against a real process that leaks: this one, with the embedded server in it.
#include <gmock/gmock.h>

#include "llmload/mocks/with_embedded_server.h"
#include "llmload/testing/memory_usage_test.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class LeakingServer : public mocks::WithEmbeddedServer<MemoryUsageTest> {
 protected:
  bool IsGated() const override { return false; }
  Target MakeTarget() override { return EmbeddedTarget(); }
  void Enforce(const RunReport&) override {}

  mocks::FakeLlmServerOptions ServerOptions() const override {
    auto options = WithEmbeddedServer::ServerOptions();
    options.latency = {.ttft_median = 20ms, .gap_median = 0ms};
    options.faults = {{.kind = mocks::FaultKind::kLeak, .bytes = 20'000}};
    return options;
  }
  // Answers come ten times as fast as in the documented test, so sampling does.
  void Configure(MemoryUsageTestOptions& options) override { options.sample_interval = 2ms; }
};

TEST_F(LeakingServer, FailsNamingWhatEachRequestLeft) {
  RunAndJudge();
  EXPECT_EQ(Report().metrics.succeeded, 500u);
  EXPECT_EQ(Report().verdict, Verdict::kFail) << Explain(Report());
  EXPECT_THAT(Explain(Report()), HasSubstr("memory left per request is"));
}

}  // namespace
}  // namespace llmload
