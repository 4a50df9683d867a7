// Criteria on the times between tokens of streams that arrive bunched.
#include <gmock/gmock.h>

#include <vector>

#include "llmload/judge/judgement.h"

namespace llmload {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

// A hundred long streams, of which some arrived bunched, read by a generator with this event-loop
// delay.
RunRecord Streams(std::uint64_t pieces, std::uint64_t short_pieces, int bursts,
                  Duration loop_delay = 100us) {
  RunRecord record;
  MetricsSnapshot& metrics = record.metrics;
  metrics[Counter::kScheduled] = metrics[Counter::kSent] = metrics[Counter::kSucceeded] = 100;
  metrics[Counter::kLongStreams] = 100;
  metrics[Counter::kStreamsInOnePiece] = pieces;
  metrics[Counter::kShortStreamsInOnePiece] = short_pieces;
  metrics[Counter::kGood] = 100;
  metrics.has_objectives = true;
  metrics.first_dispatch = 0s;
  metrics.last_completion = 10s;
  record.configuration.objectives = {.tpot = 50ms};
  for (int i = 0; i < bursts; ++i) metrics[Figure::kBurstDistance].Record(40ms);
  for (int i = 0; i < 100; ++i) {
    metrics[Figure::kTpot].Record(10ms);
    metrics[Figure::kChunkGap].Record(10ms);
    metrics[Figure::kTtft].Record(10ms);
    record.health.loop_delay.Record(loop_delay);
  }
  return record;
}

std::vector<Criterion> OnTokens() {
  return {P50(Figure::kTpot) < 50ms, Max(Figure::kChunkGap) < 50ms, Mean(Figure::kTpot) < 50ms,
          GoodFraction() >= 0.5, Goodput() >= 0};
}

void ExpectOpen(const RunRecord& record, const char* words) {
  for (const CriterionResult& result : Judge(record, OnTokens()).criteria) {
    EXPECT_EQ(result.verdict, Verdict::kInconclusive) << result.message;
    EXPECT_THAT(result.message, HasSubstr(words));
    EXPECT_FALSE(result.observed) << result.name;
  }
  // What does not depend on the times between tokens is judged.
  EXPECT_EQ((P50(Figure::kTtft) < 50ms).Evaluate(record).verdict, Verdict::kPass);
}

void ExpectJudged(const RunRecord& record) {
  for (const CriterionResult& result : Judge(record, OnTokens()).criteria) {
    EXPECT_EQ(result.verdict, Verdict::kPass) << result.message;
  }
}

TEST(BunchedStreams, LeaveCriteriaOnTokensOpenFromFivePerCentOn) {
  ExpectJudged(Streams(0, 0, 0));
  ExpectJudged(Streams(2, 1, 1));
  ExpectOpen(Streams(3, 1, 1), "answers arrive in one piece (5 % of streams): a proxy in between");
  ExpectOpen(Streams(83, 0, 0), "answers arrive in one piece (83 % of streams)");
  ExpectOpen(Streams(0, 0, 60), "answers arrive in bursts 40 ms apart (60 % of streams)");
}

TEST(BunchedStreams, OfALateReaderAreItsOwn) {
  // It reads several events at once, which makes one piece of a short stream, and bursts of others.
  ExpectJudged(Streams(0, 90, 0, 5ms));
  ExpectJudged(Streams(0, 0, 90, 10ms));
  ExpectOpen(Streams(60, 0, 0, 5ms), "answers arrive in one piece");
  ExpectOpen(Streams(0, 0, 90, 3ms), "answers arrive in bursts");
}

TEST(BunchedStreams, DoNotSpoilGoodputByOtherObjectives) {
  RunRecord record = Streams(83, 0, 0);
  record.configuration.objectives = {.ttft = 500ms};
  EXPECT_EQ((GoodFraction() >= 0.5).Evaluate(record).verdict, Verdict::kPass);
}

}  // namespace
}  // namespace llmload
