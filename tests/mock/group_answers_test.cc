// The truth of figures by phase, model and tag: a provider whose answers are known, and what a
// whole run says of each part, in virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/record/record_slice.h"
#include "llmload/report/report_json.h"
#include "llmload/report/text_writer.h"
#include "llmload/run/runner.h"
#include "tests/support/prompts_from.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::PromptsFrom;
using ::testing::HasSubstr;

const TimePoint kGroupsStart{1h};

// How a request of a test ends.
struct Scripted {
  Duration latency{};
  std::optional<ErrorKind> error = {};
  std::int64_t tokens = 10;
  std::string finish_reason = "stop";
};

class ScriptedProvider final : public Provider {
 public:
  using Script = std::function<Scripted(const CompletionRequest&, Duration since_start)>;
  ScriptedProvider(Clock& clock, Script script) : clock_(clock), script_(std::move(script)) {}

  const ProviderIdentity& Identity() const noexcept override { return identity_; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver*) override {
    const Scripted end = script_(request, clock_.Now() - kGroupsStart);
    co_await clock_.SleepFor(end.latency);
    if (end.error) co_return Error{.kind = *end.error};
    Completion completion;
    completion.provider = identity_.name;
    completion.finish_reason = end.finish_reason;
    completion.usage = {.input = 3 * end.tokens, .output = end.tokens};
    co_return completion;
  }

 private:
  Clock& clock_;
  const Script script_;
  const ProviderIdentity identity_{.name = "scripted", .region = {}, .credential = {}};
};

// Requests of two models in turn, whose tenants change with every seventh request.
CompletionRequest OfModelAndTenant(std::uint64_t index) {
  const char* const tenants[] = {"a", "b", "c"};
  return {.model = index % 2 == 0 ? "small" : "large",
          .messages = {{.role = Role::kUser, .content = std::to_string(index)}},
          .tags = {{"tenant", tenants[index / 7 % 3]}}};
}

class GroupAnswers : public ::testing::Test {
 protected:
  RunReport Run(const LoadShape& load, ScriptedProvider::Script script,
                std::vector<Criterion> criteria = {}, Share share = {}) {
    VirtualClock clock(kGroupsStart);
    RunPlan plan;
    plan.name = "groups";
    plan.run_id = "run";
    plan.load = load;
    plan.prompts = PromptsFrom(OfModelAndTenant);
    plan.criteria = std::move(criteria);
    plan.checks_targets = false;
    plan.share = share;
    plan.lanes.push_back({});
    plan.lanes.front().target.provider =
        std::make_shared<ScriptedProvider>(clock, std::move(script));
    return Runner(clock).Run(plan);
  }

  static RunRecord Part(const RunReport& report, const Slice& slice) {
    auto part = SliceOf(report.record, slice);
    EXPECT_TRUE(part) << Describe(slice);
    return part.value_or(RunRecord{});
  }
};

// With the lines that were broken as one.
std::string OneLine(std::string text) {
  for (std::size_t at = text.find("\n    "); at != std::string::npos; at = text.find("\n    ")) {
    text.replace(at, 5, " ");
  }
  return text;
}

LoadProfile CalmAndBurst() {
  LoadProfile profile;
  profile.phases = {
      {.name = "warm-up", .duration = 10s, .shape = ConstantRate{5}, .measured = false},
      {.name = "calm", .duration = 60s, .shape = ConstantRate{10}},
      {.name = "burst", .duration = 30s, .shape = ConstantRate{40}}};
  return profile;
}

// 100 ms, and from the burst on 300 ms.
Scripted ByPhase(const CompletionRequest&, Duration at) {
  return {.latency = at < 70s ? 100ms : 300ms};
}

