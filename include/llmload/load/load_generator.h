// Drives a provider with a load and measures what came back.
#ifndef LLMLOAD_LOAD_LOAD_GENERATOR_H_
#define LLMLOAD_LOAD_LOAD_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/load/answer_check.h"
#include "llmload/load/load_profile.h"
#include "llmload/load/planned_phases.h"
#include "llmload/load/prompt_source.h"
#include "llmload/load/request_observer.h"
#include "llmload/metrics/cells.h"
#include "llmload/metrics/generator_health.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/provider/provider.h"

namespace llmload {

/// Share `index` of `of`, counted from 0, of a run that several generators execute together, each
/// with the same options apart from this. The shares of one run send exactly the requests of the
/// unsplit run:
///
/// - Open loop: a share takes the arrivals k with k mod of == index. `max_in_flight` is divided as
///   evenly as possible.
/// - Closed loop: the callers are divided as evenly as possible. Of the n = min(of, concurrency)
///   shares that have callers, share i sends the requests k with k mod n == i. A share without
///   callers sends nothing.
struct Share {
  unsigned index = 0;  ///< below `of`
  unsigned of = 1;     ///< 1 to 65536; of an open loop, at most `max_in_flight`
};

/// When a run is looked at, to see whether it has shown enough to end before its schedule does.
///
/// What a look sees are the measured requests that were to begin before it, from the answer to each
/// of them on: it waits for the slowest of them while the load goes on. It never sees a part of the
/// requests of an instant, which would be the quick ones.
struct LoadLooks {
  /// The first look is at the requests with an index below this one; 0: there is no such look. Of a
  /// closed loop.
  std::uint64_t requests = 0;
  /// The other looks, since the start of the run. In ascending order, not after the end.
  std::vector<Duration> at;
  /// What there is to see at a look.
  struct View {
    std::size_t look = 0;            ///< counted from 0
    MetricsSnapshot so_far;          ///< of the measured requests before it
    std::vector<MetricsCell> cells;  ///< the same apart
    Distribution loop_delay;         ///< of the event loops up to now; empty in virtual time
  };
  /// Asked once at each look, on the thread that called `Run`. True ends the load as its schedule
  /// would: nothing more is sent, and what is in flight is waited for. `LoadResult::metrics` are
  /// then `so_far`, and the requests that began after the look are in `unmeasured`.
  std::function<bool(const View& view)> enough;

  bool empty() const noexcept { return requests == 0 && at.empty(); }
  std::size_t size() const noexcept { return at.size() + (requests > 0 ? 1 : 0); }
};

/// What a run sends and when, and what bounds it.
struct LoadOptions {
  LoadShape shape;

  /// What the requests ask. Must not be null.
  std::shared_ptr<const PromptSource> prompts;

  /// The checks of every answer. A request whose answer fails one of them has failed.
  std::vector<AnswerCheck> answer_checks;

  /// The seed of whatever in `shape` has none of its own (`WithSeed`), and of the codes that the
  /// checks of answers need.
  std::uint64_t seed = kDefaultSeed;

  /// The part of the load that this generator sends.
  Share share;

  /// What makes a request a good one, for goodput. Empty: goodput is not measured.
  RequestObjectives objectives;

  /// Figures whose values are kept by the time of their requests, for verdicts on them.
  FigureSet judged = MetricsOptions{}.judged;

  /// Keep cohorts for each cell, which criteria about a part of the requests need.
  bool cohorts_by_cell = false;

  /// Event loops: in real time each on a thread of its own, in virtual time all on one thread. 0:
  /// one per core, and one in virtual time.
  unsigned workers = 0;

  /// How long requests in flight may still take after the last arrival. Then they are cancelled and
  /// counted as unfinished.
  Duration drain_timeout = std::chrono::seconds(30);

  /// The same after an interruption, when the user waits for the end.
  Duration interrupted_drain_timeout = std::chrono::seconds(3);

  /// SIGINT, SIGTERM and SIGHUP end the run early, and everything measured so far is kept. A second
  /// one also cancels what is in flight, and ends the run within a second even if the provider
  /// ignores the cancellation. If a provider blocks its thread for longer than that, the next
  /// signal has its default effect. A SIGHUP that was ignored before the run stays ignored. The
  /// previous handlers are restored after `Run`. Not in virtual time.
  ///
  /// SIGPIPE is ignored during every run in real time, unless the program has a handler for it.
  bool stop_on_signals = true;

  /// Sampled every `resource_interval` during the run, if given. Must outlive `Run`. The generator
  /// counts the requests for it (`ResourceMonitor::CountRequests`). If the load begins with a
  /// warm-up, the baseline is the first sample after the first measured request was sent. No sample
  /// is taken after the end.
  ResourceMonitor* resources = nullptr;
  Duration resource_interval = std::chrono::milliseconds(250);

