#include "llmload/report/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// What is written to a FILE*.
class Recorded {
 public:
  Recorded() : file_(std::tmpfile()) {}
  ~Recorded() { std::fclose(file_); }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

  std::FILE* file() { return file_; }
  std::string Text() {
    std::fflush(file_);
    std::string text(static_cast<std::size_t>(std::ftell(file_)), '\0');
    std::rewind(file_);
    text.resize(std::fread(text.data(), 1, text.size(), file_));
    return text;
  }

 private:
  std::FILE* file_;
};

RunSnapshot At(Duration elapsed, std::uint64_t ok, std::uint64_t failed = 0) {
  RunSnapshot snapshot;
  snapshot.elapsed = elapsed;
  snapshot.counters = {.scheduled = ok + failed + 3,
                       .sent = ok + failed + 3,
                       .in_flight = 3,
                       .succeeded = ok,
                       .failed = failed};
  return snapshot;
}

TEST(Progress, LineSaysHowTheRunIsDoing) {
  RunSnapshot snapshot = At(15'300ms, 195, 5);
  snapshot.total = 60s;
  snapshot.target_rate = 16.67;
  snapshot.counters.p95 = 812ms;
  snapshot.counters.ttft_p95 = 240ms;
  snapshot.counters.errors[static_cast<std::size_t>(ErrorKind::kRateLimited)] = 1;
  snapshot.counters.errors[static_cast<std::size_t>(ErrorKind::kServerError)] = 4;
  snapshot.rss_bytes = 31'200'000;
  EXPECT_EQ(FormatProgress(snapshot, 16.64, 200, true),
            "[==>       ]  15s/1m00s  16.6/16.7 per s  5 failed: 4 server_error, 1 "
            "rate_limited  p95 812 ms  TTFT 240 ms  3 in flight  195 ok  rss 31.2 MB");
}

TEST(Progress, LeavesOutWhatMattersLeastAndNothingOfANumber) {
  RunSnapshot snapshot = At(15s, 195, 5);
  snapshot.total = 60s;
  snapshot.counters.p95 = 812ms;
  snapshot.counters.errors[static_cast<std::size_t>(ErrorKind::kServerError)] = 5;
  EXPECT_EQ(FormatProgress(snapshot, 16.64, 79, true),
            "15s/1m00s  16.6 per s  5 failed: 5 server_error  p95 812 ms  3 in flight");
  EXPECT_EQ(FormatProgress(snapshot, 16.64, 45, true),
            "15s/1m00s  16.6 per s  5 failed  p95 812 ms");
  EXPECT_EQ(FormatProgress(snapshot, 16.64, 10, true), "15s/1m00s");
}

TEST(Progress, TellsWhenANumberOfRequestsWillBeDone) {
  RunSnapshot snapshot = At(50s, 490, 10);
  snapshot.planned_requests = 2'000;
  EXPECT_THAT(FormatProgress(snapshot, 10, 200, true),
              ::testing::StartsWith("[==>       ]  50s, about 2m30s left  10 per s"));
}

TEST(Progress, SaysWhatItWaitsForBeforeTheLoad) {
  Recorded out;
  ProgressPrinter(out.file(), true)
      .OnWait({.url = "https://gateway.test/v1\n", .so_far = 2s, .limit = 30s});
  EXPECT_EQ(out.Text(),
            "waiting for the first answer of https://gateway.test/v1, 2 s so far; gives up after "
            "30 s at the latest\n");
}

TEST(Progress, LineShowsWhatIsNotKnownYetAsADashAndDropsOnlyIfThereAreAny) {
  EXPECT_EQ(FormatProgress(At(1s, 0), std::nullopt, 99, false),
            "1s  - per s  p95 -  3 in flight  0 ok");
  RunSnapshot dropping = At(1s, 0);
  dropping.counters.dropped = 9'000;
  EXPECT_THAT(FormatProgress(dropping, std::nullopt, 99, false), HasSubstr("  9,000 dropped  "));
}

TEST(Progress, LogGetsAPlainLineEveryTenSeconds) {
  Recorded output;
  {
    ProgressPrinter printer(output.file());
    EXPECT_EQ(printer.interval(), 10s);
    for (int second = 0; second <= 35; ++second) {
      printer.OnSnapshot(At(second * 1s, static_cast<std::uint64_t>(second) * 20));
    }
  }
  const std::string text = output.Text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  EXPECT_THAT(text, HasSubstr("10s  "));
  EXPECT_THAT(text, HasSubstr("30s  "));
  EXPECT_THAT(text, HasSubstr("  20 per s  "));
}

TEST(Progress, TerminalLineRewritesItselfEverySecondAndEndsOnce) {
  Recorded output;
  ProgressPrinter printer(output.file(), true);
  EXPECT_EQ(printer.interval(), 1s);
  for (int tick = 0; tick <= 30; ++tick) printer.OnSnapshot(At(tick * 100ms, 5));
  printer.Finish();
  printer.Finish();
  const std::string text = output.Text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 3);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.back(), '\n');
}

TEST(Progress, RateIsOverTheTimeSinceTheLineBefore) {
  Recorded output;
  ProgressPrinter printer(output.file());
  printer.OnSnapshot(At(10s, 100));
  printer.OnSnapshot(At(40s, 150, 10));  // late: two lines were missed, and are not caught up with
  printer.OnSnapshot(At(41s, 160, 10));
  const std::string text = output.Text();
  EXPECT_THAT(text, HasSubstr("  10 per s  "));
  EXPECT_THAT(text, HasSubstr("  2 per s  "));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Progress, TheEndOfTheRunEndsTheLine) {
  Recorded output;
  ProgressPrinter printer(output.file(), true);
  RunObserver& observer = printer;
  observer.OnStart({});
  observer.OnSnapshot(At(1s, 5));
  observer.OnEnd(RunRecord());
  const std::string text = output.Text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.back(), '\n');
}

TEST(Progress, PrintsNothingBeforeTheFirstIntervalIsOver) {
  Recorded output;
  ProgressPrinter printer(output.file());
  printer.OnSnapshot(At(9'999ms, 1));
  printer.OnEnd(RunRecord());
  EXPECT_EQ(output.Text(), "");
}

TEST(Progress, AClosedOutputDoesNotEndTheRun) {
  std::FILE* full = std::fopen("/dev/full", "w");
  if (full == nullptr) GTEST_SKIP() << "no /dev/full here";
  ProgressPrinter printer(full);
  printer.OnSnapshot(At(10s, 1));
  printer.OnSnapshot(At(20s, 2));
  std::fclose(full);
}

}  // namespace
}  // namespace llmload
