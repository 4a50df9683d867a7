#include "llmload/judge/criterion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/metrics/statistics.h"
#include "llmload/record/run_record.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using test_support::kStart;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// `successes` requests of `latency`, `failures` failed ones, one dispatched every 10 ms.
RunRecord RecordOf(int successes, Duration latency, int failures = 0) {
  LoadTestMetrics metrics;
  MetricsShard& shard = metrics.AddShard();
  for (int i = 0; i < successes + failures; ++i) {
    const TimePoint at = kStart + i * 10ms;
    shard.Scheduled();
    shard.Dispatched(at, at);
    if (i < successes) {
      Completion completion;
      completion.provider = "p";
      shard.Succeeded({at, at, at + latency}, completion);
    } else {
      shard.Failed({at, at, at + latency}, Error{.kind = ErrorKind::kServerError});
    }
  }
  RunRecord record;
  record.metrics = metrics.Snapshot();
  return record;
}

ResourceSummary Process(std::string label, double increase, std::string lost_reason = {}) {
  ResourceSummary resource;
  resource.label = std::move(label);
  resource.samples = 20;
  resource.increase = increase;
  resource.peak_ratio = increase + 1;
  resource.growth = increase;
  resource.lost_reason = std::move(lost_reason);
  return resource;
}

TEST(Criterion, VerdictTable) {
  const RunRecord good = RecordOf(1000, 2s);
  const RunRecord flaky = RecordOf(600, 2s, 400);
  const RunRecord dead = RecordOf(0, 2s, 500);
  const RunRecord few = RecordOf(60, 2s);
  const RunRecord nothing = RecordOf(0, 0s);
  struct Row {
    const char* what;
    Criterion criterion;
    RunRecord record;
    Verdict expected;
  };
  const std::vector<Row> rows = {
      {"rate holds", SuccessRate() >= 0.95, good, Verdict::kPass},
      // 600 of 1000: the true rate is between 0.559 and 0.640, with 99 % confidence.
      {"rate clearly above", SuccessRate() >= 0.55, flaky, Verdict::kPass},
      {"rate a little above", SuccessRate() >= 0.57, flaky, Verdict::kInconclusive},
      {"rate at its bound", SuccessRate() >= 0.6, flaky, Verdict::kInconclusive},
      {"rate a little below", SuccessRate() >= 0.63, flaky, Verdict::kInconclusive},
      {"rate violated", SuccessRate() >= 0.7, flaky, Verdict::kFail},
      {"upper bound of a rate holds", SuccessRate() <= 0.65, flaky, Verdict::kPass},
      {"upper bound of a rate open", SuccessRate() <= 0.61, flaky, Verdict::kInconclusive},
      {"upper bound of a rate violated", SuccessRate() < 0.55, flaky, Verdict::kFail},
      {"no failure of few", SuccessRate() >= 0.95, few, Verdict::kInconclusive},
      {"a rate that may be it", SuccessRate() == 0.6, flaky, Verdict::kInconclusive},
      {"a rate that is not it", SuccessRate() == 0.7, flaky, Verdict::kFail},
      {"all, and all did", SuccessRate() >= 1, few, Verdict::kPass},
      {"all, and some did not", SuccessRate() >= 1, flaky, Verdict::kFail},
      {"any, and some did", SuccessRate() > 0, flaky, Verdict::kPass},
      {"any, and none did", SuccessRate() > 0, dead, Verdict::kFail},
      {"none did of very few", SuccessRate() >= 0.2, RecordOf(0, 1s, 3), Verdict::kFail},
      {"rate of nothing", SuccessRate() >= 0.7, nothing, Verdict::kInconclusive},
      {"count holds", CompletedRequests() >= 900, good, Verdict::kPass},
      {"failures are completed too", CompletedRequests() >= 1000, flaky, Verdict::kPass},
      {"successes alone", SuccessfulRequests() >= 900, flaky, Verdict::kFail},
      {"upper bound of failures", FailedRequests() <= 400, flaky, Verdict::kPass},
      {"count of nothing", CompletedRequests() >= 1, nothing, Verdict::kFail},
      {"throughput holds", Throughput() >= 80, good, Verdict::kPass},
      {"throughput violated", Throughput() >= 100, good, Verdict::kFail},
      {"failures are no throughput", Throughput() >= 80, flaky, Verdict::kFail},
      {"failures are completed", CompletedThroughput() >= 80, flaky, Verdict::kPass},
      {"throughput of nothing", Throughput() >= 1, nothing, Verdict::kInconclusive},
      {"p95 holds", P95() < 2100ms, good, Verdict::kPass},
      {"p95 holds", P95() < 2.1s, good, Verdict::kPass},
      {"p95 violated", P95() < 1s, good, Verdict::kFail},
      {"p95 violated", P95() <= 0.01min, good, Verdict::kFail},
      {"p95 of few", P95() < 10s, few, Verdict::kInconclusive},
      {"p95 of few, violated", P95() < 1s, few, Verdict::kInconclusive},
      {"mean of few", Mean() < 10s, few, Verdict::kPass},
      {"max of few", Max() < 1s, few, Verdict::kFail},
      {"median of few", P50(Figure::kServiceLatency) < 10s, few, Verdict::kPass},
      {"median of 8", P50() < 10s, RecordOf(8, 2s), Verdict::kPass},
      {"median of 7: no interval", P50() < 10s, RecordOf(7, 2s), Verdict::kInconclusive},
      {"median of 7, violated", P50() < 1s, RecordOf(7, 2s), Verdict::kInconclusive},
      {"latency without success", P95() < 10s, dead, Verdict::kFail},
      {"mean without success", Mean(Figure::kServiceLatency) < 10s, dead, Verdict::kFail},
      {"latency of nothing", P95() < 10s, nothing, Verdict::kInconclusive},
      {"ttft of unstreamed", P50(Figure::kTtft) < 1s, good, Verdict::kInconclusive},
      {"overhead, none failed over", Max(Figure::kFailoverOverhead) < 1s, good,
       Verdict::kInconclusive},
      {"overhead, nothing succeeded", Max(Figure::kFailoverOverhead) < 1s, dead,
       Verdict::kInconclusive},
      {"attempts", AttemptsPerRequest() <= 1.2, good, Verdict::kPass},
      {"failed over", FailedOverRequests() >= 8, good, Verdict::kFail},
      {"memory, no process", MemoryIncrease() < 1.0, good, Verdict::kInconclusive},
      {"measurement missing", Measurement("x") < 1, good, Verdict::kInconclusive},
  };
  for (const Row& row : rows) {
    const CriterionResult result = row.criterion.Evaluate(row.record);
    EXPECT_EQ(result.verdict, row.expected) << row.what << ": " << result.message;
  }
}

