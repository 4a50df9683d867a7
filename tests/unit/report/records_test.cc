// The outputs "records": what the lines hold, and what happens when the disk does not keep up.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/mocks/mock_provider.h"
#include "llmload/report/output.h"
#include "llmload/report/report_json.h"
#include "llmload/run/runner.h"
#include "llmload/world/world.h"
#include "src/report/line_file.h"
#include "src/report/request_line.h"
#include "tests/support/folder_test.h"
#include "tests/support/start.h"

namespace llmload {
namespace {

namespace fs = std::filesystem;
using mocks::MockProvider;
using nlohmann::json;
using report::LineFile;
using report::LineFormat;
using report::RequestLines;
using test_support::kStart;
using ::testing::HasSubstr;
using ::testing::NiceMock;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// Every field is set, with text that a careless writer would get wrong.
const std::string kHostile =
    "a,b\"c\\\r\n\x01\x1b[2J </x>]]> =1+1 \xF0\x9F\x98\x80 \xFF\xC3 \xE2\x80\xAE";

struct HostileRequest {
  CompletionRequest request{.model = kHostile,
                            .messages = {{.role = Role::kSystem, .content = "be brief"},
                                         {.role = Role::kUser, .content = kHostile}}};
  Error error{.kind = ErrorKind::kServerError,
              .message = kHostile,
              .http_status = 502,
              .request_id = kHostile,
              .provider = kHostile,
              .partial_text = kHostile,
              .partial_tokens = 3,
              .attempts = {{}, {}}};
  EndedRequest ended{.index = 7,
                     .phase = 1,
                     .phase_name = kHostile,
                     .outcome = RequestOutcome::kFailed,
                     .scheduled = kStart + 1500ms,
                     .dispatched = kStart + 1500ms + 1ns,
                     .first_token = kStart + 2s,
                     .completed = kStart + 70s,
                     .request = &request,
                     .error = &error};
};

std::string LineOf(const RequestLines& lines, const EndedRequest& ended) {
  std::string line;
  report::AppendRequestLine(lines, ended, line);
  return line;
}

// The cells of a line of CSV, by a reader that knows RFC 4180 and nothing else.
std::vector<std::vector<std::string>> ReadCsv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  bool quoted = false;
  bool begun = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!begun) rows.push_back({""});
    begun = true;
    std::string& cell = rows.back().back();
    if (text[i] == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      cell += text[++i];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      rows.back().emplace_back();
    } else if (text[i] == '\n' && !quoted) {
      begun = false;
    } else {
      cell += text[i];
    }
  }
  EXPECT_FALSE(quoted || begun) << "the last line is not whole";
  return rows;
}

TEST(RequestLine, HoldsEveryFieldWhateverTheService) {
  const HostileRequest hostile;
  const RequestLines lines{.with_text = true, .start = kStart};
  const std::string line = LineOf(lines, hostile.ended);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const json read = json::parse(line);
  EXPECT_EQ(read["index"], 7);
  EXPECT_EQ(read["phase"], 1);
  EXPECT_EQ(read["measured"], true);
  EXPECT_EQ(read["outcome"], "failed");
  EXPECT_EQ(read["scheduled_seconds"], 1.5);
  EXPECT_THAT(line, HasSubstr("\"dispatched_seconds\":1.500000001,\"first_token_seconds\":2,"
                              "\"completed_seconds\":70,"));
  EXPECT_EQ(read["error"], "server_error");
  EXPECT_EQ(read["http_status"], 502);
  EXPECT_EQ(read["attempts"], 2);
  EXPECT_EQ(read["token_events"], 3);
  EXPECT_FALSE(read.contains("output_tokens"));
  for (const char* name : {"phase_name", "provider", "model", "request_id", "message", "answer"}) {
    EXPECT_THAT(read[name].get<std::string>(), HasSubstr("a,b\"c\\\r\n\x01\x1b[2J")) << name;
  }
  EXPECT_EQ(read["messages"].size(), 2u);
  EXPECT_EQ(read["messages"][0]["role"], "system");
  EXPECT_EQ(read["messages"][1]["content"], read["answer"]);
}

