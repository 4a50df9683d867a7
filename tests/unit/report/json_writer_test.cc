#include "llmload/report/json_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A fresh directory that is removed afterwards.
class JsonFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "llmload_report_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  static std::string Read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  std::size_t FileCount() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  fs::path directory_;
};

TEST(JsonWriter, WritesTheDocumentedSchema) {
  ExpectGolden("sample_report.json", ToJson(SampleReport()));
}

TEST(JsonWriter, IsValidJsonWithNullForWhatIsNotFinite) {
  RunReport report = SampleReport();
  report.metrics.throughput_per_second = std::numeric_limits<double>::quiet_NaN();
  report.measurements.emplace_back("endless", std::numeric_limits<double>::infinity());
  report.metrics.scheduled_latency_adjusted.p99.reset();
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["schema"], "llmload.report/1");
  EXPECT_TRUE(json["rates"]["throughput_per_second"].is_null());
  EXPECT_TRUE(json["measurements"]["endless"].is_null());
  EXPECT_TRUE(json["failure_adjusted"]["scheduled"]["p99_seconds"].is_null());
}

TEST(JsonWriter, AnEmptyReportHasEverySection) {
  const auto json = nlohmann::json::parse(ToJson(RunReport{}));
  for (const char* section :
       {"schema", "test", "started_at", "verdict", "configuration", "criteria", "requests", "rates",
        "latency", "failure_adjusted", "errors", "providers", "tokens", "resources", "timeline",
        "distributions", "measurements"}) {
    EXPECT_TRUE(json.contains(section)) << section;
  }
  EXPECT_EQ(json["latency"]["scheduled"]["count"], 0);
  EXPECT_FALSE(json["latency"]["scheduled"].contains("p95"));
}

TEST(JsonWriter, ReplacesBytesThatAreNotUtf8) {
  RunReport report = SampleReport();
  report.configuration.emplace_back("model", "gpt\xff\xfe");
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_THAT(json["configuration"]["model"].get<std::string>(), HasSubstr("gpt\xEF\xBF\xBD"));
}

TEST(JsonWriter, FileNameIsSafe) {
  RunReport report;
  report.test_name = "All/SustainedLoad.Handles/openai <x>";
  EXPECT_EQ(JsonFileName(report), "All_SustainedLoad.Handles_openai__x_.json");
  report.test_name = std::string(5000, 'x');
  EXPECT_LT(JsonFileName(report).size(), 256u);
  report.test_name.clear();
  EXPECT_EQ(JsonFileName(report), "report.json");
}

TEST_F(JsonFile, IsWrittenIntoADirectoryThatIsMade) {
  const WriteOutcome outcome = WriteJsonFile(SampleReport(), directory_ / "a" / "b");
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  EXPECT_EQ(outcome.path.filename(), "SustainedLoad.Handles1000RequestsPerMinute.json");
  EXPECT_EQ(Read(outcome.path), ToJson(SampleReport()));
}

TEST_F(JsonFile, ReplacesTheFileOfAnEarlierRunAndLeavesNothingElse) {
  std::ofstream(directory_ / JsonFileName(SampleReport())) << "old";
  const WriteOutcome outcome = WriteJsonFile(SampleReport(), directory_);
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  EXPECT_EQ(Read(outcome.path), ToJson(SampleReport()));
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(JsonFile, MayHaveAnyNameButNeedsItsDirectory) {
  const WriteOutcome outcome = WriteJsonTo(SampleReport(), directory_ / "mine.txt");
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  EXPECT_EQ(Read(directory_ / "mine.txt"), ToJson(SampleReport()));
  EXPECT_THAT(WriteJsonTo(SampleReport(), directory_ / "none" / "r.json").error,
              HasSubstr("No such file or directory"));
}

TEST_F(JsonFile, SaysWhyItsDirectoryCannotBeMade) {
  std::ofstream(directory_ / "file") << "in the way";
  const WriteOutcome outcome = WriteJsonFile(SampleReport(), directory_ / "file" / "reports");
  EXPECT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("cannot create report directory"),
                                   HasSubstr("file/reports"), HasSubstr("Not a directory")));
}

TEST_F(JsonFile, SaysWhyADirectoryCannotBeWrittenTo) {
  if (geteuid() == 0) {
    // Root may write anywhere on a disk, but nobody makes files in /proc.
    const WriteOutcome outcome = WriteJsonFile(SampleReport(), "/proc/self");
    EXPECT_FALSE(outcome.ok());
    EXPECT_THAT(outcome.error, HasSubstr("cannot create report file /proc/self"));
    return;
  }
  fs::permissions(directory_, fs::perms::owner_read | fs::perms::owner_exec);
  const WriteOutcome outcome = WriteJsonFile(SampleReport(), directory_);
  fs::permissions(directory_, fs::perms::owner_all);
  EXPECT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error,
              AllOf(HasSubstr("cannot create report file"), HasSubstr("Permission denied")));
}

TEST_F(JsonFile, KeepsTheEarlierFileWhenTheDiskIsFull) {
  std::ofstream(directory_ / JsonFileName(SampleReport())) << "old";
  // A limit on the size of files stands in for a full disk.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const WriteOutcome outcome = WriteJsonFile(SampleReport(), directory_);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  EXPECT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error, AllOf(HasSubstr("cannot write report"), HasSubstr("File too large")));
  EXPECT_EQ(Read(outcome.path), "old");
  EXPECT_EQ(FileCount(), 1u) << "the temporary file was left behind";
}

TEST_F(JsonFile, DoesNotReplaceADirectoryOfItsName) {
  fs::create_directory(directory_ / JsonFileName(SampleReport()));
  const WriteOutcome outcome = WriteJsonFile(SampleReport(), directory_);
  EXPECT_FALSE(outcome.ok());
  EXPECT_EQ(FileCount(), 1u);
}

}  // namespace
}  // namespace llmload