TEST(Criterion, PercentileNeedsItsMinimumSampleCount) {
  const struct {
    Metric metric;
    int minimum;
  } cases[] = {{P90(), 64}, {P95(), 130}, {P99(), 662}, {P999(), 6636}};
  for (const auto& [metric, minimum] : cases) {
    const Criterion criterion = metric < 5s;
    EXPECT_EQ(criterion.Evaluate(RecordOf(minimum - 1, 1s)).verdict, Verdict::kInconclusive)
        << metric.name();
    EXPECT_EQ(criterion.Evaluate(RecordOf(minimum, 1s)).verdict, Verdict::kPass) << metric.name();
  }
}

TEST(Criterion, MessageNamesMetricObservedBoundAndSamples) {
  const CriterionResult violated = (P95() < 10s).Evaluate(RecordOf(1000, 12s));
  EXPECT_EQ(violated.message,
            "p95 scheduled latency is 12 s (99 % confidence 12 s to 12 s), required < 10 s (1000 "
            "samples)");
  const CriterionResult few = (P95() < 10s).Evaluate(RecordOf(20, 1s));
  EXPECT_EQ(few.message,
            "p95 scheduled latency is 1 s, required < 10 s (20 samples, at least 130 are needed)");
  const CriterionResult dead = (P95() < 10s).Evaluate(RecordOf(0, 1s, 3));
  EXPECT_EQ(dead.message,
            "p95 scheduled latency was not observed, required < 10 s: no successful request");
}