TEST(RequestLine, HasNoPromptAndNoAnswerUnlessAsked) {
  const HostileRequest hostile;
  Completion completion;
  completion.text = "the answer of the service";
  EndedRequest answered = hostile.ended;
  answered.error = nullptr;
  answered.completion = &completion;
  for (const LineFormat format : {LineFormat::kJson, LineFormat::kCsv}) {
    RequestLines lines{.format = format, .start = kStart};
    EXPECT_EQ(LineOf(lines, answered).find("answer"), std::string::npos);
    EXPECT_EQ(LineOf(lines, answered).find("be brief"), std::string::npos);
    lines.with_text = true;
    EXPECT_THAT(LineOf(lines, answered), HasSubstr("the answer of the service"));
    EXPECT_THAT(LineOf(lines, answered), HasSubstr("be brief"));
  }
}

TEST(RequestLine, OfCsvHasTheCellsOfItsHeader) {
  const HostileRequest hostile;
  for (const bool with_text : {false, true}) {
    const RequestLines lines{.format = LineFormat::kCsv,
                             .with_text = with_text,
                             .run_id = "20261130T021349Z-7f3a90c1",
                             .start = kStart};
    const auto rows =
        ReadCsv(report::HeaderLine(lines, {}) + LineOf(lines, hostile.ended) +
                LineOf(lines, {.outcome = RequestOutcome::kDropped, .scheduled = kStart}));
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].size(), with_text ? 24u : 22u);
    EXPECT_EQ(rows[1].size(), rows[0].size());
    EXPECT_EQ(rows[2].size(), rows[0].size());
    const auto cell = [&](const std::string& name, std::size_t row) {
      const auto column = std::find(rows[0].begin(), rows[0].end(), name) - rows[0].begin();
      return rows[row].at(static_cast<std::size_t>(column));
    };
    EXPECT_EQ(cell("run_id", 1), "20261130T021349Z-7f3a90c1");
    EXPECT_EQ(cell("http_status", 1), "502");
    EXPECT_EQ(cell("dispatched_seconds", 1), "1.500000001");
    EXPECT_THAT(cell("message", 1), HasSubstr("a,b\"c\\"));
    EXPECT_EQ(cell("message", 1).find('\x1b'), std::string::npos);
    EXPECT_EQ(cell("outcome", 2), "dropped");
    EXPECT_EQ(cell("completed_seconds", 2), "");
  }
}

