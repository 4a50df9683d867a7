#include "llmload/report/criterion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/report/run_report.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const TimePoint kStart{1h};

// `successes` requests of `latency`, `failures` failed ones, one dispatched every 10 ms.
RunReport ReportOf(int successes, Duration latency, int failures = 0) {
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
  RunReport report;
  report.metrics = metrics.Summarise();
  return report;
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
  const RunReport good = ReportOf(1000, 2s);
  const RunReport flaky = ReportOf(600, 2s, 400);
  const RunReport dead = ReportOf(0, 2s, 500);
  const RunReport few = ReportOf(60, 2s);
  const RunReport nothing = ReportOf(0, 0s);
  struct Row {
    const char* what;
    Criterion criterion;
    const RunReport& report;
    Verdict expected;
  };
  const std::vector<Row> rows = {
      {"rate holds", SuccessRate() >= 0.95, good, Verdict::kPass},
      {"rate at its bound", SuccessRate() >= 0.6, flaky, Verdict::kPass},
      {"rate at a strict bound", SuccessRate() > 0.6, flaky, Verdict::kFail},
      {"rate violated", SuccessRate() >= 0.7, flaky, Verdict::kFail},
      {"rate of nothing", SuccessRate() >= 0.7, nothing, Verdict::kInconclusive},
      {"count holds", CompletedRequests() >= 900, good, Verdict::kPass},
      {"failures are completed too", CompletedRequests() >= 1000, flaky, Verdict::kPass},
      {"successes alone", SuccessfulRequests() >= 900, flaky, Verdict::kFail},
      {"upper bound of failures", FailedRequests() <= 400, flaky, Verdict::kPass},
      {"count of nothing", CompletedRequests() >= 1, nothing, Verdict::kFail},
      {"throughput holds", Throughput() >= 80, good, Verdict::kPass},
      {"throughput violated", Throughput() >= 100, good, Verdict::kFail},
      {"throughput of successes", SuccessThroughput() >= 80, flaky, Verdict::kFail},
      {"throughput of nothing", Throughput() >= 1, nothing, Verdict::kInconclusive},
      {"p95 holds", P95() < 2100ms, good, Verdict::kPass},
      {"p95 violated", P95() < 1s, good, Verdict::kFail},
      {"p95 of few", P95() < 10s, few, Verdict::kInconclusive},
      {"p95 of few, violated", P95() < 1s, few, Verdict::kInconclusive},
      {"mean of few", MeanLatency() < 10s, few, Verdict::kPass},
      {"max of few", MaxLatency() < 1s, few, Verdict::kFail},
      {"median of few", P50(LatencyKind::kService) < 10s, few, Verdict::kPass},
      {"latency without success", P95() < 10s, dead, Verdict::kFail},
      {"mean without success", MeanLatency(LatencyKind::kService) < 10s, dead, Verdict::kFail},
      {"latency of nothing", P95() < 10s, nothing, Verdict::kInconclusive},
      {"ttft of unstreamed", P50(LatencyKind::kTtft) < 1s, good, Verdict::kInconclusive},
      {"overhead, none failed over", MaxLatency(LatencyKind::kFailoverOverhead) < 1s, good,
       Verdict::kInconclusive},
      {"overhead, nothing succeeded", MaxLatency(LatencyKind::kFailoverOverhead) < 1s, dead,
       Verdict::kInconclusive},
      {"attempts", AttemptsPerRequest() <= 1.2, good, Verdict::kPass},
      {"failed over", FailedOverRequests() >= 8, good, Verdict::kFail},
      {"memory, no process", MemoryIncrease() < 1.0, good, Verdict::kInconclusive},
      {"measurement missing", Measurement("x") < 1, good, Verdict::kInconclusive},
  };
  for (const Row& row : rows) {
    const CriterionResult result = row.criterion.Evaluate(row.report);
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
    EXPECT_EQ(criterion.Evaluate(ReportOf(minimum - 1, 1s)).verdict, Verdict::kInconclusive)
        << metric.name();
    EXPECT_EQ(criterion.Evaluate(ReportOf(minimum, 1s)).verdict, Verdict::kPass) << metric.name();
  }
}

