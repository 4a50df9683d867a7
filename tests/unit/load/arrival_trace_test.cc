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

std::string ErrorOf(const std::string& text) {
  std::istringstream input(text);
  try {
    ArrivalTrace::Parse(input, "t.jsonl");
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
      {good + "{}", "t.jsonl:3: at_seconds: got \"\""},
      {good + "{\"at_seconds\": -1}", "t.jsonl:3: at_seconds: got \"-1\""},
      {good + "{\"at_seconds\": \"2\"}", "t.jsonl:3: at_seconds: got \"\"2\"\""},
      {good + "{\"at_seconds\": 0.5}", "t.jsonl:3: at_seconds: got \"0.5"},
      {good + "{\"at_seconds\": 1e9}", "t.jsonl:3: at_seconds: got \"1000000000.0\""},
      {good + "{\"at_seconds\": 2, \"input_tokens\": 0}", "t.jsonl:3: input_tokens: got \"0\""},
      {good + "{\"at_seconds\": 2, \"output_tokens\": 1.5}",
       "t.jsonl:3: output_tokens: got \"1.5\""},
      {good + "{\"at_seconds\": 2, \"tokens\": 5}", "t.jsonl:3: tokens: got \"an unknown field\""},
      {good + "{\"at_seconds\": 2, \"at_seconds\": 2}", "t.jsonl:3: at_seconds: got \"\""},
      {good + "{\"at_seconds\": 2", "t.jsonl:3: line: got \"\", expected valid JSON"},
      {good + "{\"at_seconds\": 2} x", "t.jsonl:3: line: got \"\", expected valid JSON"},
      {good + "{\"at_seconds\": 1e999}", "t.jsonl:3: line: got \"\", expected valid JSON"},
      {good + "{\"at_seconds\": 2}" + std::string(1, '\0') + "x",
       "t.jsonl:3: line: got \"\", expected valid JSON"},
      {good + "{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}",
       "t.jsonl:3: line: got \"\", expected at most 63 levels"},
      {good + "{\"a\":" + std::string(62, '[') + std::string(62, ']') + "}",
       "t.jsonl:3: a: got \"an unknown field\""},
      {good + "{\"a\": [{\"b\": 1, \"b\": 2}]}", "t.jsonl:3: b: got \"\", expected the field once"},
      {good + "[1]", "t.jsonl:3: line: got \"\", expected a JSON object"},
      {good + std::string(ArrivalTrace::kMaxLineBytes + 1, ' '), "t.jsonl:3: line: got \"\""},
  };
  for (const auto& [text, message] : cases) EXPECT_THAT(ErrorOf(text), HasSubstr(message)) << text;
}

TEST(ArrivalTrace, FilesThatCannotBeReadAreConfigurationErrors) {
  EXPECT_THROW(ArrivalTrace::Load("/no/such/file"), ConfigurationError);
  EXPECT_THROW(ArrivalTrace::Load("/"), ConfigurationError);
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
