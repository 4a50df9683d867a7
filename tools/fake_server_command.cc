#include "tools/fake_server_command.h"

#include <unistd.h>

#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <string_view>

#include "llmload/core/environment.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/simulation/fault_spec.h"
#include "src/core/text/parse.h"

namespace llmload::tools {
namespace {

namespace po = boost::program_options;
using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;

struct Texts {
  std::string address, port, threads, seed, ttft_ms, ttft_sigma, gap_ms, gap_sigma, tokens;
  std::string ca_file, api_key_env, max_seconds, max_concurrent, requests_per_minute;
  std::string context_length, idle_timeout, aws_credential_env, clock_offset;
  std::vector<std::string> faults, models, aws_regions;
};

Duration ParseMilliseconds(const char* name, const std::string& text) {
  const double value =
      text::ParseNumber<double>(name, text, 0, 3'600'000, "milliseconds, 0 to 3600000");
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(value));
}

void ParseTokens(const std::string& text, simulation::LatencyModel& latency) {
  const char* const accepted = "MIN-MAX, or one number; 1 to 1000000";
  const std::size_t dash = text.find('-');
  latency.tokens_min =
      text::ParseNumber<int>("--tokens", text.substr(0, dash), 1, 1'000'000, accepted);
  latency.tokens_max = latency.tokens_min;
  if (dash == std::string::npos) return;
  latency.tokens_max =
      text::ParseNumber<int>("--tokens", text.substr(dash + 1), 1, 1'000'000, accepted);
  if (latency.tokens_max < latency.tokens_min) {
    throw ConfigurationError::Invalid("--tokens", text, "MIN-MAX with MIN at most MAX");
  }
}

po::options_description Describe(Texts& texts) {
  po::options_description options("Options of llmload fake-server", 100, 60);
  const auto text = [](std::string& target) { return po::value<std::string>(&target); };
  options.add_options()("help", "this text")(
      "address", text(texts.address)->default_value("127.0.0.1"), "numeric address to listen on")(
      "port", text(texts.port)->default_value("0"), "port to listen on; 0: any free one")(
      "print-ca", "print the certificate authority (PEM) to standard output after the ready line")(
      "ca-file", text(texts.ca_file)->value_name("FILE"),
      "write the certificate authority (PEM) to FILE")(
      "clear-text", "http:// instead of https://; loopback addresses only")(
      "threads", text(texts.threads)->default_value("1"), "threads that serve, 1 to 64")(
      "seed", text(texts.seed)->default_value("1"), "seed of all latencies, answers and faults")(
      "ttft-ms", text(texts.ttft_ms)->default_value("250"),
      "median time to first token, milliseconds")(
      "ttft-sigma", text(texts.ttft_sigma)->default_value("0.35"), "sigma of its logarithm")(
      "gap-ms", text(texts.gap_ms)->default_value("20"), "median gap between tokens, milliseconds")(
      "gap-sigma", text(texts.gap_sigma)->default_value("0.3"), "sigma of its logarithm")(
      "tokens", text(texts.tokens)->default_value("16-32")->value_name("MIN-MAX"),
      "tokens per answer, uniform")(
      "api-key-env", text(texts.api_key_env)->value_name("NAME"),
      "accept only the key in the environment variable NAME (default: any key, or none)")(
      "aws-credential-env", text(texts.aws_credential_env)->value_name("PREFIX"),
      "verify Bedrock's signatures with PREFIX_ACCESS_KEY_ID, PREFIX_SECRET_ACCESS_KEY and, if "
      "set, "
      "PREFIX_SESSION_TOKEN, as in AWS (default: any well-formed signature is accepted)")(
      "aws-region", po::value<std::vector<std::string>>(&texts.aws_regions)->value_name("NAME"),
      "a region that signatures may name; repeatable (default: any)")(
      "clock-offset", text(texts.clock_offset)->value_name("SECONDS"),
      "how much the server's wall clock is ahead")(
      "multibyte-text", "answers of UTF-8 sequences of two to four bytes")(
      "model", po::value<std::vector<std::string>>(&texts.models)->value_name("NAME"),
      "a model that exists; repeatable (default: any model exists)")(
      "context-length", text(texts.context_length)->value_name("TOKENS"),
      "refuse requests that do not fit into so many tokens")(
      "allow-unknown-parameters", "ignore request members that OpenAI does not know")(
      "max-concurrent", text(texts.max_concurrent)->value_name("N"),
      "most answers in progress at once; one more is answered 503")(
      "requests-per-minute", text(texts.requests_per_minute)->value_name("N"),
      "most requests in a minute; one more is answered 429 with Retry-After")(
      "idle-timeout", text(texts.idle_timeout)->value_name("DURATION"),
      "close a connection that has had no request for so long")(
      "fault", po::value<std::vector<std::string>>(&texts.faults)->value_name("SPEC"),
      "a fault, see below; repeatable")(
      "timestamp-tokens",
      "each token's text is the instant it was sent, ns of the monotonic clock")(
      "max-seconds", text(texts.max_seconds)->value_name("SECONDS"),
      "stop after so long without a signal");
  return options;
}

fake_server::FakeAwsCredential ReadAwsCredential(const std::string& prefix) {
  const auto name = [&](const char* suffix) { return prefix + suffix; };
  auto id = environment::Text(name("_ACCESS_KEY_ID").c_str());
  auto secret = environment::SecretText(name("_SECRET_ACCESS_KEY").c_str());
  if (!id || !secret) {
    throw ConfigurationError::Invalid(
        "--aws-credential-env", prefix,
        "the PREFIX of environment variables PREFIX_ACCESS_KEY_ID and "
        "PREFIX_SECRET_ACCESS_KEY that are set");
  }
  return {
      .access_key_id = std::move(*id),
      .secret_access_key = std::move(*secret),
      .session_token = environment::SecretText(name("_SESSION_TOKEN").c_str()).value_or(Secret())};
}

FakeLlmServerOptions ServerOptions(const Texts& texts, const po::variables_map& given) {
  constexpr int kMaxCount = 1'000'000'000;
  const char* const sigma = "a number from 0 to 5";
  FakeLlmServerOptions options;
  options.address = texts.address;
  options.port =
      text::ParseNumber<std::uint16_t>("--port", texts.port, 0, 65535, "a port number, 0 to 65535");
  options.threads =
      text::ParseNumber<int>("--threads", texts.threads, 1, 64, "a number from 1 to 64");
  options.clear_text = given.count("clear-text") > 0;
  options.seed = text::ParseNumber<std::uint64_t>("--seed", texts.seed, 0, ~std::uint64_t{0},
                                                  "a whole number below 2^64");
  options.latency.ttft_median = ParseMilliseconds("--ttft-ms", texts.ttft_ms);
  options.latency.ttft_sigma =
      text::ParseNumber<double>("--ttft-sigma", texts.ttft_sigma, 0, 5, sigma);
  options.latency.gap_median = ParseMilliseconds("--gap-ms", texts.gap_ms);
  options.latency.gap_sigma =
      text::ParseNumber<double>("--gap-sigma", texts.gap_sigma, 0, 5, sigma);
  ParseTokens(texts.tokens, options.latency);
  options.models = texts.models;
  if (given.count("api-key-env") > 0) {
    auto key = environment::SecretText(texts.api_key_env.c_str());
    if (!key) {
      throw ConfigurationError::Invalid("--api-key-env", texts.api_key_env,
                                        "the name of an environment variable that holds a key");
    }
    options.api_keys.push_back(std::move(*key));
  }
  if (given.count("aws-credential-env") > 0) {
    options.aws_credentials.push_back(ReadAwsCredential(texts.aws_credential_env));
  }
  options.aws_regions = texts.aws_regions;
  if (given.count("clock-offset") > 0) {
    options.clock_offset = std::chrono::seconds(text::ParseNumber<int>(
        "--clock-offset", texts.clock_offset, -kMaxCount, kMaxCount, "a whole number of seconds"));
  }
  options.multibyte_text = given.count("multibyte-text") > 0;
  if (given.count("context-length") > 0) {
    options.context_length = text::ParseNumber<std::int64_t>(
        "--context-length", texts.context_length, 1, kMaxCount, "a number of tokens, 1 or more");
  }
  options.allow_unknown_parameters = given.count("allow-unknown-parameters") > 0;
  if (given.count("max-concurrent") > 0) {
    options.max_concurrent = text::ParseNumber<int>("--max-concurrent", texts.max_concurrent, 0,
                                                    kMaxCount, "a number, 0 or more");
  }
  if (given.count("requests-per-minute") > 0) {
    options.requests_per_minute = text::ParseNumber<int>(
        "--requests-per-minute", texts.requests_per_minute, 1, kMaxCount, "a number, 1 or more");
  }
  if (given.count("idle-timeout") > 0) {
    options.idle_timeout = simulation::ParseDuration("--idle-timeout", texts.idle_timeout);
  }
  for (const std::string& spec : texts.faults) {
    try {
      options.faults.push_back(simulation::ParseFault(spec));
    } catch (const ConfigurationError& error) {
      throw ConfigurationError("--fault " + spec + ": " + error.what());
    }
  }
  options.timestamp_tokens = given.count("timestamp-tokens") > 0;
  return options;
}

void WriteCaFile(const std::string& path, const std::string& pem) {
  std::ofstream file(path, std::ios::trunc);
  file << pem;
  file.close();
  if (!file) throw ConfigurationError::Invalid("--ca-file", path, "a file that can be written");
}

// Blocks the signals in this thread and in the server's threads, which inherit that; `Wait` takes
// them.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  void Wait(std::optional<double> seconds) const {
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds.value_or(0));
    for (;;) {
      if (!seconds) {
        if (sigwaitinfo(&set_, nullptr) > 0) return;
        continue;  // another signal interrupted the wait
      }
      const std::chrono::duration<double> left = until - std::chrono::steady_clock::now();
      if (left.count() <= 0) return;
      timespec limit{};
      limit.tv_sec = static_cast<std::time_t>(left.count());
      limit.tv_nsec = static_cast<long>((left.count() - static_cast<double>(limit.tv_sec)) * 1e9);
      if (sigtimedwait(&set_, nullptr, &limit) > 0) return;
    }
  }

 private:
  sigset_t set_{};
};

}  // namespace

