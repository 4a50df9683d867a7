#include "src/metrics/error_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "llmload/core/random.h"

namespace llmload::metrics {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr TimePoint kBegin{100s};

Error Said(std::string message, int status = 503) {
  return {.kind = ErrorKind::kOverloaded, .message = std::move(message), .http_status = status};
}

ErrorSummary Overloads(const ErrorLog& log) {
  return log.Snapshot(kBegin)[static_cast<std::size_t>(ErrorKind::kOverloaded)];
}

std::vector<std::string> MessagesOf(const ErrorSummary& summary) {
  std::vector<std::string> messages;
  for (const ErrorExample& example : summary.examples) messages.push_back(example.message);
  return messages;
}

TEST(ErrorLog, KeepsCountTimesAndTheFirstOfEachMessage) {
  ErrorLog log;
  Error first = Said("no capacity");
  first.provider = "openai";
  first.provider_code = "overloaded";
  first.request_id = "req_1";
  Error again = first;
  again.request_id = "req_2";
  log.Record(first, kBegin + 2s);
  log.Record(again, kBegin + 3s);
  log.Record(Said("closing", 529), kBegin + 5s);
  const ErrorSummary summary = Overloads(log);
  EXPECT_EQ(summary.count, 3u);
  EXPECT_EQ(summary.first, Duration(2s));
  EXPECT_EQ(summary.last, Duration(5s));
  EXPECT_THAT(summary.examples, ElementsAre(ErrorExample{.count = 2,
                                                         .first = 2s,
                                                         .message = "no capacity",
                                                         .http_status = 503,
                                                         .provider = "openai",
                                                         .code = "overloaded",
                                                         .request_id = "req_1"},
                                            ErrorExample{.count = 1,
                                                         .first = 5s,
                                                         .message = "closing",
                                                         .http_status = 529,
                                                         .provider = {},
                                                         .code = {},
                                                         .request_id = {}}));
  EXPECT_EQ(log.Snapshot(kBegin)[0], ErrorSummary{});
}

TEST(ErrorLog, TakesMessagesThatDifferInNumbersAndIdsForOne) {
  ErrorLog log;
  for (const char* id :
       {"7", "4711", "0x1f", "req_8fB3a", "550e8400-e29b-41d4-a716-446655440000"}) {
    log.Record(Said(std::string("request ") + id + " waited too long"), kBegin);
  }
  EXPECT_THAT(MessagesOf(Overloads(log)), ElementsAre("request 7 waited too long"));
  EXPECT_EQ(Overloads(log).examples[0].count, 5u);
  log.Record(Said("request of nobody waited too long"), kBegin);
  log.Record(Said("request 7 waited too long", 500), kBegin);
  EXPECT_EQ(Overloads(log).examples.size(), 3u);
}

TEST(ErrorLog, KeepsThreeMessagesAtMostAndCountsAll) {
  ErrorLog log;
  for (const char* message : {"a", "b", "c", "d", "d", "b"}) log.Record(Said(message), kBegin);
  EXPECT_EQ(Overloads(log).count, 6u);
  EXPECT_THAT(Overloads(log).examples,
              ElementsAre(Field(&ErrorExample::count, 1u), Field(&ErrorExample::count, 2u),
                          Field(&ErrorExample::count, 1u)));
  EXPECT_THAT(MessagesOf(Overloads(log)), ElementsAre("a", "b", "c"));
}

TEST(ErrorLog, CutsAMessageThatHasNoEndAndMakesItHarmless) {
  ErrorLog log;
  log.Record(Said(std::string(100'000, 'x')), kBegin);
  log.Record(Said("red \x1B[31m"), kBegin);
  EXPECT_LT(Overloads(log).examples[0].message.size(), 400u);
  EXPECT_EQ(Overloads(log).examples[1].message, "red  [31m");
}

TEST(ErrorSummary, MergesToTheSameExamplesInAnyOrder) {
  constexpr std::uint64_t kSeed = 11;
  Random random(kSeed);
  for (int round = 0; round < 200; ++round) {
    std::vector<ErrorSummary> parts;
    std::uint64_t count = 0;
    for (int part = 0; part < 4; ++part) {
      ErrorLog log;
      TimePoint at = kBegin;
      for (std::uint64_t i = random.Below(6); i > 0; --i) {
        at += Duration(random.Below(3));
        const std::string word(1, static_cast<char>('a' + random.Below(5)));
        log.Record(Said(word + " " + std::to_string(random.Below(10))), at);
        ++count;
      }
      parts.push_back(Overloads(log));
    }
    std::vector<std::size_t> order = {0, 1, 2, 3};
    ErrorSummary first;
    for (const std::size_t i : order) first.Merge(parts[i]);
    ASSERT_EQ(first.count, count);
    while (std::next_permutation(order.begin(), order.end())) {
      ErrorSummary merged;
      for (const std::size_t i : order) merged.Merge(parts[i]);
      ASSERT_EQ(merged.first, first.first);
      ASSERT_EQ(merged.last, first.last);
      ASSERT_EQ(MessagesOf(merged), MessagesOf(first)) << "seed " << kSeed << ", round " << round;
    }
  }
}

TEST(ErrorSummary, MergeAddsUpWhatSaysTheSame) {
  const auto of = [](std::uint64_t count, Duration first, const char* message) {
    return ErrorSummary{.count = count,
                        .first = first,
                        .last = first,
                        .examples = {{.count = count, .first = first, .message = message}}};
  };
  ErrorSummary sum = of(3, 5s, "after 5 s");
  sum.Merge(of(2, 1s, "after 1 s"));
  EXPECT_EQ(sum.count, 5u);
  EXPECT_EQ(sum.FirstMessage(), "after 1 s");
  EXPECT_EQ(sum.examples.at(0).count, 5u);
  sum.Merge({});
  EXPECT_EQ(sum.count, 5u);
  EXPECT_THAT(ErrorSummary{}.FirstMessage(), IsEmpty());
}

}  // namespace
}  // namespace llmload::metrics
