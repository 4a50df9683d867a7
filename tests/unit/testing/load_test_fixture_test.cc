// What the fixtures do around the load: reports, plans that are refused, and the one question to
// the target.
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/mocks/mock_provider.h"
#include "llmload/report/report_json.h"
#include "llmload/service/openai_provider.h"
#include "llmload/testing/open_loop_test.h"
#include "src/testing/test_timeout.h"

namespace llmload {
namespace {

using mocks::FailAfter;
using mocks::MockProvider;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using namespace std::chrono_literals;

class ShortSustained : public SustainedLoadTest {
 protected:
  World MakeWorld() override {
    return VirtualWorld(simulation::SimulationOptions{.seed = Environment().seed});
  }
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadTest::Plan();
    plan.load = OpenLoop{.rate_per_second = 1000.0 / 60, .duration = 20s};
    plan.criteria = {SuccessRate() >= 0.95};
    return plan;
  }
};

class ReportFile : public ShortSustained {
 protected:
  ReportFile()
      : directory_(std::filesystem::temp_directory_path() /
                   ("llmload_report_" + std::to_string(::getpid()))) {
    ::setenv("LLMLOAD_REPORT_DIR", directory_.c_str(), 1);
  }
  ~ReportFile() override {
    ::unsetenv("LLMLOAD_REPORT_DIR");
    std::filesystem::remove_all(directory_);
  }
  std::vector<std::filesystem::path> Files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    return files;
  }

  std::filesystem::path directory_;
};

TEST_F(ReportFile, IsWrittenUnderTheNameOfTheTestAndReadBack) {
  RunAndJudge();
  const auto files = Files();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(files[0].filename().string(),
              ::testing::StartsWith("ReportFile.IsWrittenUnderTheNameOfTheTestAndReadBack.2"));
  EXPECT_EQ(ReadReportFile(files[0]), Report());
}

TEST_F(ReportFile, OfASecondRunIsAnotherOne) {
  RunAndJudge();
  RunAndJudge();
  EXPECT_EQ(Files().size(), 2u);
}

class GoodSustained : public ShortSustained {
 protected:
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadTest::Plan();
    plan.objectives = {.scheduled_latency = 1h, .ttft = 1h};
    plan.criteria = {GoodFraction() >= 0.95, Goodput() > 10};
    return plan;
  }
};

TEST_F(GoodSustained, JudgesGoodputByItsObjectivesAndNamesThem) {
  RunAndJudge();
  EXPECT_TRUE(Report().record.metrics.has_objectives);
  EXPECT_EQ(Describe(Report().record.configuration.objectives),
            "scheduled latency <= 3600 s, time to first token <= 3600 s");
}

class ProfiledSustained : public ShortSustained {
 protected:
  RunPlan Plan() override {
    RunPlan plan = SustainedLoadTest::Plan();
    plan.load = LoadProfile{
        .phases = {
            {.name = "warm-up", .duration = 10s, .shape = LinearRamp{1, 50}, .measured = false},
            {.name = "burst",
             .duration = 60s,
             .shape = Spike{.base_per_second = 20, .peak_per_second = 60}}}};
    plan.prompts = SyntheticPrompts{.min_tokens = 50};
    plan.criteria = {SuccessRate() >= 0.95};
    return plan;
  }
};

TEST_F(ProfiledSustained, MeasuresTheProfileWithoutItsWarmUp) {
  RunAndJudge();
  const RunRecord& record = Report().record;
  // 20/s for 60 s and 40/s more for the 10 s of the spike.
  EXPECT_EQ(record.metrics[Counter::kScheduled], 1600u);
  EXPECT_EQ(record.unmeasured[Counter::kScheduled], 255u);
  EXPECT_THAT(record.configuration.schedule,
              HasSubstr("open loop, warm-up: ramp 1 to 50 requests/s"));
  EXPECT_THAT(record.configuration.prompts, HasSubstr("synthetic prompts of 50 to 256 tokens"));
}

// Exposes the protected parts of a fixture, so that it can be driven as GoogleTest would.
class Driven : public ShortSustained {
 public:
  using ShortSustained::RunAndJudge;
  using ShortSustained::SetUp;
  using ShortSustained::TearDown;

  World MakeWorld() override {
    if (!error_) return ShortSustained::MakeWorld();
    World world = VirtualWorld([this](Clock& clock) {
      auto provider = std::make_shared<NiceMock<MockProvider>>("mock");
      ON_CALL(*provider, Complete).WillByDefault(FailAfter(clock, 1ms, *error_));
      return Lane{.target = {.provider = provider, .url = "https://gateway.test/v1"}};
    });
    world.checks_targets = true;
    return world;
  }
  RunPlan Plan() override {
    RunPlan plan = ShortSustained::Plan();
    if (criterion_) plan.criteria = {*criterion_};
    return plan;
  }
  void TestBody() override {}

  std::optional<ErrorKind> error_;
  std::optional<Criterion> criterion_;
};

