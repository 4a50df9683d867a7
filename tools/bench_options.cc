#include "tools/bench_options.h"

#include <filesystem>
#include <limits>
#include <utility>

#include "llmload/core/environment.h"
#include "tools/bench_given.h"
#include "tools/bench_load.h"
#include "tools/bench_prompts.h"
#include "tools/bench_target.h"
#include "tools/criterion_spec.h"

namespace llmload::tools {
namespace {

constexpr std::uint64_t kMaxSeed = std::numeric_limits<std::uint64_t>::max();

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
  ReadService(given, options);
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
  plan.load = ReadLoad(given, format.trace, plan.Seed());
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
  for (const std::string& check : given.Texts("expect-answer")) {
    plan.answer_checks.push_back(ParseAnswerCheck("--expect-answer", check));
  }
  if (given.Has("good")) plan.objectives = ParseObjectives(given.Text("good"));
  ReadOutputs(given, options);
  return options;
}

}  // namespace llmload::tools