int RunFakeServer(const std::vector<std::string>& arguments) {
  Texts texts;
  const po::options_description description = Describe(texts);
  po::variables_map given;
  // Abbreviations are refused: one that works today could mean another option tomorrow.
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::store(po::command_line_parser(arguments)
                .options(description)
                .positional(po::positional_options_description())
                .style(style)
                .run(),
            given);
  po::notify(given);
  if (given.count("help") > 0) {
    std::cout
        << "Usage: llmload fake-server [OPTION]...\n\n"
           "An LLM service to test against, over HTTPS, with faults on demand. It speaks the APIs "
           "of OpenAI\n(base URL: the one it prints), Azure OpenAI, Anthropic, AWS Bedrock and "
           "Ollama (the same without /v1).\n\n"
        << description << "\nFaults (--fault SPEC)\n"
        << simulation::FaultSpecHelp(simulation::FaultSide::kFakeServer);
    return 0;
  }
  std::optional<double> max_seconds;
  if (given.count("max-seconds") > 0) {
    max_seconds = text::ParseNumber<double>("--max-seconds", texts.max_seconds, 0, 1e9,
                                            "a number of seconds, 0 or more");
  }
  const FakeLlmServerOptions options = ServerOptions(texts, given);

  const StopSignals signals;
  FakeLlmServer server(options);
  if (given.count("ca-file") > 0) WriteCaFile(texts.ca_file, server.ca_pem());
  std::cout << "listening on " << server.base_url() << " pid=" << getpid() << std::endl;
  if (given.count("print-ca") > 0) std::cout << server.ca_pem() << std::flush;
  signals.Wait(max_seconds);
  server.Stop();
  std::cout << fake_server::ToJson(server.counters()) << std::endl;
  return 0;
}

}  // namespace llmload::tools
