#include "llmload/run/runner.h"

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/run/documented_plans.h"
#include "llmload/world/world.h"
#include "tests/support/run_in.h"

namespace llmload {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

RunPlan Plan() {
  RunPlan plan;
  plan.name = "plan";
  plan.load = OpenLoop{.rate_per_second = 100, .duration = 10s};
  plan.request = {.model = "small", .max_tokens = 16, .stream = true};
  plan.criteria = {SuccessRate() >= 0.95, P95() < 5s};
  return plan;
}

class Watcher final : public RunObserver {
 public:
  void OnStart(const RunStart& start) override { seen.push_back("start of " + start.name); }
  void OnSnapshot(const RunSnapshot& snapshot) override {
    last = snapshot;
    ++snapshots;
  }
  void OnEnd(const RunRecord& record) override { seen.push_back("end of " + record.name); }

  std::vector<std::string> seen;
  RunSnapshot last;
  int snapshots = 0;
};

TEST(Runner, MeasuresAndJudgesAPlan) {
  const RunReport report = RunIn(VirtualWorld(simulation::SimulationOptions{}), Plan());
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  EXPECT_EQ(report.record.name, "plan");
  EXPECT_EQ(report.record.metrics[Counter::kScheduled], 1000u);
  EXPECT_EQ(report.record.OfferedRate(), 100.0);
  EXPECT_FALSE(CheckAccounting(report.record.metrics));
}

TEST(Runner, SaysWhoseMemoryIsJudged) {
  const auto subject = [](const World& world) {
    RunPlan plan = Plan();
    EXPECT_TRUE(world.Furnish(plan).details.empty()) << "no criterion is about memory";
    plan.criteria = {MemoryGrowth() < 0.5};
    const RunPlan furnished = world.Furnish(plan);
    EXPECT_EQ(furnished.details.size(), 1u);
    return furnished.details.at(0).value;
  };
  EXPECT_EQ(subject(VirtualWorld(simulation::SimulationOptions{})), "test process, simulated");
  EXPECT_THAT(subject(RealWorld({.unavailable = "far", .url = "https://llm.example.test/v1"})),
              HasSubstr(": the generator alone, since no process of the server is known here"));
  EXPECT_THAT(subject(RealWorld({.unavailable = "near", .url = "https://127.0.0.1:1/v1"}, 1)),
              HasSubstr("test process (pid "));
  EXPECT_THAT(subject(RealWorld({.unavailable = "near", .url = "https://127.0.0.1:1/v1"}, 1)),
              HasSubstr(", local server (pid 1)"));
}

// Refuses every request until it has adapted.
class ChoosyProvider final : public Provider {
 public:
  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    if (adapted_) co_return Completion{};
    co_return Error{.kind = ErrorKind::kInvalidRequest, .message = "no"};
  }
  std::optional<std::string> AdaptTo(const Error&) override {
    return std::exchange(adapted_, true) ? std::nullopt : std::optional<std::string>("politely");
  }

 private:
  const ProviderIdentity identity_{.name = "choosy"};
  bool adapted_ = false;
};

TEST(Runner, SaysHowAProviderAdaptedToWhatTheServiceRefused) {
  VirtualClock clock;
  RunPlan plan = Plan();
  plan.criteria.clear();
  plan.load = OpenLoop{.rate_per_second = 10, .duration = 1s};
  plan.lanes = {{.target = {.provider = std::make_shared<ChoosyProvider>()}}};
  const RunRecord record = Runner(clock).Measure(plan);
  EXPECT_EQ(record.metrics[Counter::kSucceeded], 10u);
  EXPECT_THAT(record.configuration.details,
              ElementsAre(Detail{.name = "adapted", .value = "politely"}));
}

TEST(Runner, RecordsWhatWasDone) {
  const RunReport report = RunIn(VirtualWorld(simulation::SimulationOptions{}), Plan());
  const RunConfiguration& done = report.record.configuration;
  ASSERT_EQ(done.targets.size(), 1u);
  EXPECT_EQ(done.targets[0].provider.name, "simulated");
  EXPECT_EQ(done.targets[0].url, "simulation in virtual time");
  EXPECT_THAT(done.models, ElementsAre("small"));
  EXPECT_THAT(done.schedule, HasSubstr("100 requests/s for 10 s"));
  EXPECT_EQ(done.seed, 1u);
  EXPECT_EQ(done.planned_requests, 1000u);
  EXPECT_EQ(done.max_max_tokens, 16);
  EXPECT_FALSE(done.closed_loop);
  EXPECT_FALSE(report.record.run_id.empty());
}

