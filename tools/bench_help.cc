#include "tools/bench_help.h"

#include <boost/program_options.hpp>
#include <sstream>
#include <string_view>
#include <vector>

#include "llmload/report/output.h"
#include "src/core/text/format.h"
#include "tools/bench_target.h"
#include "tools/criterion_spec.h"
#include "tools/profile_spec.h"

namespace llmload::tools {
namespace {

namespace po = boost::program_options;

// A group of options in lines of `width` columns, most of them for what the options do.
constexpr std::size_t kNames = 38;
po::options_description Group(const char* caption, std::size_t width) {
  return {caption, static_cast<unsigned>(width), static_cast<unsigned>(width - kNames)};
}

constexpr std::string_view kExamples = R"(Examples
  # ten requests a second for half a minute, to the embedded fake service: costs nothing
  llmload bench --rate 10/s --duration 30s
  # the same to a service of one's own, with bounds to pass or fail by
  llmload bench --url http://127.0.0.1:8080/v1 --model llama3 --rate 10/s \
      --slo 'ttft:p95<500ms' --slo 'success>=99%'
  # 32 callers, each with one request at a time, 2,000 requests in all
  llmload bench --url http://127.0.0.1:8080/v1 --concurrency 32 --requests 2000
  # at which rate does it break? a ramp, with a report in files
  llmload bench --url http://127.0.0.1:8080/v1 --profile 'ramp:1..50/s,5m' --json ramp.json
  # a provider that costs money, with the key from OPENAI_API_KEY
  llmload bench --provider openai --spend --rate 60/min --requests 100
)";

constexpr std::string_view kExitStatusHelp =
    "\nExit status\n"
    "  0  PASS: every criterion holds; or none was given and the measurement is valid\n"
    "  1  FAIL: a criterion is violated\n"
    "  2  bad usage, or a plan that cannot be judged; or a target that may cost money without "
    "--spend. Nothing was sent\n"
    "  3  INCONCLUSIVE: too few samples to say, or no request succeeded\n"
    "  4  INVALID: the measurement cannot be trusted (generator too slow, interrupted by Ctrl-C "
    "...)\n"
    "  5  the target is unavailable, or refuses all requests (key, model, certificate)\n"
    "  6  llmload failed: a report could not be written, no memory, or a defect\n"
    "Ctrl-C ends the run early and reports what was measured; a second one does not wait for "
    "answers.\n";

auto* TextValue(const char* name) { return po::value<std::string>()->value_name(name); }

po::options_description TargetOptions(std::size_t width) {
  po::options_description target = Group("Target", width);
  target.add_options()("help,h", "this text")(
      "provider", TextValue("NAME"),
      "fake (embedded, costs nothing), openai, azure, anthropic, bedrock, ollama or local; "
      "default: "
      "LLMLOAD_PROVIDER, or else openai with --url, fake without")(
      "url", TextValue("URL"),
      "base URL, in place of the provider's own variable. Keys come from the environment only "
      "(OPENAI_API_KEY, ...); with --url, openai, anthropic and local go without where it is not "
      "set")("model", TextValue("NAME"),
             "default: LLMLOAD_MODEL, or a small one of the provider's; Azure: the deployment")(
      "ca-file", TextValue("FILE"), "PEM certificates to trust beside the system's")(
      "max-tokens-field", TextValue("NAME"),
      "max_tokens or max_completion_tokens, for services that speak OpenAI's API; default: "
      "LLMLOAD_MAX_TOKENS_FIELD, else max_tokens, and the other one if the service refuses it")(
      "stream-options", TextValue("WHAT"),
      "send (ask for the usage of a stream) or omit; default: LLMLOAD_STREAM_OPTIONS, else send, "
      "and omit if the service refuses it")(
      "spend",
      "allow a target that is not on this machine, and may cost money (or SKIP_LOAD_TESTS=0)");
  return target;
}

po::options_description LoadOptions(std::size_t width) {
  po::options_description load = Group("Load: one of --rate, --concurrency and --profile", width);
  load.add_options()(
      "rate", TextValue("RATE"),
      "open loop: requests per second (10, 2.5/s, 1000/min), due at instants that do "
      "not wait for answers")(
      "arrivals", TextValue("PATTERN"),
      "constant (evenly spaced; the default) or poisson (independent), of --rate and --profile")(
      "concurrency", TextValue("N"),
      "closed loop: N callers, each sending its next request when the last one is answered; 1 to "
      "100000")(
      "requests", TextValue("N"),
      "end after N requests, warm-up included; without --duration it takes as long as they do")(
      "think-time", TextValue("TIME"),
      "closed loop: between an answer and the caller's next request")(
      "ramp-up", TextValue("TIME"),
      "closed loop: callers begin spread over this time, not all at once")(
      "profile", TextValue("SPEC"), "open loop of several phases, see below")(
      "duration", TextValue("TIME"),
      "measured time (250ms, 30s, 5m, 1h); default: 60s, or with --requests as long as they take")(
      "warm-up", TextValue("TIME"), "before it: the same load, kept out of the metrics")(
      "cool-down", TextValue("TIME"), "after it, likewise")(
      "max-in-flight", TextValue("N"),
      "open loop: an arrival beyond it is dropped, which makes the run INVALID; default: 10000")(
      "until-conclusive", TextValue("TIME"),
      "go on beyond the planned end until every criterion is decided, at most for TIME, as in 10m; "
      "looks at an eighth, a quarter and half of it. TIME,requests=N bounds the requests, "
      "TIME,first-look=T begins to look later")(
      "abort-when", po::value<std::vector<std::string>>()->value_name("RULE"),
      "end a hopeless run early, as FAIL: 'failures>50%' or 'latency:p95>10s' of the requests that "
      "ended in the last 10s, or with ' over 30s' in another time; repeatable. Only latency sees a "
      "service that falls silent: it counts requests in flight for longer, too")(
      "workers", TextValue("N"), "threads that send, 1 to 256; default: one per core")(
      "seed", TextValue("N"),
      "of arrivals, prompts and the embedded server; default: LLMLOAD_SEED or 1");
  return load;
}

po::options_description RequestOptions(std::size_t width) {
  po::options_description request =
      Group("Request: at most one of the four sources of prompts", width);
  request.add_options()("prompt", TextValue("TEXT"),
                        "the same for all; default: one that asks for a short greeting")(
      "prompt-tokens", TextValue("N[..M]"),
      "made-up words, other ones for each request; tokens estimated as bytes / 4, 1 to 1000000")(
      "shared-prefix", TextValue("SPEC"),
      "prompts that begin alike: fraction=F,prefix=N,suffix=N,prefixes=N, each optional; default "
      "fraction=0.5,prefix=1024,suffix=64,prefixes=1 (sizes in tokens)")(
      "dataset", TextValue("FILE"),
      "JSON objects, one on each line or all in an array: {\"prompt\": ...} or {\"messages\": "
      "[...]}, and max_tokens; or ShareGPT, a batch file of OpenAI, the sizes of a trace of Azure")(
      "dataset-order", TextValue("ORDER"), "sequential (the default) or random, from the seed")(
      "format", TextValue("NAME"),
      "of the data set: prompts, sharegpt, openai-batch or azure-trace; of a trace: arrivals or "
      "azure-trace; default: LLMLOAD_FORMAT, or recognised by content")(
      "max-tokens", TextValue("N"), "upper bound of output tokens per answer; default: 16")(
      "stream", "stream the answers, which gives times to first token (the default)")(
      "no-stream", "whole answers");
  return request;
}

po::options_description JudgementOptions(std::size_t width) {
  po::options_description judgement = Group("Judgement and output", width);
  judgement.add_options()(
      "slo", po::value<std::vector<std::string>>()->value_name("CRITERION"),
      "something the run has to meet, as in 'ttft:p95<500ms' or 'success>=0.95', see below; "
      "repeatable")("good", TextValue("BOUNDS"),
                    "objectives that make a request a good one, as in 'ttft<=500ms,tpot<=50ms' "
                    "(latency, service, ttft, ttfo, tpot, chunk_gap): measures goodput")(
      "expect-answer", po::value<std::vector<std::string>>()->value_name("WHAT"),
      "an answer that is not like this is a failed request (wrong_answer): json, regex:PATTERN, or "
      "echo (it repeats a code at the end of its prompt: answers that belong to another request "
      "are "
      "found); repeatable")(
      "output", po::value<std::vector<std::string>>()->value_name("KIND[=WHERE]"),
      "where the report goes, see below; repeatable; default: LLMLOAD_OUTPUT, or summary")(
      "json", TextValue("FILE"),
      "short for --output json=FILE beside the others; the table is written beside it")(
      "quiet", "no progress, and no plan before it");
  return judgement;
}

}  // namespace

po::options_description DescribeBenchOptions(std::size_t width) {
  po::options_description all = Group("Options of llmload bench", width);
  all.add(TargetOptions(width))
      .add(DescribeService(width, width - kNames))
      .add(LoadOptions(width))
      .add(RequestOptions(width))
      .add(JudgementOptions(width));
  return all;
}

std::string BenchHelp(std::size_t width) {
  std::ostringstream help;
  help << "Usage: llmload bench [OPTION]...\n\n"
          "Puts a load on an LLM service and measures it: every latency from the instant a request "
          "was due, every request accounted for, and a verdict on the criteria.\n\n"
       << kExamples << '\n'
       << DescribeBenchOptions(width) << "\nPhases (--profile \"PHASE;PHASE...\")\n"
       << ProfileSpecHelp() << "\nCriteria (--slo 'CRITERION')\n"
       << CriterionSpecHelp() << "`llmload figures` says what each name means.\n"
       << "\nOutputs (--output KIND[=WHERE])\n"
       << OutputHelp() << kExitStatusHelp;
  return text::FitLines(help.str(), width);
}

}  // namespace llmload::tools
