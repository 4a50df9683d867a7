#include "tools/fake_server_command.h"

#include <unistd.h>

#include <boost/program_options.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/report/text_writer.h"
#include "llmload/simulation/fault_spec.h"
#include "src/core/text/parse.h"
#include "tools/arguments.h"
#include "tools/console.h"

namespace llmload::tools {
namespace {

namespace po = boost::program_options;
using fake_server::FakeLlmServer;
using fake_server::FakeLlmServerOptions;

struct Texts {
  std::string address, port, threads, seed, ttft, ttft_sigma, gap, gap_sigma, tokens;
  std::string ca_file, api_key_env, max_time, max_body, max_concurrent, rate_limit;
  std::string context_length, idle_timeout, aws_credential_env, clock_offset;
  std::vector<std::string> faults, models, aws_regions;
};

void ParseTokens(std::string_view text, simulation::LatencyModel& latency) {
  const auto parse = [](std::string_view number) {
    return text::ParseNumber<int>("--tokens", number, 1, 1'000'000,
                                  "N..M, or one number; 1 to 1000000");
  };
  const auto [min, max] = text::SplitRange(text).value_or(std::pair(text, text));
  latency.tokens_min = parse(min);
  latency.tokens_max = parse(max);
  if (latency.tokens_max < latency.tokens_min) {
    throw ConfigurationError::Invalid("--tokens", text, "N..M with N at most M");
  }
}

std::chrono::seconds ParseClockOffset(const std::string& text) {
  const bool behind = text.starts_with('-');
  try {
    const Duration offset = text::ParseTime("--clock-offset", text.substr(behind ? 1 : 0));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(offset);
    if (seconds == offset) return behind ? -seconds : seconds;
  } catch (const ConfigurationError&) {  // it would show the value without its sign
  }
  throw ConfigurationError::Invalid(
      "--clock-offset", text,
      "a time of whole seconds with its unit, as in 90s or -5m, up to 720h");
}

// The server counts whole requests in a minute.
int ParseRateLimit(const std::string& text) {
  const double per_minute = text::ParseRate("--rate-limit", text) * 60;
  if (per_minute < 1 || std::abs(per_minute - std::round(per_minute)) > 1e-6) {
    throw ConfigurationError::Invalid(
        "--rate-limit", text, "a whole number of requests in a minute, as in 100/min or 2/s");
  }
  return static_cast<int>(std::lround(per_minute));
}

po::options_description Describe(Texts& texts, std::size_t width) {
  po::options_description options("Options of llmload fake-server", static_cast<unsigned>(width),
                                  static_cast<unsigned>(width) - 40);
  const auto text = [](std::string& target) { return po::value<std::string>(&target); };
  const std::string usual_max_body =
      std::to_string(FakeLlmServerOptions().max_body_bytes >> 20) + "MB";
  options.add_options()("help,h", "this text")(
      "address", text(texts.address)->default_value("127.0.0.1"),
      "numeric address to listen on, or localhost (127.0.0.1)")(
      "port", text(texts.port)->default_value("0"), "port to listen on; 0: any free one")(
      "print-ca", "print the certificate authority (PEM) to standard output after the ready line")(
      "ca-file", text(texts.ca_file)->value_name("FILE"),
      "write the certificate authority (PEM) to FILE")(
      "clear-text", "http:// instead of https://; loopback addresses only")(
      "threads", text(texts.threads)->default_value("1"), "threads that serve, 1 to 64")(
      "seed", text(texts.seed)->default_value("1"), "seed of all latencies, answers and faults")(
      "ttft", text(texts.ttft)->default_value("250ms")->value_name("TIME"),
      "median time to first token")("ttft-sigma", text(texts.ttft_sigma)->default_value("0.35"),
                                    "sigma of its logarithm")(
      "gap", text(texts.gap)->default_value("20ms")->value_name("TIME"),
      "median gap between tokens")("gap-sigma", text(texts.gap_sigma)->default_value("0.3"),
                                   "sigma of its logarithm")(
      "tokens", text(texts.tokens)->default_value("16..32")->value_name("N[..M]"),
      "tokens per answer, uniform")(
      "api-key-env", text(texts.api_key_env)->value_name("NAME"),
      "accept only the key in the environment variable NAME (default: any key, or none)")(
      "aws-credential-env", text(texts.aws_credential_env)->value_name("PREFIX"),
      "verify Bedrock's signatures with PREFIX_ACCESS_KEY_ID, PREFIX_SECRET_ACCESS_KEY and, if "
      "set, "
      "PREFIX_SESSION_TOKEN, as in AWS (default: any well-formed signature is accepted)")(
      "aws-region", po::value<std::vector<std::string>>(&texts.aws_regions)->value_name("NAME"),
      "a region that signatures may name; repeatable (default: any)")(
      "clock-offset", text(texts.clock_offset)->value_name("TIME"),
      "how much the server's wall clock is ahead, or with a - behind: whole seconds")(
      "multibyte-text", "answers of UTF-8 sequences of two to four bytes")(
      "model", po::value<std::vector<std::string>>(&texts.models)->value_name("NAME"),
      "a model that exists; repeatable (default: any model exists)")(
      "context-length", text(texts.context_length)->value_name("TOKENS"),
      "refuse requests that do not fit into so many tokens")(
      "allow-unknown-parameters", "ignore request members that OpenAI does not know")(
      "max-concurrent", text(texts.max_concurrent)->value_name("N"),
      "most answers in progress at once; one more is answered 503")(
      "rate-limit", text(texts.rate_limit)->value_name("RATE"),
      "most requests, as in 100/min or 2/s; one more is answered 429 with Retry-After")(
      "max-body", text(texts.max_body)->default_value(usual_max_body)->value_name("SIZE"),
      "largest body of a request; a larger one is answered 413")(
      "idle-timeout", text(texts.idle_timeout)->value_name("TIME"),
      "close a connection that has had no request for so long")(
      "fault", po::value<std::vector<std::string>>(&texts.faults)->value_name("SPEC"),
      "a fault, see below; repeatable")(
      "timestamp-tokens",
      "each token's text is the instant it was sent, ns of the monotonic clock")(
      "max-time", text(texts.max_time)->value_name("TIME"), "stop after so long without a signal");
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
  options.address = texts.address == "localhost" ? "127.0.0.1" : texts.address;
  options.port =
      text::ParseNumber<std::uint16_t>("--port", texts.port, 0, 65535, "a port number, 0 to 65535");
  options.threads =
      text::ParseNumber<int>("--threads", texts.threads, 1, 64, "a number from 1 to 64");
  options.clear_text = given.count("clear-text") > 0;
  options.seed = text::ParseNumber<std::uint64_t>("--seed", texts.seed, 0, ~std::uint64_t{0},
                                                  "a whole number below 2^64");
  options.latency.ttft_median = text::ParseTime("--ttft", texts.ttft);
  options.latency.ttft_sigma =
      text::ParseNumber<double>("--ttft-sigma", texts.ttft_sigma, 0, 5, sigma);
  options.latency.gap_median = text::ParseTime("--gap", texts.gap);
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
    options.clock_offset = ParseClockOffset(texts.clock_offset);
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
  if (given.count("rate-limit") > 0) options.requests_per_minute = ParseRateLimit(texts.rate_limit);
  options.max_body_bytes = text::ParseSize("--max-body", texts.max_body);
  if (given.count("idle-timeout") > 0) {
    options.idle_timeout = text::ParsePositiveTime("--idle-timeout", texts.idle_timeout);
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

  void Wait(std::optional<Duration> limit) const {
    const auto until = std::chrono::steady_clock::now() + limit.value_or(Duration::zero());
    for (;;) {
      if (!limit) {
        if (sigwaitinfo(&set_, nullptr) > 0) return;
        continue;  // another signal interrupted the wait
      }
      const Duration left = until - std::chrono::steady_clock::now();
      if (left <= Duration::zero()) return;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const timespec wait{.tv_sec = static_cast<std::time_t>(seconds.count()),
                          .tv_nsec = static_cast<long>((left - seconds).count())};
      if (sigtimedwait(&set_, nullptr, &wait) > 0) return;
    }
  }

 private:
  sigset_t set_{};
};

}  // namespace

int RunFakeServer(const std::vector<std::string>& arguments) {
  Texts texts;
  const std::size_t width = WidthOf(stdout);
  const po::options_description description = Describe(texts, width);
  const po::variables_map given = ReadArguments(arguments, description, "fake-server");
  if (given.count("help") > 0) {
    std::ostringstream help;
    help << "Usage: llmload fake-server [OPTION]...\n\n"
            "An LLM service to test against, over HTTPS, with faults on demand. It speaks the APIs "
            "of OpenAI (base URL: the one it prints), Azure OpenAI, Anthropic, AWS Bedrock and "
            "Ollama (the same without /v1).\n\n"
         << description << "\nFaults (--fault SPEC)\n"
         << simulation::FaultSpecHelp(simulation::FaultSide::kFakeServer);
    PrintFitted(stdout, help.str());
    return 0;
  }
  std::optional<Duration> max_time;
  if (given.count("max-time") > 0) max_time = text::ParseTime("--max-time", texts.max_time);
  const FakeLlmServerOptions options = ServerOptions(texts, given);

  const StopSignals signals;
  FakeLlmServer server(options);
  if (given.count("ca-file") > 0) WriteCaFile(texts.ca_file, server.ca_pem());
  std::cout << "listening on " << server.base_url() << " pid=" << getpid() << std::endl;
  if (given.count("print-ca") > 0) std::cout << server.ca_pem() << std::flush;
  signals.Wait(max_time);
  server.Stop();
  std::cout << fake_server::ToJson(server.counters()) << std::endl;
  return 0;
}

}  // namespace llmload::tools