TEST(Criterion, ResultHoldsTheNumbersInTheMetricsUnit) {
  const CriterionResult result = (Max() <= 2500ms).Evaluate(RecordOf(7, 3s));
  EXPECT_EQ(result.name, "max scheduled latency");
  EXPECT_EQ(result.unit, "s");
  EXPECT_EQ(result.comparison, Comparison::kLessOrEqual);
  EXPECT_DOUBLE_EQ(result.bound, 2.5);
  EXPECT_DOUBLE_EQ(result.observed.value(), 3);
  EXPECT_EQ(result.samples, 7u);
}

// One that answers `part` of `whole` requests.
RunRecord RecordOfRate(std::uint64_t part, std::uint64_t whole) {
  RunRecord record;
  record.metrics[Counter::kScheduled] = whole;
  record.metrics[Counter::kSucceeded] = part;
  return record;
}

// Ends of cells, which a distribution gives back exactly.
constexpr Duration kLower = 941'999ns;
constexpr Duration kValue = 979'999ns;
constexpr Duration kUpper = 1'039'999ns;

// The p95 of 1000 requests is `kValue`, with a confidence interval from `kLower` to `kUpper`.
RunRecord RecordOfP95() {
  constexpr std::uint64_t kSamples = 1000;
  RunRecord record = RecordOfRate(kSamples, kSamples);
  const RankBounds ranks = QuantileRankBounds(0.95, kSamples);
  Distribution& latency = record.metrics[Figure::kScheduledLatency];
  for (std::uint64_t rank = 1; rank <= kSamples; ++rank) {
    latency.Record(rank <= ranks.lower.value()  ? kLower
                   : rank < ranks.upper.value() ? kValue
                                                : kUpper);
  }
  return record;
}

