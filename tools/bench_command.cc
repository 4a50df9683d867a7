#include "tools/bench_command.h"

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/core/load_gate.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/load/load_generator.h"
#include "llmload/report/json_writer.h"
#include "llmload/report/load_report.h"
#include "llmload/report/progress.h"
#include "llmload/report/text_writer.h"
#include "llmload/service/openai_provider.h"
#include "llmload/service/target_check.h"
#include "llmload/world/target_probes.h"
#include "tools/bench_options.h"
#include "tools/exit_status.h"

namespace llmload::tools {
namespace {

// What is made to find out the size of a run; the rest is taken to be like it.
constexpr std::uint64_t kPlanRequests = 100'000;
constexpr double kPlanTokens = 4e6;

void Say(const std::string& line) { std::cerr << "llmload bench: " << line << std::endl; }

std::optional<std::uint64_t> PlannedRequests(const LoadShape& shape) {
  if (const auto* closed = shape.closed_loop()) {
    if (closed->requests == ClosedLoop::kUnlimited) return std::nullopt;
    return closed->requests;
  }
  return CountArrivals(*shape.profile());
}

std::optional<Duration> PlannedDuration(const LoadShape& shape) {
  if (const auto* closed = shape.closed_loop()) return closed->duration;
  return ScheduleDuration(*shape.profile());
}

// "600 requests, about 4200 input tokens and at most 9600 output tokens".
std::string DescribePlan(const BenchOptions& options) {
  const auto requests = PlannedRequests(options.shape);
  if (!requests) return "as many requests as fit into the duration";
  double input = 0;
  double output = 0;
  std::uint64_t sample = 0;
  while (sample < std::min(*requests, kPlanRequests) && input < kPlanTokens) {
    const CompletionRequest request = options.prompts->MakeRequest(sample++);
    for (const Message& message : request.messages) {
      input += static_cast<double>(EstimateTokens(message.content));
    }
    output += request.max_tokens.value_or(0);
  }
  const double scale = static_cast<double>(*requests) / static_cast<double>(sample);
  const auto whole = [scale](double tokens) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", std::ceil(tokens * scale));
    return std::string(text);
  };
  return std::to_string(*requests) + (*requests == 1 ? " request, about " : " requests, about ") +
         whole(input) + " input tokens and at most " + whole(output) + " output tokens" +
         (sample < *requests ? " (estimated from the first)" : "") +
         ", and one request before them";
}

class Bench {
 public:
  explicit Bench(BenchOptions options) : options_(std::move(options)) {}

  int Run() {
    target_ = MakeTarget();
    if (!target_.provider) {
      Say("target unavailable: " + target_.unavailable);
      return kExitUnavailable;
    }
    AnnouncePlan();
    const TargetCheck check = CheckTarget(target_, options_.prompts->MakeRequest(0), clock_);
    if (check.state != TargetState::kReady) {
      Say(check.message);
      return kExitUnavailable;
    }
    RunReport report = Measure();
    Judge(report, options_.objectives);
    return Deliver(report) ? ExitStatusOf(report) : kExitError;
  }

 private:
  Target MakeTarget() {
    if (options_.provider != ProviderChoice::kFake) {
      return TargetFromEnvironment(options_.provider, clock_, options_.target);
    }
    server_ = std::make_unique<fake_server::FakeLlmServer>(
        fake_server::FakeLlmServerOptions{.seed = options_.seed});
    OpenAiOptions provider;
    provider.name = "fake";
    provider.base_url = server_->base_url();
    provider.ca_pem = server_->ca_pem();
    return {.provider = std::make_shared<OpenAiProvider>(std::move(provider), clock_),
            .unavailable = {},
            .url = server_->base_url() + " (embedded fake LLM server)"};
  }

  // What is about to happen, and a refusal if it may cost money that nobody agreed to.
  void AnnouncePlan() const {
    const bool local = server_ != nullptr || LoopbackPort(target_.url).has_value();
    if (local && options_.quiet) return;
    const std::string plan = DescribePlan(options_) + ", to " + target_.url;
    if (!local) {
      if (!options_.spend && !LoadTestsEnabled()) {
        throw ConfigurationError("this may cost money (" + plan +
                                 "): --spend or SKIP_LOAD_TESTS=0 allows it");
      }
      if (!PlannedRequests(options_.shape)) {
        throw ConfigurationError(
            "--requests: needed with --concurrency for a target that may cost money, as a bound");
      }
    }
    Say(plan);
  }

