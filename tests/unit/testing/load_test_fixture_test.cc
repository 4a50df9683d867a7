// What the fixtures do around the load: reports, and the one question to the target.
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "llmload/mocks/mock_provider.h"
#include "llmload/testing/open_loop_test.h"
#include "llmload/world/in_virtual_time.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::MockProvider;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using namespace std::chrono_literals;

class ShortSustained : public InVirtualTime<SustainedLoadTest> {
 protected:
  void Configure(OpenLoopTestOptions& options) override {
    options.load.duration = 20s;
    options.criteria = {SuccessRate() >= 0.95};
  }
};

class ReportFile : public ShortSustained {
 protected:
  ReportFile() : directory_(std::filesystem::temp_directory_path() / MakeName()) {
    ::setenv("LLMLOAD_REPORT_DIR", directory_.c_str(), 1);
  }
  ~ReportFile() override {
    ::unsetenv("LLMLOAD_REPORT_DIR");
    std::filesystem::remove_all(directory_);
  }
  static std::string MakeName() { return "llmload_report_" + std::to_string(::getpid()); }

  std::filesystem::path directory_;
};

TEST_F(ReportFile, IsWrittenUnderTheNameOfTheTest) {
  RunAndJudge();
  std::ifstream file(directory_ / "ReportFile.IsWrittenUnderTheNameOfTheTest.json");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("\"schema\": \"llmload.report/1\""));
  EXPECT_THAT(text.str(), HasSubstr("\"verdict\": \"PASS\""));
}

class GoodSustained : public InVirtualTime<SustainedLoadTest> {
 protected:
  void Configure(OpenLoopTestOptions& options) override {
    options.objectives = {.scheduled_latency = 1h, .ttft = 1h};
    options.criteria = {GoodFraction() >= 0.95, Goodput() > 10};
  }
};

TEST_F(GoodSustained, JudgesGoodputByItsObjectivesAndNamesThem) {
  RunAndJudge();
  ASSERT_TRUE(Report().metrics.good);
  EXPECT_THAT(
      Report().configuration,
      ::testing::Contains(::testing::Pair(
          "a good request has", "scheduled latency <= 3600 s, time to first token <= 3600 s")));
}

class ProfiledSustained : public InVirtualTime<SustainedLoadTest> {
 protected:
  void Configure(OpenLoopTestOptions& options) override {
    options.profile = LoadProfile{
        .phases = {
            {.name = "warm-up", .duration = 10s, .shape = LinearRamp{1, 50}, .measured = false},
            {.name = "burst",
             .duration = 60s,
             .shape = Spike{.base_per_second = 20, .peak_per_second = 60}}}};
    options.prompts =
        MakePromptSource(SyntheticPrompts{.min_tokens = 50},
                         {.model = Environment().model, .max_tokens = 16}, Environment().seed);
    options.criteria = {SuccessRate() >= 0.95};
  }
};

TEST_F(ProfiledSustained, MeasuresTheProfileWithoutItsWarmUp) {
  RunAndJudge();
  // 20/s for 60 s and 40/s more for the 10 s of the spike.
  EXPECT_EQ(Report().metrics.scheduled, 1600u);
  std::string configuration;
  for (const auto& [key, value] : Report().configuration) configuration += key + "=" + value + "\n";
  EXPECT_THAT(configuration, HasSubstr("warm-up and cool-down requests=255\n"));
  EXPECT_THAT(configuration, HasSubstr("schedule=open loop, warm-up: ramp 1 to 50 requests/s"));
  EXPECT_THAT(configuration, HasSubstr("prompts=synthetic prompts of 50 to 256 tokens"));
}

// Exposes the protected parts of a fixture, so that it can be driven as GoogleTest would.
class Driven : public ShortSustained {
 public:
  using ShortSustained::RunAndJudge;
  using ShortSustained::SetUp;
  bool HasReport() { return Report().metrics.scheduled > 0; }

  bool ChecksTarget() const override { return error_.has_value(); }
  Target MakeTarget() override {
    if (!error_) return ShortSustained::MakeTarget();
    auto provider = std::make_shared<NiceMock<MockProvider>>("mock");
    ON_CALL(*provider, Complete).WillByDefault(FailAfter(TestClock(), 1ms, *error_));
    return {.provider = provider, .unavailable = {}, .url = "https://gateway.test/v1"};
  }
  void TestBody() override {}

  std::optional<ErrorKind> error_;
};

TEST(LoadTestFixture, UnwritableReportDirectoryFailsTheTestAndKeepsTheVerdict) {
  ::setenv("LLMLOAD_REPORT_DIR", "/proc/no/such/place", 1);
  static Driven driven;
  driven.SetUp();
  EXPECT_NONFATAL_FAILURE(driven.RunAndJudge(), "LLMLOAD_REPORT_DIR");
  ::unsetenv("LLMLOAD_REPORT_DIR");
  EXPECT_TRUE(driven.HasReport());
}

TEST(LoadTestFixture, HopelessTargetFailsAtTheFirstRequest) {
  for (const ErrorKind kind :
       {ErrorKind::kTlsFailure, ErrorKind::kCredential, ErrorKind::kModelUnavailable}) {
    static ErrorKind current;
    current = kind;
    EXPECT_FATAL_FAILURE(
        {
          Driven driven;
          driven.error_ = current;
          driven.SetUp();
        },
        "the first request to https://gateway.test/v1 failed");
  }
}

TEST(LoadTestFixture, PassingTroubleDoesNotKeepTheTestFromRunning) {
  Driven driven;
  driven.error_ = ErrorKind::kOverloaded;
  driven.SetUp();
  EXPECT_FALSE(::testing::Test::HasFailure());
  EXPECT_FALSE(::testing::Test::IsSkipped());
}

}  // namespace
}  // namespace llmload
