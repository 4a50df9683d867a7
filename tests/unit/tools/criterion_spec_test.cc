#include "tools/criterion_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmload/record/run_record.h"
#include "tests/unit/tools/message_of.h"

namespace llmload::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Objectives, AreBoundsOfSingleFigures) {
  using namespace std::chrono_literals;
  const RequestObjectives good = ParseObjectives("ttft<=500ms, tpot <= 50ms,gap<=1s");
  EXPECT_EQ(good.ttft, Duration(500ms));
  EXPECT_EQ(good.tpot, Duration(50ms));
  EXPECT_EQ(good.chunk_gap, Duration(1s));
  EXPECT_FALSE(good.scheduled_latency || good.service_latency || good.ttfo);
  const RequestObjectives others = ParseObjectives("latency<=3s,service<=2s,ttfo<=1s");
  EXPECT_EQ(others.scheduled_latency, Duration(3s));
  EXPECT_EQ(others.service_latency, Duration(2s));
  EXPECT_EQ(others.ttfo, Duration(1s));
}

TEST(Objectives, ErrorsNameTheBoundAndWhatIsAccepted) {
  for (const char* bad : {"", "ttft", "ttft<500ms", "itl<=1s", "ttft<=500", "ttft<=1s,ttft<=2s",
                          "ttft<=1s,,gap<=1s", "ttft:p95<=1s"}) {
    const std::string message = MessageOf([&] { ParseObjectives(bad); });
    EXPECT_THAT(message, HasSubstr(std::string("--good \"") + bad + "\"")) << bad;
  }
  EXPECT_THAT(MessageOf([] { ParseObjectives("itl<=1s"); }),
              HasSubstr("latency, service, ttft, ttfo, tpot, chunk_gap"));
  EXPECT_THAT(MessageOf([] { ParseObjectives("ttft<=1s,ttft<=2s"); }), HasSubstr("once"));
}

TEST(CriterionSpec, NamesMetricBoundAndUnit) {
  struct Case {
    const char* spec;
    std::string name;
    double bound;
    std::string unit;
  };
  const std::vector<Case> cases = {
      {"ttft:p95<500ms", P95(Figure::kTtft).name(), 0.5, "s"},
      {"latency:p99 < 10s", P99().name(), 10, "s"},
      {"service:p50<=1s", P50(Figure::kServiceLatency).name(), 1, "s"},
      {"ttfo:p90<2s", P90(Figure::kTtfo).name(), 2, "s"},
      {"tpot:mean<50ms", Mean(Figure::kTpot).name(), 0.05, "s"},
      {"latency:p99.9<1m", P999().name(), 60, "s"},
      {" latency : max < 1h ", Max().name(), 3600, "s"},
      {"gap:p99<1s", P99(Figure::kChunkGap).name(), 1, "s"},
      {"chunk_gap:p99<1s", P99(Figure::kChunkGap).name(), 1, "s"},
      {"scheduled_latency:p99<1s", P99().name(), 1, "s"},
      {"failover_overhead:max<1s", Max(Figure::kFailoverOverhead).name(), 1, "s"},
      {"goodput>=9/s", Goodput().name(), 9, "requests/s"},
      {"good>=95%", GoodFraction().name(), 0.95, ""},
      {"success>=0.95", SuccessRate().name(), 0.95, ""},
      {"success>95%", SuccessRate().name(), 0.95, ""},
      {"throughput>=90/s", Throughput().name(), 90, "requests/s"},
      {"completed-throughput>5400/min", CompletedThroughput().name(), 90, "requests/s"},
      {"completed>=900", CompletedRequests().name(), 900, ""},
      {"succeeded>=900", SuccessfulRequests().name(), 900, ""},
      {"failed==0", FailedRequests().name(), 0, ""},
      {"attempts<1.1", AttemptsPerRequest().name(), 1.1, ""},
      {"tokens/s>=1000", TokensPerSecond().name(), 1000, "tokens/s"},
      {"errors:rate_limited<=3", ErrorCount(ErrorKind::kRateLimited).name(), 3, ""},
      {"output_length:p50>=50", P50(Figure::kOutputLength).name(), 50, "tokens"},
      {"ttft:p95{phase=burst}<500ms", P95(Figure::kTtft).OfPhase("burst").name(), 0.5, "s"},
      {"success { model = m 1 , tenant = a } >= 95%",
       SuccessRate().OfModel("m 1").WithTag("tenant", "a").name(), 0.95, ""},
      {"errors:dns_failure{phase=a<b}==0", ErrorCount(ErrorKind::kDnsFailure).OfPhase("a<b").name(),
       0, ""},
      {"rss-increase<1", MemoryIncrease().name(), 1, ""},
      {"rss-peak<2", PeakMemoryRatio().name(), 2, ""},
      {"rss-growth<0.5", MemoryGrowth().name(), 0.5, ""},
  };
  for (const Case& c : cases) {
    const Criterion criterion = ParseCriterion(c.spec);
    EXPECT_EQ(criterion.metric().name(), c.name) << c.spec;
    EXPECT_NEAR(criterion.bound(), c.bound, 1e-12) << c.spec;
    EXPECT_EQ(criterion.metric().unit(), c.unit) << c.spec;
  }
}

