// `llmload bench` as a process, against a fake LLM server on the loopback interface.
#include "tools/bench_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/support/sanitized.h"
#include "tests/support/tool_command.h"
#include "tests/support/wait_until.h"
#include "tests/unit/tools/bench_process.h"
#include "tools/exit_status.h"

namespace llmload::tools {
namespace {

using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;
using test_support::ToolCommand;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using namespace std::chrono_literals;

TEST_F(BenchCommand, UsageErrorsShowNeitherKeysNorControls) {
  const Outcome key = Run({"bench", "--api-key=sk-0123456789abcdef", "--rate", "1"});
  EXPECT_EQ(key.status, kExitUsage);
  EXPECT_THAT(key.errors, AllOf(HasSubstr("--api-key"), Not(HasSubstr("sk-0123"))));
  const Outcome url = Run({"bench", "--url", "https://h.test/v1?key=s3cret", "--rate", "1"});
  EXPECT_EQ(url.status, kExitUsage);
  EXPECT_THAT(url.errors, AllOf(HasSubstr("https://h.test/v1?(hidden)"), Not(HasSubstr("s3cret"))));
  const Outcome controls = Run({"bench", "--rate",
                                "\x1B[2J\xC2\x9B"
                                "1\xFF"});
  EXPECT_EQ(controls.status, kExitUsage);
  EXPECT_THAT(controls.errors, HasSubstr("got \" [2J 1\uFFFD\""));
  EXPECT_THAT(Run({"bench", "--\x1B[2J\xFF"}).errors, HasSubstr("-- [2J\uFFFD"));
}

TEST_F(BenchCommand, PassesWhenEveryCriterionHoldsAndTellsTheSameInTableAndJson) {
  Start();
  const Outcome outcome =
      Run(Closed("160", {"--slo", "success>=0.95", "--slo", "ttft:p95<60s", "--slo",
                         "latency:p95<60s", "--json", JsonFile(), "--seed", "7"}));
  EXPECT_EQ(outcome.status, 0) << outcome.output << outcome.errors;
  EXPECT_EQ(server_->counters().arrivals, 161u);
  const Json report = ReadReport();
  EXPECT_EQ(report["verdict"], "PASS");
  EXPECT_EQ(report["measured"]["requests"]["scheduled"], 160);
  EXPECT_EQ(report["measured"]["requests"]["succeeded"], 160);
  EXPECT_EQ(report["measured"]["figures"]["ttft"]["count"], 160);
  EXPECT_EQ(report["measured"]["tokens"]["output_tokens"], 320);
  EXPECT_EQ(report["criteria"].size(), 3u);
  EXPECT_EQ(report["configuration"]["seed"], 7);
  EXPECT_EQ(report["configuration"]["targets"][0]["url"], server_->base_url());
  EXPECT_THAT(report["configuration"]["schedule"].get<std::string>(),
              HasSubstr("closed loop, 4 callers, 160 requests"));
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("PASS  llmload bench\n  All 3 criteria hold.\n"),
                    HasSubstr("160 of 160 requests (100 %)"), HasSubstr("report.json")));
  std::ostringstream table;
  table << std::ifstream(directory_ / "report.txt").rdbuf();
  EXPECT_THAT(table.str(),
              AllOf(HasSubstr("PASS  llmload bench\n  All 3 criteria hold."),
                    ContainsRegex("\n  scheduled +160 "), ContainsRegex("\n  succeeded +160\n"),
                    HasSubstr("Process: llmload"), HasSubstr("Process: local server")));
  EXPECT_THAT(outcome.errors,
              HasSubstr("160 requests, about 1,120 input tokens and at most 2,560 output"));
}

TEST_F(BenchCommand, ViolatedCriterionFailsWithItsFigures) {
  Start();
  const Outcome outcome = Run(Closed("160", {"--slo", "latency:p95<1us", "--slo", "success>=95%"}));
  EXPECT_EQ(outcome.status, 1) << outcome.output << outcome.errors;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("FAIL  llmload bench"),
                                    HasSubstr("1 of 2 criteria is violated: p95")));
}

TEST_F(BenchCommand, GoodputIsJudgedByWhatMakesARequestGood) {
  Start();
  const Outcome outcome = Run(Closed("160", {"--good", "latency<=1us", "--slo", "good>=50%",
                                             "--slo", "goodput>=1/s", "--output", "table"}));
  EXPECT_EQ(outcome.status, 1) << outcome.output << outcome.errors;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("good fraction is 0"), HasSubstr("goodput is 0"),
                                    HasSubstr("scheduled latency <= 1.00 \u00b5s")));
}

