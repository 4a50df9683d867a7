#include "tools/bench_command.h"

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/core/load_gate.h"
#include "llmload/report/progress.h"
#include "llmload/report/text_writer.h"
#include "llmload/run/runner.h"
#include "llmload/world/world.h"
#include "src/core/text/format.h"
#include "tools/bench_help.h"
#include "tools/bench_options.h"
#include "tools/console.h"
#include "tools/exit_status.h"

namespace llmload::tools {
namespace {

// What is made to find out the size of a run; the rest is taken to be like it.
constexpr std::uint64_t kPlanRequests = 100'000;
constexpr double kPlanTokens = 4e6;

constexpr std::string_view kAdvice = "--output table shows every figure, --json FILE keeps them";

void Say(const std::string& text) { PrintMessage(stderr, "llmload bench: " + text + "\n"); }

// "600 requests in 1m00s, about 4,200 input tokens and at most 9,600 output tokens".
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
    return text::Grouped(text::FormatNumber(std::ceil(tokens * scale)));
  };
  return (plan.until_conclusive ? "at most " : "") + text::FormatCount(*requests) +
         (*requests == 1 ? " request, about " : " requests, about ") + whole(input) +
         " input tokens and at most " + whole(output) + " output tokens" +
         (sample < *requests ? " (estimated from the first)" : "") +
         ", and one request before them";
}

World MakeWorld(const BenchOptions& options) {
  if (options.provider == ProviderChoice::kFake) {
    return EmbeddedServerWorld({.seed = options.plan.Seed()}, "llmload",
                               HttpOptionsFromEnvironment(options.target));
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
  PrintFitted(stderr, "llmload bench: " + size + "\n", 2);
}

// False, with the reason said, if a report could not be written.
bool Deliver(const RunReport& report, const std::vector<std::unique_ptr<Output>>& outputs) {
  // Before the summary, which ends the screen.
  if (report.judgement.criteria.empty() && !report.record.interrupted) {
    Say(ExitStatusOf(report) == kExitPass
            ? "no criteria were given (--slo): the measurement is valid, and there is nothing to "
              "judge"
            : "no criteria were given (--slo), and the measurement says nothing");
  }
  bool delivered = true;
  for (const auto& output : outputs) {
    if (const std::string failure = output->Deliver(report); !failure.empty()) {
      Say(failure);
      delivered = false;
    }
    if (const std::string warning = output->Warning(); !warning.empty()) Say("warning: " + warning);
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
  const auto outputs = OpenOutputs(options.outputs, kAdvice);
  AnnouncePlan(options, world);

  Runner runner(world.clock());
  ProgressPrinter progress(stderr);
  if (!options.quiet) runner.AddObserver(progress);
  for (const auto& output : outputs) runner.AddObserver(*output);
  try {
    const RunReport report = runner.Run(plan);
    return Deliver(report, outputs) ? ExitStatusOf(report) : kExitError;
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
      PrintFitted(stdout, BenchHelp(WidthOf(stdout)));
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
