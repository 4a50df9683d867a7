// Runs that go on until they are conclusive, in virtual time.
#include <gmock/gmock.h>

#include <string>

#include "llmload/core/environment.h"
#include "llmload/run/documented_plans.h"
#include "llmload/run/runner.h"
#include "llmload/world/world.h"
#include "src/run/run_looks.h"
#include "tests/support/run_in.h"
#include "tests/support/sanitized.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;

// The p95 of these is 300 ms * exp(0.5 * 1.645) = 683 ms.
World Independent() {
  simulation::SimulationOptions options;
  options.latency = {.ttft_median = 300ms, .ttft_sigma = 0.5, .gap_median = 0ms};
  return VirtualWorld(options);
}

RunPlan Plan(Duration bound, Duration longest = 16min) {
  RunPlan plan;
  plan.load = OpenLoop{.rate_per_second = 1000.0 / 60, .duration = 60s};
  plan.request = {.model = "small", .max_tokens = 1, .stream = false};
  plan.criteria = {P95() < bound};
  plan.until_conclusive = UntilConclusive{.longest = longest};
  return plan;
}

TEST(UntilConclusive, LooksAtAnEighthAQuarterAndAHalfButNotBeforeAMinute) {
  EXPECT_THAT(LookTimes({.longest = 16min}, 60s), ElementsAre(2min, 4min, 8min));
  EXPECT_THAT(LookTimes({.longest = 4min}, 60s), ElementsAre(60s, 2min));
  EXPECT_THAT(LookTimes({.longest = 90s}, 60s), ElementsAre());
  EXPECT_THAT(LookTimes({.longest = 16min}, 5min), ElementsAre(8min))
      << "not before the plan's end";
  EXPECT_THAT(LookTimes({.longest = 16min, .first_look = 3min}, 60s),
              ElementsAre(3min, 6min, 12min));
}

TEST(UntilConclusive, EndsAtTheFirstLookThatDecides) {
  const RunReport report = RunIn(Independent(), Plan(1s));
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  ASSERT_THAT(report.record.looks, SizeIs(1));
  EXPECT_EQ(report.record.looks[0].at, Duration(2min));
  EXPECT_EQ(report.record.looks[0].found, "all criteria are decided");
  EXPECT_DOUBLE_EQ(report.record.looks[0].error, 0.005 / 4);
  // Exactly what was due before the look is measured, however long it took.
  EXPECT_EQ(report.record.metrics[Counter::kScheduled], 2000u);
  EXPECT_EQ(report.record.looks[0].requests, 2000u);
  EXPECT_LT(report.record.unmeasured[Counter::kScheduled], 60u);
  EXPECT_FALSE(CheckAccounting(report.record.metrics));
  EXPECT_FALSE(CheckAccounting(report.record.unmeasured));
  EXPECT_FALSE(report.record.interrupted);
  EXPECT_LT(report.record.duration, Duration(3min));
  EXPECT_NEAR(report.record.OfferedRate().value(), 1000.0 / 60, 0.02);
}

