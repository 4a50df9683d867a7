#include "src/wire/retry_after.h"

#include <gtest/gtest.h>

namespace llmload::wire {
namespace {

using std::chrono::system_clock;
using namespace std::chrono_literals;

const system_clock::time_point kNow =
    std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min + 37s;

std::optional<Duration> Parse(RetryAfterHeaders headers) { return ParseRetryAfter(headers, kNow); }

TEST(RetryAfter, ReadsSeconds) {
  EXPECT_EQ(Parse({.retry_after = "20"}), Duration(20s));
  EXPECT_EQ(Parse({.retry_after = " 1.5 "}), Duration(1500ms));
  EXPECT_EQ(Parse({.retry_after = "0.02"}), Duration(20ms));
}

TEST(RetryAfter, PrefersMilliseconds) {
  EXPECT_EQ(Parse({.retry_after = "2", .retry_after_ms = "1500"}), Duration(1500ms));
  EXPECT_EQ(Parse({.retry_after_ms = "0.5"}), Duration(500us));
  EXPECT_EQ(Parse({.retry_after = "2", .retry_after_ms = "soon"}), Duration(2s));
  EXPECT_EQ(Parse({.retry_after = "2", .retry_after_ms = "0"}), Duration(2s));
}

TEST(RetryAfter, ReadsADateAgainstTheWallClock) {
  EXPECT_EQ(Parse({.retry_after = "Sun, 06 Nov 1994 08:50:07 GMT"}), Duration(30s));
}

TEST(RetryAfter, ReadsADateAgainstTheDateOfTheAnswer) {
  EXPECT_EQ(Parse({.retry_after = "Sun, 06 Nov 1994 10:00:05 GMT",
                   .date = "Sun, 06 Nov 1994 10:00:00 GMT"}),
            Duration(5s));
  EXPECT_EQ(Parse({.retry_after = "Sun, 06 Nov 1994 08:49:40 GMT", .date = "yesterday"}),
            Duration(3s));
}

TEST(RetryAfter, IgnoresWhatIsNoWait) {
  for (const char* text : {"",
                           "0",
                           "0.0",
                           "-1",
                           "-0.5",
                           "soon",
                           "1e3",
                           "inf",
                           "nan",
                           "0x10",
                           "1.2.3",
                           ".",
                           "1 s",
                           "+5",
                           "Sun, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:00 GMT",
                           "Sun, 06 Nov 1994 08:50:07 CET",
                           "Sun, 32 Nov 1994 08:50:07 GMT",
                           "Sun, 30 Feb 1994 08:50:07 GMT",
                           "Sun, 06 Nov 1994 24:50:07 GMT",
                           "Sun, 06 Nox 1994 08:50:07 GMT",
                           "Xxx, 06 Nov 1994 08:50:07 GMT",
                           "Sunday, 06-Nov-94 08:50:07 GMT",
                           "Sun, 06 Nov 1994 08:5x:07 GMT"}) {
    EXPECT_EQ(Parse({.retry_after = text}), std::nullopt) << text;
  }
  EXPECT_EQ(Parse({}), std::nullopt);
}

TEST(RetryAfter, CutsLongWaits) {
  EXPECT_EQ(Parse({.retry_after = "86400"}), kMaxRetryAfter);
  EXPECT_EQ(Parse({.retry_after = "86401"}), kMaxRetryAfter);
  EXPECT_EQ(Parse({.retry_after = "99999999999999999999999999999999"}), kMaxRetryAfter);
  EXPECT_EQ(Parse({.retry_after = std::string(400, '9')}), kMaxRetryAfter);
  EXPECT_EQ(Parse({.retry_after = "Sun, 06 Nov 2094 08:50:07 GMT"}), kMaxRetryAfter);
}

}  // namespace
}  // namespace llmload::wire
