// What becomes of a violated latency bound when the generator was late.
#include <gmock/gmock.h>

#include <vector>

#include "llmload/judge/judgement.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

// A thousand requests, of which the last `late` were sent `lag` late; the event loop likewise.
RunRecord RunOf(Duration service, int late = 0, Duration lag = 0ms, Duration loop_delay = 0ms) {
  RunRecord record;
  MetricsSnapshot& metrics = record.metrics;
  metrics[Counter::kScheduled] = metrics[Counter::kSent] = metrics[Counter::kSucceeded] = 1000;
  for (int i = 0; i < 1000; ++i) {
    const bool is_late = i >= 1000 - late;
    metrics[Figure::kScheduleLag].Record(is_late ? lag : 100us);
    metrics[Figure::kServiceLatency].Record(service);
    metrics[Figure::kScheduledLatency].Record(service + (is_late ? lag : 100us));
    metrics[Figure::kTtft].Record(service);
    record.health.loop_delay.Record(is_late ? loop_delay : 50us);
  }
  return record;
}

Judgement Judged(const RunRecord& record, const Criterion& criterion) {
  return Judge(record, std::vector{criterion});
}

TEST(Lateness, MakesAViolationInvalidThatTheServiceDidNotMake) {
  const Judgement judgement = Judged(RunOf(6ms, 90, 80ms), P95() < 20ms);
  EXPECT_EQ(judgement.verdict, Verdict::kInvalid) << Explain(judgement);
  EXPECT_THAT(judgement.criteria[0].message,
              HasSubstr("the generator was up to 80.0 ms late, and the service latency does not "
                        "violate the bound"));
  EXPECT_THAT(Explain(judgement), HasSubstr("keep other work off the generator's machine"));
  EXPECT_EQ(Judged(RunOf(6ms, 90, 80ms), Max() < 20ms).verdict, Verdict::kInvalid);
}

TEST(Lateness, OfOneStopIsNotTheServicesEither) {
  // 300 ms in 40 s, at 200 requests a second: 60 of 8000 are sent late.
  RunRecord record;
  record.metrics[Counter::kScheduled] = record.metrics[Counter::kSent] =
      record.metrics[Counter::kSucceeded] = 8000;
  for (int i = 0; i < 8000; ++i) {
    const Duration lag = i < 60 ? i * 5ms : Duration(0);
    record.metrics[Figure::kScheduleLag].Record(lag);
    record.metrics[Figure::kServiceLatency].Record(6ms);
    record.metrics[Figure::kScheduledLatency].Record(6ms + lag);
  }
  EXPECT_EQ(Judged(record, P999() < 100ms).verdict, Verdict::kInvalid);
  EXPECT_EQ(Judged(record, P95() < 100ms).verdict, Verdict::kPass);
}

TEST(Lateness, LeavesAViolationThatWasObservedOfAHealthyGenerator) {
  RunRecord record = RunOf(1s);  // a p95 of 6 s, of which the interval is not certain
  record.metrics[Figure::kScheduledLatency] = record.metrics[Figure::kServiceLatency] = {};
  for (int i = 0; i < 1000; ++i) {
    const Duration latency = i < 945 ? 1s : 6s;
    record.metrics[Figure::kScheduledLatency].Record(latency);
    record.metrics[Figure::kServiceLatency].Record(latency);
  }
  EXPECT_EQ(Judged(record, P95() < 5s).verdict, Verdict::kInconclusive);
  EXPECT_EQ(Judged(record, (P95() < 5s).AsObserved()).verdict, Verdict::kFail);
}

TEST(Lateness, CountsForMeansAndForGoodRequestsToo) {
  EXPECT_EQ(Judged(RunOf(6ms, 90, 80ms), Mean() < 8ms).verdict, Verdict::kInvalid);
  EXPECT_EQ(Judged(RunOf(12ms, 90, 80ms), Mean() < 8ms).verdict, Verdict::kFail);
  for (const Duration lag : {80ms, 1ms}) {
    RunRecord record = RunOf(6ms, 90, lag);
    record.metrics.has_objectives = true;
    record.metrics[Counter::kGood] = 900;
    record.configuration.objectives = {.scheduled_latency = 20ms};
    EXPECT_EQ(Judged(record, GoodFraction() >= 0.95).verdict,
              lag == 80ms ? Verdict::kInvalid : Verdict::kFail);
  }
}

TEST(Lateness, LeavesAViolationThatTheServiceMade) {
  EXPECT_EQ(Judged(RunOf(26ms), P95() < 20ms).verdict, Verdict::kFail);
  EXPECT_EQ(Judged(RunOf(26ms, 90, 80ms), P95() < 20ms).verdict, Verdict::kFail);
  EXPECT_EQ(Judged(RunOf(200ms, 90, 80ms, 80ms), P95() < 20ms).verdict, Verdict::kFail)
      << "slower than the bound and what was read late together";
}

TEST(Lateness, OfTheReaderMakesAViolationInvalidThatItMayHaveMade) {
  // A stopped client reads late: the service latency is contaminated, too.
  const Judgement judgement = Judged(RunOf(26ms, 90, 80ms, 80ms), P95() < 20ms);
  EXPECT_EQ(judgement.verdict, Verdict::kInvalid) << Explain(judgement);
  EXPECT_THAT(judgement.criteria[0].message, HasSubstr("and read answers as late"));
  EXPECT_EQ(Judged(RunOf(26ms, 90, 0ms, 80ms), P95(Figure::kTtft) < 20ms).verdict,
            Verdict::kInvalid);
}

TEST(Lateness, OfAPassIsARemark) {
  const Judgement judgement = Judged(RunOf(6ms, 90, 5ms), P95() < 20ms);
  EXPECT_EQ(judgement.verdict, Verdict::kPass) << Explain(judgement);
  EXPECT_THAT(
      judgement.criteria[0].remark,
      HasSubstr("the generator was up to 5.00 ms late; without that the figure is smaller"));
}

TEST(Lateness, OfAHealthyGeneratorChangesNothing) {
  // Lag p99 of 1 ms, and a bound of 20 ms.
  for (const Duration service : {6ms, 14ms, 19ms}) {
    const Judgement judgement = Judged(RunOf(service, 10, 1ms, 1ms), P95() < 20ms);
    EXPECT_EQ(judgement.verdict, Verdict::kPass) << Explain(judgement);
    EXPECT_THAT(judgement.criteria[0].remark, ::testing::Not(HasSubstr("late")));
  }
  const Judgement violated = Judged(RunOf(22ms, 10, 1ms, 1ms), P95() < 20ms);
  EXPECT_EQ(violated.verdict, Verdict::kFail) << Explain(violated);
  EXPECT_THAT(violated.invalid_reasons, IsEmpty());
}

TEST(Lateness, IsNotHeldAgainstALowerBound) {
  EXPECT_EQ(Judged(RunOf(6ms, 90, 80ms), P95() > 200ms).verdict, Verdict::kFail);
}

}  // namespace
}  // namespace llmload
