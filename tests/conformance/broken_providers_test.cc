// The conformance kit finds what is wrong: each broken provider fails the check that is about its
// defect, with a message that says what it is. The same provider without a defect passes them all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "tests/conformance/broken_provider.h"

namespace llmload::test_support {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Row {
  Defect defect;
  const char* name;
  const char* check;     ///< that fails
  const char* what;      ///< a part of its message
  const char* expected;  ///< another
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

const Row kRows[] = {
    {Defect::kIgnoresTheDeadline, "IgnoresTheDeadline", "EndsAtTheDeadline",
     "it had not ended 10000 ms after it began; its deadline was 250 ms", "total_timeout"},
    {Defect::kIgnoresTheDeadline, "IgnoresTheDeadlineOfAStalledStream",
     "EndsAStalledStreamAtTheDeadline", "the stream fell silent, and it had not ended",
     "total_timeout"},
    {Defect::kIgnoresAPassedDeadline, "IgnoresAPassedDeadline", "AnswersNothingAfterTheDeadline",
     "its deadline had passed before it began, and it ended with a completion", "total_timeout"},
    {Defect::kEndsLongAfterTheDeadline, "EndsLongAfterTheDeadline", "EndsAtTheDeadline",
     "unary call: it ended 1250 ms after it began; its deadline was 250 ms", "at the deadline"},
    {Defect::kEndsLongAfterTheDeadline, "EndsAStalledStreamLongAfterTheDeadline",
     "EndsAStalledStreamAtTheDeadline",
     "the stream fell silent, and it ended 1250 ms after it began; its deadline was 250 ms",
     "at the deadline"},
    {Defect::kEndsLongBeforeTheDeadline, "EndsLongBeforeTheDeadline", "EndsAtTheDeadline",
     "streamed call: it ended 0 ms after it began; its deadline was 250 ms", "at the deadline"},
    {Defect::kIgnoresCancellation, "IgnoresCancellation", "EndsWhenCancelled",
     "it had not ended 10000 ms after it began; it was cancelled 30 ms", "operation_aborted"},
    {Defect::kReturnsWhenCancelled, "ReturnsWhenCancelled", "EndsWhenCancelled",
     "cancelled, it returned an error: cancelled", "operation_aborted"},
    {Defect::kEndsLongAfterItIsCancelled, "EndsLongAfterItIsCancelled", "EndsWhenCancelled",
     "it ended 1030 ms after it began; it was cancelled 30 ms after it began", "at once"},
    {Defect::kIsOfNoUseOnceCancelled, "IsOfNoUseOnceCancelled", "AnswersAfterACancelledCall",
     "unary call: it failed: connection_reset", "a completion"},
    {Defect::kAnswersNothing, "AnswersNothing", "AnswersWhatIsAsked",
     "the text of the completion is empty", "an answer"},
    {Defect::kThrows, "Throws", "FailsWithAnErrorOfTheRightKind",
     "it threw an exception: connection reset by peer", "an `Error` as a value"},
    {Defect::kAnswersAllErrorsAlike, "AnswersAllErrorsAlike", "FailsWithAnErrorOfTheRightKind",
     "that fails with `rate_limited`: the error is server_error", "`rate_limited`"},
    {Defect::kTokenAfterTheEnd, "TokenAfterTheEnd", "StreamsNothingAfterTheEnd",
     "the observer got the token \"late\" after the call had ended", "before `Complete` returns"},
    {Defect::kTokensOutOfOrder, "TokensOutOfOrder", "StreamsEachTokenOnceAndInOrder",
     "tokens came out of order: the tokens make up \"one three two four\"", "in order"},
    {Defect::kTokenTwice, "TokenTwice", "StreamsEachTokenOnceAndInOrder",
     "a token came twice, or one that is not of the answer", "each token once"},
    {Defect::kEmptyToken, "EmptyToken", "StreamsNoEmptyTokens", "1 of 5 token events are empty",
     "a non-empty token"},
    {Defect::kTokensOfAUnaryCall, "TokensOfAUnaryCall", "LeavesTheObserverOfAUnaryCallAlone",
     "the observer was called 4 times, but the request does not stream",
     "`CompletionRequest::stream` only"},
    {Defect::kCountsForTheObserverOnly, "CountsForTheObserverOnly", "StreamsWithoutAnObserver",
     "without an observer: the completion counts no token events", "as with an observer"},
    {Defect::kTokensOnAnotherThread, "TokensOnAnotherThread", "StaysOnTheThreadOfTheCall",
     "the observer was called on another thread than the request's", "on the executor"},
    {Defect::kLeaksTheSecret, "LeaksTheSecret", "KeepsItsSecret",
     "the error's message holds the secret: \"no such key: [redacted]\"", "Fingerprint"},
    {Defect::kNamesAnother, "NamesAnother", "NamesWhoWasAsked", "an attempt is of \"openai\"",
     "the name of who was asked: \"own\""},
    {Defect::kRetriesSilently, "RetriesSilently", "RecordsEveryCall",
     "the service saw 2 calls, the record holds 1 attempts", "retries included"},
    {Defect::kRecordsNothing, "RecordsNothing", "NamesWhoWasAsked", "it records no attempt",
     "a record of every provider call"},
    {Defect::kBlocksTheThread, "BlocksTheThread", "LeavesItsThreadToOthers",
     "no other coroutine ran until its first token: it blocks its thread",
     "suspends its coroutine"},
    {Defect::kNegativeUsage, "NegativeUsage", "CountsUsageConsistently",
     "usage is negative: input 2 (cached 1, written to the cache 0), output -1",
     "counts of tokens"},
    {Defect::kPartLargerThanTheWhole, "PartLargerThanTheWhole", "CountsUsageConsistently",
     "a part of the usage is larger than the whole: input 2 (cached 3",
     "cached tokens as a part of the input"},
    {Defect::kNoFirstTokenInstant, "NoFirstTokenInstant", "StampsInstantsInOrder",
     "the instant first_token is missing", "on the clock of the caller"},
    {Defect::kMixesCalls, "MixesCalls", "KeepsCallsApart",
     "one of 8 streamed calls at once: its tokens make up \"one two three four\"", "do not mix"},
    {Defect::kChangesItsIdentity, "ChangesItsIdentity", "IsTheSameOverItsLife", "after it",
     "the same identity over the provider's life"},
    {Defect::kForgetsThatOutputHadBegun, "ForgetsThatOutputHadBegun", "KeepsWhatABrokenStreamSent",
     "`after_first_token` is not set", "billed, twice"},
    {Defect::kTakesABrokenStreamForAnAnswer, "TakesABrokenStreamForAnAnswer",
     "KeepsWhatABrokenStreamSent", "the stream broke, and the call returned a completion",
     "a broken stream is not an answer"},
};

class BrokenProviders : public ::testing::TestWithParam<Row> {};

TEST_P(BrokenProviders, FailWithAMessageThatSaysWhatIsWrong) {
  const Row& row = GetParam();
  const ConformanceResult result = CheckConformance(SubjectWith(row.defect), row.check);
  EXPECT_FALSE(result.passed());
  EXPECT_THAT(result.skipped, IsEmpty());
  EXPECT_THAT(result.violations,
              Contains(AllOf(HasSubstr(row.what), HasSubstr("\n  expected: "),
                             HasSubstr(row.expected), HasSubstr("\n  contract: llmload/"))));
}

INSTANTIATE_TEST_SUITE_P(Table, BrokenProviders, ::testing::ValuesIn(kRows),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(ConformanceKit, PassesTheSameProviderWithoutADefect) {
  for (const ConformanceCheck& check : ConformanceChecks()) {
    const ConformanceResult result = CheckConformance(SubjectWith(Defect::kNone), check.name);
    EXPECT_THAT(result.violations, IsEmpty()) << check.name;
    EXPECT_THAT(result.skipped, IsEmpty()) << check.name;
  }
}

TEST(ConformanceKit, HasABrokenProviderForEveryCheck) {
  std::set<std::string_view> broken;
  for (const Row& row : kRows) broken.insert(row.check);
  for (const ConformanceCheck& check : ConformanceChecks()) {
    EXPECT_TRUE(broken.count(check.name)) << check.name;
  }
}

// Correct providers that a hasty check would blame.
TEST(ConformanceKit, WaitsLongerForAStreamThatBeginsLate) {
  ConformanceSubject subject = SubjectWith(Defect::kNone);
  subject.stalling = [](Clock& clock) {
    struct Late final : Provider {
      Late(Clock& on, std::shared_ptr<Provider> of) : clock(on), provider(std::move(of)) {}
      const ProviderIdentity& Identity() const noexcept override { return provider->Identity(); }
      boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                          StreamObserver* observer) override {
        co_await clock.SleepUntil(std::min(clock.Now() + std::chrono::milliseconds(400),
                                           request.deadline.value_or(TimePoint::max())));
        co_return co_await provider->Complete(request, observer);
      }
      Clock& clock;
      std::shared_ptr<Provider> provider;
    };
    return ConformanceTarget{
        std::make_shared<Late>(clock, SubjectWith(Defect::kNone).stalling(clock).provider)};
  };
  const ConformanceResult result = CheckConformance(subject, "EndsAStalledStreamAtTheDeadline");
  EXPECT_THAT(result.violations, IsEmpty());
  EXPECT_THAT(result.skipped, IsEmpty());
}

TEST(ConformanceKit, ExpectsNoAttemptOfARequestThatWasNotSent) {
  ConformanceSubject subject = SubjectWith(Defect::kRecordsNothing);
  const auto failing = subject.failing;
  subject.failing = [failing](Clock& clock, ErrorKind kind) {
    ConformanceTarget target = failing(clock, kind);
    target.calls_seen = [] { return std::uint64_t{0}; };
    return target;
  };
  subject.healthy = SubjectWith(Defect::kNone).healthy;
  EXPECT_THAT(CheckConformance(subject, "NamesWhoWasAsked").violations, IsEmpty());
}

TEST(ConformanceKit, SkipsWhatIsNotOfferedAndSaysSo) {
  ConformanceSubject subject = SubjectWith(Defect::kNone);
  subject.slow = {};
  subject.waived = {{"KeepsItsSecret", "it has none"}};
  const ConformanceResult slow = CheckConformance(subject, "LeavesItsThreadToOthers");
  EXPECT_EQ(slow.skipped, "the subject offers no provider that is slow");
  EXPECT_THAT(slow.violations, IsEmpty());
  EXPECT_FALSE(slow.passed());
  EXPECT_EQ(CheckConformance(subject, "KeepsItsSecret").skipped, "waived: it has none");
}

TEST(ConformanceKit, RefusesWhatItDoesNotKnow) {
  ConformanceSubject subject = SubjectWith(Defect::kNone);
  EXPECT_THROW(CheckConformance(subject, "NoSuchCheck"), ConfigurationError);
  subject.waived = {{"NoSuchCheck", "a typing error"}};
  EXPECT_THROW(CheckConformance(subject, "KeepsItsSecret"), ConfigurationError);
  subject.waived.clear();
  subject.healthy = {};
  EXPECT_THROW(CheckConformance(subject, "KeepsItsSecret"), ConfigurationError);
}

TEST(ConformanceKit, TakesAnExceptionOfAFactoryForAViolation) {
  ConformanceSubject subject = SubjectWith(Defect::kNone);
  subject.healthy = [](Clock&) -> ConformanceTarget { throw std::runtime_error("no server"); };
  EXPECT_THAT(CheckConformance(subject, "AnswersWhatIsAsked").violations,
              Contains(HasSubstr("no server")));
}

}  // namespace
}  // namespace llmload::test_support
