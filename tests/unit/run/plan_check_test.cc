// A plan is refused before the first request, with a message that says what, why and what would do.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "llmload/core/environment.h"
#include "llmload/run/documented_plans.h"
#include "llmload/run/runner.h"
#include "llmload/world/world.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

// A plan that is all right, against a fake server that counts what reaches it.
class PlanCheck : public ::testing::Test {
 protected:
  RunPlan Plan() const {
    RunPlan plan;
    plan.load = OpenLoop{.rate_per_second = 1000, .duration = 1s};
    plan.request = {.model = "gpt-4o-mini", .max_tokens = 16, .stream = true};
    plan.criteria = {SuccessRate() >= 0.95};
    return plan;
  }

  // What the runner says of the plan. Nothing may reach the server.
  std::string RefusalOf(const RunPlan& plan) {
    std::string message = "(accepted)";
    try {
      Runner(world_.clock()).Run(world_.Furnish(plan));
    } catch (const ConfigurationError& refused) {
      message = refused.what();
    }
    const auto counters = world_.server()->counters();
    EXPECT_EQ(counters.connections, 0u) << message;
    EXPECT_EQ(counters.arrivals, 0u) << message;
    return message;
  }

  const World world_ = EmbeddedServerWorld();
};

TEST_F(PlanCheck, AcceptsTheDocumentedPlans) {
  for (RunPlan plan : {SustainedLoadPlan(), ProductionReadinessPlan(), MemoryUsagePlan()}) {
    EXPECT_NO_THROW(CheckPlan(world_.Furnish(plan))) << plan.name;
  }
}

TEST_F(PlanCheck, LetsTheLastAnswersTakeAsLongAsTheirDeadlinesAllow) {
  EXPECT_EQ(DrainTimeout(world_.Furnish(Plan())), Duration(10min));
  EXPECT_EQ(DrainTimeout(VirtualWorld(simulation::SimulationOptions()).Furnish(Plan())),
            Duration(30s));
  const World patient =
      EmbeddedServerWorld({}, "test process", {.timeouts = {.total = Duration(1h)}});
  RunPlan plan = patient.Furnish(Plan());
  EXPECT_EQ(DrainTimeout(plan), Duration(1h));
  plan.stop.drain_timeout = 2s;
  EXPECT_EQ(DrainTimeout(plan), Duration(2s));
}

TEST_F(PlanCheck, RefusesStreamingFiguresOfWholeAnswers) {
  RunPlan plan = Plan();
  plan.request.stream = false;
  for (const Figure figure : {Figure::kTtft, Figure::kTtfo, Figure::kTpot, Figure::kChunkGap}) {
    plan.criteria = {P95(figure) < 500ms};
    EXPECT_THAT(RefusalOf(plan),
                AllOf(HasSubstr("criterion \"p95 " + std::string(InfoOf(figure).title) +
                                " < 500 ms\" cannot be judged"),
                      HasSubstr("do not ask for streamed answers"),
                      HasSubstr("stream the answers, or leave it out")));
  }
}

TEST_F(PlanCheck, RefusesStreamingObjectivesOfWholeAnswers) {
  RunPlan plan = Plan();
  plan.request.stream = false;
  plan.objectives = {.ttft = 500ms};
  EXPECT_THAT(RefusalOf(plan), AllOf(HasSubstr("objectives.ttft"), HasSubstr("streamed")));
}

