#include "tools/bench_command.h"

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/core/load_gate.h"
#include "llmload/report/progress.h"
#include "llmload/run/runner.h"
#include "llmload/world/world.h"
#include "src/core/text/harmless.h"
#include "tools/bench_help.h"
#include "tools/bench_options.h"
#include "tools/exit_status.h"

namespace llmload::tools {
namespace {

// What is made to find out the size of a run; the rest is taken to be like it.
constexpr std::uint64_t kPlanRequests = 100'000;
constexpr double kPlanTokens = 4e6;

// Texts of a service and of the command line are in it.
void Say(const std::string& text) {
  std::cerr << "llmload bench: " << text::HarmlessLines(text) << std::endl;
}

// "600 requests, about 4200 input tokens and at most 9600 output tokens".
std::string DescribeSize(const RunPlan& plan) {
  const auto requests = PlannedLoadOf(LongestLoad(plan)).requests;
  if (!requests) return "as many requests as fit into the duration";
  const auto prompts = MakePromptSource(plan.prompts, plan.request, plan.Seed());
  double input = 0;
  double output = 0;
  std::uint64_t sample = 0;
  while (sample < std::min(*requests, kPlanRequests) && input < kPlanTokens) {
    const CompletionRequest request = prompts->MakeRequest(sample++);
    for (const Message& message : request.messages) {
      input += static_cast<double>(EstimateTokens(message.content));
    }
    output += request.max_tokens.value_or(0);
  }
  const double scale =
      sample == 0 ? 0 : static_cast<double>(*requests) / static_cast<double>(sample);
  const auto whole = [scale](double tokens) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", std::ceil(tokens * scale));
    return std::string(text);
  };
  return (plan.until_conclusive ? "at most " : "") + std::to_string(*requests) +
         (*requests == 1 ? " request, about " : " requests, about ") + whole(input) +
         " input tokens and at most " + whole(output) + " output tokens" +
         (sample < *requests ? " (estimated from the first)" : "") +
         ", and one request before them";
}

World MakeWorld(const BenchOptions& options) {
  if (options.provider == ProviderChoice::kFake) {
    return EmbeddedServerWorld({.seed = options.plan.Seed()}, "llmload");
  }
  return RealWorld(TargetFromEnvironment(options.provider, SystemClock::Instance(), options.target),
                   options.server_pid, "llmload");
}

// Says what is about to happen, and refuses what may cost money without an agreement.
void AnnouncePlan(const BenchOptions& options, const World& world) {
  const Target& target = world.lanes.front().target;
  const bool local = world.server() != nullptr || LoopbackPort(target.url).has_value();
  if (local && options.quiet) return;
  const std::string size = DescribeSize(options.plan) + ", to " + target.url;
  if (!local) {
    if (!options.spend && !LoadTestsEnabled()) {
      throw ConfigurationError("this may cost money (" + size +
                               "): --spend or SKIP_LOAD_TESTS=0 allows it");
    }
    if (!PlannedLoadOf(LongestLoad(options.plan)).requests) {
      throw ConfigurationError(
          "--requests: needed with --concurrency for a target that may cost money, as a bound (or "
          "--until-conclusive TIME,requests=N)");
    }
  }
  Say(size);
}

// False, with the reason said, if a report could not be written.
bool Deliver(const RunReport& report, const std::vector<std::unique_ptr<Output>>& outputs,
             bool quiet) {
  bool delivered = true;
  for (const auto& output : outputs) {
    if (const std::string failure = output->Deliver(report); !failure.empty()) {
      Say(failure);
      delivered = false;
    } else if (!quiet && !output->File().empty()) {
      Say("report: " + output->File());
    }
    if (const std::string warning = output->Warning(); !warning.empty()) Say("warning: " + warning);
  }
  if (report.judgement.criteria.empty() && !report.record.interrupted) {
    Say(ExitStatusOf(report) == kExitPass
            ? "no criteria were given (--slo): the measurement is valid, and there is nothing to "
              "judge"
            : "no criteria were given (--slo), and the measurement says nothing");
  }
  return delivered;
}

int Bench(const BenchOptions& options) {
  const World world = MakeWorld(options);
  const Target& target = world.lanes.front().target;
  if (!target.provider) {
    Say("target unavailable: " + target.unavailable);
    return kExitUnavailable;
  }
  const RunPlan plan = world.Furnish(options.plan);
  CheckPlan(plan);
  const auto outputs = OpenOutputs(options.outputs);
  AnnouncePlan(options, world);

  Runner runner(world.clock());
  ProgressPrinter progress(stderr);
  if (!options.quiet) runner.AddObserver(progress);
  for (const auto& output : outputs) runner.AddObserver(*output);
  try {
    const RunReport report = runner.Run(plan);
    return Deliver(report, outputs, options.quiet) ? ExitStatusOf(report) : kExitError;
  } catch (const TargetNotReady& refused) {
    Say(refused.what());
    return kExitUnavailable;
  }
}

}  // namespace

int RunBench(const std::vector<std::string>& arguments) {
  try {
    const std::optional<BenchOptions> options = ParseBenchOptions(arguments);
    if (!options) {
      std::cout << BenchHelp();
      return kExitPass;
    }
    return Bench(*options);
  } catch (const ConfigurationError&) {
    throw;
  } catch (const boost::program_options::error&) {
    throw;
  } catch (const std::bad_alloc&) {
    Say("out of memory: lower the rate, the number of callers or --max-in-flight");
    return kExitError;
  } catch (const std::exception& error) {
    // Not the status of a FAIL.
    Say(error.what());
    return kExitError;
  }
}

int ExitStatusOf(const RunReport& report) noexcept {
  switch (report.judgement.verdict) {
    case Verdict::kPass:
      return kExitPass;
    case Verdict::kFail:
      return kExitFail;
    case Verdict::kInvalid:
      return kExitInvalid;
    case Verdict::kInconclusive:
      break;
  }
  const bool nothing_asked =
      report.judgement.criteria.empty() && report.record.metrics[Counter::kSucceeded] > 0;
  return nothing_asked ? kExitPass : kExitInconclusive;
}

}  // namespace llmload::tools
