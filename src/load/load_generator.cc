#include "llmload/load/load_generator.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/metrics/cell_keys.h"
#include "src/load/crew.h"
#include "src/load/echo_prompts.h"
#include "src/load/load_plan.h"
#include "src/load/worker.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

// Threads are up and asleep before the first arrival is due.
constexpr Duration kStartDelay = std::chrono::milliseconds(20);

constexpr Duration kDescriptorInterval = std::chrono::seconds(1);

// How often a look asks whether the answers it waits for are there.
constexpr Duration kLookInterval = std::chrono::milliseconds(50);

bool AllEnded(const LiveCounters& counters) {
  return counters.scheduled ==
         counters.succeeded + counters.failed + counters.dropped + counters.unfinished;
}

ConnectionCounters ConnectionsOf(const std::vector<Provider*>& providers) {
  ConnectionCounters sum;
  for (const Provider* provider : providers) sum += provider->Connections();
  return sum;
}

LoadOptions WithCodes(LoadOptions options) {
  options.prompts = WithCodesFor(options.answer_checks, std::move(options.prompts), options.seed);
  return options;
}

RequestsAsked AskedBy(const std::deque<LoadWorker>& workers) {
  RequestsAsked asked;
  std::vector<std::pair<std::uint64_t, std::string>> models;
  for (const LoadWorker& worker : workers) {
    const LoadWorker::Asked& its = worker.asked();
    models.insert(models.end(), its.models.begin(), its.models.end());
    // An empty optional is less than any value.
    asked.highest_max_tokens = std::max(asked.highest_max_tokens, its.highest_max_tokens);
    if (its.lowest_max_tokens) {
      const int lowest = *its.lowest_max_tokens;
      asked.lowest_max_tokens = std::min(asked.lowest_max_tokens.value_or(lowest), lowest);
    }
  }
  std::sort(models.begin(), models.end());
  for (const auto& [request, model] : models) {
    if (std::find(asked.models.begin(), asked.models.end(), model) == asked.models.end()) {
      asked.models.push_back(model);
    }
  }
  return asked;
}

}  // namespace

std::string_view ToString(RequestOutcome outcome) noexcept {
  switch (outcome) {
    case RequestOutcome::kSucceeded:
      return "succeeded";
    case RequestOutcome::kFailed:
      return "failed";
    case RequestOutcome::kUnfinished:
      return "unfinished";
    case RequestOutcome::kDropped:
      break;
  }
  return "dropped";
}

PromptSourceError::PromptSourceError(std::uint64_t request, const std::string& what)
    : std::runtime_error("prompt source failed at request " + std::to_string(request) + ": " +
                         what),
      request_(request) {}

class LoadGenerator::Impl {
 public:
  Impl(LoadOptions options, Clock& clock)
      : options_(WithCodes(std::move(options))), clock_(clock), plan_(MakeLoadPlan(options_)) {}

