// How many simulated requests a CPU-second drives in virtual time.
#include <cstdio>

#include "bench_support.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/simulation/simulated_provider.h"

namespace {

using namespace std::chrono_literals;

double RequestsPerCpuSecond(bool stream) {
  llmload::VirtualClock clock;
  llmload::simulation::SimulatedProvider provider({.seed = 1}, clock);
  llmload::LoadOptions options;
  options.shape = llmload::OpenLoop{.rate_per_second = 1000, .duration = 1000s};
  options.prompts = llmload::MakePromptSource(
      llmload::FixedPrompt{"hello"},
      {.model = "model", .max_tokens = 16, .temperature = std::nullopt, .stream = stream},
      options.seed);
  const double before = llmload::bench::CpuSeconds();
  const llmload::LoadResult result =
      llmload::LoadGenerator(std::move(options), clock).Run(provider);
  return static_cast<double>(result.metrics[llmload::Counter::kSucceeded]) /
         (llmload::bench::CpuSeconds() - before);
}

}  // namespace

int main() {
  constexpr double kGoal = 500'000;
  for (const bool stream : {false, true}) {
    const double rate = RequestsPerCpuSecond(stream);
    std::printf(
        "P7 virtual time, %-9s %10.0f simulated requests per CPU-second, goal %.0f, ratio %.2f\n",
        stream ? "streaming" : "unary", rate, kGoal, rate / kGoal);
    llmload::bench::PrintFigure("P7", stream ? "streaming" : "unary", "requests_per_cpu_second",
                                rate);
  }
}
