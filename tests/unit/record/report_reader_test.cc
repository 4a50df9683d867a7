// What is written can be read back, and what cannot be read is refused with file and field.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"
#include "llmload/report/report_json.h"
#include "tests/unit/record/random_report.h"
#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Refusal(const std::string& text) {
  try {
    ReadReport(text, "r.json");
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "it was read";
}

TEST(ReportReader, ReadsTheSampleReportBack) {
  const RunReport report = SampleReport();
  const RunReport read = ReadReport(ToJson(report), "r.json");
  EXPECT_EQ(read.record.metrics, report.record.metrics);
  EXPECT_EQ(read.record, report.record);
  EXPECT_EQ(read.judgement, report.judgement);
  EXPECT_EQ(ToJson(read), ToJson(report));
}

// Reports of this schema had one message for each kind of error, and no cause in the headline.
TEST(ReportReader, ReadsTheErrorsOfAnOlderReport) {
  const RunReport report = SampleReport();
  Json json = Json::parse(ToJson(report));
  json.erase("failed_because");
  for (Json& entry : json["measured"]["errors"]) {
    for (const char* const name : {"first_seconds", "last_seconds", "examples"}) entry.erase(name);
    entry["first_message"] = entry["kind"] == "rate_limited" ? "HTTP 429: slow down" : "";
  }
  const RunReport read = ReadReport(json.dump(), "r.json");
  ErrorSummary expected{.count = report.record.metrics[ErrorKind::kRateLimited].count};
  expected.examples = {{.count = 1, .message = "HTTP 429: slow down"}};
  EXPECT_EQ(read.record.metrics[ErrorKind::kRateLimited], expected);
  expected = {.count = report.record.metrics[ErrorKind::kServerError].count};
  EXPECT_EQ(read.record.metrics[ErrorKind::kServerError], expected);
  EXPECT_EQ(read.judgement.failed_because, "");
  EXPECT_EQ(ReadReport(ToJson(read), "r.json"), read);
  for (Json& entry : json["measured"]["errors"]) entry["first_message"] = 7;
  EXPECT_THAT(Refusal(json.dump()), HasSubstr("errors[0].first_message: got 7, expected a string"));
}

TEST(ReportReader, ReadsAnEmptyReportBack) {
  EXPECT_EQ(ReadReport(ToJson(RunReport{}), "r.json"), RunReport{});
}

TEST(ReportReader, ReadsRandomReportsBack) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    const RunReport report = RandomReport(random);
    const RunReport read = ReadReport(ToJson(report), "r.json");
    ASSERT_EQ(read.record.configuration, report.record.configuration) << "seed " << seed;
    ASSERT_EQ(read.record.metrics, report.record.metrics) << "seed " << seed;
    ASSERT_EQ(read.record.health, report.record.health) << "seed " << seed;
    ASSERT_EQ(read.record.resources, report.record.resources) << "seed " << seed;
    ASSERT_EQ(read.record, report.record) << "seed " << seed;
    ASSERT_EQ(read.judgement, report.judgement) << "seed " << seed;
  }
}

TEST(ReportReader, ReadsExtremeValuesBack) {
  RunReport report = SampleReport();
  RunRecord& run = report.record;
  for (std::uint64_t& counter : run.metrics.counters) {
    counter = std::numeric_limits<std::uint64_t>::max();
  }
  for (int i = 0; i < 3; ++i) run.metrics[Figure::kTtft].Record(Duration::max());
  run.metrics[Figure::kTtft].Record(Duration::min());
  run.configuration.seed = std::numeric_limits<std::uint64_t>::max();
  run.configuration.min_max_tokens = std::numeric_limits<int>::min();
  run.duration = Duration(999'999'999'999'999);  // 11 days, to the nanosecond
  run.timeline = {{-1ns, ""}, {4'000'000'000s, std::string(100'000, 'x')}};
  run.measurements = {{"smallest", std::numeric_limits<double>::denorm_min()},
                      {"largest", std::numeric_limits<double>::max()},
                      {"lowest", std::numeric_limits<double>::lowest()},
                      {"third", 1.0 / 3}};
  run.started_at = std::chrono::sys_time<Duration>(1ms);
  EXPECT_EQ(ReadReport(ToJson(report), "r.json"), report);
}

