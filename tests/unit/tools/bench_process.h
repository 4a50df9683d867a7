// `llmload bench` as a process, against a fake LLM server on the loopback interface.
#ifndef LLMLOAD_TESTS_UNIT_TOOLS_BENCH_PROCESS_H_
#define LLMLOAD_TESTS_UNIT_TOOLS_BENCH_PROCESS_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "tests/support/tool_command.h"
#include "tests/support/wait_until.h"

namespace llmload::tools {

using Arguments = std::vector<std::string>;

struct Outcome {
  int status = -1;
  std::string output;
  std::string errors;
};

class BenchCommand : public ::testing::Test {
 protected:
  BenchCommand()
      : directory_(std::filesystem::path(::testing::TempDir()) /
                   ("llmload_bench_" + std::to_string(getpid()))) {
    for (const char* name :
         {"SKIP_LOAD_TESTS", "LLMLOAD_PROVIDER", "LLMLOAD_MODEL", "LLMLOAD_SEED", "LLMLOAD_CA_FILE",
          "LLMLOAD_LOCAL_PID", "LLMLOAD_OUTPUT", "OPENAI_API_KEY", "OPENAI_BASE_URL",
          "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OLLAMA_API_KEY", "HTTPS_PROXY",
          "https_proxy"}) {
      ::unsetenv(name);
    }
    std::filesystem::create_directories(directory_);
  }
  ~BenchCommand() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Answers after 2 ms, so that 160 requests take no time to speak of.
  static fake_server::FakeLlmServerOptions Quick() {
    fake_server::FakeLlmServerOptions options;
    using namespace std::chrono_literals;
    options.latency = {.ttft_median = 2ms,
                       .ttft_sigma = 0,
                       .gap_median = Duration::zero(),
                       .gap_sigma = 0,
                       .tokens_min = 2,
                       .tokens_max = 2};
    return options;
  }

  fake_server::FakeLlmServer& Start(fake_server::FakeLlmServerOptions options = Quick()) {
    server_ = std::make_unique<fake_server::FakeLlmServer>(std::move(options));
    std::ofstream(CaFile()) << server_->ca_pem();
    return *server_;
  }
  std::string CaFile() const { return directory_ / "ca.pem"; }
  std::string JsonFile() const { return directory_ / "report.json"; }

  // `bench` of the server with a closed loop that leaves the CPU idle for most of the time.
  Arguments Closed(const std::string& requests, Arguments more = {}) const {
    Arguments arguments = {"bench",
                           "--url",
                           server_->base_url(),
                           "--ca-file",
                           CaFile(),
                           "--requests",
                           requests,
                           "--concurrency",
                           "4",
                           "--workers",
                           "1",
                           "--think-time",
                           "2ms"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  static Outcome Run(Arguments arguments) {
    test_support::ToolCommand command(std::move(arguments),
                                      test_support::ToolCommand::Errors::kApart);
    Outcome outcome;
    outcome.output = command.Rest();
    outcome.status = command.Wait();
    outcome.errors = command.ErrorOutput();
    return outcome;
  }
  nlohmann::json ReadReport() const {
    std::ifstream file(JsonFile());
    return nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  }

  // The one question before the load is the first.
  void WaitForArrivals(std::uint64_t count) const {
    test_support::WaitUntil([&] { return server_->counters().arrivals >= count; });
  }

  std::filesystem::path directory_;
  std::unique_ptr<fake_server::FakeLlmServer> server_;
};

}  // namespace llmload::tools

#endif  // LLMLOAD_TESTS_UNIT_TOOLS_BENCH_PROCESS_H_
