#include "llmload/load/load_generator.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "src/load/rate_curve.h"
#include "src/load/worker.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

// Threads are up and asleep before the first arrival is due.
constexpr Duration kStartDelay = std::chrono::milliseconds(20);

constexpr Duration kDescriptorInterval = std::chrono::seconds(1);

// What differs between the kinds of load, brought to one form.
struct Plan {
  std::optional<ArrivalSequence> arrivals;  // of an open loop
  std::size_t concurrency = 0;              // requests in flight at most
};

Plan MakePlan(const LoadOptions& options) {
  if (!options.make_request) {
    throw ConfigurationError::Invalid("LoadOptions::make_request", "", "a function");
  }
  if (const auto* closed = std::get_if<ClosedLoop>(&options.shape)) {
    Validate(*closed);
    return {.arrivals = std::nullopt, .concurrency = closed->concurrency};
  }
  const auto* open = std::get_if<OpenLoop>(&options.shape);
  const LoadProfile profile =
      open != nullptr ? ToProfile(*open) : std::get<LoadProfile>(options.shape);
  return {.arrivals = ArrivalSequence(profile), .concurrency = profile.max_in_flight};
}

// More workers than in-flight requests allowed would leave some without a share.
unsigned WorkersFor(const LoadOptions& options, const Plan& plan, const Clock& clock) {
  if (clock.IsVirtual()) return 1;
  const unsigned workers =
      options.workers != 0 ? options.workers : std::max(1U, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::min<std::size_t>(workers, plan.concurrency));
}

// Adds up what is counted; the percentile is of the requests that are measured.
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

}  // namespace

class LoadGenerator::Impl {
 public:
  Impl(LoadOptions options, Clock& clock)
      : options_(std::move(options)), clock_(clock), plan_(MakePlan(options_)) {}

  LoadResult Run(Provider& provider) {
    LoadRun run{.options = options_, .clock = clock_, .provider = provider};
    run.workers = WorkersFor(options_, plan_, clock_);
    run.arrivals = plan_.arrivals;
    run.max_in_flight = plan_.concurrency;
    const ConnectionCounters connections = provider.Connections();
    run.start = clock_.Now() + (clock_.IsVirtual() ? Duration::zero() : kStartDelay);
    start_ = run.start;
    metrics_.emplace(MetricsOptions{.objectives = options_.objectives, .series_start = run.start});
    std::deque<LoadWorker> workers;
    for (unsigned i = 0; i < run.workers; ++i) {
      workers.emplace_back(run, i, metrics_->AddShard(), unmeasured_.AddShard());
    }
    Publish(workers);
    if (clock_.IsVirtual()) {
      RunVirtual(workers.front());
    } else {
      RunThreads(workers);
    }
    Retract();

    LoadResult result;
    result.metrics = metrics_->Summarise();
    result.unmeasured = unmeasured_.Summarise();
    result.duration = clock_.Now() - run.start;
    PlannedArrivals(result);
    result.interrupted = stop_requested_;
    result.drained = std::all_of(workers.begin(), workers.end(),
                                 [](const LoadWorker& worker) { return worker.drained(); });
    result.workers = run.workers;
    result.health = HealthOf(workers);
    result.health.connections = provider.Connections() - connections;
    return result;
  }

  void RequestStop(bool at_once) {
    const std::lock_guard lock(mutex_);
    stop_requested_ = true;
    for (LoadWorker* worker : running_) worker->RequestStop(at_once);
  }

 private:
  // Walks the schedule once more: linear in the number of arrivals, at a few nanoseconds each.
  void PlannedArrivals(LoadResult& result) const {
    if (!plan_.arrivals) {
      result.planned = std::get<ClosedLoop>(options_.shape).requests;
      return;
    }
    ArrivalSequence arrivals = *plan_.arrivals;
    std::uint64_t measured = 0;
    while (const auto arrival = arrivals.Next()) measured += arrival->measured ? 1 : 0;
    result.planned = arrivals.index();
    const double seconds = ToSeconds(arrivals.measured_duration());
    if (seconds > 0) {
      result.metrics.offered_rate_per_second = static_cast<double>(measured) / seconds;
    }
  }

  GeneratorHealth HealthOf(const std::deque<LoadWorker>& workers) const {
    GeneratorHealth health;
    health.real_time = !clock_.IsVirtual();
    Histogram loop_delay;
    for (const LoadWorker& worker : workers) {
      const WorkerProbe& probe = worker.probe();
      health.descriptor_failures += probe.descriptor_failures();
      health.port_failures += probe.port_failures();
      if (!health.real_time) continue;
      health.workers.push_back(probe.health());
      loop_delay.Merge(probe.loop_delay());
    }
    health.loop_delay = Summarise(loop_delay);
    health.descriptor_limit = DescriptorLimit();
    health.descriptors_peak = descriptors_peak_;
    health.ephemeral_ports = EphemeralPorts();
    return health;
  }