TEST(LoadTestFixture, FailsBeforeTheLoadIfItsReportFolderCannotBeWritten) {
  ::setenv("LLMLOAD_REPORT_DIR", "/proc/no/such/place", 1);
  EXPECT_FATAL_FAILURE({ Driven().SetUp(); }, "/proc/no/such/place");
  ::unsetenv("LLMLOAD_REPORT_DIR");
}

TEST(LoadTestFixture, FailsBeforeTheLoadIfItsPlanCannotBeJudged) {
  EXPECT_FATAL_FAILURE(
      {
        Driven driven;
        driven.criterion_ = SuccessRate() >= 95;
        driven.SetUp();
      },
      "95 % is 0.95, not 95");
}

TEST(LoadTestFixture, FailsIfItsBodyDoesNotRunThePlan) {
  static Driven driven;
  driven.SetUp();
  EXPECT_NONFATAL_FAILURE(driven.TearDown(), "did not run its plan");
}

TEST(LoadTestFixture, IsContentWithABodyThatRanThePlan) {
  Driven driven;
  driven.SetUp();
  driven.RunAndJudge();
  driven.TearDown();
  EXPECT_FALSE(::testing::Test::HasFailure());
}

// What a fixture reports, when it is driven as GoogleTest would.
std::vector<::testing::TestPartResult> ResultsOf(const std::function<void()>& action) {
  ::testing::TestPartResultArray results;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    action();
  }
  std::vector<::testing::TestPartResult> list;
  for (int i = 0; i < results.size(); ++i) list.push_back(results.GetTestPartResult(i));
  return list;
}

void ExpectOneAt(int line, const std::vector<::testing::TestPartResult>& results,
                 const std::string& message) {
  ASSERT_EQ(results.size(), 1u);
  EXPECT_STREQ(results[0].file_name(), __FILE__);
  EXPECT_EQ(results[0].line_number(), line);
  EXPECT_THAT(results[0].message(), HasSubstr(message));
}

int LineOfThisTest() { return ::testing::UnitTest::GetInstance()->current_test_info()->line(); }

TEST(LoadTestFixture, VerdictPointsAtTheLineThatAskedForIt) {
  Driven driven;
  driven.criterion_ = P95() < 1ms;
  driven.SetUp();
  int line = 0;
  const auto results = ResultsOf([&] {
    line = __LINE__ + 1;
    driven.RunAndJudge();
  });
  ExpectOneAt(line, results, "p95");
  EXPECT_TRUE(results[0].nonfatally_failed());
}

TEST(LoadTestFixture, WhatComesBeforeAndAfterTheBodyPointsAtTheTest) {
  ::setenv("LLMLOAD_REPORT_DIR", "/proc/no/such/place", 1);
  const auto refused = ResultsOf([] { Driven().SetUp(); });
  ::unsetenv("LLMLOAD_REPORT_DIR");
  ExpectOneAt(LineOfThisTest(), refused, "/proc/no/such/place");
  EXPECT_TRUE(refused[0].fatally_failed());

  Driven wrong_key;
  wrong_key.error_ = ErrorKind::kCredential;
  ExpectOneAt(LineOfThisTest(), ResultsOf([&] { wrong_key.SetUp(); }), "the first request");

  Driven down;
  down.error_ = ErrorKind::kConnectFailure;
  const auto skipped = ResultsOf([&] { down.SetUp(); });
  ExpectOneAt(LineOfThisTest(), skipped, "target unavailable");
  EXPECT_TRUE(skipped[0].skipped());

  Driven idle;
  idle.SetUp();
  ExpectOneAt(LineOfThisTest(), ResultsOf([&] { idle.TearDown(); }), "did not run its plan");
}

TEST_F(ReportFile, ThatCannotBeWrittenPointsAtTheLineThatRanThePlan) {
  std::filesystem::remove_all(directory_);
  int line = 0;
  const auto results = ResultsOf([&] {
    line = __LINE__ + 1;
    RunAndJudge();
  });
  ExpectOneAt(line, results, "the report could not be delivered");
}

TEST_F(ShortSustained, RecordsItsHeadlineFiguresAsProperties) {
  RunAndJudge();
  const ::testing::TestResult& result =
      *::testing::UnitTest::GetInstance()->current_test_info()->result();
  std::map<std::string, std::string> properties;
  for (int i = 0; i < result.test_property_count(); ++i) {
    const ::testing::TestProperty& property = result.GetTestProperty(i);
    properties[property.key()] = property.value();
  }
  EXPECT_EQ(properties["verdict"], "PASS");
  EXPECT_EQ(properties["run_id"], Report().record.run_id);
  EXPECT_EQ(properties["success_rate"], "1");
  EXPECT_EQ(properties["requests_scheduled"],
            std::to_string(Report().record.metrics[Counter::kScheduled]));
  EXPECT_NE(properties["scheduled_latency_p95_seconds"], "");
}

std::string TimeoutRefusal(RunPlan plan, Duration timeout) {
  try {
    FitIntoTestTimeout(plan, timeout);
  } catch (const ConfigurationError& refused) {
    return refused.what();
  }
  return "";
}

