#include "llmload/load/load_generator.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/load/arrival_schedule.h"
#include "src/load/crew.h"
#include "src/load/rate_curve.h"
#include "src/load/worker.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

// Threads are up and asleep before the first arrival is due.
constexpr Duration kStartDelay = std::chrono::milliseconds(20);

constexpr Duration kDescriptorInterval = std::chrono::seconds(1);

constexpr unsigned kMaxShares = 65'536;

// What differs between the kinds of load, brought to one form.
struct Plan {
  LoadShape shape;
  std::optional<ArrivalSequence> arrivals = std::nullopt;  // of an open loop
  std::size_t concurrency = 0;       // of the share: requests in flight at most, or callers
  std::uint64_t request_stride = 1;  // of a closed loop
  bool warms_up = false;             // the first requests are not measured
};

Plan MakePlan(const LoadOptions& options) {
  if (!options.prompts) {
    throw ConfigurationError::Invalid("LoadOptions::prompts", "null", "a prompt source");
  }
  const Share& share = options.share;
  if (share.of == 0 || share.of > kMaxShares) {
    throw ConfigurationError::Invalid("Share::of", std::to_string(share.of), "1 to 65536");
  }
  if (share.index >= share.of) {
    throw ConfigurationError::Invalid("Share::index", std::to_string(share.index),
                                      "less than Share::of, which is " + std::to_string(share.of));
  }
  Plan plan{.shape = WithSeed(options.shape, options.seed)};
  if (const ClosedLoop* const closed = plan.shape.closed_loop()) {
    Validate(*closed);
    plan.concurrency = ShareOf(closed->concurrency, share.of, share.index);
    plan.request_stride = std::min<std::size_t>(share.of, closed->concurrency);
    plan.warms_up = closed->warm_up_requests > 0 || closed->warm_up > Duration::zero();
    return plan;
  }
  const LoadProfile& profile = *plan.shape.profile();
  plan.arrivals.emplace(profile);
  if (profile.max_in_flight < share.of) {
    throw ConfigurationError::Invalid(
        "LoadProfile::max_in_flight", std::to_string(profile.max_in_flight),
        "at least one for each share, of " + std::to_string(share.of));
  }
  plan.concurrency = ShareOf(profile.max_in_flight, share.of, share.index);
  const auto first = ArrivalSequence(*plan.arrivals).Next();
  plan.warms_up = first && !first->measured;
  return plan;
}

// More workers than requests in flight would leave some without any.
unsigned WorkersFor(const LoadOptions& options, const Plan& plan, const Clock& clock) {
  unsigned workers = options.workers;
  if (workers == 0) workers = clock.IsVirtual() ? 1 : std::thread::hardware_concurrency();
  return static_cast<unsigned>(
      std::max<std::size_t>(1, std::min<std::size_t>(workers, plan.concurrency)));
}

// Adds up the counters; the percentile is that of the measured requests.
LiveCounters Sum(LiveCounters measured, const LiveCounters& unmeasured) {
  measured.scheduled += unmeasured.scheduled;
  measured.sent += unmeasured.sent;
  measured.in_flight += unmeasured.in_flight;
  measured.succeeded += unmeasured.succeeded;
  measured.failed += unmeasured.failed;
  measured.dropped += unmeasured.dropped;
  measured.unfinished += unmeasured.unfinished;
  return measured;
}

ConnectionCounters ConnectionsOf(const std::vector<Provider*>& providers) {
  ConnectionCounters sum;
  for (const Provider* provider : providers) sum += provider->Connections();
  return sum;
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

PromptSourceError::PromptSourceError(std::uint64_t request, const std::string& what)
    : std::runtime_error("prompt source failed at request " + std::to_string(request) + ": " +
                         what),
      request_(request) {}

class LoadGenerator::Impl {
 public:
  Impl(LoadOptions options, Clock& clock)
      : options_(std::move(options)), clock_(clock), plan_(MakePlan(options_)) {}

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
    run.next_request = options_.share.index;
    run.on_prompt_failure = [this](std::uint64_t request, const std::string& what) {
      PromptFailed(request, what);
    };
    const ConnectionCounters connections = ConnectionsOf(run.providers);
    run.start = clock_.Now() + (clock_.IsVirtual() ? Duration::zero() : kStartDelay);
    start_ = run.start;
    metrics_.emplace(
        MetricsOptions{.objectives = options_.objectives, .start = run.start, .with_series = true});
    unmeasured_.emplace(MetricsOptions{.start = run.start});
    Crew crew(run, *metrics_, *unmeasured_);
    RunCrew(crew, run);

    LoadResult result;
    result.metrics = metrics_->Snapshot();
    result.unmeasured = unmeasured_->Snapshot();
    result.asked = AskedBy(crew.workers());
    result.start = run.start;
    result.duration = crew.ended_at() - run.start;
    PlannedArrivals(result);
    result.interrupted = stop_requested_;
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
          resources->CountRequests(
              [&impl = impl] { return impl.metrics_->Sent() + impl.unmeasured_->Sent(); });
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

  // The share's arrivals. Walks the schedule once more: linear in the number of arrivals, at a few
  // nanoseconds each.
  void PlannedArrivals(LoadResult& result) const {
    const Share& share = options_.share;
    if (const ClosedLoop* const closed = plan_.shape.closed_loop()) {
      const std::uint64_t stride = plan_.request_stride;
      const std::uint64_t requests = closed->requests;
      if (plan_.concurrency == 0) return;
      const bool unlimited = requests == ClosedLoop::kUnlimited;
      result.planned =
          unlimited ? requests : requests / stride + (share.index < requests % stride ? 1 : 0);
      return;
    }
    ArrivalSequence arrivals = *plan_.arrivals;
    while (const auto arrival = arrivals.Next()) {
      if (arrival->index % share.of != share.index) continue;
      ++result.planned;
      result.planned_measured += arrival->measured ? 1 : 0;
    }
    result.measured_duration = arrivals.measured_duration();
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
    if (options_.on_progress || options_.stop_when) spawn(ReportProgress(), stop_progress_);
  }

  void EndControl() {
    stop_sampling_.emit(asio::cancellation_type::terminal);
    stop_progress_.emit(asio::cancellation_type::terminal);
    stop_watching_.emit(asio::cancellation_type::terminal);
  }

  asio::awaitable<void> ReportProgress() {
    for (TimePoint next = start_ + options_.progress_interval;;
         next += options_.progress_interval) {
      co_await clock_.SleepUntil(next);
      const LiveCounters counters = Sum(metrics_->Live(), unmeasured_->Live());
      const Duration elapsed = clock_.Now() - start_;
      if (options_.on_progress) options_.on_progress(counters, elapsed);
      if (!options_.stop_when || !stopped_because_.empty()) continue;
      if (const auto reason = options_.stop_when(counters, elapsed)) {
        stopped_because_ = reason->empty() ? "stop_when gave no reason" : *reason;
        RequestStop(/*at_once=*/false);
      }
    }
  }

  const LoadOptions options_;
  Clock& clock_;
  const Plan plan_;
  std::optional<LoadTestMetrics> metrics_;         // from the start of the run on
  std::optional<LoadTestMetrics> unmeasured_;      // warm-up and cool-down
  std::optional<std::uint64_t> descriptors_peak_;  // written by the control loop
  std::string stopped_because_;                    // written by the control loop
  TimePoint start_{};
  asio::cancellation_signal stop_sampling_;
  asio::cancellation_signal stop_progress_;
  asio::cancellation_signal stop_watching_;
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
