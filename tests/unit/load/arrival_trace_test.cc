#include "llmload/load/arrival_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "llmload/core/environment.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text, TraceFormat format = TraceFormat::kDetect) {
  std::istringstream input(text);
  try {
    ArrivalTrace::Parse(input, "t.jsonl", format);
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ArrivalTrace, ReadsInstantsAndSizes) {
  std::istringstream input(
      "{\"at_seconds\": 0, \"input_tokens\": 410, \"output_tokens\": 96}\r\n"
      "\n"
      "{ \"output_tokens\":7, \"at_seconds\":1.25e-1 }\n"
      "{\"at_seconds\": 0.125}");
  const ArrivalTrace trace = ArrivalTrace::Parse(input, "t.jsonl");
  ASSERT_EQ(trace.entries().size(), 3u);
  EXPECT_EQ(trace.entries()[0].at, Duration(0));
  EXPECT_EQ(trace.entries()[0].input_tokens, 410u);
  EXPECT_EQ(trace.entries()[0].output_tokens, 96u);
  EXPECT_EQ(trace.entries()[1].at, Duration(125ms));
  EXPECT_FALSE(trace.entries()[1].input_tokens.has_value());
  EXPECT_EQ(trace.entries()[1].output_tokens, 7u);
  EXPECT_EQ(trace.entries()[2].at, Duration(125ms));
}

TEST(ArrivalTrace, NamesLineAndFieldOfWhatIsWrong) {
  const std::string good = "{\"at_seconds\": 1}\n\n";
  const struct {
    std::string text;
    const char* message;
  } cases[] = {
      {"", "t.jsonl: got \"\", expected at least one line"},
      {"\n \n", "t.jsonl: got \"\", expected at least one line"},
      {good + "{}", "t.jsonl:3: at_seconds: got \"no such field\""},
      {good + "{\"at_seconds\": -1}", "t.jsonl:3: at_seconds: got \"-1\""},
      {good + "{\"at_seconds\": \"2\"}", "t.jsonl:3: at_seconds: got \"\"2\"\""},
      {good + "{\"at_seconds\": 0.5}", "t.jsonl:3: at_seconds: got \"0.5"},
      {good + "{\"at_seconds\": 1e9}", "t.jsonl:3: at_seconds: got \"1000000000.0\""},
      {good + "{\"at_seconds\": 2, \"input_tokens\": 0}", "t.jsonl:3: input_tokens: got \"0\""},
      {good + "{\"at_seconds\": 2, \"output_tokens\": 1.5}",
       "t.jsonl:3: output_tokens: got \"1.5\""},
      {good + "{\"at_seconds\": 2, \"tokens\": 5}", "t.jsonl:3: tokens: got \"an unknown field\""},
      {good + "{\"at_seconds\": 2, \"at_seconds\": 2}", "t.jsonl:3: at_seconds: got \"a second"},
      {good + "{\"at_seconds\": 2", "t.jsonl:3: line: got \"{\"at_seconds\": 2\", expected valid"},
      {good + "{\"at_seconds\": 2} x", "2} x\", expected valid JSON, which it is not from byte 19"},
      {good + "{\"at_seconds\": 1e999}",
       "1e999}\", expected valid JSON: a number in it is too large"},
      {good + "{\"at_seconds\": 2}" + std::string(1, '\0') + "x",
       "t.jsonl:3: line: got \"{\"at_seconds\": 2} x\", expected text, which has no NUL bytes"},
      {good + "{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}",
       "]...\", expected at most 63 levels"},
      {good + "{\"a\":" + std::string(62, '[') + std::string(62, ']') + "}",
       "t.jsonl:3: a: got \"an unknown field\""},
      {good + "{\"a\": [{\"b\": 1, \"b\": 2}]}",
       "t.jsonl:3: b: got \"a second one\", expected the field once"},
      {good + "[1]", "t.jsonl:3: line: got \"[1]\", expected a JSON object"},
      {good + std::string(ArrivalTrace::kMaxLineBytes + 1, ' '), "t.jsonl:3: line: got \"    "},
  };
  for (const auto& [text, message] : cases) EXPECT_THAT(ErrorOf(text), HasSubstr(message)) << text;
}

constexpr const char* kAzureHeader = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