TEST_F(BenchCommand, TooFewSamplesAreInconclusive) {
  Start();
  const Outcome outcome =
      Run({"bench", "--url", server_->base_url(), "--ca-file", CaFile(), "--concurrency", "1",
           "--think-time", "50ms", "--duration", "200ms", "--slo", "latency:p95<60s", "--quiet"});
  EXPECT_EQ(outcome.status, 3) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("at least 130 are needed"));
}

TEST_F(BenchCommand, RefusesAPlanThatCannotBeJudgedBeforeTheFirstRequest) {
  Start();
  const Outcome few = Run(Closed("10", {"--slo", "latency:p95<60s"}));
  EXPECT_EQ(few.status, 2);
  EXPECT_THAT(few.errors, AllOf(HasSubstr("p95 scheduled latency < 60 s"),
                                HasSubstr("at least 130 values"), HasSubstr("10 measured")));
  const Outcome whole = Run(Closed("200", {"--no-stream", "--slo", "ttft:p95<1s"}));
  EXPECT_EQ(whole.status, 2);
  EXPECT_THAT(whole.errors, HasSubstr("do not ask for streamed answers"));
  const Outcome unwritable = Run(Closed("10", {"--json", "/no/such/dir/r.json"}));
  EXPECT_EQ(unwritable.status, 2);
  EXPECT_THAT(unwritable.errors, HasSubstr("/no/such/dir/r.json"));
  EXPECT_EQ(server_->counters().connections, 0u);
}

TEST_F(BenchCommand, WithoutCriteriaAValidMeasurementIsEnough) {
  Start();
  const Outcome outcome = Run(Closed("10", {"--no-stream", "--json", JsonFile()}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.errors,
              HasSubstr("no criteria were given (--slo): the measurement is valid"));
  const Json report = ReadReport();
  EXPECT_EQ(report["verdict"], "INCONCLUSIVE");
  EXPECT_EQ(report["measured"]["figures"]["service_latency"]["count"], 10);
  EXPECT_EQ(report["measured"]["figures"]["ttft"]["count"], 0);
}

TEST_F(BenchCommand, WithoutASuccessNothingWasMeasured) {
  FakeLlmServerOptions options = Quick();
  // All but the one question before the load.
  options.faults = {{.kind = simulation::FaultKind::kHttpError, .status = 503, .first_arrival = 2}};
  Start(options);
  const Outcome outcome = Run(Closed("10"));
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.errors, HasSubstr("the measurement says nothing"));
  EXPECT_THAT(outcome.output, HasSubstr("All 10 requests failed: overloaded (HTTP 503: "));
}

TEST_F(BenchCommand, UnreachableTargetIsUnavailable) {
  Start().Suspend();
  const Outcome outcome = Run(Closed("10"));
  EXPECT_EQ(outcome.status, 5);
  EXPECT_EQ(outcome.output, "");
  EXPECT_THAT(outcome.errors, HasSubstr("target unavailable: " + server_->base_url()));
}

TEST_F(BenchCommand, MissingKeyIsUnavailable) {
  const Outcome outcome = Run({"bench", "--provider", "openai", "--rate", "1"});
  EXPECT_EQ(outcome.status, 5);
  EXPECT_THAT(outcome.errors, HasSubstr("set OPENAI_API_KEY"));
}

TEST_F(BenchCommand, UsesTheKeyOfTheEnvironmentAndNeverShowsIt) {
  const std::string key = "sk-bench-0123456789abcdefghij";
  FakeLlmServerOptions options = Quick();
  options.api_keys.push_back(Secret(key));
  Start(options);
  ::setenv("OPENAI_API_KEY", key.c_str(), 1);
  const Outcome good = Run(Closed("10", {"--json", "-"}));
  EXPECT_EQ(good.status, 0) << good.errors;
  EXPECT_THAT(good.output + good.errors, Not(HasSubstr(key)));
  const std::string wrong = "sk-wrong-0123456789abcdefghij";
  ::setenv("OPENAI_API_KEY", wrong.c_str(), 1);
  const std::uint64_t before = server_->counters().chat_requests;
  const Outcome bad = Run(Closed("10"));
  ::unsetenv("OPENAI_API_KEY");
  EXPECT_EQ(bad.status, 5);
  EXPECT_EQ(server_->counters().chat_requests - before, 1u);
  EXPECT_THAT(bad.errors, AllOf(HasSubstr("and so would all others"), HasSubstr("OPENAI_API_KEY"),
                                Not(HasSubstr(wrong))));
}

