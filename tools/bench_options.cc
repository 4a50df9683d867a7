#include "tools/bench_options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <sstream>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_schedule.h"
#include "src/core/text/parse.h"
#include "tools/bench_prompts.h"
#include "tools/criterion_spec.h"
#include "tools/profile_spec.h"

namespace llmload::tools {
namespace {

namespace po = boost::program_options;

constexpr Duration kUsualDuration = std::chrono::seconds(60);
constexpr Duration kMaxDuration = std::chrono::hours(720);
constexpr std::uint64_t kMaxSeed = std::numeric_limits<std::uint64_t>::max();

po::options_description Describe() {
  constexpr unsigned kWidth = 100;
  constexpr unsigned kTextWidth = 62;
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  po::options_description target("Target", kWidth, kTextWidth);
  target.add_options()("help", "this text")(
      "provider", text("NAME"),
      "fake (embedded, costs nothing), openai, azure, anthropic, bedrock, ollama or local; "
      "default: "
      "LLMLOAD_PROVIDER, or else openai with --url, fake without")(
      "url", text("URL"),
      "base URL, in place of the provider's own variable. Keys come from the environment only "
      "(OPENAI_API_KEY, ...); with --url, openai, anthropic and local go without where it is not "
      "set")("model", text("NAME"),
             "default: LLMLOAD_MODEL, or a small one of the provider's; Azure: the deployment")(
      "ca-file", text("FILE"), "PEM certificates to trust beside the system's")(
      "max-tokens-field", text("NAME"),
      "max_tokens or max_completion_tokens, for services that speak OpenAI's API; default: "
      "LLMLOAD_MAX_TOKENS_FIELD, else max_tokens, and the other one if the service refuses it")(
      "stream-options", text("WHAT"),
      "send (ask for the usage of a stream) or omit; default: LLMLOAD_STREAM_OPTIONS, else send, "
      "and omit if the service refuses it")(
      "spend",
      "allow a target that is not on this machine, and may cost money (or SKIP_LOAD_TESTS=0)");
  po::options_description load("Load: one of --rate, --concurrency and --profile", kWidth,
                               kTextWidth);
  load.add_options()(
      "rate", text("RATE"),
      "open loop: requests per second (10, 2.5/s, 1000/min), due at instants that do "
      "not wait for answers")(
      "arrivals", text("PATTERN"),
      "constant (evenly spaced; the default) or poisson (independent), of --rate and --profile")(
      "concurrency", text("N"),
      "closed loop: N callers, each sending its next request when the last one is answered; 1 to "
      "100000")("requests", text("N"), "closed loop: end after N requests, warm-up included")(
      "think-time", text("TIME"), "closed loop: between an answer and the caller's next request")(
      "ramp-up", text("TIME"), "closed loop: callers begin spread over this time, not all at once")(
      "profile", text("SPEC"), "open loop of several phases, see below")(
      "duration", text("TIME"),
      "measured time (250ms, 30s, 5m, 1h); default: 60s, or with --requests as long as they take")(
      "warm-up", text("TIME"), "before it: the same load, kept out of the metrics")(
      "cool-down", text("TIME"), "after it, likewise")(
      "max-in-flight", text("N"),
      "open loop: an arrival beyond it is dropped, which makes the run INVALID; default: 10000")(
      "until-conclusive", text("TIME"),
      "go on beyond the planned end until every criterion is decided, at most for TIME, as in 10m; "
      "looks at an eighth, a quarter and half of it. TIME,requests=N bounds the requests, "
      "TIME,first-look=T begins to look later")(
      "abort-when", po::value<std::vector<std::string>>()->value_name("RULE"),
      "end a hopeless run early, as FAIL: 'failures>50%' or 'latency:p95>30s' of the requests that "
      "ended in the last 10s, or with ' over 30s' in another time; repeatable")(
      "workers", text("N"), "threads that send, 1 to 256; default: one per core")(
      "seed", text("N"),
      "of arrivals, prompts and the embedded server; default: LLMLOAD_SEED or 1");
  po::options_description request("Request: at most one of the four sources of prompts", kWidth,
                                  kTextWidth);
  request.add_options()("prompt", text("TEXT"),
                        "the same for all; default: one that asks for a short greeting")(
      "prompt-tokens", text("N[..M]"),
      "made-up words, other ones for each request; tokens estimated as bytes / 4, 1 to 1000000")(
      "shared-prefix", text("SPEC"),
      "prompts that begin alike: fraction=F,prefix=N,suffix=N,prefixes=N, each optional; default "
      "fraction=0.5,prefix=1024,suffix=64,prefixes=1 (sizes in tokens)")(
      "dataset", text("FILE"),
      "JSON objects, one on each line or all in an array: {\"prompt\": ...} or {\"messages\": "
      "[...]}, and max_tokens; or ShareGPT, a batch file of OpenAI, the sizes of a trace of Azure")(
      "dataset-order", text("ORDER"), "sequential (the default) or random, from the seed")(
      "format", text("NAME"),
      "of the data set: prompts, sharegpt, openai-batch or azure-trace; of a trace: arrivals or "
      "azure-trace; default: LLMLOAD_FORMAT, or recognised by content")(
      "max-tokens", text("N"), "upper bound of output tokens per answer; default: 16")(
      "stream", "stream the answers, which gives times to first token (the default)")(
      "no-stream", "whole answers");
  po::options_description judgement("Judgement and output", kWidth, kTextWidth);
  judgement.add_options()(
      "slo", po::value<std::vector<std::string>>()->value_name("CRITERION"),
      "something the run has to meet, as in 'ttft:p95<500ms' or 'success>=0.95', see below; "
      "repeatable")("good", text("BOUNDS"),
                    "objectives that make a request a good one, as in 'ttft<=500ms,tpot<=50ms' "
                    "(latency, service, ttft, ttfo, tpot, chunk_gap): measures goodput")(
      "output", po::value<std::vector<std::string>>()->value_name("KIND[=WHERE]"),
      "where the report goes, see below; repeatable; default: LLMLOAD_OUTPUT, or table")(
      "json", text("FILE"), "short for --output json=FILE beside the others")(
      "quiet", "short for --output summary, and no progress");
  po::options_description all("Options of llmload bench", kWidth, kTextWidth);
  all.add(target).add(load).add(request).add(judgement);
  return all;
}

// What was given on the command line.
class Given {
 public:
  explicit Given(const std::vector<std::string>& arguments) {
    const po::options_description description = Describe();
    // No guessing: an abbreviated option that works today could mean another one tomorrow.
    const int style =
        po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(arguments)
                  .options(description)
                  .positional(po::positional_options_description())
                  .style(style)
                  .run(),
              values_);
    po::notify(values_);
  }

