// How late an open loop of one worker sends its requests (P5): the provider answers after 1 ms on
// the system clock and costs nothing else.
#include <chrono>
#include <cstdio>
#include <string>

#include "bench_support.h"
#include "llmload/load/load_generator.h"

namespace llmload::bench {
namespace {

using namespace std::chrono_literals;

class OneMillisecond final : public Provider {
 public:
  const ProviderIdentity& Identity() const noexcept override { return identity_; }

  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest&,
                                                      StreamObserver*) override {
    Clock& clock = SystemClock::Instance();
    co_await clock.SleepFor(1ms);
    Completion completion;
    completion.provider = identity_.name;
    completion.text = "hello";
    co_return completion;
  }

 private:
  const ProviderIdentity identity_{.name = "one-millisecond", .region = {}, .credential = {}};
};

double Microseconds(Duration duration) { return static_cast<double>(duration.count()) * 1e-3; }

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const double rate = arguments.Number("rate", 5000);
  const double seconds = arguments.Number("seconds", 10);
  arguments.Finish();

  OneMillisecond provider;
  LoadOptions load;
  load.shape =
      OpenLoop{.rate_per_second = rate,
               .duration = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9))};
  load.workers = 1;
  load.prompts = MakePromptSource(
      FixedPrompt{"hello"},
      {.model = "m", .max_tokens = std::nullopt, .temperature = std::nullopt, .stream = false},
      load.seed);
  const double before = CpuSeconds();
  const LoadResult result = LoadGenerator(std::move(load)).Run(provider);
  const double cpu = CpuSeconds() - before;
  const MetricsSnapshot& metrics = result.metrics;
  PrintFigure("P5", "llmload", "schedule_lag_p50_us",
              Microseconds(metrics[Figure::kScheduleLag].ValueAtQuantile(0.50)));
  PrintFigure("P5", "llmload", "schedule_lag_p99_us",
              Microseconds(metrics[Figure::kScheduleLag].ValueAtQuantile(0.99)));
  PrintFigure("P5", "llmload", "schedule_lag_max_us",
              Microseconds(metrics[Figure::kScheduleLag].max()));
  PrintFigure("P5", "llmload", "dropped", static_cast<double>(metrics[Counter::kDropped]));
  PrintFigure("P5", "llmload", "requests_per_cpu_second",
              static_cast<double>(metrics[Counter::kSucceeded]) / cpu);
  return metrics[Counter::kFailed] == 0 && metrics[Counter::kUnfinished] == 0 ? 0 : 1;
}

}  // namespace
}  // namespace llmload::bench

int main(int argc, char** argv) { return llmload::bench::Main(argc, argv); }
