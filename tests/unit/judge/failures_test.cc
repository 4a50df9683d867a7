// What headlines say about failed requests, and what they keep from somebody who ended the run.
#include "src/judge/failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llmload/judge/judgement.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Adds failed requests with one message.
void Fail(RunRecord& record, ErrorKind kind, std::uint64_t count, std::string message,
          int status = 0) {
  MetricsSnapshot& metrics = record.metrics;
  for (const Counter counter : {Counter::kScheduled, Counter::kSent, Counter::kFailed}) {
    metrics[counter] += count;
  }
  metrics[kind].count += count;
  metrics[kind].examples.push_back(
      {.count = count, .message = std::move(message), .http_status = status});
}

RunRecord WithSuccesses(std::uint64_t count) {
  RunRecord record;
  for (const Counter counter : {Counter::kScheduled, Counter::kSent, Counter::kSucceeded}) {
    record.metrics[counter] = count;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    record.metrics[Figure::kScheduledLatency].Record(100ms);
    record.metrics[Figure::kScheduleLag].Record(1us);
  }
  return record;
}

const std::vector<Criterion>& Success() {
  static const std::vector<Criterion> criteria = {SuccessRate() >= 0.99};
  return criteria;
}

TEST(Headline, NamesTheKindAndTheWordsOfTheFailures) {
  RunRecord record = WithSuccesses(2);
  Fail(record, ErrorKind::kMalformedResponse, 36, "the answer is HTML: \"Sign in\"", 200);
  Fail(record, ErrorKind::kMalformedResponse, 2, "the answer is empty", 200);
  const Judgement judgement = Judge(record, Success());
  EXPECT_EQ(judgement.verdict, Verdict::kFail);
  EXPECT_THAT(Explain(judgement),
              StartsWith("38 of 40 requests failed: malformed_response (the answer is HTML: "
                         "\"Sign in\"). 1 of 1 criterion is violated: success rate is 0.05"));
}

TEST(Headline, NamesTheTwoMostFrequentKindsOfMixedFailures) {
  RunRecord record = WithSuccesses(0);
  Fail(record, ErrorKind::kConnectionReset, 15, "the answer was cut");
  Fail(record, ErrorKind::kOverloaded, 20, "no capacity", 503);
  Fail(record, ErrorKind::kServerError, 5, "", 500);
  EXPECT_EQ(
      judge::SumUpFailures(record.metrics),
      "All 40 requests failed: 20 overloaded (HTTP 503: no capacity), 15 connection_reset (the "
      "answer was cut) and 5 of other kinds");
}

TEST(Headline, CutsTheWordsToFit) {
  RunRecord record = WithSuccesses(0);
  Fail(record, ErrorKind::kServerError, 1, std::string(400, 'x') + "\n\n", 500);
  const std::string text = judge::SumUpFailures(record.metrics);
  EXPECT_THAT(text, AllOf(StartsWith("The only request failed: server_error (HTTP 500: xxx"),
                          HasSubstr("x...)")));
  EXPECT_LT(text.size(), 200u);
}

TEST(Headline, IsSilentAboutFailuresThatDoNotExplainTheVerdict) {
  RunRecord record = WithSuccesses(1000);
  Fail(record, ErrorKind::kServerError, 2, "boom", 500);
  const std::vector<Criterion> slow = {P95() < 10ms, SuccessRate() >= 0.95};
  EXPECT_EQ(Judge(record, slow).verdict, Verdict::kFail);
  EXPECT_THAT(Explain(Judge(record, slow)), Not(HasSubstr("boom")));
  const std::vector<Criterion> tolerant = {SuccessRate() >= 0.95};
  EXPECT_EQ(Judge(record, tolerant).verdict, Verdict::kPass);
  EXPECT_THAT(Judge(record, tolerant).failed_because, IsEmpty());
  const std::vector<Criterion> none_may_fail = {SuccessRate() >= 1};
  EXPECT_THAT(Explain(Judge(record, none_may_fail)), StartsWith("2 of 1002 requests failed: "));
}

TEST(Headline, NamesTheFailuresOfARunThatIsInvalidOrHasNoCriteria) {
  RunRecord record = WithSuccesses(0);
  Fail(record, ErrorKind::kOverloaded, 40, "no capacity", 503);
  EXPECT_THAT(Explain(Judge(record, {})), StartsWith("All 40 requests failed: overloaded"));
  record.metrics[Counter::kDropped] = 7;
  record.metrics[Counter::kScheduled] += 7;
  const std::string text = Explain(Judge(record, Success()));
  EXPECT_THAT(text, AllOf(StartsWith("The measurement cannot be trusted: the generator dropped 7"),
                          HasSubstr("All 40 completed requests failed: overloaded (HTTP 503"),
                          HasSubstr("As measured, 1 of 1 criterion is violated")));
}

TEST(Headline, NamesTheFailuresOfAHopelessRun) {
  RunRecord record = WithSuccesses(0);
  Fail(record, ErrorKind::kOverloaded, 40, "no capacity", 503);
  record.aborted_because = "100 % of the last 40 requests failed";
  EXPECT_THAT(Explain(Judge(record, {})),
              StartsWith("The run was hopeless and was ended: 100 % of the last 40 requests "
                         "failed. All 40 requests failed: overloaded (HTTP 503: no capacity)."));
}

// 40 samples are too few for a p95, and the measured share of 0.975 leaves the bound open.
TEST(Interrupted, RunRecommendsNothing) {
  const std::vector<Criterion> criteria = {P95() < 1s, SuccessRate() >= 0.95};
  RunRecord record = WithSuccesses(39);
  Fail(record, ErrorKind::kServerError, 1, "boom", 500);
  record.metrics[Figure::kScheduleLag].Record(1s);
  const Judgement whole = Judge(record, criteria);
  EXPECT_THAT(Explain(whole), HasSubstr("Recommended: "));
  EXPECT_THAT(whole.criteria[0].message, HasSubstr("are needed"));
  EXPECT_THAT(whole.criteria[1].message, HasSubstr("more are needed"));
  EXPECT_TRUE(whole.criteria[0].longer_by && whole.criteria[1].longer_by);

  record.interrupted = true;
  const Judgement interrupted = Judge(record, criteria);
  EXPECT_THAT(interrupted.invalid_reasons,
              ElementsAre("the run was interrupted before its end", HasSubstr("was late")));
  EXPECT_THAT(interrupted.recommendations, IsEmpty());
  for (const CriterionResult& result : interrupted.criteria) {
    EXPECT_THAT(result.message, Not(HasSubstr("needed")));
    EXPECT_FALSE(result.longer_by);
  }

  record.stopped_because = "the budget was spent";
  EXPECT_THAT(Judge(record, criteria).recommendations,
              ElementsAre("let the run come to its end", HasSubstr("lower the rate")));
}

}  // namespace
}  // namespace llmload