TEST_F(PlanCheck, RefusesAPartThatTheRunCannotHave) {
  RunPlan plan = Plan();
  LoadProfile profile;
  profile.phases = {
      {.name = "warm-up", .duration = 1s, .shape = ConstantRate{200}, .measured = false},
      {.name = "steady", .duration = 1s, .shape = ConstantRate{1000}},
      {.duration = 1s, .shape = ConstantRate{100}}};
  plan.load = profile;
  plan.criteria = {P95().OfPhase("burst") < 1s};
  EXPECT_THAT(
      RefusalOf(plan),
      AllOf(HasSubstr("criterion \"p95 scheduled latency of phase burst < 1 s\""),
            HasSubstr("the load has no phase \"burst\"; it has: warm-up, steady, phase 3")));
  plan.criteria = {SuccessRate().OfPhase("warm-up") >= 0.9};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("phase \"warm-up\" is not measured"));
  plan.criteria = {P95().OfPhase("phase 3") < 1s};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("100 measured requests of that phase give no more"));
  plan.criteria = {P95().OfModel("other") < 1s};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("all requests ask for model \"gpt-4o-mini\""));
  plan.criteria = {P95().WithTag("tenant", "a") < 1s};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("the prompts of this run have no tags"));
  plan.criteria = {P95().OfPhase("steady").OfModel("gpt-4o-mini") < 1s};
  EXPECT_NO_THROW(CheckPlan(world_.Furnish(plan)));
  plan.load = ClosedLoop{.concurrency = 2, .requests = 2000};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("a closed loop has no phases"));
}

TEST_F(PlanCheck, RefusesATagThatNoPromptOfADataSetHas) {
  const std::filesystem::path file =
      ::testing::TempDir() + "llmload_tags_" + std::to_string(getpid()) + ".jsonl";
  const auto write = [&file](const std::string& of_last) {
    std::ofstream out(file);
    // The tag that only the last one has is beyond the requests that are looked at.
    for (int i = 0; i < 3000; ++i) out << R"({"prompt": "hi", "tags": {"tenant": "a"}})" << '\n';
    out << R"({"prompt": "hi")" << of_last << "}\n";
  };
  RunPlan plan = Plan();
  plan.prompts = DatasetPrompts{.path = file, .order = DatasetOrder::kRandom};
  plan.criteria = {SuccessRate().WithTag("tennant", "a") >= 0.5};
  write(R"(, "tags": {"rare": "b"})");
  EXPECT_THAT(RefusalOf(plan),
              AllOf(HasSubstr("criterion \"success rate with tag tennant=a >= 0.5\""),
                    HasSubstr("no prompt of the data set has a tag \"tennant\"; "
                              "their tags are: rare, tenant")));
  plan.criteria = {SuccessRate().WithTag("tenant", "a").WithTag("rare", "b") >= 0.5};
  EXPECT_NO_THROW(CheckPlan(world_.Furnish(plan)));
  write("");
  EXPECT_THAT(RefusalOf(plan), HasSubstr("has a tag \"rare\"; their tags are: tenant"));
  std::ofstream(file) << R"({"prompt": "hi"})";
  EXPECT_THAT(RefusalOf(plan), HasSubstr("has a tag \"tenant\"; none has any tag"));
  std::ofstream(file)
      << "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,10,5\n";
  EXPECT_THAT(RefusalOf(plan), HasSubstr("has a tag \"tenant\"; none has any tag"));
  std::filesystem::remove(file);
}

TEST_F(PlanCheck, LooksAtTheRequestsThemselves) {
  struct Whole final : PromptSource {
    CompletionRequest MakeRequest(std::uint64_t) const override {
      return {.model = "m", .messages = {{.content = "hi"}}, .stream = false};
    }
    std::string Describe() const override { return "whole answers"; }
  };
  RunPlan plan = Plan();  // whose template streams
  plan.prompts = std::make_shared<const Whole>();
  plan.criteria = {P95(Figure::kTtft) < 500ms};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("do not ask for streamed answers"));
}

TEST_F(PlanCheck, RefusesGoodputWithoutObjectives) {
  RunPlan plan = Plan();
  plan.criteria = {Goodput() >= 10};
  EXPECT_THAT(RefusalOf(plan), AllOf(HasSubstr("criterion \"goodput >= 10 requests/s\""),
                                     HasSubstr("without objectives no request counts as good"),
                                     HasSubstr("--good")));
  plan.criteria = {GoodFraction() >= 0.95};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("criterion \"good fraction >= 0.95\""));
}

TEST_F(PlanCheck, RefusesAShareOutsideZeroToOne) {
  RunPlan plan = Plan();
  plan.criteria = {SuccessRate() >= 95};
  EXPECT_THAT(RefusalOf(plan), AllOf(HasSubstr("criterion \"success rate >= 95\""),
                                     HasSubstr("95 % is 0.95, not 95")));
  plan.criteria = {SuccessRate() >= -0.1};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("a share between 0 and 1"));
}