  LoadResult Run(std::vector<Provider*> providers) {
    if (providers.empty()) {
      throw ConfigurationError::Invalid("LoadGenerator::Run: providers", "none", "at least one");
    }
    LoadRun run{.options = options_,
                .shape = plan_.shape,
                .clock = clock_,
                .providers = std::move(providers)};
    run.workers = WorkersFor(options_, plan_, clock_);
    run.arrivals = plan_.arrivals;
    run.concurrency = plan_.concurrency;
    run.request_stride = plan_.request_stride;
    run.phases = phases_;
    run.cells = &cells_;
    run.next_request = options_.share.index;
    run.on_prompt_failure = [this](std::uint64_t request, const std::string& what) {
      PromptFailed(request, what);
    };
    const ConnectionCounters connections = ConnectionsOf(run.providers);
    run.start = clock_.Now() + (clock_.IsVirtual() ? Duration::zero() : kStartDelay);
    start_ = run.start;
    for (std::size_t stage = 0; stage <= options_.looks.size(); ++stage) {
      stages_.emplace_back(MetricsOptions{.objectives = options_.objectives,
                                          .start = run.start,
                                          .with_series = true,
                                          .judged = options_.judged,
                                          .cohorts_by_cell = options_.cohorts_by_cell});
    }
    unmeasured_.emplace(MetricsOptions{.start = run.start});
    for (RequestObserver* observer : options_.request_observers) {
      observer->OnBegin(
          {.start = run.start, .workers = run.workers, .real_time = !clock_.IsVirtual()});
    }
    Crew crew(run, stages_, *unmeasured_);
    RunCrew(crew, run);

    LoadResult result;
    const std::size_t last_stage = ended_at_look_.value_or(stages_.size() - 1);
    result.metrics = MeasuredUpTo(last_stage);
    result.cells = CellsUpTo(last_stage);
    result.unmeasured = unmeasured_->Snapshot();
    for (std::size_t stage = last_stage + 1; stage < stages_.size(); ++stage) {
      MetricsSnapshot later = stages_[stage].Snapshot();
      later.series = {};
      later.cohorts = {};
      result.unmeasured.Merge(later);
    }
    result.ended_at_look = ended_at_look_;
    result.asked = AskedBy(crew.workers());
    result.start = run.start;
    result.duration = crew.ended_at() - run.start;
    PlannedArrivals(result);
    // What a look found complete is not spoilt by a stop of what is left.
    result.interrupted = stop_requested_ && !ended_at_look_;
    result.stopped_because = stopped_because_;
    result.drained = std::all_of(crew.workers().begin(), crew.workers().end(),
                                 [](const LoadWorker& worker) { return worker.drained(); });
    result.workers = run.workers;
    result.health = HealthOf(crew.workers());
    result.health.connections = ConnectionsOf(run.providers) - connections;
    return result;
  }

  void RequestStop(bool at_once) {
    const std::lock_guard lock(mutex_);
    stop_requested_ = true;
    if (crew_ != nullptr) crew_->RequestStop(at_once);
  }

 private:
  // Runs the crew to its end. It is known to `RequestStop`, and counted by the resource monitor,
  // meanwhile.
  void RunCrew(Crew& crew, const LoadRun& run) {
    struct Connected {
      Impl& impl;
      Connected(Impl& its_impl, Crew& its_crew) : impl(its_impl) {
        if (ResourceMonitor* const resources = impl.options_.resources) {
          resources->CountRequests([&impl = impl] { return impl.Sent(); });
        }
        const std::lock_guard lock(impl.mutex_);
        impl.crew_ = &its_crew;
        if (impl.stop_requested_) its_crew.RequestStop(false);
      }
      ~Connected() {
        if (impl.options_.resources != nullptr) impl.options_.resources->CountRequests({});
        const std::lock_guard lock(impl.mutex_);
        impl.crew_ = nullptr;
      }
    };
    const Connected connected(*this, crew);
    crew.Run({.start = [this, &run](asio::io_context& context) { StartControl(context, run); },
              .end = [this] { EndControl(); },
              .on_signal = [this](bool at_once) { RequestStop(at_once); }});
    if (prompt_failure_) throw PromptSourceError(*prompt_failure_);
  }

  std::uint64_t Sent() const {
    std::uint64_t sent = unmeasured_->Sent();
    for (const LoadTestMetrics& stage : stages_) sent += stage.Sent();
    return sent;
  }

  MetricsSnapshot MeasuredUpTo(std::size_t stage) const {
    MetricsSnapshot measured = stages_.front().Snapshot();
    for (std::size_t i = 1; i <= stage; ++i) measured.Merge(stages_[i].Snapshot());
    return measured;
  }

  std::vector<MetricsCell> CellsUpTo(std::size_t stage) const {
    const std::vector<CellKey> keys = cells_.Known();
    std::vector<MetricsCell> cells;
    for (std::size_t i = 0; i <= stage; ++i) {
      std::vector<MetricsSnapshot> figures = stages_[i].Cells();
      // A key that came after it has no figures yet, and figures of a key that is not known yet are
      // of requests that have only begun.
      for (std::size_t id = 0; id < std::min(keys.size(), figures.size()); ++id) {
        if (figures[id][Counter::kScheduled] == 0) continue;
        AddCells(cells, {{.key = keys[id], .figures = std::move(figures[id])}});
      }
    }
    return cells;
  }

