// Sees a run from outside: what it waits for, its start, a snapshot once a second, its end.
#ifndef LLMLOAD_RUN_RUN_OBSERVER_H_
#define LLMLOAD_RUN_RUN_OBSERVER_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "llmload/core/time.h"
#include "llmload/load/request_observer.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/record/run_record.h"
#include "llmload/service/target_check.h"

namespace llmload {

/// What is about to happen.
struct RunStart {
  std::string name;    ///< of the plan
  std::string run_id;  ///< `RunRecord::run_id`
  std::uint64_t seed = 1;
  std::chrono::sys_time<std::chrono::milliseconds> started_at{};
  std::optional<std::uint64_t> planned_requests;
  std::optional<Duration> planned_duration;  ///< of the schedule, where there is one
};

/// Where a run stands.
struct RunSnapshot {
  Duration elapsed{};                             ///< since the start of the run
  std::optional<Duration> total;                  ///< planned length, where there is one
  std::optional<std::uint64_t> planned_requests;  ///< of the whole run, where it is known
  std::optional<double> target_rate;              ///< of an open loop: requests due per second now
  LiveCounters counters;                          ///< of all requests, measured or not
  std::optional<std::uint64_t> rss_bytes;         ///< of the first process that is sampled
  std::uint64_t resource_samples = 0;             ///< of the process that has the fewest
  double peak_memory_ratio = 0;  ///< the highest peak / initial memory of any of them
};

/// Sees a run. All functions are called on the thread that called the `Runner`, one after the
/// other. An observer slows no request and changes no verdict: what it throws is noted in the
/// record's time line, and it is not called again.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Before the start: a target has not answered its one question yet.
  virtual void OnWait(const TargetWait& wait) { static_cast<void>(wait); }
  virtual void OnStart(const RunStart& start) { static_cast<void>(start); }
  virtual void OnSnapshot(const RunSnapshot& snapshot) { static_cast<void>(snapshot); }
  virtual void OnEnd(const RunRecord& record) { static_cast<void>(record); }

  /// What wants to be told of every request of the run that has just started, or null. Asked after
  /// `OnStart`; what it returns has to stay valid until `OnEnd` or, if an exception ends the run,
  /// until the `Runner` has returned.
  virtual RequestObserver* Requests() { return nullptr; }
};

}  // namespace llmload

#endif  // LLMLOAD_RUN_RUN_OBSERVER_H_