TEST(CriterionSpec, ComparesAsItsOperatorSays) {
  RunRecord record;
  record.metrics[Counter::kScheduled] = 1000;
  record.metrics[Counter::kSent] = 1000;
  record.metrics[Counter::kSucceeded] = 950;
  record.metrics[Counter::kFailed] = 50;
  const auto verdict = [&](const char* spec) {
    return ParseCriterion(spec).Evaluate(record).verdict;
  };
  EXPECT_EQ(verdict("failed<50"), Verdict::kFail);
  EXPECT_EQ(verdict("failed<=50"), Verdict::kPass);
  EXPECT_EQ(verdict("failed>50"), Verdict::kFail);
  EXPECT_EQ(verdict("failed>=50"), Verdict::kPass);
  EXPECT_EQ(verdict("failed==50"), Verdict::kPass);
  EXPECT_EQ(verdict("failed==49"), Verdict::kFail);
}

TEST(CriterionSpec, ErrorsNameCriterionPartValueAndWhatIsAccepted) {
  struct Case {
    const char* spec;
    std::vector<std::string> said;
  };
  const std::vector<Case> cases = {
      {"", {"criterion: got \"\"", "as in ttft:p95<500ms"}},
      {"ttft", {"criterion: got \"ttft\"", "<, <=, >, >=, =="}},
      {"speed<5s",
       {"metric: got \"speed\"", "scheduled_latency, service_latency, ttft",
        "success, throughput"}},
      {"<5s", {"metric: got \"\""}},
      {"ttft<5s",
       {"statistic: got \"\"", "ttft:STATISTIC", "p50, p90, p95, p99, p99.9, mean, max"}},
      {"ttft:p80<5s", {"statistic: got \"p80\"", "p50, p90"}},
      {"success:p95>0.9", {"statistic: got \"p95\"", "success is one number"}},
      {"ttft:p95<5", {"value: got \"5\"", "with its unit"}},
      {"ttft:p95<", {"value: got \"\""}},
      {"ttft:p95<<5s", {"value: got \"<5s\""}},
      {"ttft:p95=5s", {"operator: got \"=\"", "<, <=, >, >=, =="}},
      {"ttft:p95==5s", {"operator: got \"==\"", "for counts"}},
      {"success==1", {"operator: got \"==\"", "for counts"}},
      {"success>=95", {"value: got \"95\"", "0 to 1, or from 0% to 100%"}},
      {"success>=101%", {"value: got \"101%\""}},
      {"success>=nan", {"value: got \"nan\""}},
      {"throughput>=fast", {"value: got \"fast\"", "requests per second"}},
      {"completed>=1.5", {"value: got \"1.5\"", "whole number"}},
      {"output_length:p50>=2s", {"value: got \"2s\"", "a number of tokens"}},
      {"errors==0", {"kind of error: got \"\"", "errors:KIND with one of", "rate_limited"}},
      {"errors:slow==0", {"kind of error: got \"slow\""}},
      {"ttft:p95{}<5s", {"part: got \"{}\"", "{phase=NAME}"}},
      {"ttft:p95{burst}<5s", {"part: got \"burst\"", "{TAG=VALUE}"}},
      {"ttft:p95{phase=a<5s", {"a } for the {"}},
      {"ttft:p95{phase=a}", {"as in ttft:p95<500ms"}},
      {"ttft:p95{phase=a}x<5s", {"as in ttft:p95<500ms"}},
      {"ttft:p95{phase=a,phase=b}<5s", {"one phase and no second"}},
      {"rss-peak{phase=a}<2", {"a metric of requests"}},
      {"rss-peak<2x", {"value: got \"2x\"", "a number"}},
  };
  for (const Case& c : cases) {
    const std::string message = MessageOf([&] { ParseCriterion(c.spec); });
    EXPECT_THAT(message, HasSubstr("--slo \"" + std::string(c.spec) + "\": "));
    for (const std::string& part : c.said) EXPECT_THAT(message, HasSubstr(part)) << c.spec;
  }
}

TEST(CriterionSpec, HelpListsEveryMetricAndStatistic) {
  EXPECT_THAT(CriterionSpecHelp(),
              AllOf(HasSubstr("p99.9, mean, max"), HasSubstr("ttft:STATISTIC"),
                    HasSubstr("completed-throughput  "), HasSubstr("rss-growth")));
}

}  // namespace
}  // namespace llmload::tools