  // Adds up the counters; the percentiles are those of the measured requests.
  LiveCounters Live() const {
    Distribution latency;
    Distribution ttft;
    LiveCounters live = unmeasured_->Live(nullptr);
    for (const LoadTestMetrics& stage : stages_) live += stage.Live(&latency, &ttft);
    if (!latency.empty()) live.p95 = latency.ValueAtQuantile(0.95);
    if (!ttft.empty()) live.ttft_p95 = ttft.ValueAtQuantile(0.95);
    return live;
  }

  // The share's arrivals. Walks the schedule once more: linear in the number of arrivals, at a few
  // nanoseconds each.
  void PlannedArrivals(LoadResult& result) const {
    const Share& share = options_.share;
    const MetricsSnapshot& m = result.metrics;
    const std::uint64_t scheduled = m[Counter::kScheduled] + result.unmeasured[Counter::kScheduled];
    if (const ClosedLoop* const closed = plan_.shape.closed_loop()) {
      const std::uint64_t stride = plan_.request_stride;
      const std::uint64_t requests = closed->requests;
      if (plan_.concurrency == 0) return;
      const bool unlimited = requests == ClosedLoop::kUnlimited;
      result.planned =
          unlimited ? requests : requests / stride + (share.index < requests % stride ? 1 : 0);
      if (finished_) result.planned = scheduled;
      return;
    }
    LoadProfile profile = *plan_.shape.profile();
    const std::uint64_t most = profile.max_arrivals;
    if (most != LoadProfile().max_arrivals) ++profile.max_arrivals;
    ArrivalSequence arrivals(profile);
    result.measured_duration = arrivals.measured_duration();
    Duration last{};
    result.phases = phases_;
    while (const auto arrival = arrivals.Next()) {
      if (arrival->index >= most) {
        // The time after the last arrival, up to the next one of its schedule, is part of the load.
        result.measured_duration = MeasuredDuration(profile, arrival->at);
        EndPhases(result.phases, arrival->at);
        break;
      }
      last = arrival->at;
      if (arrival->index % share.of != share.index) continue;
      if (!result.phases.empty() && (!finished_ || last < *finished_)) {
        ++result.phases[arrival->phase].arrivals;
      }
      ++result.planned;
      result.planned_measured += arrival->measured ? 1 : 0;
    }
    if (!finished_) return;
    EndPhases(result.phases, *finished_);
    // The schedule ended early, and those of it are what was sent.
    result.planned = scheduled;
    result.planned_measured = m[Counter::kScheduled];
    result.measured_duration = MeasuredDuration(profile, std::min(*finished_, last));
  }

  static void EndPhases(std::vector<PlannedPhase>& phases, Duration at) {
    for (PlannedPhase& phase : phases) {
      phase.duration = std::clamp(at - phase.begin, Duration::zero(), phase.duration);
    }
  }

  GeneratorHealth HealthOf(const std::deque<LoadWorker>& workers) const {
    GeneratorHealth health;
    health.real_time = !clock_.IsVirtual();
    for (const LoadWorker& worker : workers) {
      const WorkerProbe& probe = worker.probe();
      health.descriptor_failures += probe.descriptor_failures();
      health.port_failures += probe.port_failures();
      if (!health.real_time) continue;
      health.workers.push_back(probe.health());
      health.loop_delay.Merge(probe.loop_delay().Snapshot());
    }
    health.descriptor_limit = DescriptorLimit();
    health.descriptors_peak = descriptors_peak_;
    health.ephemeral_ports = EphemeralPorts();
    return health;
  }

  void PromptFailed(std::uint64_t request, const std::string& what) {
    {
      const std::lock_guard lock(mutex_);
      if (!prompt_failure_ || request < prompt_failure_->request()) {
        prompt_failure_.emplace(request, what);
      }
    }
    RequestStop(/*at_once=*/true);
  }