  RunReport Measure() {
    ResourceMonitor resources;
    for (auto& probe : ProbesFor(target_.url, options_.server_pid, "llmload")) {
      resources.AddProbe(std::move(probe));
    }
    LoadOptions load;
    load.shape = options_.shape;
    load.prompts = options_.prompts;
    load.seed = options_.seed;
    load.workers = options_.workers;
    load.objectives = options_.good_request;
    load.resources = &resources;
    ProgressPrinter progress(stderr);
    const auto planned = PlannedDuration(options_.shape);
    if (!options_.quiet) {
      load.on_progress = [&](const LiveCounters& counters, Duration elapsed) {
        ProgressSnapshot snapshot{.elapsed = elapsed, .total = planned, .counters = counters};
        if (const auto sample = resources.Latest()) snapshot.rss_bytes = sample->rss_bytes;
        progress.Update(snapshot);
      };
    }
    const auto started_at = std::chrono::system_clock::now();
    LoadGenerator generator(std::move(load), clock_);
    const LoadResult result = generator.Run(*target_.provider);
    progress.Finish();

    RunReport report = MakeLoadReport({.name = "llmload bench",
                                       .started_at = started_at,
                                       .provider = target_.provider->Identity(),
                                       .model = options_.request.model,
                                       .target = target_.url,
                                       .seed = options_.seed},
                                      result, &resources);
    report.configuration.emplace_back("schedule", llmload::Describe(options_.shape));
    report.configuration.emplace_back("prompts", options_.prompts->Describe());
    report.configuration.emplace_back("streaming", options_.request.stream ? "yes" : "no");
    report.configuration.emplace_back("max_tokens",
                                      std::to_string(options_.request.max_tokens.value_or(0)));
    if (!options_.good_request.empty()) {
      report.configuration.emplace_back("a good request has",
                                        llmload::Describe(options_.good_request));
    }
    return report;
  }

  // False, with the reason said, if a report could not be written.
  bool Deliver(const RunReport& report) const {
    const bool json_to_output = options_.json_file == kStandardOutput;
    std::FILE* const text = json_to_output ? stderr : stdout;
    bool written = true;
    if (options_.quiet) {
      const std::string line =
          std::string(ToString(report.verdict)) + ": " + Explain(report) + "\n";
      written = std::fputs(line.c_str(), text) >= 0 && std::fflush(text) == 0;
    } else {
      written = WriteText(text, report);
    }
    if (json_to_output) {
      written =
          std::fputs(ToJson(report).c_str(), stdout) >= 0 && std::fflush(stdout) == 0 && written;
    }
    if (!written) Say("the report could not be written to standard output");
    if (!options_.json_file.empty() && !json_to_output) {
      const WriteOutcome outcome = WriteJsonTo(report, options_.json_file);
      if (!outcome.ok()) {
        Say(outcome.error);
        return false;
      }
      if (!options_.quiet) Say("report: " + outcome.path.string());
    }
    if (report.criteria.empty()) {
      Say(ExitStatusOf(report) == kExitPass
              ? "no objectives given (--slo): the measurement is valid, and nothing was asked of it"
              : "no objectives given (--slo), and the measurement says nothing");
    }
    return written;
  }

  Clock& clock_ = SystemClock::Instance();
  BenchOptions options_;
  std::unique_ptr<fake_server::FakeLlmServer> server_;  // outlives the provider's connections
  Target target_;
};

}  // namespace

int RunBench(const std::vector<std::string>& arguments) {
  try {
    std::optional<BenchOptions> options = ParseBenchOptions(arguments);
    if (!options) {
      std::cout << BenchHelp();
      return kExitPass;
    }
    return Bench(*std::move(options)).Run();
  } catch (const ConfigurationError&) {
    throw;
  } catch (const boost::program_options::error&) {
    throw;
  } catch (const std::exception& error) {
    // Not the status of a FAIL.
    Say(error.what());
    return kExitError;
  }
}

int ExitStatusOf(const RunReport& report) noexcept {
  switch (report.verdict) {
    case Verdict::kPass:
      return kExitPass;
    case Verdict::kFail:
      return kExitFail;
    case Verdict::kInvalid:
      return kExitInvalid;
    case Verdict::kInconclusive:
      break;
  }
  const bool nothing_asked = report.criteria.empty() && report.metrics.succeeded > 0;
  return nothing_asked ? kExitPass : kExitInconclusive;
}

}  // namespace llmload::tools
