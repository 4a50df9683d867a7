#include "src/report/error_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "src/core/text/format.h"
#include "src/core/text/harmless.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string TableOf(const MetricsSnapshot& metrics) {
  std::string text;
  AppendErrors(metrics, 80, text);
  return text;
}

TEST(ErrorTable, ShowsWhenAndWithWhichWordsRequestsFailed) {
  MetricsSnapshot metrics;
  metrics[ErrorKind::kConnectionReset] = {
      .count = 2,
      .first = 30s,
      .last = 31s,
      .examples = {{.count = 2, .first = 30s, .message = "the answer was cut"}}};
  metrics[ErrorKind::kOverloaded] = {.count = 120,
                                     .first = 10'200ms,
                                     .last = 59'900ms,
                                     .examples = {{.count = 100,
                                                   .first = 10'200ms,
                                                   .message = "no capacity",
                                                   .http_status = 503,
                                                   .provider = "openai",
                                                   .code = "overloaded",
                                                   .request_id = "req_1"},
                                                  {.count = 1, .first = 11s}}};
  EXPECT_EQ(TableOf(metrics),
            "\nErrors\n"
            "  overloaded                    120  from 10.2 s to 59.9 s\n"
            "      100 x  HTTP 503, code overloaded: no capacity\n"
            "             first at 10.2 s, from openai, request req_1\n"
            "        1 x  (without a message)\n"
            "             first at 11.0 s\n"
            "       19 x  other messages\n"
            "  connection_reset                2  from 30.0 s to 31.0 s\n"
            "        2 x  the answer was cut\n"
            "             first at 30.0 s\n");
  EXPECT_EQ(TableOf({}), "");
}

TEST(ErrorTable, FitsEightyColumnsWhateverServicesSay) {
  std::string cjk;
  for (int i = 0; i < 100; ++i) cjk += "\xE8\xAA\x9E";
  for (const std::string& message :
       {std::string(300, 'x'),
        std::string("many words ") + std::string(60, 'y') + " and more " + std::string(90, 'z'),
        cjk, std::string("\x1B[2J\n\n\xFF")}) {
    MetricsSnapshot metrics;
    metrics[ErrorKind::kRetryBudgetExhausted] = {
        .count = 12'345'678'901,
        .first = 4000s,
        .last = 86'400s,
        .examples = {{.count = 12'345'678'901,
                      .first = 4000s,
                      .message = message,
                      .http_status = 503,
                      .provider = std::string(100, 'p'),
                      .code = std::string(128, 'c'),
                      .request_id = std::string(128, 'r')}}};
    std::istringstream lines(TableOf(metrics));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(text::DisplayWidth(line), 80u) << line;
      EXPECT_EQ(line, text::Harmless(line));
    }
  }
}

TEST(ErrorTable, LosesNoWordWhereItBreaksLines) {
  MetricsSnapshot metrics;
  std::string message;
  for (int i = 0; i < 40; ++i) message += "w" + std::to_string(i) + " ";
  metrics[ErrorKind::kServerError] = {.count = 1, .examples = {{.count = 1, .message = message}}};
  const std::string text = TableOf(metrics);
  for (int i = 0; i < 40; ++i) EXPECT_THAT(text, HasSubstr("w" + std::to_string(i)));
}

}  // namespace
}  // namespace llmload