TEST(UntilConclusive, DecidesAPartOfTheRequestsAsItDoesTheWhole) {
  RunPlan plan = Plan(1s);
  plan.criteria = {P95().OfModel("small") < 1s, SuccessRate().OfPhase("phase 1") >= 0.9};
  const RunReport report = RunIn(Independent(), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  ASSERT_THAT(report.record.looks, SizeIs(1));
  EXPECT_EQ(report.record.looks[0].at, Duration(2min));
  EXPECT_EQ(report.judgement.criteria[0].samples, 2000u);
}

TEST(UntilConclusive, EndsWhereACriterionIsViolated) {
  const RunReport report = RunIn(Independent(), Plan(500ms));
  EXPECT_EQ(report.judgement.verdict, Verdict::kFail) << Explain(report.judgement);
  ASSERT_THAT(report.record.looks, SizeIs(1));
  EXPECT_EQ(report.record.looks[0].found, "violated: p95 scheduled latency");
}

TEST(UntilConclusive, GoesOnWhileACriterionIsOpen) {
  // 7 % off: about the length of the second or third look.
  const RunReport report = RunIn(Independent(), Plan(733ms));
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  EXPECT_GE(report.record.looks.size(), 2u);
  EXPECT_EQ(report.record.looks[0].found, "undecided: p95 scheduled latency");
}

TEST(UntilConclusive, GivesUpWhereItWouldTakeTooLongAndSaysHowLong) {
  const RunReport report = RunIn(Independent(), Plan(684ms));
  EXPECT_EQ(report.judgement.verdict, Verdict::kInconclusive) << Explain(report.judgement);
  EXPECT_LT(report.record.duration, Duration(9min));
  EXPECT_THAT(report.record.looks.back().found, HasSubstr("given up after "));
  EXPECT_THAT(report.judgement.criteria[0].remark,
              AllOf(HasSubstr("would do, and the limit is 960 s")));
}

TEST(UntilConclusive, EndsAtItsBoundOfRequestsAsTheLastLook) {
  RunPlan plan = Plan(710ms);
  plan.until_conclusive->requests = 3000;  // at 180 s, between the first look and the second
  const RunReport report = RunIn(Independent(), plan);
  EXPECT_EQ(report.record.metrics[Counter::kScheduled], 3000u);
  EXPECT_EQ(report.judgement.verdict, Verdict::kInconclusive) << Explain(report.judgement);
  ASSERT_THAT(report.record.looks, SizeIs(2));
  // It takes the error of the looks that are left out.
  EXPECT_DOUBLE_EQ(report.record.looks[1].error, 0.005 * 3 / 4);
  EXPECT_NEAR(report.record.OfferedRate().value(), 1000.0 / 60, 0.02);
}

TEST(UntilConclusive, DecidesWhatIsAsObservedAtThePlannedLength) {
  RunPlan plan = Plan(733ms);
  plan.criteria.push_back((P50() < 310ms).AsObserved());
  const RunReport report = RunIn(Independent(), plan);
  ASSERT_GE(report.record.looks.size(), 2u);
  EXPECT_EQ(report.record.looks[0].at, Duration(60s));
  EXPECT_EQ(report.record.looks[0].found, "what goes by the planned length is decided");
  EXPECT_EQ(report.judgement.criteria[1].samples, 1000u);
  EXPECT_GT(report.judgement.criteria[0].samples, 1000u);
}

TEST(UntilConclusive, EndsAtThePlannedLengthWhereEverythingIsAsObserved) {
  RunPlan plan = ProductionReadinessPlan();
  plan.until_conclusive = UntilConclusive{.longest = 10min};
  const RunReport report = RunIn(VirtualWorld(simulation::SimulationOptions{}), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  EXPECT_EQ(report.record.metrics[Counter::kScheduled], 1200u);
  ASSERT_THAT(report.record.looks, SizeIs(1));
  // Strict, it has to go on.
  plan.confidence_required = true;
  plan.criteria = {P95() < 683ms};
  plan.request.stream = false;
  plan.request.max_tokens = 1;
  const RunReport strict = RunIn(Independent(), plan);
  EXPECT_GT(strict.record.metrics[Counter::kScheduled], 1200u);
}

TEST(UntilConclusive, EndsBeforeThePlannedLengthWhenFailureIsCertain) {
  simulation::SimulationOptions options;
  options.faults = {{.kind = simulation::FaultKind::kHttpError, .probability = 0.5}};
  RunPlan plan = ProductionReadinessPlan();  // 1200 requests, of which 60 may fail
  plan.until_conclusive = UntilConclusive{.longest = 10min};
  const RunReport report = RunIn(VirtualWorld(options), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kFail) << Explain(report.judgement);
  EXPECT_LT(report.record.metrics[Counter::kScheduled], 300u);
  EXPECT_GT(report.record.metrics[Counter::kFailed], 60u);
  EXPECT_EQ(report.record.looks.back().found, "violated whatever is still to come: success rate");
}

TEST(UntilConclusive, BlamesNothingButWhatIsCertainForAFailure) {
  simulation::SimulationOptions options;
  options.faults = {
      {.kind = simulation::FaultKind::kSlowFirstToken, .probability = 0.1, .delay = 11s}};
  RunPlan plan = ProductionReadinessPlan();
  plan.criteria = {CompletedRequests() >= 1100, (P99() < 10s).AsObserved()};
  plan.until_conclusive = UntilConclusive{.longest = 10min};
  const RunReport report = RunIn(VirtualWorld(options), plan);
  EXPECT_LT(report.record.metrics[Counter::kScheduled], 600u) << "13 slow ones are enough";
  EXPECT_EQ(report.judgement.verdict, Verdict::kFail) << Explain(report.judgement);
  EXPECT_EQ(report.judgement.criteria[0].verdict, Verdict::kInconclusive);
  EXPECT_EQ(report.judgement.criteria[1].verdict, Verdict::kFail);
  EXPECT_THAT(Explain(report.judgement),
              HasSubstr("violated whatever is still to come: p99 scheduled latency"));
}

TEST(UntilConclusive, CountsNoRequestBeyondThePlannedLengthForAFailure) {
  // 55 of the 1200 planned fail, as 60 may. Right after them all fail.
  simulation::SimulationOptions options;
  options.latency.ttft_median = 2s;
  options.faults = {{.kind = simulation::FaultKind::kHttpError, .last_arrival = 55},
                    {.kind = simulation::FaultKind::kHttpError, .first_arrival = 1201}};
  RunPlan plan = ProductionReadinessPlan();
  plan.criteria = {(SuccessRate() >= 0.95).AsObserved()};
  plan.until_conclusive = UntilConclusive{.longest = 10min};
  const RunReport report = RunIn(VirtualWorld(options), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  EXPECT_EQ(report.record.metrics[Counter::kScheduled], 1200u);
}

TEST(UntilConclusive, DecidesCountsAtThePlannedLength) {
  RunPlan plan = Plan(733ms);
  plan.criteria.push_back(FailedRequests() <= 5);
  plan.criteria.push_back(CompletedRequests() == 1000);
  simulation::SimulationOptions options;
  options.latency = {.ttft_median = 300ms, .ttft_sigma = 0.5, .gap_median = 0ms};
  // Four of the first thousand fail, and one in a hundred of those after them.
  options.faults = {
      {.kind = simulation::FaultKind::kHttpError, .last_arrival = 4},
      {.kind = simulation::FaultKind::kHttpError, .probability = 0.01, .first_arrival = 1001}};
  const RunReport report = RunIn(VirtualWorld(options), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  EXPECT_EQ(report.judgement.criteria[1].observed, 4.0);
  EXPECT_EQ(report.judgement.criteria[2].observed, 1000.0);
  EXPECT_GT(report.record.metrics[Counter::kScheduled], 1000u);
}

TEST(UntilConclusive, GivesUpOnWhatIsNeverObserved) {
  RunPlan plan = Plan(1s);
  plan.request.stream = true;  // answers of a single token have no time between tokens
  plan.criteria = {P95(Figure::kTpot) < 1s};
  const RunReport report = RunIn(Independent(), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kInconclusive) << Explain(report.judgement);
  EXPECT_LT(report.record.duration, Duration(5min));
  EXPECT_THAT(report.record.looks.back().found,
              HasSubstr("nothing was observed of p95 time per output token"));
}

TEST(UntilConclusive, SaysHowSureALookIs) {
  const RunReport report = RunIn(Independent(), Plan(1s));
  EXPECT_DOUBLE_EQ(report.judgement.criteria[0].confidence, 0.9975);
  EXPECT_THAT(report.judgement.criteria[0].message, HasSubstr("(99.75 % confidence "));
}

TEST(UntilConclusive, ProlongsAClosedLoopAndCountsItsPlannedRequests) {
  RunPlan plan = Plan(684ms, 2min);
  plan.load = ClosedLoop{.concurrency = 4, .requests = 200, .warm_up_requests = 20};
  plan.criteria.push_back((SuccessRate() >= 0.9).AsObserved());
  const RunReport report = RunIn(Independent(), plan);
  EXPECT_EQ(report.judgement.criteria[1].samples, 180u) << "of the planned requests";
  EXPECT_GT(report.judgement.criteria[0].samples, 500u);
  EXPECT_FALSE(CheckAccounting(report.record.metrics));
  EXPECT_EQ(report.record.unmeasured[Counter::kScheduled], 20u);
}

TEST(UntilConclusive, WaitsForTheAnswersOfALook) {
  // One request in ten takes 20 s longer: a look may not judge by those that are quick.
  simulation::SimulationOptions options;
  options.latency = {.ttft_median = 300ms, .ttft_sigma = 0.1, .gap_median = 0ms};
  options.faults = {
      {.kind = simulation::FaultKind::kSlowFirstToken, .probability = 0.1, .delay = 20s}};
  RunPlan plan = Plan(10s);
  plan.stop.drain_timeout = 2min;
  const RunReport report = RunIn(VirtualWorld(options), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kFail) << Explain(report.judgement);
  EXPECT_EQ(report.record.metrics[Counter::kScheduled], 2000u);
  EXPECT_EQ(report.record.metrics.Completed(), 2000u);
  // The load went on meanwhile; those requests are not measured.
  EXPECT_NEAR(static_cast<double>(report.record.unmeasured[Counter::kScheduled]), 333, 60);
}

TEST(UntilConclusive, IsRefusedWhereItCannotWork) {
  const auto refusal = [](const RunPlan& plan) {
    try {
      CheckPlan(Independent().Furnish(plan));
    } catch (const ConfigurationError& refused) {
      return std::string(refused.what());
    }
    return std::string("(accepted)");
  };
  EXPECT_EQ(refusal(Plan(1s)), "(accepted)");
  RunPlan idle = Plan(1s);
  idle.stop.abort_when = {{.share = 1.5}};
  EXPECT_THAT(refusal(idle), HasSubstr("stop.abort_when: got"));
  EXPECT_THAT(refusal(Plan(1s, 50s)), HasSubstr("until_conclusive.longest: got 50.0 s"));
  RunPlan plan = Plan(1s);
  plan.until_conclusive->first_look = 10s;
  EXPECT_THAT(refusal(plan), HasSubstr("until_conclusive.first_look: got 10.0 s"));
  plan = Plan(1s);
  plan.until_conclusive->requests = 10;
  EXPECT_THAT(refusal(plan), HasSubstr("until_conclusive.requests: got 10, expected at least"));
  plan = Plan(1s);
  plan.criteria.clear();
  EXPECT_THAT(refusal(plan), HasSubstr("there is no criterion to decide"));
  plan = Plan(1s);
  plan.load = ClosedLoop{.concurrency = 2, .requests = 500, .duration = 60s};
  EXPECT_THAT(refusal(plan), HasSubstr("has a duration and a number of requests"));
  plan = Plan(1s);
  plan.load = LoadProfile{.phases = {{.duration = 60s, .shape = LinearRamp{1, 20}}}};
  EXPECT_THAT(refusal(plan), HasSubstr("has no constant rate"));
}

TEST(UntilConclusive, IsReadFromAText) {
  EXPECT_EQ(ParseUntilConclusive("X", "10m").longest, Duration(10min));
  const UntilConclusive all = ParseUntilConclusive("X", "10m,requests=20000,first-look=2m");
  EXPECT_EQ(all.requests, 20'000u);
  EXPECT_EQ(all.first_look, Duration(2min));
  for (const char* const text : {"", "10", "soon", "10m,", "10m,requests", "10m,requests=0",
                                 "10m,first-look=1", "10m,looks=3"}) {
    EXPECT_THROW(ParseUntilConclusive("X", text), ConfigurationError) << text;
  }
}

// --- Rules that end a hopeless run

RunPlan Watched(const AbortRule& rule) {
  RunPlan plan = Plan(1s);
  plan.until_conclusive.reset();
  plan.load = OpenLoop{.rate_per_second = 20, .duration = 10min};
  plan.stop.abort_when = {rule};
  return plan;
}

TEST(AbortWhen, EndsARunThatFailsTooMuchAsFailWithTheReason) {
  simulation::SimulationOptions options;
  options.faults = {{.kind = simulation::FaultKind::kHttpError, .from = 60s}};
  const RunReport report =
      RunIn(VirtualWorld(options), Watched(ParseAbortRule("X", "failures>50%")));
  EXPECT_EQ(report.judgement.verdict, Verdict::kFail);
  EXPECT_FALSE(report.record.interrupted);
  EXPECT_LT(report.record.duration, Duration(70s));
  EXPECT_GT(report.record.duration, Duration(64s));
  EXPECT_THAT(Explain(report.judgement),
              AllOf(HasSubstr("The run was hopeless and was ended: "),
                    HasSubstr("requests failed (failures > 50 % over 10.0 s)")));
}

TEST(AbortWhen, EndsARunWhoseLatencyIsBeyondHopeEvenIfNothingIsAnswered) {
  for (const auto kind : {simulation::FaultKind::kSlowFirstToken, simulation::FaultKind::kHang}) {
    simulation::SimulationOptions options;
    options.faults = {{.kind = kind, .delay = 8s, .from = 60s}};
    RunPlan plan = Watched(ParseAbortRule("X", "latency:p90>5s over 20s"));
    const RunReport report = RunIn(VirtualWorld(options), plan);
    EXPECT_EQ(report.judgement.verdict, Verdict::kFail) << Explain(report.judgement);
    EXPECT_LT(report.record.duration, Duration(100s));
    EXPECT_THAT(report.record.aborted_because, HasSubstr("took longer than 5.00 s"));
  }
}

TEST(AbortWhen, IsNotAskedWhenOnlySlowRequestsAreLeft) {
  // Three in a hundred fail after 25 s: after the last arrival nothing else ends.
  simulation::SimulationOptions options;
  options.faults = {
      {.kind = simulation::FaultKind::kSlowFirstToken, .probability = 0.03, .delay = 25s}};
  RunPlan plan = Watched(ParseAbortRule("X", "latency:p90>20s"));
  plan.load = OpenLoop{.rate_per_second = 100, .duration = 60s};
  plan.criteria = {SuccessRate() >= 0.9};
  const RunReport report = RunIn(VirtualWorld(options), plan);
  EXPECT_EQ(report.record.aborted_because, "");
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
}

TEST(AbortWhen, LeavesAHealthyRunAlone) {
  RunPlan plan = Watched(ParseAbortRule("X", "failures>50%"));
  plan.stop.abort_when.push_back(ParseAbortRule("X", "latency:p99>30s"));
  if (test_support::kSanitized) {
    // Each second asks for all that was measured.
    plan.load = OpenLoop{.rate_per_second = 20, .duration = 60s};
    plan.criteria = {SuccessRate() >= 0.9};
  }
  const RunReport report = RunIn(Independent(), plan);
  EXPECT_EQ(report.judgement.verdict, Verdict::kPass) << Explain(report.judgement);
  EXPECT_EQ(report.record.aborted_because, "");
}

TEST(AbortWhen, IsReadFromAText) {
  const AbortRule failures = ParseAbortRule("X", "failures > 0.2 over 30s");
  EXPECT_EQ(failures.share, 0.2);
  EXPECT_EQ(failures.window, Duration(30s));
  EXPECT_FALSE(failures.slower_than);
  const AbortRule slow = ParseAbortRule("X", "latency:p95>30s");
  EXPECT_NEAR(slow.share, 0.05, 1e-12);
  EXPECT_EQ(slow.slower_than, Duration(30s));
  for (const char* const text :
       {"", "failures", "failures<5%", "failures>0", "failures>100%", "latency>5s", "latency:p0>5s",
        "latency:p95>5", "ttft:p95>5s", "failures>50% over ten seconds"}) {
    EXPECT_THROW(ParseAbortRule("X", text), ConfigurationError) << text;
  }
}

}  // namespace
}  // namespace llmload
