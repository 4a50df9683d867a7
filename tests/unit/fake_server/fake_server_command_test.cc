// `llmload fake-server` as a process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/tool_command.h"
#include "tests/unit/fake_server/raw_client.h"

namespace llmload::fake_server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Command = test_support::ToolCommand;

std::uint16_t PortOf(const std::string& ready_line) {
  return static_cast<std::uint16_t>(
      std::atoi(ready_line.substr(ready_line.rfind(':') + 1).c_str()));
}

TEST(FakeServerCommand, ServesUntilSigtermAndPrintsItsCounters) {
  const std::string ca_file = ::testing::TempDir() + "llmload_ca_" + std::to_string(getpid());
  Command command({"fake-server", "--ca-file", ca_file, "--ttft", "1ms", "--gap", "0", "--tokens",
                   "2", "--fault", "status=503,first=1", "--max-time", "1m"});
  const std::string ready = command.Line();
  EXPECT_THAT(ready, AllOf(HasSubstr("listening on https://127.0.0.1:"),
                           HasSubstr("/v1 pid=" + std::to_string(command.pid()))));
  std::stringstream pem;
  pem << std::ifstream(ca_file).rdbuf();
  std::remove(ca_file.c_str());
  {
    RawClient client(PortOf(ready), pem.str());
    ASSERT_EQ(client.error(), "");
    client.SendPost("/v1/chat/completions", ChatBody());
    EXPECT_EQ(client.Read().status, 503);
    client.SendPost("/v1/chat/completions", ChatBody());
    EXPECT_EQ(client.Read().status, 200);
  }
  command.Signal(SIGTERM);
  const auto counters = nlohmann::json::parse(command.Rest());
  EXPECT_EQ(counters["arrivals"], 2);
  EXPECT_EQ(counters["tokens_sent"], 2);
  EXPECT_EQ(counters["faults_by_kind"]["status"], 1);
  EXPECT_EQ(command.Wait(), 0);
}