TEST(Criterion, PercentilePassesOrFailsOnlyWithItsWholeInterval) {
  const RunRecord record = RecordOfP95();
  EXPECT_EQ((P95() < 1060us).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((P95() <= kUpper).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((P95() < kUpper).Evaluate(record).verdict, Verdict::kInconclusive);
  EXPECT_EQ((P95() < 960us).Evaluate(record).verdict, Verdict::kInconclusive);
  EXPECT_EQ((P95() <= kLower).Evaluate(record).verdict, Verdict::kInconclusive);
  EXPECT_EQ((P95() < kLower).Evaluate(record).verdict, Verdict::kFail);
  EXPECT_EQ((P95() > 940us).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((P95() >= 1ms).Evaluate(record).verdict, Verdict::kInconclusive);
  EXPECT_EQ((P95() > kUpper).Evaluate(record).verdict, Verdict::kFail);
}

TEST(Criterion, ResultHoldsTheInterval) {
  const CriterionResult result = (P95() < 1ms).Evaluate(RecordOfP95());
  EXPECT_DOUBLE_EQ(result.observed_lower.value(), ToSeconds(kLower));
  EXPECT_DOUBLE_EQ(result.observed_upper.value(), ToSeconds(kUpper));
  const CriterionResult count = (CompletedRequests() >= 1).Evaluate(RecordOf(10, 1s));
  EXPECT_FALSE(count.observed_lower || count.observed_upper) << "a count is not an estimate";
}

TEST(Criterion, SaysThatMoreSamplesAreNeededAndAboutHowMany) {
  // A few more of the 1000 are above 1 ms than would do.
  EXPECT_EQ(
      (P95() < 1ms).Evaluate(RecordOfP95()).message,
      "p95 scheduled latency is 980 µs (99 % confidence 942 µs to 1.04 ms), required < 1 ms (1000 "
      "samples; more are needed to say, about 1100 if the figure stays the same)");
  // Of the 1000, just 5 % are above 1 ms: no number would do.
  RunRecord at_the_bound = RecordOfRate(1000, 1000);
  for (int i = 0; i < 1000; ++i) {
    at_the_bound.metrics[Figure::kScheduledLatency].Record(i < 950 ? kValue : kUpper);
  }
  EXPECT_THAT((P95() < 1ms).Evaluate(at_the_bound).message,
              HasSubstr("(1000 samples; more are needed to say)"));
  // All of 333: the bound of 99 % is reached at ln(0.005) / ln(0.99) = 528 successes.
  EXPECT_THAT((SuccessRate() >= 0.99).Evaluate(RecordOfRate(333, 333)).message,
              HasSubstr("(333 samples; more are needed to say, about 530 if"));
  EXPECT_EQ((SuccessRate() >= 0.99).Evaluate(RecordOfRate(530, 530)).verdict, Verdict::kPass);
}

TEST(Criterion, SamplesThatAreSaidToDoDo) {
  const struct {
    double rate, bound;
  } cases[] = {{0.96, 0.95}, {0.955, 0.95}, {0.94, 0.95}, {0.71, 0.7}, {1, 0.999}, {0.3, 0.32}};
  for (const auto& [rate, bound] : cases) {
    const Criterion criterion = SuccessRate() >= bound;
    const auto result_of = [&criterion, share = rate](double samples) {
      return criterion.Evaluate(
          RecordOfRate(static_cast<std::uint64_t>(std::llround(share * samples)),
                       static_cast<std::uint64_t>(samples)));
    };
    const std::string message = result_of(2000).message;
    const auto at = message.find("about ");
    ASSERT_NE(at, std::string::npos) << message;
    const double needed = std::stod(message.substr(at + 6));
    // It is a rule of thumb.
    EXPECT_NE(result_of(1.15 * needed).verdict, Verdict::kInconclusive) << message;
    EXPECT_EQ(result_of(0.8 * needed).verdict, Verdict::kInconclusive) << message;
  }
}

TEST(Criterion, SuccessRateOfTheDocumentedRunsPassesWhenAllSucceed) {
  EXPECT_EQ((SuccessRate() >= 0.70).Evaluate(RecordOfRate(1000, 1000)).verdict, Verdict::kPass);
  EXPECT_EQ((SuccessRate() >= 0.95).Evaluate(RecordOfRate(1200, 1200)).verdict, Verdict::kPass);
  EXPECT_EQ((SuccessRate() >= 0.95).Evaluate(RecordOfRate(1164, 1200)).verdict, Verdict::kPass);
  EXPECT_EQ((SuccessRate() >= 0.95).Evaluate(RecordOfRate(1110, 1200)).verdict, Verdict::kFail);
}

TEST(Criterion, ProportionsOfYourOwnAreJudgedAlike) {
  const Metric answered = Proportion(
      "answered in time", [](const RunRecord& r) { return r.metrics[Counter::kSucceeded]; },
      [](const RunRecord& r) { return r.metrics[Counter::kScheduled]; });
  const CriterionResult result = (answered >= 0.95).Evaluate(RecordOfRate(955, 1000));
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
  EXPECT_THAT(result.message, AllOf(HasSubstr("answered in time is 0.955 (99 % confidence 0.93"),
                                    HasSubstr(" to 0.97")));
  EXPECT_EQ((answered >= 0.95).Evaluate(RecordOfRate(0, 0)).verdict, Verdict::kInconclusive);
}

ResourceSummary Leaking(std::string label, SustainedSlope slope) {
  ResourceSummary resource = Process(std::move(label), 0.1);
  resource.slope_bytes_per_request = slope;
  return resource;
}

TEST(Criterion, ALeakIsJudgedByItsInterval) {
  const auto judge = [](SustainedSlope slope) {
    RunRecord record;
    record.resources = {Leaking("local server", slope)};
    return (MemoryLeakPerRequest() < 5000).Evaluate(record);
  };
  EXPECT_EQ(judge({.slope = 20e3, .lower = 5100, .upper = 30e3}).verdict, Verdict::kFail);
  EXPECT_EQ(judge({.slope = 20e3, .lower = 4900, .upper = 30e3}).verdict, Verdict::kInconclusive);
  EXPECT_EQ(judge({.slope = 100, .lower = -900, .upper = 4900}).verdict, Verdict::kPass);
  EXPECT_EQ(judge({.slope = 100, .lower = -900, .upper = 5100}).verdict, Verdict::kInconclusive);
  const CriterionResult settling =
      judge({.slope = 20e3, .lower = 5100, .upper = 30e3, .settling = true});
  EXPECT_EQ(settling.verdict, Verdict::kInconclusive);
  EXPECT_EQ(settling.message,
            "memory left per request is 20.0 kB (99 % confidence 30.0 kB or less), required < 5.00 "
            "kB (20 samples; more are needed to say; the local server, whose growth was slowing "
            "down)");
  EXPECT_EQ(judge({.slope = 100, .lower = 0, .upper = 900, .settling = true}).verdict,
            Verdict::kPass);
}

TEST(Criterion, OneProcessThatLeaksIsEnoughAndAllHaveToBeFlat) {
  const SustainedSlope leak{.slope = 20e3, .lower = 18e3, .upper = 22e3};
  const SustainedSlope flat{.slope = 0, .lower = -100, .upper = 100};
  const SustainedSlope noisy{.slope = 30e3, .lower = -90e3, .upper = 90e3};
  const auto judge = [](std::vector<ResourceSummary> resources, std::string process = {}) {
    RunRecord record;
    record.resources = std::move(resources);
    return (MemoryLeakPerRequest(std::move(process)) < 5000).Evaluate(record).verdict;
  };
  EXPECT_EQ(judge({Leaking("a", flat), Leaking("b", leak)}), Verdict::kFail);
  EXPECT_EQ(judge({Leaking("a", leak), Leaking("b", noisy)}), Verdict::kFail);
  EXPECT_EQ(judge({Leaking("a", flat), Leaking("b", leak)}, "a"), Verdict::kPass);
  EXPECT_EQ(judge({Leaking("a", flat), Leaking("b", flat)}), Verdict::kPass);
  EXPECT_EQ(judge({Leaking("a", flat), Leaking("b", noisy)}), Verdict::kInconclusive);
  EXPECT_EQ(judge({Leaking("a", flat)}, "b"), Verdict::kInconclusive);
  EXPECT_EQ(judge({Leaking("a", flat), Process("b", 0)}), Verdict::kInconclusive)
      << "b was not measured";
  EXPECT_EQ(judge({Leaking("a", leak), Process("b", 0)}), Verdict::kFail);
  EXPECT_EQ(judge({}), Verdict::kInconclusive);
}

TEST(Criterion, MemoryIsJudgedByTheNamedProcessOrByTheWorst) {
  RunRecord record = RecordOf(10, 1s);
  record.resources = {Process("test process", 0.1), Process("local server", 1.4)};
  EXPECT_EQ((MemoryIncrease("test process") < 1).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((MemoryIncrease("local server") < 1).Evaluate(record).verdict, Verdict::kFail);
  EXPECT_EQ((MemoryIncrease() < 1).Evaluate(record).verdict, Verdict::kFail);
  EXPECT_EQ((PeakMemoryRatio() < 2).Evaluate(record).verdict, Verdict::kFail);
  EXPECT_EQ((MemoryGrowth() < 1.5).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((MemoryGrowth("another process") < 1.5).Evaluate(record).verdict,
            Verdict::kInconclusive);
}

TEST(Criterion, AProcessThatEndedCanViolateAMemoryCriterionButNotConfirmIt) {
  RunRecord record = RecordOf(10, 1s);
  record.resources = {Process("local server", 0.2, "process 9 has ended")};
  const CriterionResult result = (MemoryIncrease() < 1).Evaluate(record);
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
  EXPECT_THAT(result.message, HasSubstr("local server: process 9 has ended"));
  EXPECT_EQ((MemoryIncrease() < 0.1).Evaluate(record).verdict, Verdict::kFail);
}

TEST(Criterion, CustomMetricsReadTheRecord) {
  RunRecord record = RecordOf(10, 1s);
  record.measurements = {{"cost", 0.25}};
  EXPECT_EQ((Measurement("cost", "USD") < 0.3).Evaluate(record).verdict, Verdict::kPass);
  const Metric sent = Custom(
      "sent", "requests",
      [](const RunRecord& r) { return static_cast<double>(r.metrics[Counter::kSent]); },
      [](const RunRecord& r) { return r.metrics[Counter::kSent]; });
  EXPECT_EQ((sent >= 10).Evaluate(record).samples, 10u);
  EXPECT_EQ((sent > 10).Evaluate(record).message,
            "sent is 10 requests, required > 10 requests (10 samples)");
  const Metric silent = Custom("silent", "", [](const RunRecord&) { return std::nullopt; });
  EXPECT_EQ((silent > 1).Evaluate(record).verdict, Verdict::kInconclusive);
  const Metric undefined = Custom(
      "undefined", "", [](const RunRecord&) { return std::numeric_limits<double>::quiet_NaN(); });
  EXPECT_EQ((undefined < 1).Evaluate(record).verdict, Verdict::kInconclusive);
}

TEST(Criterion, AnExceptionInACustomMetricIsInvalidNotACrash) {
  const Metric broken = Custom("broken", "", [](const RunRecord&) -> std::optional<double> {
    throw std::runtime_error("no such file");
  });
  const CriterionResult result = (broken < 1).Evaluate(RecordOf(1, 1s));
  EXPECT_EQ(result.verdict, Verdict::kInvalid);
  EXPECT_THAT(result.message, AllOf(HasSubstr("broken"), HasSubstr("no such file")));
}

std::string ConfigurationMessage(const std::function<void()>& action) {
  try {
    action();
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Metric, RefusesBoundsOfTheWrongKind) {
  EXPECT_THAT(ConfigurationMessage([] { static_cast<void>(P95() < 5); }),
              AllOf(HasSubstr("p95 scheduled latency"), HasSubstr("a duration, such as 5s")));
  EXPECT_THAT(ConfigurationMessage([] { static_cast<void>(SuccessRate() > 5s); }),
              AllOf(HasSubstr("success rate"), HasSubstr("not a duration")));
  EXPECT_THAT(ConfigurationMessage([] {
                static_cast<void>(SuccessRate() > std::numeric_limits<double>::quiet_NaN());
              }),
              HasSubstr("a finite number"));
}

TEST(Goodput, IsACriterionOfItsOwn) {
  RunRecord record;
  record.metrics[Counter::kScheduled] = 1000;
  record.metrics[Counter::kGood] = 900;
  record.metrics.has_objectives = true;
  record.metrics.first_dispatch = 0s;
  record.metrics.last_completion = 100s;
  EXPECT_EQ((Goodput() >= 9).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((Goodput() > 9).Evaluate(record).verdict, Verdict::kFail);
  EXPECT_EQ((GoodFraction() >= 0.85).Evaluate(record).verdict, Verdict::kPass);
  EXPECT_EQ((GoodFraction() >= 0.9).Evaluate(record).verdict, Verdict::kInconclusive);
  EXPECT_EQ((GoodFraction() >= 0.95).Evaluate(record).verdict, Verdict::kFail);
}

TEST(Goodput, IsNotObservedInARunWithoutObjectives) {
  RunRecord record;
  record.metrics[Counter::kScheduled] = 1000;
  for (const Criterion& criterion : {Goodput() >= 1, GoodFraction() >= 0.5}) {
    const CriterionResult result = criterion.Evaluate(record);
    EXPECT_EQ(result.verdict, Verdict::kInconclusive);
    EXPECT_NE(result.message.find("no objectives"), std::string::npos) << result.message;
  }
}

}  // namespace
}  // namespace llmload
