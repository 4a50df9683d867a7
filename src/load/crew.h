// The workers of one share, and the event loops that run them to their end.
#ifndef LLMLOAD_SRC_LOAD_CREW_H_
#define LLMLOAD_SRC_LOAD_CREW_H_

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/metrics/load_test_metrics.h"
#include "src/load/worker.h"

namespace llmload {

/// What goes on beside the workers: sampling, progress. On an event loop of its own in real time,
/// so that it does not add to the workers' lag; on theirs in virtual time.
struct Control {
  std::function<void(boost::asio::io_context&)> start;
  std::function<void()> end;  ///< may be called more than once, on that event loop
  std::function<void(bool at_once)> on_signal;  ///< has to call `Crew::RequestStop`
};

/// In real time every worker has an event loop and a thread of its own. In virtual time all of them
/// share one event loop on the calling thread.
class Crew {
 public:
  /// `measured` has the metrics of each stage (`LoadRun::StageOf`).
  Crew(LoadRun& run, std::deque<LoadTestMetrics>& measured, LoadTestMetrics& unmeasured);

  /// Returns when every worker has ended and the event loops are out of work; at the latest two
  /// seconds after the last worker ended, and one second after a stop at once. Only a thread that a
  /// provider blocks can delay that. Throws what a handler on one of the event loops threw, after
  /// the end.
  void Run(const Control& control);

  /// Calls `LoadWorker::Finish` on all workers. As `RequestStop`.
  void Finish();

  /// Calls `LoadWorker::RequestStop` on all workers. Thread-safe while `Run` runs; before it, and
  /// in virtual time, on its thread.
  void RequestStop(bool at_once);

  const std::deque<LoadWorker>& workers() const noexcept { return workers_; }
  /// The end of the last request; now, if a worker did not come to its end.
  TimePoint ended_at() const;

 private:
  void RunVirtual(const Control& control);
  void RunThreads(const Control& control);
  void RunWorker(std::size_t index);
  void StopContexts();
  void Failed(std::exception_ptr thrown);

  LoadRun& run_;
  std::deque<LoadWorker> workers_;
  // One for each worker in real time, one for all in virtual time. Destroyed first: coroutines left
  // in them refer to the workers.
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;

  std::mutex mutex_;
  std::exception_ptr failure_;         // the first one; guarded by mutex_
  std::function<void()> on_stop_now_;  // guarded by mutex_
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_CREW_H_