TEST(ArrivalTrace, ReadsTheTracesOfAzure) {
  for (const TraceFormat format : {TraceFormat::kDetect, TraceFormat::kAzure}) {
    std::istringstream input(std::string("Timestamp,contexttokens,GeneratedTokens \r\n") +
                             "2023-12-31 23:59:59.9799600,374,44\r\n"
                             "2024-01-01T00:00:01,0,0\r\n"
                             "\r\n"
                             "2024-01-01 01:00:00.5+01:00, 7 ,8\r\n"
                             "2023-12-31 19:30:00.2500000001-0430,1,2\r\n");
    const ArrivalTrace trace = ArrivalTrace::Parse(input, "a.csv", format);
    const auto& entries = trace.entries();
    ASSERT_EQ(entries.size(), 4u);
    EXPECT_EQ(entries[0].at, Duration(0));
    EXPECT_EQ(entries[0].input_tokens, 374u);
    EXPECT_EQ(entries[0].output_tokens, 44u);
    EXPECT_EQ(entries[1].at, Duration(270'040us));
    EXPECT_EQ(entries[1].output_tokens, 2u);
    EXPECT_EQ(entries[2].at, Duration(520'040us));
    EXPECT_EQ(entries[2].input_tokens, 7u);
    EXPECT_EQ(entries[3].at, Duration(1'020'040us));
    EXPECT_EQ(entries[3].input_tokens, 1u);
    EXPECT_EQ(entries[3].output_tokens, 1u);
  }
}

TEST(ArrivalTrace, NamesLineAndValueOfWhatIsWrongInATraceOfAzure) {
  const auto row = [](const std::string& text) {
    return ErrorOf(kAzureHeader + std::string("\n2023-11-16 18:17:03,374,44\n") + text);
  };
  EXPECT_THAT(row("2023-11-16 18:17:03,374"),
              HasSubstr("t.jsonl:4: line: got \"2023-11-16 18:17:0"));
  EXPECT_THAT(row("1,2,3,4"), HasSubstr("t.jsonl:4: line: got \"1,2,3,4\", expected three values"));
  for (const char* instant : {"", "now", "2023-11-16", "2023-11-31 00:00:00", "2023-13-01 00:00:00",
                              "2023-11-16 24:00:00", "2023-11-16 00:60:00", "2023-11-16 00:00:61",
                              "2023-11-16 00:00", "1023-11-16 00:00:00", "2023-11-16 00:00:00 PM",
                              "2023-11-16 00:00:00+1", "-023-11-16 00:00:00", "1700158623.98"}) {
    EXPECT_THAT(row(std::string(instant) + ",1,2"),
                HasSubstr("t.jsonl:4: TIMESTAMP: got \"" + std::string(instant) +
                          "\", expected a date and a time, as in 2023-11-16"));
  }
  EXPECT_THAT(row("2023-11-16 18:17:03,-1,44"), HasSubstr("t.jsonl:4: ContextTokens: got \"-1\""));
  EXPECT_THAT(row("2023-11-16 18:17:03,1,44.0"),
              HasSubstr("t.jsonl:4: GeneratedTokens: got \"44.0\", expected a whole number"));
  EXPECT_THAT(row("2024-11-16 18:17:03,1,44"), HasSubstr("t.jsonl: got \"31622400"));
  EXPECT_THAT(ErrorOf(kAzureHeader), HasSubstr("at least one line"));
  EXPECT_THAT(ErrorOf("time;in;out\n"),
              HasSubstr("t.jsonl:1: line: got \"time;in;out\", expected a JSON object with "
                        "at_seconds on each line, or an array of them, or the header TIMESTAMP,"));
  EXPECT_THAT(ErrorOf("{\"at_seconds\": 1}", TraceFormat::kAzure),
              HasSubstr("t.jsonl:1: line: got \"{\"at_seconds\": 1}\", expected the header"));
  EXPECT_THAT(
      ErrorOf(kAzureHeader, TraceFormat::kArrivals),
      HasSubstr("t.jsonl:1: line: got \"TIMESTAMP,ContextTokens,GeneratedTokens\", expected "
                "valid JSON"));
}

TEST(ArrivalTrace, FilesThatCannotBeReadAreConfigurationErrors) {
  EXPECT_THROW(ArrivalTrace::Load("/no/such/file"), ConfigurationError);
  EXPECT_THROW(ArrivalTrace::Load("/"), ConfigurationError);
}

TEST(ArrivalTrace, ADataSetIsNoTrace) {
  const std::string answer(100'000, 'a');
  EXPECT_THAT(
      ErrorOf("[{\"conversations\": [{\"from\": \"gpt\", \"value\": \"" + answer + "\"}]}]"),
      HasSubstr("t.jsonl:1: element 1: conversations: got \"an unknown field\", expected one "
                "of: at_seconds, input_tokens, output_tokens"));
}

TEST(ArrivalTrace, EntriesMustBeInOrder) {
  using Entries = std::vector<ArrivalTrace::Entry>;
  EXPECT_THROW(ArrivalTrace(Entries{}), ConfigurationError);
  EXPECT_THROW(ArrivalTrace(Entries{{.at = 2s}, {.at = 1s}}), ConfigurationError);
  EXPECT_THROW(ArrivalTrace(Entries{{.at = -1ns}}), ConfigurationError);
  EXPECT_THROW(ArrivalTrace(Entries{{.at = 24h * 31}}), ConfigurationError);
}

}  // namespace
}  // namespace llmload