TEST_F(PlanCheck, RefusesANegativeTime) {
  RunPlan plan = Plan();
  plan.criteria = {P95() < Duration(-5s)};
  EXPECT_THAT(RefusalOf(plan),
              AllOf(HasSubstr("p95 scheduled latency < -5 s"), HasSubstr("no time is below 0 s")));
  plan = Plan();
  plan.objectives = {.scheduled_latency = Duration(-1s)};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("objectives.scheduled_latency: got -1.00 s"));
}

TEST_F(PlanCheck, RefusesABoundOfTheWrongUnitWhenItIsWritten) {
  EXPECT_THROW(static_cast<void>(P95() < 5.0), ConfigurationError);
  EXPECT_THROW(static_cast<void>(SuccessRate() >= Duration(1s)), ConfigurationError);
}

TEST_F(PlanCheck, RefusesMeasurementsThatNothingMakes) {
  RunPlan plan = Plan();
  plan.criteria = {Measurement("cache hits") >= 1};
  EXPECT_THAT(RefusalOf(plan),
              AllOf(HasSubstr("criterion \"cache hits >= 1\""),
                    HasSubstr("nothing in this run makes the measurement \"cache hits\""),
                    HasSubstr("it makes none")));
  plan.extra_figures = {{.measurements = {"cache misses"}, .read = [](RunRecord&, TimePoint) {}}};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("it makes: cache misses"));
  plan.criteria = {MaxOf("detection time") < 1s};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("makes the distribution \"detection time\""));
}

TEST_F(PlanCheck, RefusesPercentilesThatTheRequestsCannotSupport) {
  RunPlan plan = Plan();
  plan.load = OpenLoop{.rate_per_second = 50, .duration = 1s};
  plan.criteria = {P99() < 1s};
  EXPECT_THAT(RefusalOf(plan),
              AllOf(HasSubstr("criterion \"p99 scheduled latency < 1 s\" cannot be judged"),
                    HasSubstr("needs at least 662 values"), HasSubstr("50 measured requests"),
                    HasSubstr("plan more requests, or choose a lower percentile")));
}

TEST_F(PlanCheck, CountsTheRequestsOfAllShares) {
  RunPlan plan = Plan();  // 1000 requests
  plan.share = {.index = 1, .of = 4};
  plan.criteria = {P99() < 1s};
  EXPECT_NO_THROW(CheckPlan(world_.Furnish(plan)));
}

TEST_F(PlanCheck, CountsMeasuredRequestsOnly) {
  RunPlan plan = Plan();
  plan.load = ClosedLoop{.concurrency = 10, .requests = 700, .warm_up_requests = 100};
  plan.criteria = {P99() < 1s};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("600 measured requests"));
}

TEST_F(PlanCheck, RefusesLoadsThatMakeNoSense) {
  RunPlan plan = Plan();
  plan.load = OpenLoop{.rate_per_second = -1};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("load: "));
  plan.load = LoadProfile{};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("load: "));
}

TEST_F(PlanCheck, RefusesATargetThatWasNotMade) {
  RunPlan plan = Plan();
  plan.lanes = {Lane{}};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("lanes[0].target: got neither a provider nor a reason"));
}

TEST_F(PlanCheck, RefusesAShareThatDoesNotExist) {
  RunPlan plan = Plan();
  plan.share = {.index = 3, .of = 3};
  EXPECT_THAT(RefusalOf(plan), HasSubstr("share: got 3 of 3"));
}

TEST_F(PlanCheck, NamesEveryProblemAtOnce) {
  RunPlan plan = Plan();
  plan.request.stream = false;
  plan.criteria = {SuccessRate() >= 95, P95(Figure::kTtft) < 500ms, Goodput() > 1};
  EXPECT_THAT(RefusalOf(plan),
              AllOf(HasSubstr("success rate"), HasSubstr("first token"), HasSubstr("goodput")));
}

}  // namespace
}  // namespace llmload
