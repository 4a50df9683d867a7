// Everything that is printed fits the columns that there are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>

#include "llmload/report/progress.h"
#include "llmload/report/text_writer.h"
#include "src/core/text/format.h"
#include "tests/unit/record/random_report.h"
#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The first line of `text` that is wider than `width`; empty without one.
std::string TooWide(const std::string& text, std::size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (text::DisplayWidth(line) > width) return line;
  }
  return "";
}

std::string WithoutSpaces(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

// A report in which all that others name has a long name.
RunReport WithLongNames(const std::string& word) {
  RunReport report = SampleReport();
  RunRecord& run = report.record;
  const std::string name = word + " " + std::string(150, 'x') + " " + word;
  run.name = run.configuration.schedule = run.configuration.prompts = name;
  run.configuration.models = {name, name};
  run.configuration.details.push_back({name, name});
  for (TargetRecord& target : run.configuration.targets) target.url = target.provider.name = name;
  for (ProviderUsage& usage : run.metrics.providers) usage.name = usage.model = name;
  for (ErrorSummary& error : run.metrics.errors)
    error = {.count = 123'456'789,
             .first = std::chrono::hours(1),
             .last = std::chrono::hours(2),
             .examples = {{.count = 123'456'789, .message = name, .provider = name, .code = name}}};
  for (ResourceSummary& resource : run.resources) resource.label = name;
  run.timeline.push_back({std::chrono::seconds(5), name});
  run.measurements.push_back({name, 123456.789});
  for (CriterionResult& result : report.judgement.criteria) {
    result.name = result.message = result.remark = name;
  }
  for (std::uint64_t& counter : run.metrics.counters) counter = 123'456'789'012;
  return report;
}

TEST(Width, TheSampleFitsEveryWidth) {
  const RunReport sample = SampleReport();
  // Every third one, from 40 to 100; and that of most terminals.
  for (std::size_t width = 40; width <= 100; ++width) {
    if (width % 3 != 1 && width != 80) continue;
    EXPECT_EQ(TooWide(ToText(sample, false, width), width), "") << width;
    EXPECT_EQ(TooWide(ToSummary(sample, {}, "none", false, width), width), "") << width;
  }
}

TEST(Width, LongNamesFitAndNothingOfThemIsLost) {
  for (const char* word : {"name", "\u6d4b\u8bd5\u6d4b\u8bd5", "\u00fcberl\u00e4nge"}) {
    const RunReport report = WithLongNames(word);
    for (const std::size_t width : {40u, 80u, 100u}) {
      const std::string text = ToText(report, false, width);
      EXPECT_EQ(TooWide(text, width), "") << width;
      EXPECT_THAT(text, HasSubstr("123,456,789")) << "numbers are not broken";
      const std::string summary = ToSummary(report, {std::string(200, 'f')}, "", false, width);
      EXPECT_EQ(TooWide(summary, width), "") << width;
    }
    const std::string url = report.record.configuration.targets[0].url;
    EXPECT_THAT(WithoutSpaces(ToText(report, false, 60)), HasSubstr(WithoutSpaces(url)));
  }
}

TEST(Width, RandomReportsFit) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const RunReport report = RandomReport(random);
    for (const std::size_t width : {40u, 80u, 100u}) {
      EXPECT_EQ(TooWide(ToText(report, false, width), width), "");
      EXPECT_EQ(TooWide(ToSummary(report, {"r.json", "r.txt"}, "", false, width),
                        std::min<std::size_t>(width, 80)),
                "");
    }
  }
}

TEST(Width, ColoursTakeNoColumns) {
  const std::string plain = ToText(SampleReport(), false, 80);
  std::string coloured = ToText(SampleReport(), true, 80);
  for (const char* code : {"\033[1;31m", "\033[1;32m", "\033[0m"}) {
    for (auto at = coloured.find(code); at != std::string::npos; at = coloured.find(code)) {
      coloured.erase(at, std::string(code).size());
    }
  }
  EXPECT_EQ(coloured, plain);
}

TEST(Width, ProgressFitsAndKeepsItsNumbersWhole) {
  using namespace std::chrono_literals;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    RunSnapshot snapshot;
    snapshot.elapsed = Duration(static_cast<Duration::rep>(random.Below(100'000))) * 1'000'000'000;
    if (random.Below(2) == 0) snapshot.total = snapshot.elapsed + 3661s;
    if (random.Below(2) == 0) snapshot.planned_requests = 10'000'000;
    if (random.Below(2) == 0) snapshot.target_rate = 12345.6;
    snapshot.counters.in_flight = random.Below(100'000);
    snapshot.counters.succeeded = random.Below(10'000'000);
    snapshot.counters.failed = random.Below(3) * 1'234'567;
    snapshot.counters.dropped = random.Below(2) * 1'234'567;
    for (std::uint64_t& count : snapshot.counters.errors) count = random.Below(1'000'000);
    snapshot.counters.p95 = 812ms;
    snapshot.counters.ttft_p95 = 99ms;
    snapshot.rss_bytes = 31'200'000;
    const std::string whole = FormatProgress(snapshot, 987.6, 1000, true);
    for (const std::size_t width : {39u, 79u, 99u}) {
      std::string left = FormatProgress(snapshot, 987.6, width, true);
      EXPECT_LE(text::DisplayWidth(left), width) << left;
      // Each part is one of the whole line.
      for (std::size_t end = 0; !left.empty(); left.erase(0, std::min(end + 2, left.size()))) {
        end = std::min(left.find("  "), left.size());
        if (left.front() == '[') continue;
        EXPECT_THAT(whole, HasSubstr(left.substr(0, end)));
      }
    }
  }
}

}  // namespace
}  // namespace llmload