  /// Called every `progress_interval` during the run, on the thread that called `Run`. An exception
  /// ends the run and leaves `Run`.
  std::function<void(const LiveCounters& counters, Duration elapsed)> on_progress;

  /// Asked after each call of `on_progress`, at the same interval and on the same thread, while
  /// requests are still to begin: those that are left then are the slow ones. A reason
  /// ends the run as an interruption does, and is `LoadResult::stopped_because`. `measured` gives
  /// all that was measured so far, and costs a few hundred microseconds.
  std::function<std::optional<std::string>(const LiveCounters& counters, Duration elapsed,
                                           const std::function<MetricsSnapshot()>& measured)>
      stop_when;
  Duration progress_interval = std::chrono::seconds(1);

  /// Asked every `finish_interval` on the same thread, likewise. True ends the load as its schedule
  /// would: nothing more is sent, and what is in flight is waited for.
  std::function<bool(const LiveCounters& counters, Duration elapsed,
                     const std::function<MetricsSnapshot()>& measured)>
      finish_when;
  Duration finish_interval = std::chrono::milliseconds(100);

  LoadLooks looks;

  /// Are told of every request. None may be null, and all must outlive `Run`. A run without them
  /// spends nothing on it.
  std::vector<RequestObserver*> request_observers = {};
};

/// What a run asked for, read off the requests that were sent, measured or not.
struct RequestsAsked {
  /// The models asked for, in the order of the first request (by index) that asked for each; at
  /// most 100 per worker.
  std::vector<std::string> models;
  std::optional<int> lowest_max_tokens;   ///< of the requests sent that had a limit
  std::optional<int> highest_max_tokens;  ///< of the requests sent that had a limit
};

/// What a run, or a share of one, measured.
struct LoadResult {
  MetricsSnapshot metrics;  ///< of the requests that are measured
  /// The same apart, in ascending order of their keys: those that took a request.
  std::vector<MetricsCell> cells;
  /// What was planned of each phase, as far as the schedule went, with the arrivals of the share.
  std::vector<PlannedPhase> phases;
  /// The metrics of warm-up and cool-down, for which the accounting identity holds too.
  MetricsSnapshot unmeasured;
  GeneratorHealth health;
  RequestsAsked asked;
  TimePoint start{};    ///< of the schedule
  Duration duration{};  ///< from the start of the schedule to the end of the last request
  /// Arrivals of the share's whole schedule, measured or not. More than were scheduled if the run
  /// was interrupted, or if a closed loop's duration ended it; `ClosedLoop::kUnlimited` if that is
  /// what was asked for. Those that were sent, if `finish_when` or a look ended the run.
  std::uint64_t planned = 0;
  /// In an open loop, the part of `planned` that is measured, and how long those phases last.
  std::uint64_t planned_measured = 0;
  Duration measured_duration{};
  std::optional<std::size_t> ended_at_look;  ///< the look that showed enough
  bool interrupted = false;     ///< ended early: by a signal, `RequestStop` or `stop_when`
  std::string stopped_because;  ///< the reason that `stop_when` gave; empty if it gave none
  bool drained = true;          ///< every provider call ended, at the latest when cancelled
  unsigned workers = 0;
};

/// The prompt source of a run threw an exception: "prompt source failed at request 17: WHAT".
class PromptSourceError : public std::runtime_error {
 public:
  PromptSourceError(std::uint64_t request, const std::string& what);

  /// The index of the request that could not be made; the lowest one if there were several.
  std::uint64_t request() const noexcept { return request_; }

 private:
  std::uint64_t request_;
};

/// One run. Create it, call `Run` once, and discard it.
class LoadGenerator {
 public:
  /// Throws `ConfigurationError` for options that make no sense. `clock` must outlive the
  /// generator.
  explicit LoadGenerator(LoadOptions options, Clock& clock = SystemClock::Instance());
  ~LoadGenerator();

  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  /// Drives `providers`, to which the requests are dealt in turn, with the load and blocks until
  /// every request has been answered, given up or cancelled. At the end `scheduled = succeeded +
  /// failed + dropped + unfinished` holds. While it runs, progress and counters are of all
  /// requests.
  ///
  /// The run always ends: a provider call that ignores its cancellation is left behind after two
  /// seconds, and so is other work of the provider on the event loops two seconds after the last
  /// request. Only a provider that blocks its thread can delay the end.
  ///
  /// Throws `PromptSourceError`, and whatever the functions in the options throw.
  LoadResult Run(std::vector<Provider*> providers);
  LoadResult Run(Provider& provider) { return Run(std::vector<Provider*>{&provider}); }

  /// Ends a run early, as a signal would. Thread-safe; in virtual time, call it on the running
  /// thread.
  void RequestStop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmload

#endif  // LLMLOAD_LOAD_LOAD_GENERATOR_H_