TEST_F(BenchCommand, ProfileSendsTheArrivalsOfItsPhases) {
  Start();
  const Outcome outcome = Run(
      {"bench", "--url", server_->base_url(), "--ca-file", CaFile(), "--json", JsonFile(),
       "--profile", "constant:50/s,100ms,unmeasured,name=warm-up;steps:100/s:100ms,50/s:200ms"});
  const Json report = ReadReport();
  EXPECT_EQ(report["measured"]["requests"]["scheduled"], 20) << outcome.errors;
  EXPECT_EQ(report["configuration"]["planned_requests"], 25);
  EXPECT_EQ(report["unmeasured"]["requests"]["scheduled"], 5);
  EXPECT_EQ(server_->counters().arrivals, 26u);
  EXPECT_THAT(
      report["configuration"]["schedule"].get<std::string>(),
      HasSubstr("warm-up: 50 requests/s for 0.1 s, constant arrivals (not measured); steps"));
}

TEST_F(BenchCommand, DurationEndsAClosedLoop) {
  Start();
  const Outcome outcome =
      Run({"bench", "--url", server_->base_url(), "--ca-file", CaFile(), "--concurrency", "2",
           "--think-time", "5ms", "--duration", "300ms", "--json", JsonFile(), "--quiet"});
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  const Json report = ReadReport();
  EXPECT_GT(report["measured"]["requests"]["succeeded"], 0);
  EXPECT_TRUE(report["configuration"]["planned_requests"].is_null());
  EXPECT_EQ(report["configuration"]["schedule"],
            "closed loop, 2 callers for 0.3 s, think time 0.005 s");
}

TEST_F(BenchCommand, OtherProvidersTakeTheirUrlFromTheCommandLineToo) {
  Start();
  for (const char* provider : {"anthropic", "ollama"}) {
    ::setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789", 1);
    const Outcome outcome =
        Run({"bench", "--provider", provider, "--url", server_->origin(), "--ca-file", CaFile(),
             "--concurrency", "2", "--requests", "4", "--slo", "succeeded==4", "--quiet"});
    EXPECT_EQ(outcome.status, 0) << provider << outcome.output << outcome.errors;
  }
  EXPECT_EQ(server_->counters().anthropic_requests, 5u);
  EXPECT_EQ(server_->counters().ollama_requests, 5u);
}