class RecordsFolder : public test_support::FolderTest {
 protected:
  // A descriptor for a new file of the folder.
  int Create(const std::string& name) const {
    return open((folder_ / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  }

  // Two of three requests succeed. Runs in virtual time, where nothing may be missing.
  static RunReport RunWith(Output& output, const std::string& failure = "") {
    const World world = VirtualWorld([](Clock& clock) {
      auto provider = std::make_shared<NiceMock<MockProvider>>("mock");
      ON_CALL(*provider, Complete)
          .WillByDefault(
              [&clock, n = 0](const CompletionRequest& request, StreamObserver* observer) mutable {
                mocks::actions::Script script{.first_after = 10ms, .tokens = {"private words"}};
                if (++n % 3 == 0) script.error = Error{.kind = ErrorKind::kOverloaded};
                return mocks::actions::Play(std::move(script), &clock, &request, observer);
              });
      return Lane{.target = {.provider = provider, .url = "https://gateway.test/v1"}};
    });
    RunPlan plan;
    plan.name = "my \"plan\"";
    plan.seed = 42;
    plan.load = OpenLoop{.rate_per_second = 100, .duration = 30s};
    plan.request = {.model = "small", .stream = true};
    plan.workers = 2;
    Runner runner(world.clock());
    runner.AddObserver(output);
    RunReport report = runner.Run(world.Furnish(plan));
    EXPECT_THAT(output.Deliver(report), StartsWith(failure));
    EXPECT_EQ(failure.empty(), output.Deliver(report).empty());
    return report;
  }
  std::unique_ptr<Output> Open(const std::string& kind, const std::string& where) const {
    return std::move(OpenOutputs({{.kind = kind, .where = (folder_ / where).string()}}).at(0));
  }
};

TEST_F(RecordsFolder, EveryRequestHasALineUnderTheHeaderOfItsRun) {
  const auto output = Open("records", "r.jsonl");
  const RunReport run = RunWith(*output);
  EXPECT_EQ(output->File(), folder_ / "r.jsonl");
  EXPECT_FALSE(output->IsAttached());
  EXPECT_EQ(output->Warning(), "");
  std::istringstream text(Read(folder_ / "r.jsonl"));
  std::string line;
  std::getline(text, line);
  const json header = json::parse(line);
  EXPECT_EQ(header["schema"], "llmload.records/1");
  EXPECT_EQ(header["run_id"], run.record.run_id);
  EXPECT_EQ(header["name"], "my \"plan\"");
  EXPECT_EQ(header["seed"], 42);
  EXPECT_EQ(header["started_at"].get<std::string>().size(), 24u);
  std::uint64_t succeeded = 0;
  std::vector<bool> seen(3000);
  while (std::getline(text, line)) {
    const json request = json::parse(line);
    succeeded += request["outcome"] == "succeeded" ? 1 : 0;
    seen.at(request["index"]) = true;
    EXPECT_EQ(request["model"], "small");
    EXPECT_EQ(request["provider"], "mock");
    EXPECT_DOUBLE_EQ(request["completed_seconds"].get<double>(),
                     request["scheduled_seconds"].get<double>() + 0.01);
  }
  EXPECT_EQ(succeeded, run.record.metrics[Counter::kSucceeded]);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 3000);
  EXPECT_EQ(Read(folder_ / "r.jsonl").find("private words"), std::string::npos);
}

TEST_F(RecordsFolder, EndingAndKindDecideWhatIsWritten) {
  RunWith(*Open("records-with-text", "t.ndjson"));
  EXPECT_THAT(Read(folder_ / "t.ndjson"), HasSubstr("private words"));
  RunWith(*Open("records", "r.csv"));
  const auto rows = ReadCsv(Read(folder_ / "r.csv"));
  ASSERT_EQ(rows.size(), 3001u);
  EXPECT_EQ(rows[0][0], "run_id");
  for (const auto& row : rows) ASSERT_EQ(row.size(), rows[0].size());
}

TEST_F(RecordsFolder, AFolderGetsAFileForEachRun) {
  for (const char* kind : {"records", "csv"}) {
    const auto output = Open(kind, "f/");
    const std::string run_id = RunWith(*output).record.run_id;
    const std::string first = output->File();
    EXPECT_EQ(first, folder_ / "f" /
                         RunFileName("my \"plan\"", run_id, kind[0] == 'c' ? ".csv" : ".jsonl"));
    RunWith(*output);
    EXPECT_NE(output->File(), first);
    EXPECT_TRUE(fs::exists(first));
    EXPECT_TRUE(fs::exists(output->File()));
  }
}

TEST_F(RecordsFolder, OtherEndingsAndStandardOutputAreRefused) {
  for (const std::string& where : {std::string("-"), (folder_ / "r.txt").string()}) {
    try {
      OpenOutputs({{.kind = "records", .where = where}});
      ADD_FAILURE() << where << " was accepted";
    } catch (const ConfigurationError& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("expected a file that ends in .jsonl"));
    }
  }
  EXPECT_THROW(OpenOutputs({{.kind = "csv", .where = ""}}), ConfigurationError);
}

TEST_F(RecordsFolder, AFullDiskIsAWarningAndLeavesWholeLines) {
  const auto output = Open("records", "r.jsonl");
  // A limit on the size of files stands in for a full disk.
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = 100'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const RunReport run = RunWith(*output);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(run.record.metrics[Counter::kScheduled], 3000u);
  EXPECT_THAT(output->Warning(), HasSubstr("it cannot be written: File too large"));
  EXPECT_THAT(output->Warning(), HasSubstr(" of 3001 lines"));
  std::istringstream text(Read(folder_ / "r.jsonl"));
  std::size_t lines = 0;
  for (std::string line; std::getline(text, line); ++lines) {
    EXPECT_TRUE(json::accept(line)) << line;
  }
  EXPECT_GT(lines, 100u);
}

TEST_F(RecordsFolder, AFileThatCannotBeWrittenIsRefusedBeforeTheRun) {
  const fs::path file = folder_ / "r.jsonl";
  std::ofstream(file) << "precious\n";
  fs::permissions(file, fs::perms::owner_read);
  fs::permissions(folder_, fs::perms::all);
  // Root may write everything: be somebody else for a moment.
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  std::string refusal = "nothing was refused";
  try {
    Open("records", "r.jsonl");
  } catch (const ConfigurationError& refused) {
    refusal = refused.what();
  }
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(refusal,
            "output records: cannot write records " + file.string() + ": Permission denied");
}

TEST_F(RecordsFolder, ANameThatIsTooLongIsRefusedBeforeTheRun) {
  EXPECT_THROW(Open("records", std::string(300, 'x') + ".jsonl"), ConfigurationError);
}

