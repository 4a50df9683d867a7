#include "llmload/report/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/report/report_json.h"
#include "llmload/report/text_writer.h"
#include "tests/support/folder_test.h"
#include "tests/unit/report/sample_report.h"

namespace llmload {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string Refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const ConfigurationError& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(OutputSpec, IsAKindOrAKindAndAPlace) {
  EXPECT_EQ(ParseOutput("--output", "summary"), (OutputSpec{.kind = "summary", .where = ""}));
  EXPECT_EQ(ParseOutput("--output", "table=-"), (OutputSpec{.kind = "table", .where = "-"}));
  EXPECT_EQ(ParseOutput("--output", "json=a/b=c.json"),
            (OutputSpec{.kind = "json", .where = "a/b=c.json"}));
}

TEST(OutputSpec, UnknownKindIsRefusedWithTheKinds) {
  EXPECT_THAT(Refusal([] { ParseOutput("--output", "yaml=x"); }),
              AllOf(StartsWith("--output: got \"yaml=x\""),
                    HasSubstr("json, records, records-with-text, csv, table, summary")));
  EXPECT_THAT(Refusal([] { ParseOutput("LLMLOAD_OUTPUT", ""); }), StartsWith("LLMLOAD_OUTPUT"));
  EXPECT_THAT(Refusal([] { ParseOutput("--output", "json="); }), HasSubstr("a file after '='"));
}

TEST(OutputSpec, ListIsSplitAtCommas) {
  EXPECT_THAT(ParseOutputs("LLMLOAD_OUTPUT", ""), IsEmpty());
  EXPECT_THAT(ParseOutputs("LLMLOAD_OUTPUT", "summary,json=r/"),
              ElementsAre(OutputSpec{.kind = "summary", .where = ""},
                          OutputSpec{.kind = "json", .where = "r/"}));
  EXPECT_THAT(Refusal([] { ParseOutputs("LLMLOAD_OUTPUT", "summary,,table"); }),
              StartsWith("LLMLOAD_OUTPUT: got \"\""));
  EXPECT_THAT(Refusal([] { ParseOutputs("LLMLOAD_OUTPUT", "summary,"); }),
              StartsWith("LLMLOAD_OUTPUT: got \"\""));
}

TEST(OutputSpec, HelpNamesEveryKind) {
  for (const char* kind : {"json", "records", "records-with-text", "csv", "table", "summary"}) {
    EXPECT_THAT(OutputHelp(), HasSubstr(std::string("  ") + kind));
  }
}

// A folder of its own, which is removed afterwards.
class OutputFolder : public test_support::FolderTest {
 protected:
  std::size_t FileCount() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  // Opens one output, delivers to it, and returns its complaint.
  static std::string Deliver(const OutputSpec& spec, const RunReport& report = SampleReport()) {
    return OpenOutputs({spec}).at(0)->Deliver(report);
  }
  OutputSpec Json(const std::string& where) const {
    return {.kind = "json", .where = (folder_ / where).string()};
  }
};

TEST_F(OutputFolder, EveryKindWritesAFile) {
  const RunReport report = SampleReport();
  EXPECT_EQ(Deliver(Json("r.json")), "");
  EXPECT_EQ(Read(folder_ / "r.json"), ToJson(report));
  EXPECT_EQ(Deliver({.kind = "table", .where = (folder_ / "r.txt").string()}), "");
  EXPECT_EQ(Read(folder_ / "r.txt"), ToText(report));
  EXPECT_EQ(Deliver({.kind = "summary", .where = (folder_ / "s.txt").string()}), "");
  EXPECT_EQ(Read(folder_ / "s.txt"), ToSummary(report, {}));
}

TEST_F(OutputFolder, TheTableIsWrittenBesideTheReportForMachines) {
  EXPECT_EQ(Deliver(Json("r.json")), "");
  EXPECT_EQ(Read(folder_ / "r.txt"), ToText(SampleReport()));
  EXPECT_EQ(Deliver(Json("report")), "");
  EXPECT_EQ(Read(folder_ / "report.txt"), ToText(SampleReport()));
  fs::create_directory(folder_ / "taken.txt");
  EXPECT_THAT(Refusal([&] { OpenOutputs({Json("taken.json")}); }),
              HasSubstr("taken.txt is not a regular file"));
}

TEST_F(OutputFolder, AFileThatIsNoTableIsNotReplacedByTheTableBesideAReport) {
  std::ofstream(folder_ / "notes.txt") << "====\nbuy milk\n";
  EXPECT_EQ(Refusal([&] { OpenOutputs({Json("notes.json")}); }),
            "output json=" + (folder_ / "notes.json").string() +
                ": the table beside it would replace " + (folder_ / "notes.txt").string() +
                ", which is no table of llmload: move that away, or choose another name");
  EXPECT_EQ(Read(folder_ / "notes.txt"), "====\nbuy milk\n");
  EXPECT_EQ(Deliver(Json("r.json")), "");
  EXPECT_EQ(Deliver(Json("r.json")), "") << "a table of an earlier run is replaced";
}

TEST_F(OutputFolder, TwoOutputsForOneFileAreRefused) {
  fs::create_directory(folder_ / "f");
  const auto refusal = [&](const std::string& a, const std::string& b) {
    std::vector<OutputSpec> specs;
    for (const std::string& text : {a, b}) {
      specs.push_back(ParseOutput("--output", text));
      specs.back().where = (folder_ / specs.back().where).string();
    }
    return Refusal([&] { OpenOutputs(specs); });
  };
  EXPECT_THAT(refusal("json=r.json", "table=f/../r.txt"),
              AllOf(StartsWith("outputs json=" + (folder_ / "r.json").string() + " and table="),
                    HasSubstr("both would write " + (folder_ / "r.txt").string())));
  EXPECT_THAT(refusal("csv=a.csv", "records=a.csv"), HasSubstr("both would write"));
  EXPECT_THAT(refusal("table=t", "summary=t"), HasSubstr("both would write"));
  EXPECT_THAT(refusal("records=f/", "records-with-text=f"), HasSubstr("is not a regular file"));
  EXPECT_THAT(refusal("records=f/", "records-with-text=f/"), HasSubstr("both would write"));
  EXPECT_EQ(refusal("records=f/", "json=f/"), "nothing was refused");
  EXPECT_THAT(refusal("table=f/", "json=f/"), HasSubstr("this output writes one file"));
}

TEST_F(OutputFolder, TheLastSummaryNamesTheFilesOfItsRun) {
  const auto outputs = OpenOutputs({Json("a/")});
  RunReport report = SampleReport();
  for (const char* id : {"20250615T150641Z-00000001", "20250615T150641Z-00000002"}) {
    report.record.run_id = id;
    testing::internal::CaptureStdout();
    for (const auto& output : outputs) EXPECT_EQ(output->Deliver(report), "");
    std::string text = testing::internal::GetCapturedStdout();
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    const std::string file = JsonFileName(report.record.name, id);
    EXPECT_THAT(text, HasSubstr(file));
    EXPECT_THAT(text, HasSubstr("(and.txt)"));
    EXPECT_EQ(text.find(file), text.rfind(file));
  }
}

TEST_F(OutputFolder, AFolderGetsAFileForEachRun) {
  const auto outputs = OpenOutputs({Json("a/b/")});
  RunReport report = SampleReport();
  EXPECT_EQ(outputs[0]->File(), "") << "nothing is written yet";
  ASSERT_EQ(outputs[0]->Deliver(report), "");
  const fs::path first = outputs[0]->File();
  EXPECT_EQ(first, folder_ / "a" / "b" / JsonFileName(report.record.name, report.record.run_id));
  EXPECT_EQ(Read(first), ToJson(report));
  report.record.run_id = "20250615T150641Z-00000001";
  ASSERT_EQ(outputs[0]->Deliver(report), "");
  const fs::path second = outputs[0]->File();
  EXPECT_NE(first, second);
  EXPECT_EQ(ReadReportFile(first).record.run_id, SampleReport().record.run_id);
  EXPECT_EQ(ReadReportFile(second), report);
}

TEST_F(OutputFolder, AFileOfAnEarlierRunIsReplacedAndNothingElseIsLeft) {
  std::ofstream(folder_ / "r.json") << "old";
  EXPECT_EQ(Deliver(Json("r.json")), "");
  EXPECT_EQ(Read(folder_ / "r.json"), ToJson(SampleReport()));
  EXPECT_EQ(FileCount(), 2u) << "the report and the table beside it";
}

TEST_F(OutputFolder, WhatCannotBeWrittenIsRefusedBeforeTheRun) {
  std::ofstream(folder_ / "file") << "in the way";
  const auto open = [&](const std::string& where) {
    return Refusal([&] { OpenOutputs({Json(where)}); });
  };
  EXPECT_THAT(open("file/reports/"),
              AllOf(StartsWith("output json: got"), HasSubstr("cannot create folder"),
                    HasSubstr("file/reports"), HasSubstr("Not a directory")));
  EXPECT_THAT(open("file/r.json"), HasSubstr("file"));
  fs::create_directory(folder_ / "folder");
  EXPECT_THAT(open("folder"),
              AllOf(HasSubstr("is not a regular file"), HasSubstr("a folder ending in '/'")));
  // Nobody can make files in /proc, not even root.
  EXPECT_THAT(
      Refusal([] { OpenOutputs({{.kind = "json", .where = "/proc/self/"}}); }),
      AllOf(StartsWith("output json: got \"/proc/self/\""), HasSubstr("cannot write into")));
  EXPECT_EQ(FileCount(), 2u) << "nothing is left behind";
}

TEST_F(OutputFolder, JsonIsDeliveredBeforeTheTable) {
  const auto outputs = OpenOutputs({{.kind = "table", .where = (folder_ / "t.txt").string()},
                                    {.kind = "summary", .where = (folder_ / "s.txt").string()},
                                    Json("r.json")});
  std::vector<std::string> files;
  for (const auto& output : outputs) {
    EXPECT_EQ(output->Deliver(SampleReport()), "");
    files.push_back(fs::path(output->File()).filename().string());
  }
  EXPECT_THAT(files, ElementsAre("r.json", "t.txt", "s.txt", ""));
}

TEST_F(OutputFolder, KeepsTheEarlierFileWhenTheDiskIsFull) {
  std::ofstream(folder_ / "r.json") << "old";
  const auto outputs = OpenOutputs({Json("r.json")});
  // A limit on the size of files stands in for a full disk.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string complaint = outputs[0]->Deliver(SampleReport());
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(complaint, AllOf(HasSubstr("cannot write report"), HasSubstr("File too large")));
  EXPECT_EQ(outputs[0]->File(), "");
  EXPECT_EQ(Read(folder_ / "r.json"), "old");
  EXPECT_EQ(FileCount(), 1u) << "the temporary file was left behind";
}

TEST(OutputStreams, PeopleReadStandardOutputAndTheSummaryIsLast) {
  const std::vector<std::vector<OutputSpec>> forms = {
      {{.kind = "summary", .where = ""}, {.kind = "table", .where = "-"}},
      {{.kind = "table", .where = ""}}};
  for (const auto& specs : forms) {
    const auto outputs = OpenOutputs(specs);
    testing::internal::CaptureStdout();
    for (const auto& output : outputs) {
      EXPECT_EQ(output->Deliver(SampleReport()), "");
      EXPECT_EQ(output->File(), "");
    }
    EXPECT_EQ(
        testing::internal::GetCapturedStdout(),
        ToText(SampleReport()) + "\n" + ToSummary(SampleReport(), {}, "above, and in no file"));
  }
}

TEST(OutputStreams, WithoutAFileTheSummarySaysHowToGetOne) {
  const auto outputs = OpenOutputs({}, "ask for it");
  ASSERT_EQ(outputs.size(), 1u);
  testing::internal::CaptureStdout();
  EXPECT_EQ(outputs[0]->Deliver(SampleReport()), "");
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("  ask for it\n"));
}

TEST(OutputStreams, JsonOnStandardOutputMovesWhatIsForPeopleToStandardError) {
  for (const char* where : {"", "-"}) {
    const auto outputs =
        OpenOutputs({{.kind = "table", .where = ""}, {.kind = "json", .where = where}});
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    for (const auto& output : outputs) EXPECT_EQ(output->Deliver(SampleReport()), "");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), ToJson(SampleReport()));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), StartsWith(ToText(SampleReport()) + "\n"));
  }
}

}  // namespace
}  // namespace llmload