TEST_F(BenchCommand, WithoutATargetTheEmbeddedServerAnswers) {
  const Outcome outcome = Run({"bench", "--concurrency", "4", "--requests", "4", "--slo",
                               "failed==0", "--output", "table"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("(embedded fake LLM server)"));
}

TEST_F(BenchCommand, WatchesTheProcessThatServesALoopbackTarget) {
  ToolCommand server({"fake-server", "--clear-text", "--ttft", "2ms", "--gap", "0", "--tokens", "2",
                      "--max-time", "1m"});
  const std::string ready = server.Line();
  const std::size_t begin = ready.find("http://");
  const std::string url = ready.substr(begin, ready.find(" pid=") - begin);
  const Outcome outcome = Run({"bench", "--url", url, "--concurrency", "2", "--requests", "20",
                               "--json", "-", "--slo", "rss-peak<100"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  const Json report = Json::parse(outcome.output, nullptr, /*allow_exceptions=*/false);
  ASSERT_EQ(report["resources"].size(), 2u);
  EXPECT_EQ(report["resources"][1]["label"], "local server");
  EXPECT_EQ(report["resources"][1]["pid"], server.pid());
  EXPECT_GT(report["resources"][1]["rss_bytes"]["peak"], 0);
}

TEST_F(BenchCommand, InterruptionDrainsReportsAndIsInvalid) {
  Start();
  ToolCommand command(
      {"bench", "--url", server_->base_url(), "--ca-file", CaFile(), "--concurrency", "2",
       "--think-time", "5ms", "--duration", "10m", "--json", JsonFile(), "--slo", "success>=0.5"},
      ToolCommand::Errors::kApart);
  WaitForArrivals(10);
  command.Signal(SIGINT);
  const std::string output = command.Rest();
  EXPECT_EQ(command.Wait(), 4);
  EXPECT_THAT(output, AllOf(HasSubstr("INVALID  llmload bench"), HasSubstr("interrupted")));
  const Json report = ReadReport();
  EXPECT_EQ(report["interrupted"], true);
  const Json& requests = report["measured"]["requests"];
  EXPECT_GE(requests["scheduled"], 8);
  EXPECT_EQ(requests["scheduled"].get<int>(),
            requests["succeeded"].get<int>() + requests["failed"].get<int>() +
                requests["dropped"].get<int>() + requests["unfinished"].get<int>());
}

TEST_F(BenchCommand, RunningOutOfMemoryIsAnErrorOfItsOwn) {
  if (test_support::kSanitized) GTEST_SKIP() << "a sanitizer needs the address space";
  Start();
  ToolCommand command({"bench", "--url", server_->base_url(), "--ca-file", CaFile(),
                       "--concurrency", "100000", "--requests", "100000"},
                      ToolCommand::Errors::kApart,
                      ToolCommand::Limit{.resource = RLIMIT_AS, .value = rlim_t{200} << 20});
  command.Rest();
  EXPECT_EQ(command.Wait(), 6);
  EXPECT_THAT(command.ErrorOutput(), HasSubstr("out of memory"));
}

TEST_F(BenchCommand, RefusesToSpendMoneyUnasked) {
  const Arguments target = {"bench", "--url", "https://llm.invalid/v1"};
  const auto with = [&](Arguments more) {
    more.insert(more.begin(), target.begin(), target.end());
    return Run(more);
  };
  const Outcome unasked = with({"--rate", "10", "--duration", "30s"});
  EXPECT_EQ(unasked.status, 2);
  EXPECT_THAT(
      unasked.errors,
      AllOf(HasSubstr("300 requests, about 2,100 input tokens and at most 4,800 output"),
            HasSubstr("--spend or SKIP_LOAD_TESTS=0"), HasSubstr("https://llm.invalid/v1")));
  const Outcome endless = with({"--concurrency", "2", "--duration", "30s", "--spend"});
  EXPECT_EQ(endless.status, 2);
  EXPECT_THAT(endless.errors, HasSubstr("--requests: needed"));
  ::setenv("SKIP_LOAD_TESTS", "perhaps", 1);
  const Outcome malformed = with({"--rate", "10"});
  ::unsetenv("SKIP_LOAD_TESTS");
  EXPECT_EQ(malformed.status, 2);
  EXPECT_THAT(malformed.errors, HasSubstr("SKIP_LOAD_TESTS: got \"perhaps\""));
}

// The proxy is on this machine and refuses, so that nothing leaves it.
TEST_F(BenchCommand, SpendsMoneyWhenTold) {
  Start().Suspend();
  ::setenv("HTTPS_PROXY", ("http://127.0.0.1:" + std::to_string(server_->port())).c_str(), 1);
  const Arguments target = {
      "bench", "--url", "https://llm.invalid/v1", "--rate", "10", "--duration", "30s", "--quiet"};
  Arguments told = target;
  told.emplace_back("--spend");
  const Outcome by_option = Run(told);
  EXPECT_EQ(by_option.status, 5);
  EXPECT_THAT(by_option.errors, AllOf(HasSubstr("300 requests, about 2,100 input tokens"),
                                      HasSubstr("target unavailable")));
  ::setenv("SKIP_LOAD_TESTS", "0", 1);
  const Outcome by_variable = Run(target);
  ::unsetenv("SKIP_LOAD_TESTS");
  ::unsetenv("HTTPS_PROXY");
  EXPECT_EQ(by_variable.status, 5) << by_variable.errors;
}

TEST_F(BenchCommand, BadUsageIs2AndSaysWhatIsAccepted) {
  struct Case {
    Arguments arguments;
    std::string said;
  };
  const std::vector<Case> cases = {
      {{"bench"}, "--rate"},
      {{"bench", "--rate", "fast"}, "--rate: got \"fast\""},
      {{"bench", "--rate", "1", "--slo", "ttft"}, "--slo \"ttft\""},
      {{"bench", "--rate", "1", "--colour"}, "llmload bench --help"},
      {{"bench", "--rate", "1", "--url", "127.0.0.1:80"}, "\"127.0.0.1:80\""},
      {{"bench", "--rate", "1", "--url", "http://10.0.0.1/v1"}, "http"},
  };
  for (const Case& c : cases) {
    const Outcome outcome = Run(c.arguments);
    EXPECT_EQ(outcome.status, 2) << c.said;
    EXPECT_EQ(outcome.output, "");
    EXPECT_THAT(outcome.errors, HasSubstr(c.said));
  }
}

TEST(BenchExitStatus, FollowsTheVerdict) {
  RunReport report;
  report.record.metrics[Counter::kSucceeded] = 1;
  const auto status = [&](Verdict verdict) {
    report.judgement.verdict = verdict;
    return ExitStatusOf(report);
  };
  EXPECT_EQ(status(Verdict::kInconclusive), kExitPass) << "no criterion was given";
  report.record.metrics[Counter::kSucceeded] = 0;
  EXPECT_EQ(status(Verdict::kInconclusive), kExitInconclusive);
  report.record.metrics[Counter::kSucceeded] = 1;
  report.judgement.criteria.emplace_back();
  EXPECT_EQ(status(Verdict::kPass), kExitPass);
  EXPECT_EQ(status(Verdict::kFail), kExitFail);
  EXPECT_EQ(status(Verdict::kInconclusive), kExitInconclusive);
  EXPECT_EQ(status(Verdict::kInvalid), kExitInvalid);
}

}  // namespace
}  // namespace llmload::tools