  asio::awaitable<void> WatchDescriptors() {
    while (true) {
      if (const auto open = OpenDescriptors()) {
        descriptors_peak_ = std::max(descriptors_peak_.value_or(0), *open);
      }
      co_await clock_.SleepFor(kDescriptorInterval);
    }
  }

  // Apart from the workers, so that it does not add to their lag.
  void StartControl(asio::io_context& context, const LoadRun& run) {
    const auto spawn = [&context](asio::awaitable<void> what, asio::cancellation_signal& stop) {
      auto rethrow_unless_aborted = [](std::exception_ptr thrown) {
        if (!thrown) return;
        try {
          std::rethrow_exception(thrown);
        } catch (const boost::system::system_error& error) {
          if (error.code() != asio::error::operation_aborted) throw;
        }
      };
      asio::co_spawn(context, std::move(what),
                     asio::bind_cancellation_slot(stop.slot(), rethrow_unless_aborted));
    };
    if (options_.resources != nullptr) {
      std::function<bool()> warmed_up;
      if (plan_.warms_up) {
        warmed_up = [&run] { return run.measuring.load(std::memory_order_relaxed); };
      }
      spawn(options_.resources->Run(clock_, options_.resource_interval, std::move(warmed_up)),
            stop_sampling_);
    }
    if (!clock_.IsVirtual()) spawn(WatchDescriptors(), stop_watching_);
    if (options_.on_progress || options_.stop_when) spawn(ReportProgress(run), stop_progress_);
    if (!options_.looks.empty()) spawn(WatchLooks(), stop_looks_);
    if (options_.finish_when) spawn(WatchFinish(run), stop_finish_);
  }

  void EndControl() {
    stop_sampling_.emit(asio::cancellation_type::terminal);
    stop_progress_.emit(asio::cancellation_type::terminal);
    stop_watching_.emit(asio::cancellation_type::terminal);
    stop_looks_.emit(asio::cancellation_type::terminal);
    stop_finish_.emit(asio::cancellation_type::terminal);
  }

  // No request is going to begin any more.
  bool HasEnded(const LoadRun& run) {
    if (finished_ || StopRequested()) return true;
    const Duration elapsed = clock_.Now() - start_;
    const ClosedLoop* const closed = plan_.shape.closed_loop();
    if (closed == nullptr) return elapsed >= plan_.arrivals->duration();
    return run.next_request >= closed->requests ||
           (closed->duration && elapsed >= *closed->duration);
  }

  // `at`: up to when the schedule counts.
  void Finish(Duration at) {
    finished_ = at;
    const std::lock_guard lock(mutex_);
    if (crew_ != nullptr) crew_->Finish();
  }

  asio::awaitable<void> WatchFinish(const LoadRun& run) {
    for (TimePoint next = start_ + options_.finish_interval;; next += options_.finish_interval) {
      co_await clock_.SleepUntil(next);
      const Duration elapsed = clock_.Now() - start_;
      if (HasEnded(run)) co_return;
      if (!options_.finish_when(Live(), elapsed, measured_)) continue;
      Finish(elapsed);
      co_return;
    }
  }

  asio::awaitable<void> WatchLooks() {
    const LoadLooks& looks = options_.looks;
    for (std::size_t look = 0; look < looks.size(); ++look) {
      const bool by_requests = look == 0 && looks.requests > 0;
      const Duration at = by_requests ? Duration::zero() : looks.at[look - (looks.requests > 0)];
      co_await clock_.SleepUntil(start_ + at);
      while (by_requests && Begun() < looks.requests) co_await clock_.SleepFor(kLookInterval);
      // A closed loop's callers may be just about to count what they begin.
      co_await clock_.SleepFor(kLookInterval);
      const auto arrivals = by_requests ? std::nullopt : ArrivalsBefore(plan_, options_.share, at);
      while (!StagesEnded(look, arrivals)) {
        co_await clock_.SleepFor(kLookInterval);
      }
      if (finished_ || StopRequested()) co_return;
      if (!looks.enough({.look = look,
                         .so_far = MeasuredUpTo(look),
                         .cells = CellsUpTo(look),
                         .loop_delay = LoopDelay()})) {
        continue;
      }
      ended_at_look_ = look;
      Finish(by_requests ? clock_.Now() - start_ : at);
      co_return;
    }
  }

