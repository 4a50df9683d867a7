#include "src/wire/retry_after.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "src/wire/timestamp.h"

namespace llmload::wire {
namespace {

using namespace std::chrono_literals;

const std::chrono::sys_seconds kNow =
    std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min + 37s;

// The fields of a header, by name.
using Fields = std::map<std::string_view, std::string_view>;

std::optional<Duration> Parse(const Fields& fields) {
  std::vector<HeaderField> header;
  for (const auto& [name, value] : fields) header.push_back({.name = name, .value = value});
  return ReadRetryAfter(header, kNow);
}

TEST(RetryAfter, ReadsSeconds) {
  EXPECT_EQ(Parse({{"retry-after", "20"}}), Duration(20s));
  EXPECT_EQ(Parse({{"retry-after", " 1.5 "}}), Duration(1500ms));
  EXPECT_EQ(Parse({{"retry-after", "0.02"}}), Duration(20ms));
}

TEST(RetryAfter, PrefersMilliseconds) {
  EXPECT_EQ(Parse({{"retry-after", "2"}, {"retry-after-ms", "1500"}}), Duration(1500ms));
  EXPECT_EQ(Parse({{"retry-after-ms", "0.5"}}), Duration(500us));
  EXPECT_EQ(Parse({{"retry-after", "2"}, {"retry-after-ms", "soon"}}), Duration(2s));
  EXPECT_EQ(Parse({{"retry-after", "2"}, {"retry-after-ms", "0"}}), Duration(2s));
}

TEST(RetryAfter, ReadsADateAgainstTheWallClock) {
  EXPECT_EQ(Parse({{"retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"}}), Duration(30s));
}

TEST(RetryAfter, ReadsEveryFormOfADate) {
  for (const char* text : {"Sun, 06 Nov 1994 08:50:07 GMT", "Sunday, 06-Nov-94 08:50:07 GMT",
                           "Sun Nov  6 08:50:07 1994"}) {
    EXPECT_EQ(Parse({{"retry-after", text}}), Duration(30s)) << text;
  }
}

TEST(RetryAfter, ReadsADurationWithItsUnits) {
  EXPECT_EQ(Parse({{"retry-after", "1m30s"}}), Duration(90s));
  EXPECT_EQ(Parse({{"x-ms-retry-after-ms", "250"}}), Duration(250ms));
}

TEST(RetryAfter, ReadsADateAgainstTheDateOfTheAnswer) {
  EXPECT_EQ(Parse({{"retry-after", "Sun, 06 Nov 1994 10:00:05 GMT"},
                   {"date", "Sun, 06 Nov 1994 10:00:00 GMT"}}),
            Duration(5s));
  EXPECT_EQ(Parse({{"retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"}, {"date", "yesterday"}}),
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
                           "Sunday, 06-Nov-1994 08:50:07 GMT",
                           "Sunday, 06 Nov 94 08:50:07 GMT",
                           "Sun Nov 06 1994 08:50:07",
                           "Sun, 06 Nov 1994 08:5x:07 GMT"}) {
    EXPECT_EQ(Parse({{"retry-after", text}}), std::nullopt) << text;
  }
  EXPECT_EQ(Parse({}), std::nullopt);
}

TEST(RetryAfter, CutsLongWaits) {
  EXPECT_EQ(Parse({{"retry-after", "86400"}}), kMaxRetryAfter);
  EXPECT_EQ(Parse({{"retry-after", "86401"}}), kMaxRetryAfter);
  EXPECT_EQ(Parse({{"retry-after", "99999999999999999999999999999999"}}), kMaxRetryAfter);
  const std::string digits(400, '9');
  EXPECT_EQ(Parse({{"retry-after", digits}}), kMaxRetryAfter);
  EXPECT_EQ(Parse({{"retry-after", "Sun, 06 Nov 2094 08:50:07 GMT"}}), kMaxRetryAfter);
  EXPECT_EQ(Parse({{"retry-after", "Sun, 06 Nov 6994 08:50:07 GMT"}}), kMaxRetryAfter);
  EXPECT_EQ(Parse({{"retry-after", "Sun, 06 Nov 6994 08:50:07 GMT"},
                   {"date", "Sun, 06 Nov 0001 08:50:07 GMT"}}),
            kMaxRetryAfter);
}

// The reset of a limit that is used up, in every spelling of its name and of its value.
TEST(RetryAfter, ReadsResetsInEveryForm) {
  const char* const names[] = {"x-ratelimit-reset-tokens",
                               "x-rate-limit-reset-tokens",
                               "x-ratelimit-reset",
                               "ratelimit-reset",
                               "x-ratelimit-reset-after",
                               "anthropic-ratelimit-tokens-reset",
                               "anthropic-ratelimit-unified-reset"};
  const char* const values[] = {"45",
                                "45.0",
                                "45s",
                                "0m45s",
                                "45000ms",
                                " 45 ",
                                "784111822",
                                "784111822000",
                                "1994-11-06T08:50:22Z",
                                "Sun, 06 Nov 1994 08:50:22 GMT"};
  for (const std::string_view name : names) {
    for (const char* value : values) {
      EXPECT_EQ(Parse({{name, value}}), Duration(45s)) << name << ": " << value;
      std::string remaining(name);
      remaining.replace(remaining.find("reset"), 5, "remaining");
      EXPECT_EQ(Parse({{name, value}, {remaining, "0"}}), Duration(45s)) << name << ": " << value;
      EXPECT_EQ(Parse({{name, value}, {remaining, "3"}}), std::nullopt) << name << ": " << value;
    }
  }
}

TEST(RetryAfter, ReadsTheListsOfTheDraftStandard) {
  EXPECT_EQ(Parse({{"ratelimit", "limit=10, remaining=0, reset=5"}}), Duration(5s));
  EXPECT_EQ(Parse({{"ratelimit", "\"default\";r=0;t=5"}}), Duration(5s));
  EXPECT_EQ(Parse({{"ratelimit", "limit=10, remaining=3, reset=5"}}), std::nullopt);
  EXPECT_EQ(Parse({{"ratelimit", "limit"}}), std::nullopt);
}

TEST(RetryAfter, TakesNoWindowOfASubscriptionButTheOneThatCounts) {
  EXPECT_EQ(Parse({{"anthropic-ratelimit-unified-7d-reset", "784111999"}}), std::nullopt);
}

TEST(RetryHint, IsFoundWhereverItStands) {
  for (const char* body :
       {R"({"error":{"code":429,"retryDelay":"52s"}})",
        R"([{"error":{"details":[{"@type":"RetryInfo","retryDelay":"52s"}]}}])",
        R"({"error":{"message":"m","retry_after":52}})", R"({"retry_after_ms":52000})",
        R"({"retryAfterSeconds":"52"})", R"({"a":{"b":[{"c":{"Retry-After":"52"}}]}})",
        R"({"error":{"metadata":{"headers":{"X-RateLimit-Reset":"52"}}}})"}) {
    EXPECT_EQ(FindRetryHint(body), Duration(52s)) << body;
  }
  for (const char* body : {"", "null", "{}", R"({"retryDelay":{}})", R"({"retry_after":-1})",
                           R"({"retryDelay":"soon"})", R"({"error":"retryDelay 5s"})"}) {
    EXPECT_EQ(FindRetryHint(body), std::nullopt) << body;
  }
}

TEST(RetryAfter, ReadsAwsMilliseconds) {
  EXPECT_EQ(Parse({{"x-amz-retry-after", "1500"}}), Duration(1500ms));
  EXPECT_EQ(Parse({{"x-amz-retry-after", "1500"}, {"retry-after", "2"}}), Duration(2s));
}

TEST(RetryAfter, ReadsResetsOfLimitsOfWhichNothingRemains) {
  EXPECT_EQ(Parse({{"x-ratelimit-remaining-requests", "0"},
                   {"x-ratelimit-reset-requests", "20ms"},
                   {"x-ratelimit-remaining-tokens", "0"},
                   {"x-ratelimit-reset-tokens", "6m0s"}}),
            Duration(6min));
  EXPECT_EQ(
      Parse({{"x-ratelimit-remaining-requests", "17"}, {"x-ratelimit-reset-requests", "20ms"}}),
      std::nullopt);
  EXPECT_EQ(Parse({{"anthropic-ratelimit-requests-remaining", "12"},
                   {"anthropic-ratelimit-requests-reset", "1994-11-06T09:00:00Z"},
                   {"anthropic-ratelimit-input-tokens-remaining", "0"},
                   {"anthropic-ratelimit-input-tokens-reset", "1994-11-06T08:50:07Z"}}),
            Duration(30s));
  EXPECT_EQ(Parse({{"anthropic-ratelimit-requests-remaining", "0"},
                   {"anthropic-ratelimit-requests-reset", "1994-11-06T08:00:00Z"}}),
            std::nullopt);
}

TEST(RetryAfter, ReadsGoDurations) {
  EXPECT_EQ(ParseGoDuration("1s"), Duration(1s));
  EXPECT_EQ(ParseGoDuration("6m0s"), Duration(6min));
  EXPECT_EQ(ParseGoDuration("1h2m3.5s"), Duration(1h + 2min + 3500ms));
  EXPECT_EQ(ParseGoDuration("1m2.5s"), Duration(62500ms));
  EXPECT_EQ(ParseGoDuration("100h"), Duration(kMaxRetryAfter));
  for (const char* text : {"", "5", "s", "5 s", "-1s", "1d", "1s2", "0s", "1..5s"}) {
    EXPECT_EQ(ParseGoDuration(text), std::nullopt) << text;
  }
}

TEST(RetryAfter, ReadsWaitsInWords) {
  EXPECT_EQ(ParseRetryText("Requests have exceeded the limit. Please retry after 26 seconds."),
            Duration(26s));
  EXPECT_EQ(ParseRetryText("Please try again in 20s."), Duration(20s));
  EXPECT_EQ(ParseRetryText("Rate limit is exceeded. Try again in 56 seconds."), Duration(56s));
  EXPECT_EQ(ParseRetryText("Retry after 1.5 seconds"), Duration(1500ms));
  EXPECT_EQ(ParseRetryText("Limit 3. Please try again in 1m2.5s. Visit ..."), Duration(62500ms));
  EXPECT_EQ(ParseRetryText("please try again in 250ms"), Duration(250ms));
  EXPECT_EQ(ParseRetryText("Please try again in 2 minutes."), Duration(2min));
  EXPECT_EQ(ParseRetryText("Quota exceeded. Please retry in 34.074824224s."),
            Duration(34'074'824'224ns));
  EXPECT_EQ(ParseRetryText("Please wait 30 seconds before sending more"), Duration(30s));
  EXPECT_EQ(ParseRetryText("Rate limited; retry after: 7"), Duration(7s));
  EXPECT_EQ(ParseRetryText("try again in approximately 1 minute and 30 seconds"), Duration(90s));
  EXPECT_EQ(ParseRetryText("Your limit resets in 1 hour"), Duration(1h));
  EXPECT_EQ(ParseRetryText("{\"retry_after\": 12.5}"), Duration(12500ms));
  for (const char* text : {"", "try again in a while", "retry after the maintenance",
                           "try again in ", "retry after 5 apples"}) {
    EXPECT_EQ(ParseRetryText(text), std::nullopt) << text;
  }
}

TEST(Timestamp, ReadsRfc3339) {
  using std::chrono::sys_days;
  const auto expected = sys_days(std::chrono::year(2026) / 11 / 24) + 9h + 30min + 5s;
  EXPECT_EQ(ParseRfc3339("2026-11-24T09:30:05Z"), expected);
  EXPECT_EQ(ParseRfc3339("2026-11-24T09:30:05.123456789Z"), expected);
  EXPECT_EQ(ParseRfc3339("2026-11-24T10:30:05+01:00"), expected);
  EXPECT_EQ(ParseRfc3339("2026-11-24T04:00:05.5-05:30"), expected);
  for (const char* text :
       {"", "2026-11-24", "2026-11-24T09:30:05", "2026-13-24T09:30:05Z", "2026-02-30T09:30:05Z",
        "2026-11-24T24:30:05Z", "2026-11-24T09:30:05.Z", "2026-11-24T09:30:05+0100",
        "2026-11-24X09:30:05Z", "a026-11-24T09:30:05Z"}) {
    EXPECT_EQ(ParseRfc3339(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace llmload::wire