TEST(FakeServerCommand, PrintsTheAuthorityAfterTheReadyLineAndStopsOnSigint) {
  Command command({"fake-server", "--print-ca", "--max-time", "1m"});
  const std::uint16_t port = PortOf(command.Line());
  std::string pem;
  do {
    pem += command.Line() + "\n";
  } while (pem.find("-----END CERTIFICATE-----") == std::string::npos && pem.size() < 10'000);
  EXPECT_EQ(RawClient(port, pem).error(), "");
  command.Signal(SIGINT);
  EXPECT_EQ(command.Wait(), 0);
}

TEST(FakeServerCommand, EndsByItselfAfterMaxTime) {
  Command command({"fake-server", "--max-time", "200ms"});
  EXPECT_THAT(command.Rest(), HasSubstr("\"arrivals\":0"));
  EXPECT_EQ(command.Wait(), 0);
}

TEST(FakeServerCommand, SpeaksTheDialectOfBench) {
  Command command(
      {"fake-server",    "--address", "localhost",      "--clear-text", "--ttft",       "1ms",
       "--gap",          "50us",      "--tokens",       "3..3",         "--max-time",   "10m",
       "--clock-offset", "-5m",       "--idle-timeout", "30s",          "--rate-limit", "1/min",
       "--max-body",     "4KB",       "--fault",        "hang,p=0%"});
  const std::string ready = command.Line();
  EXPECT_THAT(ready, HasSubstr("listening on http://127.0.0.1:"));
  {
    RawClient client(PortOf(ready), "");
    client.SendPost("/v1/chat/completions", ChatBody());
    EXPECT_EQ(client.Read().status, 200);
    client.SendPost("/v1/chat/completions", ChatBody());
    EXPECT_EQ(client.Read().status, 429);
  }
  {
    RawClient client(PortOf(ready), "");
    client.SendPost("/v1/chat/completions", std::string(5000, ' '));
    EXPECT_EQ(client.Read().status, 413);
  }
  command.Signal(SIGTERM);
  EXPECT_EQ(nlohmann::json::parse(command.Rest())["tokens_sent"], 3);
}

TEST(FakeServerCommand, TakesTheKeyFromTheEnvironmentAndNeverPrintsIt) {
  const std::string key = "sk-command-0123456789abcdefghij";
  setenv("LLMLOAD_TEST_KEY", key.c_str(), 1);
  Command command({"fake-server", "--clear-text", "--api-key-env", "LLMLOAD_TEST_KEY", "--max-time",
                   "1m", "--ttft", "0", "--gap", "0"});
  unsetenv("LLMLOAD_TEST_KEY");
  const std::string ready = command.Line();
  {
    RawClient client(PortOf(ready), "");
    client.SendPost("/v1/chat/completions", ChatBody());
    EXPECT_EQ(client.Read().status, 401);
    client.SendPost("/v1/chat/completions", ChatBody(), "Authorization: Bearer " + key + "\r\n");
    EXPECT_EQ(client.Read().status, 200);
  }
  command.Signal(SIGTERM);
  EXPECT_THAT(ready + command.Rest(), Not(HasSubstr(key)));
}

TEST(FakeServerCommand, RefusesBadOptionsWithStatus2) {
  struct Case {
    std::vector<std::string> arguments;
    std::vector<std::string> said;
  };
  const std::vector<Case> cases = {
      {{}, {"command", "Usage: llmload COMMAND"}},
      {{"fake-sever"}, {"\"fake-sever\"", "bench, fake-server, figures, version, help"}},
      {{"fake-server", "--port", "99999"}, {"--port", "\"99999\"", "0 to 65535"}},
      {{"fake-server", "--port", "-1"}, {"--port", "\"-1\"", "0 to 65535"}},
      {{"fake-server", "--tokens", "9-3"}, {"--tokens", "\"9-3\"", "N at most M"}},
      {{"fake-server", "--ttft", "250"}, {"--ttft", "\"250\"", "with its unit"}},
      {{"fake-server", "--gap", "nan"}, {"--gap", "\"nan\"", "with its unit"}},
      {{"fake-server", "--ttft-ms", "250"}, {"--ttft-ms", "--help"}},
      {{"fake-server", "--max-time", "1"}, {"--max-time", "\"1\"", "with its unit"}},
      {{"fake-server", "--idle-timeout", "0s"}, {"--idle-timeout", "\"0s\"", "above 0"}},
      {{"fake-server", "--clock-offset", "-5"}, {"--clock-offset", "\"-5\"", "with its unit"}},
      {{"fake-server", "--clock-offset", "-1500ms"}, {"\"-1500ms\"", "whole seconds"}},
      {{"fake-server", "--rate-limit", "fast"}, {"--rate-limit", "\"fast\"", "per second"}},
      {{"fake-server", "--rate-limit", "1/h"}, {"--rate-limit", "\"1/h\"", "in a minute"}},
      {{"fake-server", "--max-body", "huge"}, {"--max-body", "\"huge\"", "a size"}},
      {{"fake-server", "--max-body", "0"}, {"max_body", "\"0\""}},
      {{"fake-server", "--fault", "explode"}, {"--fault", "\"explode\"", "one of: status"}},
      {{"fake-server", "--api-key-env", "LLMLOAD_NOT_SET"}, {"--api-key-env", "LLMLOAD_NOT_SET"}},
      {{"fake-server", "--address", "example"}, {"address", "\"example\"", "numeric"}},
      {{"fake-server", "--ca-file", "/no/such/dir/ca"}, {"--ca-file", "/no/such/dir/ca"}},
      {{"fake-server", "--colour"}, {"--colour", "--help"}},
      {{"fake-server", "stray"}, {"--help"}},
  };
  for (const Case& c : cases) {
    Command command(c.arguments);
    const std::string output = command.Rest();
    EXPECT_EQ(command.Wait(), 2) << output;
    for (const std::string& part : c.said) EXPECT_THAT(output, HasSubstr(part));
  }
}

TEST(FakeServerCommand, ExplainsItself) {
  Command version({"version"});
  EXPECT_THAT(version.Rest(), ::testing::MatchesRegex("llmload [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_EQ(version.Wait(), 0);
  Command help({"help"});
  EXPECT_THAT(help.Rest(), HasSubstr("fake-server"));
  EXPECT_EQ(help.Wait(), 0);
  Command options({"fake-server", "--help"});
  EXPECT_THAT(options.Rest(), AllOf(HasSubstr("--api-key-env"), HasSubstr("slow-first-token")));
  EXPECT_EQ(options.Wait(), 0);
}

}  // namespace
}  // namespace llmload::fake_server
