// Requests per CPU second of a closed loop with everything on, against a static server (P1).
#include <chrono>
#include <cstdio>
#include <string>

#include "bench_support.h"
#include "llmload/load/load_generator.h"
#include "llmload/service/openai_provider.h"

namespace llmload::bench {
namespace {

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const int port = arguments.Integer("port", 0);
  const std::string certificate = arguments.Text("certificate");
  const int concurrency = arguments.Integer("concurrency", 64);
  const double seconds = arguments.Number("seconds", 5);
  // Makes a body of 120 bytes, the one reference.py sends.
  const std::string prompt =
      arguments.Text("prompt", "Say hello to everyone, in four words at most");
  arguments.Finish();

  OpenAiOptions options;
  options.name = "local";
  options.base_url = "https://127.0.0.1:" + std::to_string(port) + "/v1";
  options.http.ca_file = certificate;
  options.api_key = Secret("sk-bench");
  OpenAiProvider provider(options);

  LoadOptions load;
  load.shape =
      ClosedLoop{.concurrency = static_cast<std::size_t>(concurrency),
                 .requests = 1'000'000'000,
                 .duration = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9))};
  load.workers = 1;
  load.prompts = MakePromptSource(
      FixedPrompt{prompt},
      {.model = "gpt-4o", .max_tokens = 16, .temperature = std::nullopt, .stream = false},
      load.seed);
  const double before = CpuSeconds();
  const LoadResult result = LoadGenerator(std::move(load)).Run(provider);
  const double cpu = CpuSeconds() - before;
  const MetricsSnapshot& metrics = result.metrics;
  PrintFigure("P1", "llmload", "requests_per_cpu_second",
              static_cast<double>(metrics[Counter::kSucceeded]) / cpu);
  PrintFigure("P1", "llmload", "requests_per_second", metrics.Throughput().value_or(0));
  PrintFigure("P1", "llmload", "failed", static_cast<double>(metrics[Counter::kFailed]));
  // Proof that the answers were decoded.
  PrintFigure("P1", "llmload", "output_tokens_per_request",
              static_cast<double>(metrics[Counter::kOutputTokens]) /
                  static_cast<double>(metrics[Counter::kSucceeded]));
  if (metrics[Counter::kFailed] == 0 && metrics[Counter::kSucceeded] > 0) return 0;
  for (const ErrorSummary& error : metrics.errors) {
    if (error.count > 0) std::fprintf(stderr, "unary_client: %s\n", error.FirstMessage().c_str());
  }
  return 1;
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { return llmload::bench::Main(argc, argv); }
