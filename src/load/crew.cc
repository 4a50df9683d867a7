#include "src/load/crew.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "src/load/stop_signals.h"

namespace llmload {

namespace asio = boost::asio;

namespace {

// How long coroutines that a provider left on the event loops may go on after the last request: it
// may be closing connections.
constexpr auto kLeftoverGrace = std::chrono::seconds(2);

// How long after a stop at once the event loops may go on. Workers give up their requests before.
constexpr auto kStopGrace = std::chrono::milliseconds(900);

}  // namespace

Crew::Crew(LoadRun& run, std::deque<LoadTestMetrics>& measured, LoadTestMetrics& unmeasured)
    : run_(run) {
  for (unsigned i = 0; i < run.workers; ++i) {
    if (i == 0 || !run.clock.IsVirtual()) {
      contexts_.push_back(std::make_unique<asio::io_context>(1));
    }
    std::vector<MetricsShard*> stages;
    for (LoadTestMetrics& stage : measured) stages.push_back(&stage.AddShard());
    workers_.emplace_back(run, i, *contexts_.back(), std::move(stages), unmeasured.AddShard());
  }
}

void Crew::Run(const Control& control) {
  if (run_.clock.IsVirtual()) {
    RunVirtual(control);
  } else {
    RunThreads(control);
  }
  for (LoadWorker& worker : workers_) worker.Close();
  if (failure_) std::rethrow_exception(failure_);
}

void Crew::Finish() {
  for (LoadWorker& worker : workers_) worker.Finish();
}

void Crew::RequestStop(bool at_once) {
  for (LoadWorker& worker : workers_) worker.RequestStop(at_once);
  if (!at_once) return;
  const std::lock_guard lock(mutex_);
  if (on_stop_now_) on_stop_now_();
}

void Crew::RunVirtual(const Control& control) {
  asio::io_context& context = *contexts_.front();
  control.start(context);
  std::size_t busy = workers_.size();
  for (LoadWorker& worker : workers_) {
    worker.Start([&] {
      if (--busy > 0) return;
      control.end();
      const bool drained = std::all_of(workers_.begin(), workers_.end(),
                                       [](const LoadWorker& each) { return each.drained(); });
      if (!drained) context.stop();
    });
  }
  if (!run_.clock.Run(context)) {
    throw std::logic_error(
        "virtual time came to an end with a provider call still waiting: it waits for something "
        "other than the clock");
  }
}

void Crew::RunThreads(const Control& control) {
  asio::io_context loop(1);
  control.start(loop);
  const SignalDispositions dispositions;
  std::optional<StopSignals> signals;
  asio::steady_timer leftovers(loop);
  asio::steady_timer stop_now(loop);
  std::size_t stops = 0;
  if (run_.options.stop_on_signals) {
    signals.emplace(loop, [&] { control.on_signal(/*at_once=*/++stops > 1); });
  }
  std::size_t busy = workers_.size();     // workers that have not ended
  std::size_t running = workers_.size();  // threads that have not ended
  const auto stop_contexts_after = [&](asio::steady_timer& timer, auto grace) {
    if (running == 0) return;
    timer.expires_after(grace);
    timer.async_wait([this, &signals](boost::system::error_code error) {
      if (error) return;
      StopContexts();
      // A thread that is still blocked can be ended only with the process.
      if (signals) signals->Release();
    });
  };
  bool stopping_now = false;
  {
    const std::lock_guard lock(mutex_);
    on_stop_now_ = [&] {
      asio::post(loop, [&] {
        if (!std::exchange(stopping_now, true)) stop_contexts_after(stop_now, kStopGrace);
      });
    };
  }
  // Keeps the control loop running while no control coroutine waits on it.
  auto work = asio::make_work_guard(loop);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i].Start([&, i] {
      if (!workers_[i].drained()) contexts_[i]->stop();
      asio::post(loop, [&] {
        if (--busy > 0) return;
        control.end();
        stop_contexts_after(leftovers, kLeftoverGrace);
      });
    });
  }
  const auto thread_ended = [&] {
    if (--running > 0) return;
    control.end();
    leftovers.cancel();
    stop_now.cancel();
    signals.reset();
    work.reset();
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    try {
      threads.emplace_back([&, i] {
        RunWorker(i);
        asio::post(loop, thread_ended);
      });
    } catch (...) {
      Failed(std::current_exception());
      asio::post(loop, thread_ended);
    }
  }
  // An exception from a callback of the user ends the run, but not before the workers ended.
  for (bool ended = false; !ended;) {
    try {
      loop.run();
      ended = true;
    } catch (...) {
      Failed(std::current_exception());
    }
  }
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard lock(mutex_);
  on_stop_now_ = nullptr;
}

void Crew::RunWorker(std::size_t index) {
  for (bool ended = false; !ended;) {
    try {
      run_.clock.Run(*contexts_[index]);
      ended = true;
    } catch (...) {
      Failed(std::current_exception());
    }
  }
}

void Crew::StopContexts() {
  for (const auto& context : contexts_) context->stop();
}

void Crew::Failed(std::exception_ptr thrown) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(thrown);
  }
  RequestStop(/*at_once=*/true);
}

TimePoint Crew::ended_at() const {
  TimePoint last = run_.start;
  for (const LoadWorker& worker : workers_) {
    last = std::max(last, worker.ended_at().value_or(run_.clock.Now()));
  }
  return last;
}

}  // namespace llmload