TEST(Criterion, MessageNamesMetricObservedBoundAndSamples) {
  const CriterionResult violated = (P95() < 10s).Evaluate(ReportOf(1000, 12s));
  EXPECT_EQ(violated.message, "p95 scheduled latency is 12 s, required < 10 s (1000 samples)");
  const CriterionResult few = (P95() < 10s).Evaluate(ReportOf(20, 1s));
  EXPECT_EQ(few.message,
            "p95 scheduled latency is 1 s, required < 10 s (20 samples, at least 130 are needed)");
  const CriterionResult dead = (P95() < 10s).Evaluate(ReportOf(0, 1s, 3));
  EXPECT_EQ(dead.message,
            "p95 scheduled latency was not observed, required < 10 s: no successful request");
}

TEST(Criterion, ResultHoldsTheNumbersInTheMetricsUnit) {
  const CriterionResult result = (MaxLatency() <= 2500ms).Evaluate(ReportOf(7, 3s));
  EXPECT_EQ(result.name, "maximum scheduled latency");
  EXPECT_EQ(result.unit, "s");
  EXPECT_EQ(result.comparison, Comparison::kLessOrEqual);
  EXPECT_DOUBLE_EQ(result.bound, 2.5);
  EXPECT_DOUBLE_EQ(result.observed.value(), 3);
  EXPECT_EQ(result.samples, 7u);
}

TEST(Criterion, MemoryIsJudgedByTheNamedProcessOrByTheWorst) {
  RunReport report = ReportOf(10, 1s);
  report.resources = {Process("test process", 0.1), Process("local server", 1.4)};
  EXPECT_EQ((MemoryIncrease("test process") < 1).Evaluate(report).verdict, Verdict::kPass);
  EXPECT_EQ((MemoryIncrease("local server") < 1).Evaluate(report).verdict, Verdict::kFail);
  EXPECT_EQ((MemoryIncrease() < 1).Evaluate(report).verdict, Verdict::kFail);
  EXPECT_EQ((PeakMemoryRatio() < 2).Evaluate(report).verdict, Verdict::kFail);
  EXPECT_EQ((MemoryGrowth() < 1.5).Evaluate(report).verdict, Verdict::kPass);
  EXPECT_EQ((MemoryGrowth("somebody else") < 1.5).Evaluate(report).verdict, Verdict::kInconclusive);
}

TEST(Criterion, AProcessThatEndedCanViolateAMemoryCriterionButNotConfirmIt) {
  RunReport report = ReportOf(10, 1s);
  report.resources = {Process("local server", 0.2, "process 9 has ended")};
  const CriterionResult result = (MemoryIncrease() < 1).Evaluate(report);
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
  EXPECT_THAT(result.message, HasSubstr("local server: process 9 has ended"));
  EXPECT_EQ((MemoryIncrease() < 0.1).Evaluate(report).verdict, Verdict::kFail);
}

TEST(Criterion, CustomMetricsReadTheReport) {
  RunReport report = ReportOf(10, 1s);
  report.measurements = {{"cost", 0.25}};
  EXPECT_EQ((Measurement("cost", "USD") < 0.3).Evaluate(report).verdict, Verdict::kPass);
  const Metric sent = Custom(
      "sent", "requests", [](const RunReport& r) { return static_cast<double>(r.metrics.sent); },
      [](const RunReport& r) { return r.metrics.sent; });
  EXPECT_EQ((sent >= 10).Evaluate(report).samples, 10u);
  EXPECT_EQ((sent > 10).Evaluate(report).message,
            "sent is 10 requests, required > 10 requests (10 samples)");
  const Metric silent = Custom("silent", "", [](const RunReport&) { return std::nullopt; });
  EXPECT_EQ((silent > 1).Evaluate(report).verdict, Verdict::kInconclusive);
  const Metric undefined = Custom(
      "undefined", "", [](const RunReport&) { return std::numeric_limits<double>::quiet_NaN(); });
  EXPECT_EQ((undefined < 1).Evaluate(report).verdict, Verdict::kInconclusive);
}

TEST(Criterion, AnExceptionInACustomMetricIsInvalidNotACrash) {
  const Metric broken = Custom("broken", "", [](const RunReport&) -> std::optional<double> {
    throw std::runtime_error("no such file");
  });
  const CriterionResult result = (broken < 1).Evaluate(ReportOf(1, 1s));
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

}  // namespace
}  // namespace llmload