  bool Has(const char* name) const { return values_.count(name) > 0; }
  const std::string& Text(const char* name) const { return values_[name].as<std::string>(); }
  std::vector<std::string> Texts(const char* name) const {
    return Has(name) ? values_[name].as<std::vector<std::string>>() : std::vector<std::string>();
  }

  Duration Time(const char* name, Duration otherwise) const {
    return Has(name) ? text::ParseTime(Option(name), Text(name)) : otherwise;
  }
  template <class Number>
  Number Whole(const char* name, Number min, Number max, Number otherwise) const {
    if (!Has(name)) return otherwise;
    return text::ParseNumber<Number>(
        Option(name), Text(name), min, max,
        "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }

  // Refuses two of `names` together; which one is given, or null.
  const char* OneOf(std::initializer_list<const char*> names) const {
    const char* found = nullptr;
    for (const char* name : names) {
      if (!Has(name)) continue;
      if (found != nullptr) {
        throw ConfigurationError(Option(name) + ": not together with " + Option(found));
      }
      found = name;
    }
    return found;
  }
  // Refuses each of `names`, which mean nothing `where`.
  void Refuse(std::initializer_list<const char*> names, const std::string& where) const {
    for (const char* name : names) {
      if (Has(name)) throw ConfigurationError(Option(name) + ": has no meaning " + where);
    }
  }

  static std::string Option(const char* name) { return std::string("--") + name; }

 private:
  po::variables_map values_;
};

void ReadTarget(const Given& given, BenchOptions& options) {
  if (given.Has("provider")) {
    const std::string& name = given.Text("provider");
    const auto choice = ProviderOfName(name);
    if (!choice) {
      throw ConfigurationError::Invalid(
          "--provider", name, "one of: fake, openai, azure, anthropic, bedrock, ollama, local");
    }
    options.provider = *choice;
  } else {
    options.provider = ProviderFromEnvironment();
    // Without a name it is the embedded server.
    if (given.Has("url") && options.provider == ProviderChoice::kFake) {
      options.provider = ProviderChoice::kOpenAi;
    }
  }
  if (options.provider == ProviderChoice::kFake) {
    given.Refuse({"url", "ca-file"}, "with --provider fake, the embedded server");
  }
  if (given.Has("url")) {
    options.target.url = given.Text("url");
    if (options.target.url.empty()) {
      throw ConfigurationError::Invalid("--url", "", "a base URL, as in http://127.0.0.1:8080/v1");
    }
  }
  if (given.Has("ca-file")) {
    options.target.ca_file = given.Text("ca-file");
    std::error_code error;
    if (!std::filesystem::is_regular_file(options.target.ca_file, error)) {
      throw ConfigurationError::Invalid("--ca-file", options.target.ca_file,
                                        "the path of an existing file (PEM certificates)");
    }
  }
  const auto one_of = [&given](const char* name, std::string_view first, std::string_view second) {
    const std::string& value = given.Text(name);
    if (value != first && value != second) {
      throw ConfigurationError::Invalid("--" + std::string(name), value,
                                        std::string(first) + " or " + std::string(second));
    }
    return value;
  };
  if (given.Has("max-tokens-field")) {
    options.target.max_tokens_field =
        one_of("max-tokens-field", "max_tokens", "max_completion_tokens");
  }
  if (given.Has("stream-options")) {
    options.target.stream_options = one_of("stream-options", "send", "omit");
  }
  options.plan.request.model =
      given.Has("model") ? given.Text("model") : ModelFromEnvironment(options.provider);
  if (options.provider == ProviderChoice::kAzure)
    options.target.deployment = options.plan.request.model;
  options.spend = given.Has("spend");
  if (const auto pid =
          environment::Integer("LLMLOAD_LOCAL_PID", 1, std::numeric_limits<std::int32_t>::max())) {
    options.server_pid = static_cast<pid_t>(*pid);
  }
}

LoadShape ReadRate(const Given& given) {
  const double rate = text::ParseRate("--rate", given.Text("rate"));
  if (rate <= 0) throw ConfigurationError::Invalid("--rate", given.Text("rate"), "a rate above 0");
  const ArrivalPattern pattern = given.Has("arrivals")
                                     ? ParsePattern("--arrivals", given.Text("arrivals"))
                                     : ArrivalPattern::kConstant;
  LoadProfile profile;
  profile.max_in_flight =
      given.Whole<std::size_t>("max-in-flight", 1, 10'000'000, profile.max_in_flight);
  const auto add = [&](const char* name, Duration duration, bool measured) {
    if (duration == Duration::zero()) return;
    profile.phases.push_back({.name = name,
                              .duration = duration,
                              .shape = ConstantRate{.per_second = rate},
                              .pattern = pattern,
                              .measured = measured});
  };
  const Duration duration = given.Has("duration")
                                ? text::ParsePositiveTime("--duration", given.Text("duration"))
                                : kUsualDuration;
  add("warm-up", given.Time("warm-up", {}), false);
  add("", duration, true);
  add("cool-down", given.Time("cool-down", {}), false);
  try {
    static_cast<void>(ScheduleDuration(profile));
  } catch (const ConfigurationError& error) {
    throw ConfigurationError(std::string("--rate and --duration: ") + error.what());
  }
  return profile;
}

LoadShape ReadConcurrency(const Given& given) {
  ClosedLoop load;
  load.concurrency = given.Whole<std::size_t>("concurrency", 1, 100'000, 1);
  load.requests = given.Whole<std::uint64_t>("requests", 1, 10'000'000'000, ClosedLoop::kUnlimited);
  load.think_time = given.Time("think-time", {});
  load.ramp_up = given.Time("ramp-up", {});
  load.warm_up = given.Time("warm-up", {});
  load.cool_down = given.Time("cool-down", {});
  std::optional<Duration> measured;
  if (given.Has("duration")) {
    measured = text::ParsePositiveTime("--duration", given.Text("duration"));
  } else if (!given.Has("requests")) {
    measured = kUsualDuration;
  }
  if (measured) {
    load.duration = load.warm_up + *measured + load.cool_down;
    if (*load.duration > kMaxDuration) {
      throw ConfigurationError("--duration, --warm-up and --cool-down: together over 720h");
    }
  } else if (load.cool_down > Duration::zero()) {
    throw ConfigurationError(
        "--cool-down: needs --duration, for --requests alone have no end that "
        "is known in advance");
  }
  return load;
}

LoadShape ReadProfile(const Given& given, TraceFormat format) {
  LoadProfile profile =
      ParseProfile(given.Text("profile"),
                   given.Has("arrivals") ? ParsePattern("--arrivals", given.Text("arrivals"))
                                         : ArrivalPattern::kConstant,
                   format);
  profile.max_in_flight =
      given.Whole<std::size_t>("max-in-flight", 1, 10'000'000, profile.max_in_flight);
  return profile;
}

LoadShape ReadLoad(const Given& given, TraceFormat format) {
  const char* const kind = given.OneOf({"rate", "concurrency", "profile"});
  if (kind == nullptr) {
    throw ConfigurationError(
        "no load: give --rate (as in 10/s), --concurrency (as in 8) or --profile");
  }
  const std::string_view name(kind);
  if (name == "concurrency") {
    given.Refuse({"arrivals", "max-in-flight"}, "with --concurrency, a closed loop");
    return ReadConcurrency(given);
  }
  given.Refuse({"requests", "think-time", "ramp-up"}, "without --concurrency");
  if (name == "rate") return ReadRate(given);
  given.Refuse({"duration"}, "with --profile, whose phases have theirs");
  given.Refuse({"warm-up", "cool-down"}, "with --profile: add a phase with \",unmeasured\"");
  return ReadProfile(given, format);
}

// The option is about a file that has to be there; the variable, about those that there are.
FileFormat ReadFormat(const Given& given) {
  const bool has_trace =
      given.Has("profile") && given.Text("profile").find("trace:") != std::string::npos;
  FileFormat format;
  if (given.Has("format")) {
    format = ParseFormat("--format", given.Text("format"));
    const bool of_dataset = format.dataset != DatasetFormat::kDetect;
    const bool of_trace = format.trace != TraceFormat::kDetect;
    if (!(of_dataset && given.Has("dataset")) && !(of_trace && has_trace)) {
      given.Refuse({"format"}, "without " + std::string(of_dataset ? "--dataset" : "") +
                                   (of_dataset && of_trace ? " or " : "") +
                                   (of_trace ? "--profile trace:FILE" : "") + ", which " +
                                   given.Text("format") + " is a form of");
    }
  } else if (const auto text = environment::Text("LLMLOAD_FORMAT")) {
    format = ParseFormat("LLMLOAD_FORMAT", *text);
  }
  // Where it may be that of either, it is that of the trace.
  if (format.trace != TraceFormat::kDetect && has_trace) format.dataset = DatasetFormat::kDetect;
  return format;
}

void ReadPrompts(const Given& given, DatasetFormat format, RunPlan& plan) {
  const char* const source = given.OneOf({"prompt", "prompt-tokens", "shared-prefix", "dataset"});
  plan.request.max_tokens = given.Whole<int>("max-tokens", 1, 1'000'000, 16);
  given.OneOf({"stream", "no-stream"});
  plan.request.stream = !given.Has("no-stream");
  if (!given.Has("dataset")) given.Refuse({"dataset-order"}, "without --dataset");
  const std::string_view name(source == nullptr ? "" : source);
  const std::string& text = source == nullptr ? std::string() : given.Text(source);
  if (name == "prompt-tokens") {
    plan.prompts = PromptsOfTokens(text);
  } else if (name == "shared-prefix") {
    plan.prompts = PromptsWithSharedPrefix(text);
  } else if (name == "dataset") {
    plan.prompts = PromptsOfDataset(
        text, given.Has("dataset-order") ? given.Text("dataset-order") : "sequential", format);
  } else if (name == "prompt") {
    if (text.empty()) throw ConfigurationError::Invalid("--prompt", "", "a text that is not empty");
    plan.prompts = FixedPrompt{text};
  } else {
    plan.prompts = UsualPrompts(plan.load);
  }
}

void ReadOutputs(const Given& given, BenchOptions& options) {
  options.quiet = given.Has("quiet");
  for (const std::string& output : given.Texts("output")) {
    options.outputs.push_back(ParseOutput("--output", output));
  }
  if (options.outputs.empty()) {
    options.outputs =
        ParseOutputs("LLMLOAD_OUTPUT", environment::Text("LLMLOAD_OUTPUT").value_or(""));
  }
  if (given.Has("json")) {
    if (given.Text("json").empty()) {
      throw ConfigurationError::Invalid("--json", "", "a file, or - for standard output");
    }
    options.outputs.push_back({.kind = "json", .where = given.Text("json")});
  }
  const bool for_people = std::any_of(options.outputs.begin(), options.outputs.end(),
                                      [](const OutputSpec& spec) { return spec.kind != "json"; });
  if (!for_people)
    options.outputs.push_back({.kind = options.quiet ? "summary" : "table", .where = {}});
}

}  // namespace

std::optional<BenchOptions> ParseBenchOptions(const std::vector<std::string>& arguments) {
  const Given given(arguments);
  if (given.Has("help")) return std::nullopt;
  BenchOptions options;
  ReadTarget(given, options);
  RunPlan& plan = options.plan;
  plan.name = "llmload bench";
  plan.seed = given.Whole<std::uint64_t>(
      "seed", 0, kMaxSeed, environment::Integer("LLMLOAD_SEED", 0, kMaxSeed).value_or(1));
  const FileFormat format = ReadFormat(given);
  plan.load = ReadLoad(given, format.trace);
  plan.workers = given.Whole<unsigned>("workers", 1, 256, 0);
  ReadPrompts(given, format.dataset, plan);
  for (const std::string& criterion : given.Texts("slo")) {
    plan.criteria.push_back(ParseCriterion(criterion));
  }
  if (given.Has("until-conclusive")) {
    plan.until_conclusive =
        ParseUntilConclusive("--until-conclusive", given.Text("until-conclusive"));
  } else if (const auto until = environment::Text("LLMLOAD_UNTIL_CONCLUSIVE")) {
    plan.until_conclusive = ParseUntilConclusive("LLMLOAD_UNTIL_CONCLUSIVE", *until);
  }
  for (const std::string& rule : given.Texts("abort-when")) {
    plan.stop.abort_when.push_back(ParseAbortRule("--abort-when", rule));
  }
  if (given.Has("good")) plan.objectives = ParseObjectives(given.Text("good"));
  ReadOutputs(given, options);
  return options;
}

std::string BenchHelp() {
  std::ostringstream help;
  help << "Usage: llmload bench [OPTION]...\n\n"
          "Puts a load on an LLM service and measures it: every latency from the instant a request "
          "was due,\nevery request accounted for, and a verdict on the criteria.\n\n"
       << Describe() << "\nPhases (--profile \"PHASE;PHASE...\")\n"
       << ProfileSpecHelp() << "\nCriteria (--slo 'CRITERION')\n"
       << CriterionSpecHelp() << "\nOutputs (--output KIND[=WHERE])\n"
       << OutputHelp()
       << "\nExit status\n"
          "  0  PASS: every criterion holds; or none was given and the measurement is valid\n"
          "  1  FAIL: a criterion is violated\n"
          "  2  bad usage, or a plan that cannot be judged; or a target that may cost money "
          "without --spend. Nothing was sent\n"
          "  3  INCONCLUSIVE: too few samples to say, or no request succeeded\n"
          "  4  INVALID: the measurement cannot be trusted (generator too slow, interrupted by "
          "Ctrl-C "
          "...)\n"
          "  5  the target is unavailable, or refuses all requests (key, model, certificate)\n"
          "  6  llmload failed: a report could not be written, no memory, or a defect\n"
          "Ctrl-C ends the run early and reports what was measured; a second one does not wait for "
          "answers.\n";
  return help.str();
}

}  // namespace llmload::tools
