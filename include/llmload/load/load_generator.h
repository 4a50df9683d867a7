// Drives a provider with a load, and measures what came back.
#ifndef LLMLOAD_LOAD_LOAD_GENERATOR_H_
#define LLMLOAD_LOAD_LOAD_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "llmload/core/clock.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/load/load_profile.h"
#include "llmload/load/prompt_source.h"
#include "llmload/metrics/generator_health.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// Makes request number `index` (from 0, over all workers). Called from several threads at once.
using RequestFactory = std::function<CompletionRequest(std::uint64_t index)>;

/// The requests of `source`. Precondition: not null.
inline RequestFactory RequestsFrom(std::shared_ptr<const PromptSource> source) {
  return [source = std::move(source)](std::uint64_t index) { return source->MakeRequest(index); };
}

/// What a run sends and when, and what bounds it.
struct LoadOptions {
  LoadShape shape;
  RequestFactory make_request;

  /// What makes a request a good one, for goodput. Empty: goodput is not measured.
  LatencyObjectives objectives;

  /// Threads, each with an event loop of its own; 0: one per core. Always 1 in virtual time.
  unsigned workers = 0;

  /// How long requests in flight may still take after the last arrival; then they are cancelled and
  /// counted as unfinished.
  Duration drain_timeout = std::chrono::seconds(30);

  /// The same after an interruption: the user wants out.
  Duration interrupted_drain_timeout = std::chrono::seconds(3);

  /// SIGINT and SIGTERM end the run early, with everything measured so far kept; a second one also
  /// cancels what is in flight. The previous handlers are back after `Run`. Not in virtual time.
  bool stop_on_signals = true;

  /// Sampled every `resource_interval` during the run, if given. Must outlive `Run`.
  ResourceMonitor* resources = nullptr;
  Duration resource_interval = std::chrono::milliseconds(250);

  /// Called every `progress_interval` during the run, on the thread that called `Run`.
  std::function<void(const LiveCounters& counters, Duration elapsed)> on_progress;
  Duration progress_interval = std::chrono::seconds(1);
};

/// What a run measured.
struct LoadResult {
  MetricsSummary metrics;  ///< of the requests that are measured
  /// Of those that are not: warm-up and cool-down. The accounting identity holds here too.
  MetricsSummary unmeasured;
  GeneratorHealth health;
  Duration duration{};  ///< from the start of the schedule to the last event of the run
  /// Arrivals of the whole schedule, measured or not; more than were scheduled if interrupted, or
  /// if a closed loop's duration ended it.
  std::uint64_t planned = 0;
  bool interrupted = false;  ///< ended by a signal or `RequestStop`
  bool drained = true;       ///< every provider call ended, at the latest when cancelled
  unsigned workers = 0;
};

/// One run: made, run once, thrown away.
class LoadGenerator {
 public:
  /// Throws `ConfigurationError` for options that make no sense. `clock` must outlive the
  /// generator.
  explicit LoadGenerator(LoadOptions options, Clock& clock = SystemClock::Instance());
  ~LoadGenerator();

  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  /// Drives `provider` with the load and blocks until all is answered, given up or cancelled. At
  /// the end `scheduled = succeeded + failed + dropped + unfinished` holds. Call it once.
  /// While it runs, progress and counters are of all requests.
  LoadResult Run(Provider& provider);

  /// Ends a run early, as a signal would. Thread-safe; in virtual time, call it on the running
  /// thread.
  void RequestStop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmload

#endif  // LLMLOAD_LOAD_LOAD_GENERATOR_H_