TEST_F(RecordsFolder, OpeningChangesNoFile) {
  std::ofstream(folder_ / "old.jsonl") << "old\n";
  Open("records", "old.jsonl");
  EXPECT_EQ(Open("records", "new.jsonl")->Deliver({}), "") << "it saw no run";
  EXPECT_EQ(Read(folder_ / "old.jsonl"), "old\n");
  EXPECT_FALSE(fs::exists(folder_ / "new.jsonl"));
}

TEST_F(RecordsFolder, AFileThatVanishesBeforeTheRunIsAFailure) {
  fs::create_directory(folder_ / "f");
  const auto output = Open("records", "f/r.jsonl");
  fs::remove_all(folder_ / "f");
  const RunReport run = RunWith(*output, "cannot write records");
  EXPECT_EQ(run.record.metrics[Counter::kScheduled], 3000u);
  EXPECT_EQ(output->File(), "");
  EXPECT_EQ(output->Warning(), "");
}

// A pipe that nobody reads stands in for a disk that does not keep up.
TEST(LineFile, DropsAndCountsWhatTheDiskCannotTake) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  constexpr std::size_t kLine = 1000;
  constexpr std::uint64_t kLines = 20'000;
  LineFile file(ends[1], {.writers = 1, .piece_bytes = 10'000, .max_waiting_bytes = 1'000'000});
  const std::string line = std::string(kLine - 1, 'x') + '\n';
  for (std::uint64_t i = 0; i < kLines; ++i) {
    file.Add(0, [&](std::string& out) { out += line; });
  }
  std::uint64_t read_bytes = 0;
  std::thread reader([&] {
    std::array<char, 65536> buffer{};
    for (ssize_t got = 0; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
      read_bytes += static_cast<std::uint64_t>(got);
    }
  });
  const LineFile::Outcome outcome = file.Close();
  reader.join();
  close(ends[0]);
  EXPECT_EQ(outcome.error, 0);
  EXPECT_EQ(outcome.written + outcome.dropped, kLines);
  EXPECT_EQ(read_bytes, outcome.written * kLine) << "whole lines, and all that is said to be";
  // The bound, and what the pipe holds.
  EXPECT_LE(outcome.written * kLine, 1'000'000 + 65'536 + 20'000u);
  EXPECT_GE(outcome.written * kLine, 900'000u);
}

TEST(LineFile, WritersThatMayWaitLoseNothing) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  constexpr std::uint64_t kLines = 20'000;
  std::uint64_t newlines = 0;
  std::thread reader([&] {
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
      newlines += static_cast<std::uint64_t>(std::count(buffer.data(), buffer.data() + got, '\n'));
    }
  });
  LineFile file(
      ends[1],
      {.writers = 2, .piece_bytes = 1000, .max_waiting_bytes = 5000, .writers_wait = true});
  const auto write = [&](std::size_t writer) {
    for (std::uint64_t i = 0; i < kLines; ++i) {
      file.Add(writer, [&](std::string& out) { out += "a line of some length\n"; });
      if (i % 1000 == 0) file.Flush();
    }
  };
  std::thread other([&] { write(1); });
  write(0);
  other.join();
  const LineFile::Outcome outcome = file.Close();
  reader.join();
  close(ends[0]);
  EXPECT_EQ(outcome.written, 2 * kLines);
  EXPECT_EQ(outcome.dropped, 0u);
  EXPECT_EQ(newlines, 2 * kLines);
}

TEST_F(RecordsFolder, ALineThatCannotBeMadeIsDroppedAlone) {
  LineFile file(Create("f"), {});
  file.Add(0, [](std::string& out) { out += "first\n"; });
  file.Add(0, [](std::string& out) {
    out += "half a li";
    throw std::bad_alloc();
  });
  file.Add(0, [](std::string& out) { out += "last\n"; });
  const LineFile::Outcome outcome = file.Close();
  EXPECT_EQ(outcome.written, 2u);
  EXPECT_EQ(outcome.dropped, 1u);
  EXPECT_EQ(Read(folder_ / "f"), "first\nlast\n");
}

TEST_F(RecordsFolder, WhatIsFlushedReachesTheFileWhileTheRunGoesOn) {
  LineFile file(Create("f"), {});
  file.Add(0, [](std::string& out) { out += "a line\n"; });
  file.Flush();
  while (Read(folder_ / "f") != "a line\n") std::this_thread::yield();
}

}  // namespace
}  // namespace llmload