TEST(Runner, NamesEveryModelThatThePromptsAskedFor) {
  struct TwoModels final : PromptSource {
    CompletionRequest MakeRequest(std::uint64_t index) const override {
      return {.model = index % 2 == 0 ? "even" : "odd", .messages = {{.content = "hi"}}};
    }
    std::string Describe() const override { return "two models"; }
  };
  RunPlan plan = Plan();
  plan.prompts = std::make_shared<const TwoModels>();
  const RunReport report = RunIn(VirtualWorld(simulation::SimulationOptions{}), plan);
  EXPECT_THAT(report.record.configuration.models, ElementsAre("even", "odd"));
}

TEST(Runner, IsAFunctionOfTheSeed) {
  RunPlan plan = Plan();
  plan.load =
      OpenLoop{.rate_per_second = 100, .duration = 10s, .pattern = ArrivalPattern::kPoisson};
  plan.prompts = SyntheticPrompts{.min_tokens = 10, .max_tokens = 1000};
  const auto run = [&](std::uint64_t seed) {
    plan.seed = seed;
    RunReport report = RunIn(VirtualWorld(simulation::SimulationOptions{}), plan);
    EXPECT_EQ(report.record.configuration.seed, seed);
    return report.record.metrics;
  };
  const MetricsSnapshot first = run(7);
  EXPECT_EQ(first, run(7));
  EXPECT_NE(first, run(8));
}

TEST(Runner, ShowsObserversStartSnapshotsAndEnd) {
  const World world = VirtualWorld(simulation::SimulationOptions{});
  Watcher watcher;
  Runner runner(world.clock());
  runner.AddObserver(watcher);
  const RunRecord record = runner.Measure(world.Furnish(Plan()));
  EXPECT_THAT(watcher.seen, ElementsAre("start of plan", "end of plan"));
  EXPECT_GE(watcher.snapshots, 9);
  EXPECT_EQ(watcher.last.total, Duration(10s));
  EXPECT_GT(watcher.last.counters.succeeded, 800u);
  EXPECT_TRUE(watcher.last.rss_bytes.has_value());
  EXPECT_TRUE(record.timeline.empty());
}

TEST(Runner, GoesOnWithoutAnObserverThatThrows) {
  struct Broken final : RunObserver {
    void OnSnapshot(const RunSnapshot&) override {
      ++calls;
      throw std::runtime_error("disk full");
    }
    int calls = 0;
  };
  const World world = VirtualWorld(simulation::SimulationOptions{});
  Broken broken;
  Watcher watcher;
  Runner runner(world.clock());
  runner.AddObserver(broken);
  runner.AddObserver(watcher);
  const RunReport report = runner.Run(world.Furnish(Plan()));
  EXPECT_EQ(broken.calls, 1);
  EXPECT_GE(watcher.snapshots, 9);
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass);
  ASSERT_EQ(report.record.timeline.size(), 1u);
  EXPECT_EQ(report.record.timeline[0].what, "an observer failed: disk full");
}

TEST(Runner, EndsByAStopRuleWithItsReason) {
  RunPlan plan = Plan();
  plan.stop.when = [](const RunSnapshot& snapshot) -> std::optional<std::string> {
    if (snapshot.elapsed < 3s) return std::nullopt;
    return "three seconds are enough";
  };
  const RunReport report = RunIn(VirtualWorld(simulation::SimulationOptions{}), plan);
  EXPECT_EQ(report.record.stopped_because, "three seconds are enough");
  EXPECT_LT(report.record.metrics[Counter::kScheduled], 400u);
  EXPECT_FALSE(CheckAccounting(report.record.metrics));
  EXPECT_EQ(report.judgement.verdict, Verdict::kInvalid);
  EXPECT_THAT(Explain(report.judgement), HasSubstr("three seconds are enough"));
}