TEST_F(GroupAnswers, PhasesAreToldApart) {
  const RunReport report = Run(CalmAndBurst(), ByPhase,
                               {P95() < 200ms, P95().OfPhase("calm") < 200ms,
                                P95().OfPhase("burst") < 200ms, Throughput().OfPhase("calm") > 9});
  const RunRecord calm = Part(report, {.phase = "calm"});
  const RunRecord burst = Part(report, {.phase = "burst"});
  EXPECT_FALSE(SliceOf(report.record, {.phase = "warm-up"}));
  EXPECT_EQ(calm.metrics[Counter::kScheduled], 600u);
  EXPECT_EQ(burst.metrics[Counter::kScheduled], 1200u);
  EXPECT_FALSE(CheckAccounting(calm.metrics));
  EXPECT_FALSE(CheckAccounting(burst.metrics));
  for (const NamedQuantile& row : kQuantiles) {
    const auto of = [&](const RunRecord& part) {
      return part.metrics[Figure::kScheduledLatency].ValueAtQuantile(row.quantile);
    };
    EXPECT_EQ(of(calm), Duration(100ms));
    EXPECT_EQ(of(burst), Duration(300ms));
  }
  EXPECT_EQ(calm.OfferedRate(), 10);
  EXPECT_EQ(burst.OfferedRate(), 40);
  // The first at 10 s; the last at 69.9 s and answered 0.1 s later.
  EXPECT_DOUBLE_EQ(*calm.metrics.Throughput(), 600 / 60.0);
  EXPECT_DOUBLE_EQ(*burst.metrics.Throughput(), 1200 / 30.275);
  const std::vector<CriterionResult>& results = report.judgement.criteria;
  EXPECT_EQ(results[0].verdict, Verdict::kFail);
  EXPECT_EQ(results[1].verdict, Verdict::kPass) << results[1].message;
  EXPECT_EQ(results[2].verdict, Verdict::kFail);
  EXPECT_EQ(results[3].verdict, Verdict::kPass) << results[3].message;
  EXPECT_THAT(OneLine(ToText(report)),
              HasSubstr("p95 scheduled latency < 200 ms: holds in calm (100 ms); does not hold in "
                        "burst (300 ms)"));
}

TEST_F(GroupAnswers, ModelsAndTagsAreToldApart) {
  // Each kind of request has a latency and a length of its own, and all of tenant c fail.
  const auto script = [](const CompletionRequest& request, Duration) -> Scripted {
    const char tenant = request.tags.front().value[0];
    const Duration latency = (request.model == "small" ? 100ms : 200ms) + (tenant - 'a') * 10ms;
    if (tenant == 'c') return {.latency = latency, .error = ErrorKind::kRateLimited};
    return {.latency = latency, .tokens = request.model == "small" ? 20 : 500};
  };
  const RunReport report = Run(OpenLoop{.rate_per_second = 42, .duration = 60s}, script,
                               {ErrorCount(ErrorKind::kRateLimited).WithTag("tenant", "c") == 840,
                                ErrorCount(ErrorKind::kRateLimited).WithTag("tenant", "a") == 0,
                                P50(Figure::kOutputLength).OfModel("large") >= 500,
                                P50(Figure::kOutputLength).OfModel("small") >= 21,
                                P95().WithTag("tenant", "b").OfModel("large") <= 210ms,
                                P95().WithTag("tenant", "x") <= 210ms});
  const RunRecord& run = report.record;
  ASSERT_EQ(run.cells.size(), 6u);
  std::uint64_t requests = 0;
  MetricsSnapshot sum;
  for (const MetricsCell& cell : run.cells) {
    requests += cell.figures[Counter::kScheduled];
    sum.Merge(cell.figures);
  }
  EXPECT_EQ(requests, 2520u);
  EXPECT_EQ(sum.counters, run.metrics.counters);
  EXPECT_EQ(sum.distributions, run.metrics.distributions);
  EXPECT_EQ(sum.finish_reasons, run.metrics.finish_reasons);
  for (const std::string model : {"small", "large"}) {
    EXPECT_EQ(Part(report, {.model = model}).metrics[Counter::kScheduled], 1260u);
    for (const std::string tenant : {"a", "b"}) {
      const RunRecord part = Part(report, {.model = model, .tags = {{"tenant", tenant}}});
      const Distribution& latency = part.metrics[Figure::kScheduledLatency];
      const Duration expected = (model == "small" ? 100ms : 200ms) + (tenant == "a" ? 0ms : 10ms);
      EXPECT_EQ(latency.count(), 420u);
      EXPECT_EQ(latency.min(), expected);
      EXPECT_EQ(latency.max(), expected);
      EXPECT_EQ(part.metrics[Counter::kOutputTokens], 420u * (model == "small" ? 20 : 500));
      EXPECT_EQ(part.metrics[Counter::kInputTokens], 420u * (model == "small" ? 60 : 1500));
    }
  }
  const std::vector<Verdict> expected = {Verdict::kPass, Verdict::kPass, Verdict::kPass,
                                         Verdict::kFail, Verdict::kPass, Verdict::kInconclusive};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(report.judgement.criteria[i].verdict, expected[i])
        << report.judgement.criteria[i].message;
  }
  EXPECT_THAT(report.judgement.criteria.back().message, HasSubstr("no request had tag tenant=x"));
  EXPECT_EQ(ReadReport(ToJson(report), "report.json"), report);
}

