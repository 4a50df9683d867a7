// What `llmload bench` prints and writes, and when a run ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/tool_command.h"
#include "tests/unit/tools/bench_process.h"

namespace llmload::tools {
namespace {

using test_support::ToolCommand;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using Json = nlohmann::json;

TEST_F(BenchCommand, JsonOnStandardOutputIsAloneThere) {
  Start();
  const Outcome outcome = Run(Closed("10", {"--json", "-", "--output", "table"}));
  EXPECT_EQ(outcome.status, 0);
  const Json report = Json::parse(outcome.output, nullptr, /*allow_exceptions=*/false);
  EXPECT_EQ(report["schema"], "llmload.report/2");
  EXPECT_EQ(report["measured"]["requests"]["scheduled"], 10);
  EXPECT_THAT(outcome.errors, ContainsRegex("\n  scheduled +10 "));
}

TEST_F(BenchCommand, TheSummaryIsTheLastThingOnTheScreen) {
  Start();
  for (const bool table : {false, true}) {
    Arguments more = {"--slo", "completed>=10"};
    if (table) more.insert(more.end(), {"--output", "table"});
    const Outcome outcome = Run(Closed("10", more));
    EXPECT_EQ(outcome.output.find("\nRequests\n") != std::string::npos, table);
    const std::size_t summary = outcome.output.rfind("\nPASS  llmload bench\n");
    ASSERT_NE(summary, std::string::npos) << outcome.output;
    const std::string last = outcome.output.substr(summary + 1);
    EXPECT_LE(std::count(last.begin(), last.end(), '\n'), 10) << last;
    EXPECT_THAT(last, HasSubstr(table ? "  report       above, and in no file\n"
                                      : "  report       --output table shows every figure, "
                                        "--json FILE keeps them\n"));
  }
}

TEST_F(BenchCommand, QuietSaysTheVerdictOnly) {
  Start();
  const Outcome outcome = Run(Closed("10", {"--quiet", "--slo", "completed>=10"}));
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              ::testing::StartsWith("\nPASS  llmload bench\n  The criterion holds.\n"));
  EXPECT_EQ(outcome.errors, "");
}

TEST_F(BenchCommand, RequestsEndAnOpenLoopToo) {
  Start();
  const Arguments target = {"bench",  "--url",  server_->base_url(), "--ca-file",
                            CaFile(), "--json", JsonFile(),          "--quiet"};
  const auto with = [&](Arguments more) {
    more.insert(more.begin(), target.begin(), target.end());
    const Outcome outcome = Run(more);
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    return ReadReport();
  };
  const Json derived = with({"--rate", "200", "--requests", "20"});
  EXPECT_EQ(derived["measured"]["requests"]["scheduled"], 20);
  EXPECT_EQ(derived["configuration"]["planned_requests"], 20);
  EXPECT_EQ(derived["configuration"]["measured_duration_seconds"], 0.1);
  const Json capped = with({"--rate", "200", "--duration", "10m", "--requests", "20"});
  EXPECT_EQ(capped["measured"]["requests"]["scheduled"], 20);
  EXPECT_EQ(capped["configuration"]["planned_requests"], 20);
  EXPECT_EQ(capped["configuration"]["measured_duration_seconds"], 0.1);
  EXPECT_THAT(capped["configuration"]["schedule"].get<std::string>(),
              HasSubstr("; at most 20 requests"));
  const Json profile = with({"--profile", "ramp:100..200/s,10s", "--requests", "20"});
  EXPECT_EQ(profile["measured"]["requests"]["scheduled"], 20);
}

TEST_F(BenchCommand, AReportThatCannotBeWrittenIsAnErrorOfItsOwn) {
  Start();
  const auto vanishing = directory_ / "vanishing";
  std::filesystem::create_directory(vanishing);
  ToolCommand command(
      {"bench", "--url", server_->base_url(), "--ca-file", CaFile(), "--concurrency", "2",
       "--think-time", "5ms", "--duration", "10m", "--json", vanishing / "report.json"},
      ToolCommand::Errors::kApart);
  WaitForArrivals(10);
  std::filesystem::remove_all(vanishing);
  command.Signal(SIGINT);
  EXPECT_THAT(command.Rest(), HasSubstr("INVALID"));
  EXPECT_EQ(command.Wait(), 6);
  EXPECT_THAT(command.ErrorOutput(), HasSubstr("report.json"));
}

TEST_F(BenchCommand, AReportThatIsLargerThanAFileMayBeIsAnErrorOfItsOwn) {
  Start();
  ToolCommand command(Closed("10", {"--json", JsonFile()}), ToolCommand::Errors::kApart,
                      ToolCommand::Limit{.resource = RLIMIT_FSIZE, .value = 1024});
  command.Rest();
  EXPECT_EQ(command.Wait(), 6);
  EXPECT_FALSE(std::filesystem::exists(JsonFile()));
}

}  // namespace
}  // namespace llmload::tools
