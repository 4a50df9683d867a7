#include "llmload/report/report_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "llmload/core/environment.h"
#include "src/core/text/harmless.h"
#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ReportJson, WritesTheDocumentedSchema) {
  ExpectGolden("sample_report.json", ToJson(SampleReport()));
}

TEST(ReportJson, HasNullForWhatIsNotFiniteOrNotObserved) {
  RunReport report = SampleReport();
  report.record.SetMeasurement("endless", std::numeric_limits<double>::infinity());
  report.record.metrics[Counter::kFailed] = 100;
  report.record.metrics.last_completion.reset();
  const json written = json::parse(ToJson(report));
  EXPECT_EQ(written["schema"], "llmload.report/2");
  EXPECT_TRUE(written["rates"]["throughput_per_second"].is_null());
  EXPECT_EQ(written["measurements"][1]["name"], "endless");
  EXPECT_TRUE(written["measurements"][1]["value"].is_null());
  EXPECT_TRUE(written["failure_adjusted"]["scheduled_latency"]["p99_seconds"].is_null());
  EXPECT_FALSE(written["failure_adjusted"]["scheduled_latency"]["p50_seconds"].is_null());
}

TEST(ReportJson, AnEmptyReportHasEveryMemberOfAFullOne) {
  const json full = json::parse(ToJson(SampleReport()));
  const json empty = json::parse(ToJson(RunReport{}));
  for (const auto& [name, value] : full.items()) {
    ASSERT_TRUE(empty.contains(name)) << name;
    if (!value.is_object()) continue;
    for (const auto& [inner, unused] : value.items()) {
      EXPECT_TRUE(empty[name].contains(inner)) << name << "." << inner;
    }
  }
  EXPECT_EQ(empty["measured"]["figures"]["scheduled_latency"], json({{"count", 0}}));
}

TEST(ReportJson, HasEveryFigureAndCounterOfTheCatalogue) {
  const json written = json::parse(ToJson(SampleReport()));
  for (const char* part : {"measured", "unmeasured"}) {
    for (const FigureInfo& row : kFigures) {
      EXPECT_TRUE(written[part]["figures"].contains(row.name)) << row.name;
    }
    for (const CounterInfo& row : kCounters) {
      EXPECT_TRUE(written[part][row.of_tokens ? "tokens" : "requests"].contains(row.name))
          << row.name;
    }
  }
  for (const NamedQuantile& row : kQuantiles) {
    EXPECT_TRUE(written["measured"]["figures"]["ttft"].contains(row.name)) << row.name;
  }
}

TEST(ReportJson, ReplacesBytesThatAreNotUtf8) {
  RunReport report = SampleReport();
  report.record.configuration.models = {"gpt\xff\xfe"};
  const json written = json::parse(ToJson(report));
  EXPECT_THAT(written["configuration"]["models"][0].get<std::string>(),
              HasSubstr("gpt\xEF\xBF\xBD"));
}

TEST(ReportJson, EscapesWhatMustNotReachATerminal) {
  const std::string words =
      "\x1B[2J\xC2\x9B"
      "31m\u202E \u2028 \x7F \u00FC";
  RunReport report = SampleReport();
  report.record.configuration.models = {words, "\u00FC \u65E5\u672C"};
  report.record.configuration.details = {{"\u202Ename", words}};
  const std::string text = ToJson(report);
  EXPECT_EQ(text::HarmlessLines(text), text);
  EXPECT_EQ(ReadReport(text, "report.json").record.configuration.models,
            report.record.configuration.models);
}

TEST(ReportJson, FileNameIsSafeAndTellsRunsApart) {
  EXPECT_EQ(JsonFileName("All/SustainedLoad.Handles/openai <x>", "20261130T021349Z-7f3a90c1"),
            "All_SustainedLoad.Handles_openai__x_.20261130T021349Z-7f3a90c1.json");
  EXPECT_NE(JsonFileName("A.B", MakeRunId(std::chrono::sys_time<Duration>())),
            JsonFileName("A.B", MakeRunId(std::chrono::sys_time<Duration>())));
  EXPECT_LT(JsonFileName(std::string(5000, 'x'), "20261130T021349Z-7f3a90c1").size(), 256u);
  EXPECT_EQ(JsonFileName("", "id").find('/'), std::string::npos);
}

std::string Text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void CollectKeys(const json& value, std::set<std::string>& keys) {
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) {
      keys.insert(name);
      CollectKeys(inner, keys);
    }
  } else if (value.is_array()) {
    for (const json& inner : value) CollectKeys(inner, keys);
  }
}

TEST(ReportJson, EveryMemberIsDocumented) {
  const std::string document = Text(std::string(LLMLOAD_SOURCE_DIR) + "/docs/report.md");
  ASSERT_FALSE(document.empty());
  std::set<std::string> keys;
  CollectKeys(json::parse(ToJson(SampleReport())), keys);
  EXPECT_GT(keys.size(), 100u);
  // Those of the catalogue are in docs/metrics.md.
  for (const FigureInfo& row : kFigures) keys.erase(std::string(row.name));
  for (const CounterInfo& row : kCounters) keys.erase(std::string(row.name));
  keys.erase("tenant");  // a tag of the sample
  for (const std::string& key : keys) {
    EXPECT_THAT(document, HasSubstr("`" + key + "`")) << "docs/report.md does not explain it";
  }
}

}  // namespace
}  // namespace llmload