  asio::awaitable<void> WatchDescriptors() {
    while (true) {
      if (const auto open = OpenDescriptors()) {
        descriptors_peak_ = std::max(descriptors_peak_.value_or(0), *open);
      }
      co_await clock_.SleepFor(kDescriptorInterval);
    }
  }

  void RunVirtual(LoadWorker& worker) {
    StartControl(worker.context());
    worker.Start([this] { EndControl(); });
    const bool drained = clock_.Run(worker.context());
    if (!drained && worker.drained()) {
      throw std::logic_error(
          "virtual time came to an end with a provider call still waiting: it waits for something "
          "other than the clock");
    }
  }

  void RunThreads(std::deque<LoadWorker>& workers) {
    asio::io_context control(1);
    std::optional<asio::signal_set> signals;
    if (options_.stop_on_signals) {
      signals.emplace(control, SIGINT, SIGTERM);
      WaitForSignal(*signals, /*at_once=*/false);
    }
    StartControl(control);
    // Keeps the control loop going while it has nothing of its own to do.
    auto work = asio::make_work_guard(control);
    std::size_t busy = workers.size();
    for (LoadWorker& worker : workers) {
      worker.Start([&] {
        asio::post(control, [&] {
          if (--busy > 0) return;
          EndControl();
          if (signals) signals->cancel();
          work.reset();
        });
      });
    }
    std::vector<std::exception_ptr> failures(workers.size() + 1);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          clock_.Run(workers[i].context());
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
    // An exception from a callback of the user ends the run, but not before the workers ended.
    for (bool ended = false; !ended;) {
      try {
        control.run();
        ended = true;
      } catch (...) {
        failures.back() = std::current_exception();
        RequestStop(/*at_once=*/true);
      }
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& failure : failures) {
      if (failure) std::rethrow_exception(failure);
    }
  }

  void WaitForSignal(asio::signal_set& signals, bool at_once) {
    signals.async_wait([this, &signals, at_once](boost::system::error_code error, int) {
      if (error) return;
      RequestStop(at_once);
      WaitForSignal(signals, /*at_once=*/true);
    });
  }

  // Sampling and progress: apart from the workers, so that they do not add to anyone's lag.
  void StartControl(asio::io_context& context) {
    auto rethrow_unless_aborted = [](std::exception_ptr thrown) {
      if (!thrown) return;
      try {
        std::rethrow_exception(thrown);
      } catch (const boost::system::system_error& error) {
        if (error.code() != asio::error::operation_aborted) throw;
      }
    };
    if (options_.resources != nullptr) {
      asio::co_spawn(context, options_.resources->Run(clock_, options_.resource_interval),
                     asio::bind_cancellation_slot(stop_sampling_.slot(), rethrow_unless_aborted));
    }
    if (!clock_.IsVirtual()) {
      asio::co_spawn(context, WatchDescriptors(),
                     asio::bind_cancellation_slot(stop_watching_.slot(), rethrow_unless_aborted));
    }
    if (options_.on_progress) {
      asio::co_spawn(context, ReportProgress(),
                     asio::bind_cancellation_slot(stop_progress_.slot(), rethrow_unless_aborted));
    }
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
      options_.on_progress(Sum(metrics_->Live(), unmeasured_.Live()), clock_.Now() - start_);
    }
  }

  void Publish(std::deque<LoadWorker>& workers) {
    const std::lock_guard lock(mutex_);
    for (LoadWorker& worker : workers) {
      running_.push_back(&worker);
      if (stop_requested_) worker.RequestStop(false);
    }
  }

  void Retract() {
    const std::lock_guard lock(mutex_);
    running_.clear();
  }

  const LoadOptions options_;
  Clock& clock_;
  const Plan plan_;
  std::optional<LoadTestMetrics> metrics_;         // from the start of the run on
  LoadTestMetrics unmeasured_;                     // warm-up and cool-down
  std::optional<std::uint64_t> descriptors_peak_;  // written by the control loop
  TimePoint start_{};
  asio::cancellation_signal stop_sampling_;
  asio::cancellation_signal stop_progress_;
  asio::cancellation_signal stop_watching_;
  std::mutex mutex_;
  bool stop_requested_ = false;       // guarded by mutex_ while running
  std::vector<LoadWorker*> running_;  // guarded by mutex_
};

LoadGenerator::LoadGenerator(LoadOptions options, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}

LoadGenerator::~LoadGenerator() = default;

LoadResult LoadGenerator::Run(Provider& provider) { return impl_->Run(provider); }

void LoadGenerator::RequestStop() { impl_->RequestStop(/*at_once=*/false); }

}  // namespace llmload