  bool StopRequested() {
    const std::lock_guard lock(mutex_);
    return stop_requested_;
  }

  // How many requests have begun, of all stages.
  std::uint64_t Begun() const {
    std::uint64_t begun = unmeasured_->Live(nullptr).scheduled;
    for (const LoadTestMetrics& stage : stages_) begun += stage.Live(nullptr).scheduled;
    return begun;
  }

  Distribution LoopDelay() {
    Distribution delay;
    const std::lock_guard lock(mutex_);
    if (crew_ == nullptr || clock_.IsVirtual()) return delay;
    for (const LoadWorker& worker : crew_->workers()) {
      delay.Merge(worker.probe().loop_delay().Snapshot());
    }
    return delay;
  }

  // Whether what a look sees is there: `arrivals` requests, where that is known, and all answered.
  bool StagesEnded(std::size_t last, std::optional<std::uint64_t> arrivals) const {
    std::uint64_t scheduled = 0;
    for (std::size_t stage = 0; stage <= last; ++stage) {
      const LiveCounters counters = stages_[stage].Live(nullptr);
      if (!AllEnded(counters)) return false;
      scheduled += counters.scheduled;
    }
    return !arrivals || scheduled >= *arrivals;
  }

  asio::awaitable<void> ReportProgress(const LoadRun& run) {
    for (TimePoint next = start_ + options_.progress_interval;;
         next += options_.progress_interval) {
      co_await clock_.SleepUntil(next);
      const LiveCounters counters = Live();
      const Duration elapsed = clock_.Now() - start_;
      if (options_.on_progress) options_.on_progress(counters, elapsed);
      if (!options_.stop_when || HasEnded(run)) continue;
      if (const auto reason = options_.stop_when(counters, elapsed, measured_)) {
        stopped_because_ = reason->empty() ? "stop_when gave no reason" : *reason;
        RequestStop(/*at_once=*/false);
      }
    }
  }

  const LoadOptions options_;
  Clock& clock_;
  const LoadPlan plan_;
  const std::vector<PlannedPhase> phases_ = PlannedPhasesOf(plan_.shape);
  CellKeys cells_;
  std::deque<LoadTestMetrics> stages_;  // between looks; from the start of the run on
  const std::function<MetricsSnapshot()> measured_ = [this] {
    return MeasuredUpTo(stages_.size() - 1);
  };
  std::optional<LoadTestMetrics> unmeasured_;      // warm-up and cool-down
  std::optional<std::uint64_t> descriptors_peak_;  // written by the control loop
  std::string stopped_because_;                    // written by the control loop
  std::optional<Duration> finished_;               // ended before the schedule; likewise
  std::optional<std::size_t> ended_at_look_;       // likewise
  TimePoint start_{};
  asio::cancellation_signal stop_sampling_;
  asio::cancellation_signal stop_progress_;
  asio::cancellation_signal stop_watching_;
  asio::cancellation_signal stop_looks_;
  asio::cancellation_signal stop_finish_;
  std::mutex mutex_;
  // Guarded by mutex_ while running.
  bool stop_requested_ = false;
  std::optional<PromptSourceError> prompt_failure_;
  Crew* crew_ = nullptr;
};

LoadGenerator::LoadGenerator(LoadOptions options, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}

LoadGenerator::~LoadGenerator() = default;

LoadResult LoadGenerator::Run(std::vector<Provider*> providers) {
  return impl_->Run(std::move(providers));
}

void LoadGenerator::RequestStop() { impl_->RequestStop(/*at_once=*/false); }

}  // namespace llmload