TEST_F(GroupAnswers, SharesAddUpToTheUndividedRun) {
  const auto script = [](const CompletionRequest& request, Duration at) {
    return Scripted{.latency = (request.model == "small" ? 100ms : 150ms) + at / 1000};
  };
  const std::vector<Criterion> criteria = {P95().OfPhase("burst").WithTag("tenant", "a") < 1s};
  const RunReport whole = Run(CalmAndBurst(), script, criteria);
  RunRecord merged = Run(CalmAndBurst(), script, criteria, {.index = 0, .of = 3}).record;
  merged.Merge(Run(CalmAndBurst(), script, criteria, {.index = 1, .of = 3}).record);
  merged.Merge(Run(CalmAndBurst(), script, criteria, {.index = 2, .of = 3}).record);
  EXPECT_EQ(merged.cells, whole.record.cells);
  EXPECT_EQ(merged.metrics, whole.record.metrics);
  EXPECT_EQ(merged.configuration.phases, whole.record.configuration.phases);
  EXPECT_EQ(Judge(merged, criteria).criteria, whole.judgement.criteria);
}

TEST_F(GroupAnswers, DroppedArrivalsCountInTheirPhase) {
  LoadProfile profile = CalmAndBurst();
  profile.max_in_flight = 4;  // of 10/s for 100 ms, and of 40/s for 300 ms
  const RunReport report = Run(profile, ByPhase);
  EXPECT_EQ(Part(report, {.phase = "calm"}).metrics[Counter::kDropped], 0u);
  const MetricsSnapshot burst = Part(report, {.phase = "burst"}).metrics;
  EXPECT_EQ(burst[Counter::kDropped], report.record.metrics[Counter::kDropped]);
  EXPECT_GT(burst[Counter::kDropped], 500u);
  EXPECT_FALSE(CheckAccounting(burst));
}

TEST_F(GroupAnswers, TagsWithoutEndDoNotGrowTheRecord) {
  VirtualClock clock(kGroupsStart);
  RunPlan plan;
  plan.load = OpenLoop{.rate_per_second = 100, .duration = 50s};
  plan.prompts = PromptsFrom([](std::uint64_t index) {
    CompletionRequest request = OfModelAndTenant(index);
    request.tags = {{"user", std::to_string(index)}};
    return request;
  });
  plan.checks_targets = false;
  plan.lanes.push_back({});
  plan.lanes.front().target.provider = std::make_shared<ScriptedProvider>(
      clock, [](const auto&, Duration) { return Scripted{.latency = 10ms}; });
  const RunReport report = Runner(clock).Run(plan);
  EXPECT_LE(report.record.cells.size(), 128u);
  EXPECT_EQ(report.record.metrics[Counter::kSucceeded], 5000u);
  const RunRecord others = Part(report, {.tags = {{"user", "(other)"}}});
  EXPECT_GT(others.metrics[Counter::kSucceeded], 4800u);
  EXPECT_EQ(Part(report, {.model = "small"}).metrics[Counter::kSucceeded], 2500u);
  const CriterionResult result =
      (SuccessRate().WithTag("user", "3") >= 0.001).Evaluate(report.record);
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
  EXPECT_THAT(result.message, HasSubstr("counted as \"(other)\""));
}

TEST_F(GroupAnswers, TooManyTagsLeaveARampWithoutSteps) {
  VirtualClock clock(kGroupsStart);
  RunPlan plan;
  LoadProfile profile;
  profile.phases = {{.name = "climb", .duration = 20s, .shape = LinearRamp{10, 100}}};
  plan.load = profile;
  plan.prompts = PromptsFrom([](std::uint64_t index) {
    CompletionRequest request = OfModelAndTenant(index);
    request.tags = {{"user", std::to_string(index % 20)}};
    return request;
  });
  plan.criteria = {P95() < 1s};
  plan.checks_targets = false;
  plan.lanes.push_back({});
  plan.lanes.front().target.provider = std::make_shared<ScriptedProvider>(
      clock, [](const auto&, Duration) { return Scripted{.latency = 10ms}; });
  const RunReport report = Runner(clock).Run(plan);
  EXPECT_TRUE(report.judgement.ramps.empty());
  EXPECT_THAT(ToText(report), HasSubstr("its steps are not told apart"));
  // The tags are, and so is the phase.
  EXPECT_EQ(Part(report, {.tags = {{"user", "3"}}}).metrics[Counter::kSucceeded], 55u);
  EXPECT_EQ(Part(report, {.phase = "climb"}).metrics[Counter::kSucceeded], 1100u);
}

