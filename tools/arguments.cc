#include "tools/arguments.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <numeric>
#include <utility>

#include "llmload/core/environment.h"

namespace llmload::tools {
namespace {

namespace po = boost::program_options;

// The names of options that `text` holds, without their dashes.
std::vector<std::string> OptionsIn(std::string_view text) {
  std::vector<std::string> names;
  for (auto at = text.find("--"); at != std::string_view::npos; at = text.find("--", at)) {
    at += 2;
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at);
    names.emplace_back(text.substr(at, std::min(end, text.size()) - at));
  }
  return names;
}

// Letters that have to be inserted, left out, replaced or swapped with the next one.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  std::iota(rows[0].begin(), rows[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    rows[i][0] = i;
    for (std::size_t k = 1; k <= b.size(); ++k) {
      rows[i][k] = std::min({rows[i - 1][k] + 1, rows[i][k - 1] + 1,
                             rows[i - 1][k - 1] + (a[i - 1] == b[k - 1] ? 0 : 1)});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
        rows[i][k] = std::min(rows[i][k], rows[i - 2][k - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

// Those among `ours` that `name` (without dashes) abbreviates, or else is nearest to.
std::vector<std::string> Alike(std::string_view name, const std::vector<std::string>& ours) {
  constexpr std::size_t kLongestName = 40;
  if (name.size() < 2 || name.size() > kLongestName) return {};
  std::vector<std::string> alike;
  for (const std::string& our : ours) {
    if (our.starts_with(name)) alike.push_back(our);
  }
  if (!alike.empty()) return alike;
  std::size_t best = name.size() < 6 ? 1 : 2;
  for (const std::string& our : ours) {
    const std::size_t distance = EditDistance(name, our);
    if (distance > best) continue;
    if (distance < best) alike.clear();
    best = distance;
    alike.push_back(our);
  }
  return alike;
}

}  // namespace

const std::vector<NeighbourOption>& NeighbourOptions() {
  static const std::vector<NeighbourOption> kNeighbours = {
      // Of k6.
      {"--vus", "--concurrency N"},
      {"-u", "--concurrency N"},
      {"--iterations", "--requests N"},
      {"-i", "--requests N"},
      {"--rps", "--rate RATE"},
      {"--stage", "--profile SPEC, as in 'ramp:0..50/s,30s'"},
      {"-s", "--profile SPEC, as in 'ramp:0..50/s,30s'"},
      {"-d", "--duration TIME"},
      {"--insecure-skip-tls-verify", "--ca-file FILE, with the certificates to trust"},
      {"--no-connection-reuse", "--new-connections"},
      {"--no-vu-connection-reuse", "--new-connections"},
      {"--user-agent", "--header 'User-Agent: NAME'"},
      {"--summary-export", "--json FILE"},
      // Of vLLM's bench serve.
      {"--num-prompts", "--requests N"},
      {"--request-rate", "--rate RATE"},
      {"--max-concurrency", "--concurrency N, or --max-in-flight N beside --rate"},
      {"--base-url", "--url URL"},
      {"--host", "--url URL"},
      {"--endpoint", "--url URL, with the path in it"},
      {"--endpoint-type", "--provider NAME"},
      {"--backend", "--provider NAME and --url URL"},
      {"--served-model-name", "--model NAME"},
      {"--num-warmups", "--warm-up TIME"},
      {"--burstiness", "--arrivals poisson"},
      {"--dataset-name", "--dataset FILE"},
      {"--dataset-path", "--dataset FILE"},
      {"--input-len", "--prompt-tokens N"},
      {"--random-input-len", "--prompt-tokens N"},
      {"--output-len", "--max-tokens N"},
      {"--random-output-len", "--max-tokens N"},
      {"--random-prefix-len", "--shared-prefix SPEC"},
      {"--goodput", "--good BOUNDS, as in 'ttft<=500ms'"},
      {"--save-result", "--json FILE"},
      {"--result-filename", "--json FILE"},
      {"--result-dir", "--output json=FOLDER/"},
      {"--insecure", "--ca-file FILE, with the certificates to trust"},
      {"--disable-tqdm", "--quiet"},
      {"--ramp-up-strategy", "--profile SPEC, as in 'ramp:1..50/s,30s'"},
      {"--temperature", "--extra-body JSON"},
      {"--top-p", "--extra-body JSON"},
      {"--ignore-eos", "--extra-body JSON"},
      // Of aiperf and genai-perf.
      {"--request-count", "--requests N"},
      {"--num-requests", "--requests N"},
      {"--benchmark-duration", "--duration TIME"},
      {"--measurement-interval", "--duration TIME"},
      {"--arrival-pattern", "--arrivals PATTERN"},
      {"--request-rate-mode", "--arrivals PATTERN"},
      {"--warmup-request-count", "--warm-up TIME"},
      {"--num-warmup-requests", "--warm-up TIME"},
      {"--warmup-duration", "--warm-up TIME"},
      {"--concurrency-ramp-duration", "--ramp-up TIME"},
      {"--request-rate-ramp-duration", "--profile SPEC, as in 'ramp:1..50/s,30s'"},
      {"--prompt-input-tokens-mean", "--prompt-tokens N"},
      {"--synthetic-input-tokens-mean", "--prompt-tokens N"},
      {"--isl", "--prompt-tokens N"},
      {"--prompt-output-tokens-mean", "--max-tokens N"},
      {"--output-tokens-mean", "--max-tokens N"},
      {"--osl", "--max-tokens N"},
      {"--input-file", "--dataset FILE, or --profile trace:FILE"},
      {"--public-dataset", "--dataset FILE"},
      {"--fixed-schedule", "--profile trace:FILE"},
      {"--model-names", "--model NAME"},
      {"-m", "--model NAME"},
      {"--streaming", "--stream, which is the default"},
      {"--random-seed", "--seed N"},
      {"--extra-inputs", "--extra-body JSON"},
      {"-H", "--header 'NAME: VALUE'"},
      {"--request-timeout-seconds", "--timeout TIME"},
      {"--connection-reuse-strategy", "--new-connections"},
      {"--failed-request-threshold", "--abort-when RULE, as in 'failures>50%'"},
      {"--use-legacy-max-tokens", "--max-tokens-field max_tokens"},
      {"--output-artifact-dir", "--output json=FOLDER/"},
      {"--artifact-dir", "--output json=FOLDER/"},
      // Of guidellm, today's names and those up to 0.6.
      {"--target", "--url URL"},
      {"--rate-type", "--rate RATE, --concurrency N or --profile SPEC"},
      {"--max-seconds", "--duration TIME"},
      {"--max-requests", "--requests N"},
      {"--data", "--prompt-tokens N or --dataset FILE"},
      {"--constraint", "--requests N, --duration TIME or --abort-when RULE"},
      {"--max-errors", "--abort-when RULE, as in 'failures>50%'"},
      {"--max-error-rate", "--abort-when RULE, as in 'failures>50%'"},
      {"--max-global-error-rate", "--abort-when RULE, as in 'failures>50%'"},
      {"--warmup", "--warm-up TIME"},
      {"--cooldown", "--cool-down TIME"},
      {"--rampup", "--ramp-up TIME"},
      {"--outputs", "--json FILE"},
      {"--output-path", "--json FILE"},
      {"--output-dir", "--output json=FOLDER/"},
      {"--disable-console-interactive", "--quiet"},
      {"--disable-progress", "--quiet"},
      // Of llmperf.
      {"--num-concurrent-requests", "--concurrency N"},
      {"--max-num-completed-requests", "--requests N"},
      {"--mean-input-tokens", "--prompt-tokens N"},
      {"--mean-output-tokens", "--max-tokens N"},
      {"--additional-sampling-params", "--extra-body JSON"},
      {"--results-dir", "--output json=FOLDER/"},
      {"--llm-api", "--provider NAME"},
      // Of oha, hey, wrk and locust.
      {"-n", "--requests N"},
      {"-c", "--concurrency N"},
      {"-z", "--duration TIME"},
      {"-q", "--rate RATE"},
      {"-t", "--workers N for threads, --timeout TIME for a request"},
      {"--threads", "--workers N"},
      {"--disable-keepalive", "--new-connections"},
      {"--users", "--concurrency N"},
      {"--spawn-rate", "--ramp-up TIME"},
      {"--run-time", "--duration TIME"},
  };
  return kNeighbours;
}

std::string AboutUnknownOption(std::string_view name, const std::vector<std::string>& ours) {
  const std::string start = std::string(name) + ": unknown option";
  if (name == "--api-key") {
    return start +
           "; keys are read from the environment only, as OPENAI_API_KEY is, because everyone on "
           "the "
           "machine can see command lines";
  }
  const auto exists = [&ours](const std::string& option) {
    return std::find(ours.begin(), ours.end(), option) != ours.end();
  };
  for (const NeighbourOption& neighbour : NeighbourOptions()) {
    if (neighbour.theirs != name) continue;
    const std::vector<std::string> needed = OptionsIn(neighbour.here);
    if (!std::all_of(needed.begin(), needed.end(), exists)) break;
    return start + "; use " + std::string(neighbour.here);
  }
  std::string alike;
  const std::size_t dashes = std::min(name.find_first_not_of('-'), name.size());
  for (const std::string& option : Alike(name.substr(dashes), ours)) {
    alike.append(alike.empty() ? "; did you mean --" : " or --").append(option);
  }
  return start + (alike.empty() ? "" : alike + "?");
}

po::variables_map ReadArguments(const std::vector<std::string>& arguments,
                                const po::options_description& description,
                                std::string_view command) {
  const std::string help = " (llmload " + std::string(command) + " --help lists the options)";
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::variables_map values;
  try {
    const po::parsed_options parsed =
        po::command_line_parser(arguments).options(description).style(style).run();
    for (const po::option& option : parsed.options) {
      if (option.position_key < 0) continue;
      const std::string& word = option.value.empty() ? std::string() : option.value.front();
      throw ConfigurationError(
          (word.starts_with("http://") || word.starts_with("https://")
               ? std::string("a URL without an option: give it as --url URL")
               : std::string("an argument without an option: options begin with --, and each value "
                             "follows its option")) +
          help);
    }
    po::store(parsed, values);
    po::notify(values);
  } catch (const po::unknown_option& unknown) {
    std::vector<std::string> ours;
    for (const auto& option : description.options()) ours.push_back(option->long_name());
    const std::string name = unknown.get_option_name();
    throw ConfigurationError(AboutUnknownOption(name.substr(0, name.find('=')), ours) + help);
  }
  return values;
}

}  // namespace llmload::tools