TEST(TestTimeout, RefusesAPlanThatMayLastLonger) {
  RunPlan plan;
  plan.load = OpenLoop{.rate_per_second = 10, .duration = 120s};
  EXPECT_EQ(TimeoutRefusal(plan, 160s), "");
  EXPECT_EQ(TimeoutRefusal(plan, 159s),
            "TIMEOUT of llmload_add_load_tests: got 159 s, expected 160 s or more, because the "
            "plan sends for 120 s, then waits up to 30 s for answers (stop.drain_timeout), and "
            "needs 10 s besides: raise TIMEOUT, or shorten the plan");
  plan.stop.drain_timeout = 500ms;
  EXPECT_EQ(TimeoutRefusal(plan, 131s), "");
  plan.until_conclusive = UntilConclusive{.longest = 10min};
  EXPECT_THAT(TimeoutRefusal(plan, 300s), HasSubstr("the plan may send for 600 s"));
  EXPECT_EQ(TimeoutRefusal(plan, 611s), "");
}

TEST(TestTimeout, LeavesAnswersTheTimeThatIsLeft) {
  RunPlan plan;
  plan.load = OpenLoop{.rate_per_second = 10, .duration = 60s};
  plan.lanes = {{.target = {.provider = std::make_shared<OpenAiProvider>(OpenAiOptions())}}};
  const Duration patience = DrainTimeout(plan);
  ASSERT_GT(patience, 230s);
  FitIntoTestTimeout(plan, 300s);
  EXPECT_EQ(plan.stop.drain_timeout, 230s);
  plan.stop.drain_timeout.reset();
  FitIntoTestTimeout(plan, 10h);
  EXPECT_EQ(plan.stop.drain_timeout, patience);
}

TEST(TestTimeout, SaysNothingAboutALoadThatRequestsEnd) {
  RunPlan plan;
  plan.load = ClosedLoop{.requests = 100, .duration = 1h};
  EXPECT_EQ(TimeoutRefusal(plan, 60s), "");
  plan.load = ClosedLoop{.requests = ClosedLoop::kUnlimited, .duration = 1h};
  EXPECT_NE(TimeoutRefusal(plan, 60s), "");
  plan.stop.enough = [](const RunSnapshot&) { return true; };
  EXPECT_EQ(TimeoutRefusal(plan, 60s), "");
  plan.stop.enough = {};
  LoadProfile profile = ToProfile({.rate_per_second = 100, .duration = 1h});
  profile.max_arrivals = 500;
  plan.load = profile;
  EXPECT_EQ(TimeoutRefusal(plan, 60s), "");
}

// In real time, but without a request.
class Hurried : public Driven {
 public:
  World MakeWorld() override {
    World world = EmbeddedServerWorld({});
    world.checks_targets = false;
    return world;
  }
  bool IsGated() const override { return false; }
};

TEST(LoadTestFixture, FailsBeforeTheLoadIfItsPlanCannotEndInTime) {
  ::setenv("LLMLOAD_TEST_TIMEOUT", "59", 1);
  const auto refused = ResultsOf([] { Hurried().SetUp(); });
  const auto virtual_time = ResultsOf([] { Driven().SetUp(); });
  ::setenv("LLMLOAD_TEST_TIMEOUT", "60", 1);
  const auto accepted = ResultsOf([] { Hurried().SetUp(); });
  ::unsetenv("LLMLOAD_TEST_TIMEOUT");
  ExpectOneAt(LineOfThisTest(), refused, "got 59 s, expected 60 s or more");
  EXPECT_TRUE(virtual_time.empty());
  EXPECT_TRUE(accepted.empty());
}

TEST(LoadTestFixture, MisconfiguredTargetFailsAtTheFirstRequest) {
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
  driven.error_ = ErrorKind::kRateLimited;
  driven.SetUp();
  EXPECT_FALSE(::testing::Test::HasFailure());
  EXPECT_FALSE(::testing::Test::IsSkipped());
}

TEST(LoadTestFixture, TargetThatIsDownSkipsTheTestUnlessItIsRequired) {
  const auto told_for = [](const char* require) {
    ::setenv("LLMLOAD_REQUIRE_TARGET", require, 1);
    ::testing::TestPartResultArray results;
    {
      const ::testing::ScopedFakeTestPartResultReporter reporter(
          ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
      Driven driven;
      driven.error_ = ErrorKind::kConnectFailure;
      driven.SetUp();
    }
    ::unsetenv("LLMLOAD_REQUIRE_TARGET");
    EXPECT_EQ(results.size(), 1);
    return results.GetTestPartResult(0);
  };
  const ::testing::TestPartResult skipped = told_for("0");
  EXPECT_TRUE(skipped.skipped());
  EXPECT_THAT(skipped.message(), HasSubstr("target unavailable: https://gateway.test/v1"));
  const ::testing::TestPartResult failed = told_for("1");
  EXPECT_TRUE(failed.fatally_failed());
  EXPECT_THAT(failed.message(), HasSubstr("LLMLOAD_REQUIRE_TARGET=1"));
}

}  // namespace
}  // namespace llmload