TEST(ReportReader, DurationsThatADoubleCannotHoldStayAsTheyWereRead) {
  RunReport report;
  for (const Duration duration :
       {Duration::max(), Duration(123'456'789'123'456'789), Duration(4'503'599'627'370'497)}) {
    report.record.duration = duration;
    const RunReport once = ReadReport(ToJson(report), "r.json");
    EXPECT_LE(std::min(duration, Duration(4'000'000'000s)) - once.record.duration, 1ms);
    EXPECT_EQ(ReadReport(ToJson(once), "r.json"), once);
  }
}

TEST(ReportReader, NamesFileAndFieldOfWhatIsWrong) {
  const Json sample = Json::parse(ToJson(SampleReport()));
  struct Case {
    const char* field;
    std::function<void(Json&)> spoil;
    const char* expected;
  };
  const std::vector<Case> cases = {
      {"r.json: got no member \"run_id\"", [](Json& j) { j.erase("run_id"); }, "expected it"},
      {"r.json: schema: got \"llmload.report/1\"",
       [](Json& j) { j["schema"] = "llmload.report/1"; }, "expected llmload.report/2"},
      {"r.json: name: got 7", [](Json& j) { j["name"] = 7; }, "expected a string"},
      {"r.json: interrupted: got 0", [](Json& j) { j["interrupted"] = 0; }, "true or false"},
      {"r.json: started_at: got \"yesterday\"", [](Json& j) { j["started_at"] = "yesterday"; },
       "an instant such as"},
      {"r.json: started_at", [](Json& j) { j["started_at"] = "2026-02-30T00:00:00.000Z"; },
       "an instant such as"},
      {"r.json: started_at", [](Json& j) { j["started_at"] = "9999-01-01T00:00:00.000Z"; },
       "an instant such as"},
      {"r.json: duration_seconds: got 1e+300", [](Json& j) { j["duration_seconds"] = 1e300; },
       "seconds between"},
      {"r.json: verdict: got \"MAYBE\"", [](Json& j) { j["verdict"] = "MAYBE"; },
       "one of PASS, INCONCLUSIVE, FAIL, INVALID"},
      {"r.json: criteria[1].comparison", [](Json& j) { j["criteria"][1]["comparison"] = "~"; },
       "one of <"},
      {"r.json: criteria[0].samples: got -1", [](Json& j) { j["criteria"][0]["samples"] = -1; },
       "a whole number from 0 to 18446744073709551615"},
      {"r.json: measured.requests.sent: got -1",
       [](Json& j) { j["measured"]["requests"]["sent"] = -1; }, "a whole number"},
      {"r.json: measured.requests.sent: got 1.5",
       [](Json& j) { j["measured"]["requests"]["sent"] = 1.5; }, "a whole number"},
      {"r.json: measured.tokens: got no member \"output_tokens\"",
       [](Json& j) { j["measured"]["tokens"].erase("output_tokens"); }, "expected it"},
      {"r.json: configuration.targets: got an object",
       [](Json& j) { j["configuration"]["targets"] = Json::object(); }, "expected an array"},
      {"r.json: configuration: got \"none\"", [](Json& j) { j["configuration"] = "none"; },
       "expected an object"},
      {"r.json: configuration.workers", [](Json& j) { j["configuration"]["workers"] = 1ull << 40; },
       "a whole number from 0 to 4294967295"},
      {"r.json: shares.present",
       [](Json& j) {
         j["shares"]["present"] = {1, 0};
       },
       "ascending"},
      {"r.json: shares.present", [](Json& j) { j["shares"]["present"] = {1}; }, "below \"of\""},
      {"r.json: shares.present", [](Json& j) { j["shares"]["present"] = Json::array(); },
       "one at the least"},
      {"r.json: measured.errors[0].kind: got \"bad_luck\"",
       [](Json& j) { j["measured"]["errors"][0]["kind"] = "bad_luck"; }, "a kind of error"},
      {"r.json: measured.errors[1].kind",
       [](Json& j) {
         j["measured"]["errors"][1]["kind"] = Json(j["measured"]["errors"][0]["kind"]);
       },
       "each kind of error once"},
      {"r.json: measured.errors[0].count: got 0",
       [](Json& j) { j["measured"]["errors"][0]["count"] = 0; }, "a count above 0"},
      {"r.json: measured.providers[1]: got an object",
       [](Json& j) { j["measured"]["providers"][1] = Json(j["measured"]["providers"][0]); },
       "ascending order of name"},
      {"r.json: measured.figures.ttft: got no member \"histogram\"",
       [](Json& j) { j["measured"]["figures"]["ttft"].erase("histogram"); }, "expected it"},
      {"r.json: measured.figures.ttft.count: got 1",
       [](Json& j) { j["measured"]["figures"]["ttft"]["count"] = 1; },
       "985, as the histogram has it"},
      {"r.json: measured.figures.ttft.histogram: got a minimum outside the first cell",
       [](Json& j) { j["measured"]["figures"]["ttft"]["histogram"]["min_nanoseconds"] = 0; },
       "the cells of a recorded distribution"},
      {"r.json: measured.figures.ttft.histogram.cells[0]: got an array",
       [](Json& j) {
         j["measured"]["figures"]["ttft"]["histogram"]["cells"][0] = {1, 2, 3};
       },
       "a pair of index and count"},
      {"r.json: measured.series.interval_seconds: got 3",
       [](Json& j) { j["measured"]["series"]["interval_seconds"] = 3; }, "1, 2, 4, 8"},
      {"r.json: measured.series.failed: got an array",
       [](Json& j) { j["measured"]["series"]["failed"].push_back(0); },
       "an array as long as \"scheduled\""},
      {"r.json: measured.series.scheduled: got an array",
       [](Json& j) { j["measured"]["series"]["scheduled"] = std::vector<int>(3601); },
       "at most 3600"},
      {"r.json: measured.series.latency_cells[0][0]",
       [](Json& j) {
         j["measured"]["series"]["latency_cells"][0] = {{216, 1}};
       },
       "below 216"},
      {"r.json: measured.series.latency_cells[0][1]",
       [](Json& j) {
         j["measured"]["series"]["latency_cells"][0] = {{5, 1}, {5, 1}};
       },
       "ascending order"},
      {"r.json: resources[0].series[0].threads: got \"3\"",
       [](Json& j) { j["resources"][0]["series"][0]["threads"] = "3"; }, "a whole number"},
      {"r.json: timeline[1].at_seconds: got null",
       [](Json& j) { j["timeline"][1]["at_seconds"] = nullptr; }, "a number of seconds"},
  };
  for (const Case& c : cases) {
    Json spoilt = sample;
    c.spoil(spoilt);
    EXPECT_THAT(Refusal(spoilt.dump()), AllOf(StartsWith(c.field), HasSubstr(c.expected)));
  }
}

TEST(ReportReader, RefusesEveryReportWithAMemberLess) {
  const Json sample = Json::parse(ToJson(SampleReport()));
  // What follows from the other members is for readers of the file only.
  std::vector<std::string> derived = {"reason", "rates", "failure_adjusted"};
  // Reports that were written before there were these members can be read.
  derived.insert(derived.end(), {"failed_because", "groups", "ramps", "cells"});
  for (const auto& [name, value] : sample.items()) {
    if (std::find(derived.begin(), derived.end(), name) != derived.end()) continue;
    Json less = sample;
    less.erase(name);
    EXPECT_THAT(Refusal(less.dump()), HasSubstr("got no member \"" + name + "\""));
  }
}

TEST(ReportReader, RefusesWhatIsNotAReport) {
  EXPECT_THAT(Refusal(""), StartsWith("r.json: not JSON: "));
  EXPECT_THAT(Refusal("PASS"), StartsWith("r.json: not JSON: "));
  EXPECT_THAT(Refusal("[]"), StartsWith("r.json: got an array, expected an object"));
  EXPECT_THAT(Refusal("null"), StartsWith("r.json: got null, expected an object"));
  EXPECT_THAT(Refusal("{}"), StartsWith("r.json: got no member \"schema\""));
  EXPECT_THAT(Refusal("{\"schema\": \"\xff\"}"), StartsWith("r.json: not JSON: "));
  EXPECT_THAT(Refusal("{\"x\": 1e999}"), StartsWith("r.json: not JSON: "));
}

TEST(ReportReader, RefusesTwoMembersOfOneName) {
  EXPECT_THAT(Refusal(R"({"schema": "llmload.report/2", "schema": "llmload.report/2"})"),
              StartsWith("r.json: got two members \"schema\" in one object"));
  EXPECT_THAT(Refusal(R"([{"a": 1}, {"a": 1, "b": {"a": 2}}])"), HasSubstr("got an array"))
      << "objects of their own may share names";
}

TEST(ReportReader, RefusesEndlessNesting) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += open;
    EXPECT_THAT(Refusal(text),
                AllOf(StartsWith("r.json: "), HasSubstr("nested more than 24 deep")));
  }
}

TEST(ReportReader, RefusesATruncatedReportWhereverItEnds) {
  const std::string text = ToJson(RunReport{});
  for (std::size_t size = 0; size + 2 < text.size(); size += 7) {
    EXPECT_THAT(Refusal(text.substr(0, size)), StartsWith("r.json: not JSON: ")) << size;
  }
}

TEST(ReportReader, SurvivesRandomChangesOfAReport) {
  const std::string text = ToJson(SampleReport());
  constexpr std::uint64_t kSeed = 99;
  Random random(kSeed);
  for (int i = 0; i < 60; ++i) {
    std::string changed = text;
    for (int k = 0; k < 3; ++k) {
      changed[random.Below(changed.size())] = static_cast<char>(32 + random.Below(95));
    }
    try {
      const RunReport read = ReadReport(changed, "r.json");
      EXPECT_EQ(ToJson(ReadReport(ToJson(read), "r.json")), ToJson(read)) << "seed " << kSeed;
    } catch (const ConfigurationError& error) {
      EXPECT_THAT(error.what(), StartsWith("r.json: ")) << "seed " << kSeed;
    }
  }
}

TEST(ReportReader, RefusesATextThatIsTooLarge) {
  EXPECT_THAT(Refusal(std::string(kMaxReportBytes + 1, ' ')),
              AllOf(StartsWith("r.json: got \"268435457 bytes\""), HasSubstr("at most 268435456")));
}

TEST(ReportReader, ReadsAFileAndNamesOneThatItCannotRead) {
  std::string name = (std::filesystem::temp_directory_path() / "llmload_read_XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const std::filesystem::path folder = name;
  std::ofstream(folder / "r.json") << ToJson(SampleReport());
  EXPECT_EQ(ReadReportFile(folder / "r.json"), SampleReport());
  for (const std::filesystem::path& file : {folder / "none.json", folder}) {
    try {
      ReadReportFile(file);
      ADD_FAILURE() << file << " was read";
    } catch (const ConfigurationError& error) {
      EXPECT_THAT(error.what(), HasSubstr(file.string()));
    }
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace llmload