TEST(Runner, EndsWithTheMessageOfAPromptSourceThatThrows) {
  struct Broken final : PromptSource {
    CompletionRequest MakeRequest(std::uint64_t index) const override {
      if (index == 300) throw std::runtime_error("no more prompts");
      return {.model = "m", .messages = {{.content = "hi"}}};
    }
    std::string Describe() const override { return "broken"; }
  };
  RunPlan plan = Plan();
  plan.prompts = std::make_shared<const Broken>();
  try {
    RunIn(VirtualWorld(simulation::SimulationOptions{}), plan);
    ADD_FAILURE() << "the run went on";
  } catch (const std::exception& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr("300"));
    EXPECT_THAT(thrown.what(), HasSubstr("no more prompts"));
  }
}

TEST(Runner, SaysWhichTargetIsNotReady) {
  RunPlan plan = Plan();
  plan.lanes = {{.name = "gateway", .target = {.unavailable = "GATEWAY_KEY is not set"}}};
  try {
    Runner().Run(plan);
    ADD_FAILURE() << "the run went on";
  } catch (const TargetNotReady& refused) {
    EXPECT_EQ(refused.state(), TargetState::kUnavailable);
    EXPECT_THAT(refused.what(), HasSubstr("gateway"));
    EXPECT_THAT(refused.what(), HasSubstr("GATEWAY_KEY is not set"));
  }
}

TEST(Runner, ReadsExtraFiguresOnceAfterTheRun) {
  RunPlan plan = Plan();
  int calls = 0;
  plan.extra_figures = {{.measurements = {"answer"}, .read = [&](RunRecord& record, TimePoint) {
                           ++calls;
                           record.SetMeasurement("answer", 42);
                         }}};
  plan.criteria = {Measurement("answer") == 42};
  const RunReport report = RunIn(VirtualWorld(simulation::SimulationOptions{}), plan);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
}

TEST(Runner, DealsTheRequestsToSeveralLanesInTurn) {
  World world = VirtualWorld();
  std::vector<std::shared_ptr<simulation::SimulatedProvider>> providers;
  for (const char* name : {"us", "eu", "asia"}) {
    providers.push_back(std::make_shared<simulation::SimulatedProvider>(
        simulation::SimulationOptions{.identity = {.name = name}}, world.clock()));
    world.lanes.push_back({.name = name, .target = {.provider = providers.back(), .url = name}});
  }
  const RunReport report = RunIn(world, Plan());
  EXPECT_EQ(report.record.configuration.targets.size(), 3u);
  EXPECT_EQ(providers[0]->arrivals().size(), 334u);
  EXPECT_EQ(providers[1]->arrivals().size(), 333u);
  EXPECT_EQ(providers[2]->arrivals().size(), 333u);
  EXPECT_EQ(report.record.metrics.providers.size(), 3u);
}

TEST(Runner, AddsUpTheSharesOfARun) {
  RunPlan plan = Plan();
  plan.run_id = "one";
  const RunRecord whole =
      RunIn(VirtualWorld(simulation::SimulationOptions{
                .latency = {.ttft_sigma = 0, .gap_sigma = 0, .tokens_min = 8, .tokens_max = 8}}),
            plan)
          .record;
  std::optional<RunRecord> merged;
  for (unsigned i = 0; i < 3; ++i) {
    plan.share = {.index = i, .of = 3};
    RunRecord share =
        RunIn(VirtualWorld(simulation::SimulationOptions{
                  .latency = {.ttft_sigma = 0, .gap_sigma = 0, .tokens_min = 8, .tokens_max = 8}}),
              plan)
            .record;
    if (merged) {
      merged->Merge(share);
    } else {
      merged = std::move(share);
    }
  }
  EXPECT_TRUE(merged->shares.IsComplete());
  EXPECT_EQ(merged->metrics, whole.metrics);
  EXPECT_EQ(merged->configuration.planned_requests, whole.configuration.planned_requests);
  EXPECT_EQ(merged->OfferedRate(), whole.OfferedRate());
}

}  // namespace
}  // namespace llmload