// 100 ms, and 8 s for requests beyond 34 of the last second.
ScriptedProvider::Script SlowBeyond34PerSecond() {
  return
      [recent = std::make_shared<std::deque<Duration>>()](const CompletionRequest&, Duration at) {
        recent->push_back(at);
        while (recent->front() <= at - 1s) recent->pop_front();
        return Scripted{.latency = recent->size() > 34 ? 8s : 100ms};
      };
}

TEST_F(GroupAnswers, AStairRampTellsAtWhichRateItBreaks) {
  LoadProfile profile;
  profile.phases = {{.name = "climb", .duration = 200s, .shape = StairRamp{4, 40, 10}}};
  const RunReport report =
      Run(profile, SlowBeyond34PerSecond(), {P95() < 5s, SuccessRate() >= 0.99, Max() < 1h});
  const std::vector<RampResult> expected = {
      {.phase = "climb",
       .criterion = "p95 scheduled latency < 5 s",
       .holds_up_to = 32,
       .breaks_at = 36},
      {.phase = "climb", .criterion = "success rate >= 0.99", .holds_up_to = 40, .breaks_at = {}},
      {.phase = "climb",
       .criterion = "max scheduled latency < 3600 s",
       .holds_up_to = 40,
       .breaks_at = {}}};
  EXPECT_EQ(report.judgement.ramps.size(), 3u);
  EXPECT_EQ(report.judgement.ramps[0], expected[0]);
  EXPECT_EQ(report.judgement.ramps[1], expected[1]);
  const std::optional<RunRecord> third = StepOf(report.record, 0, 2);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->metrics[Counter::kScheduled], 240u) << "12/s for 20 s";
  const std::string text = ToText(report);
  EXPECT_THAT(text, HasSubstr("p95 scheduled latency < 5 s holds up to 32/s and breaks at 36/s"));
  EXPECT_THAT(text, HasSubstr("success rate >= 0.99 holds up to the end, 40/s"));
  EXPECT_EQ(ReadReport(ToJson(report), "report.json"), report);
}

TEST_F(GroupAnswers, ALinearRampIsJudgedInTenths) {
  LoadProfile profile;
  profile.phases = {{.name = "before", .duration = 30s, .shape = ConstantRate{2}},
                    {.name = "climb", .duration = 200s, .shape = LinearRamp{0, 50}}};
  const RunReport report = Run(profile, SlowBeyond34PerSecond(), {P95() < 5s});
  ASSERT_EQ(report.record.configuration.phases[1].steps.size(), 10u);
  EXPECT_EQ(report.record.configuration.phases[1].steps[6],
            (PhaseStep{.begin = 150s, .duration = 20s, .rate_per_second = 32.5}));
  // 34/s is reached in the seventh tenth, which goes from 30/s to 35/s.
  ASSERT_EQ(report.judgement.ramps.size(), 1u);
  EXPECT_EQ(report.judgement.ramps[0].holds_up_to, 27.5);
  EXPECT_EQ(report.judgement.ramps[0].breaks_at, 32.5);
}

TEST_F(GroupAnswers, AnswersAreCountedByReasonAndLength) {
  const auto script = [](const CompletionRequest& request, Duration) {
    const auto index = std::stoll(request.messages.front().content);
    return Scripted{.latency = 100ms,
                    .tokens = index * 37 % 100 + 1,
                    .finish_reason = index % 4 == 0 ? "length" : "stop"};
  };
  const RunReport report = Run(OpenLoop{.rate_per_second = 20, .duration = 50s}, script,
                               {P50(Figure::kOutputLength) <= 60, Mean(Figure::kOutputLength) > 45,
                                Max(Figure::kOutputLength) <= 100});
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  const std::vector<FinishReason> reasons = {{"length", 250}, {"stop", 750}};
  EXPECT_EQ(report.record.metrics.finish_reasons, reasons);
  EXPECT_EQ(report.judgement.criteria[0].observed, 50);
  EXPECT_EQ(report.judgement.criteria[1].observed, 50.5);
  EXPECT_EQ(report.judgement.criteria[2].observed, 100);
  const std::string text = ToText(report);
  EXPECT_THAT(text, HasSubstr("finish reasons: length 250, stop 750"));
}

}  // namespace
}  // namespace llmload
