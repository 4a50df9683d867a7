// One event loop's part of a load: dispatches its arrivals, follows each request to its end.
#ifndef LLMLOAD_SRC_LOAD_WORKER_H_
#define LLMLOAD_SRC_LOAD_WORKER_H_

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/core/random.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/load/load_generator.h"
#include "llmload/load/planned_phases.h"
#include "llmload/metrics/cell_keys.h"
#include "llmload/metrics/cells.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/provider/provider.h"
#include "src/load/worker_probe.h"

namespace llmload {

/// The size of part `index` of `total` things that are divided as evenly as possible.
constexpr std::size_t ShareOf(std::size_t total, unsigned parts, unsigned index) {
  return total / parts + (index < total % parts ? 1 : 0);
}

/// What the workers of one share have in common.
struct LoadRun {
  const LoadOptions& options;
  const LoadShape& shape;  ///< that of the options, with its seed
  Clock& clock;
  std::vector<Provider*> providers;  ///< request k goes to number k mod their number
  TimePoint start{};
  unsigned workers = 1;
  std::optional<ArrivalSequence> arrivals =
      std::nullopt;                       ///< all of them, at the first; of an open loop
  std::vector<PlannedPhase> phases = {};  ///< of an open loop whose phases are told apart
  CellKeys* cells = nullptr;
  std::size_t concurrency = 0;  ///< of the share: requests in flight at most, or callers

  // Of a closed loop: the share's requests are `options.share.index` and every `request_stride`th
  // after it.
  std::uint64_t request_stride = 1;
  std::atomic<std::uint64_t> next_request{0};

  std::atomic<bool> measuring{false};  ///< the first measured request has been sent

  /// How many looks there were before a measured request.
  std::size_t StageOf(std::uint64_t index, TimePoint scheduled) const;
  /// Called on a worker's thread when the prompt source threw an exception.
  std::function<void(std::uint64_t request, const std::string& what)> on_prompt_failure = {};
};

class LoadWorker {
 public:
  /// Worker `index` of the share runs on `context`, which has to be destroyed first: coroutines
  /// left in it refer to the worker. `measured` has one shard for each stage, which are one more
  /// than the looks; `unmeasured` takes the requests of warm-up and cool-down.
  LoadWorker(LoadRun& run, unsigned index, boost::asio::io_context& context,
             std::vector<MetricsShard*> measured, MetricsShard& unmeasured);

  /// Starts on the context, which the caller then has to run. `on_done` is called there when the
  /// last request has ended or has been given up.
  void Start(std::function<void()> on_done);

  /// No further arrivals; what is in flight is waited for as at the end of the schedule.
  /// Thread-safe.
  void Finish();

  /// No further arrivals; what is in flight gets the interrupted drain time-out, or none with
  /// `at_once`. Thread-safe.
  void RequestStop(bool at_once);

  /// Counts the requests that have not ended as unfinished. Call it once, after the context
  /// stopped.
  void Close();

  /// False while a provider call has not ended. On the worker's thread, or after its end.
  bool drained() const;

  /// The end of the last request, or when it was given up; empty if the context stopped before.
  std::optional<TimePoint> ended_at() const noexcept { return ended_at_; }

  /// What this worker's requests asked for, with models as (first request, model). Valid after the
  /// end.
  struct Asked {
    std::vector<std::pair<std::uint64_t, std::string>> models;
    std::optional<int> lowest_max_tokens;
    std::optional<int> highest_max_tokens;
  };
  const Asked& asked() const noexcept { return asked_; }

  /// Valid after the end.
  const WorkerProbe& probe() const noexcept { return probe_; }

 private:
  // Follows the tokens of a request.
  class TokenTimes final : public StreamObserver {
   public:
    void OnToken(const TokenEvent& event) override;
    bool NeedsEventsInTime() const override { return false; }

    MetricsShard* shard = nullptr;
    StreamTimes times;
  };
  // Where a request is recorded.
  struct Place {
    MetricsShard* shard = nullptr;          // of the stage, and from the dispatch on of the cell
    std::optional<std::size_t> phase = {};  // of a profile
    std::uint32_t step = CellKey::kNoStep;
    bool measured = true;
  };
  struct InFlight : Place {
    std::uint64_t index = 0;
    const CompletionRequest* request = nullptr;  // from when it is made until it has ended
    RequestInstants instants;
    TokenTimes tokens;
    bool sent = false;
    bool ended = false;
    boost::asio::cancellation_signal cancel;  // of an open loop; a closed one's callers have theirs
  };
  using InFlightList = std::list<InFlight>;
  struct Caller {
    bool thinking = false;
    bool ended = false;
    boost::asio::cancellation_signal wake;  // from thinking, or from a request that is given up
  };

  boost::asio::awaitable<void> Main();
  boost::asio::awaitable<void> DispatchOpenLoop();
  boost::asio::awaitable<void> DispatchClosedLoop(const ClosedLoop& load);
  boost::asio::awaitable<void> ClosedLoopCaller(const ClosedLoop& load, std::uint64_t number,
                                                Caller& caller);
  bool IsMeasured(const ClosedLoop& load, std::uint64_t index, TimePoint begin) const;
  // Of a caller; a wake-up ends it early.
  boost::asio::awaitable<void> Think(Caller& caller, TimePoint until);
  MetricsShard& ShardFor(bool measured, std::uint64_t index, TimePoint scheduled) const {
    return measured ? *measured_[run_.StageOf(index, scheduled)] : unmeasured_;
  }
  // The cell of the stage's shard that takes a request.
  MetricsShard& CellOf(const Place& place, const CompletionRequest& request);
  Place PlaceOf(const Arrival& arrival, TimePoint scheduled) const;
  boost::asio::awaitable<void> Drain();
  boost::asio::awaitable<void> OneRequest(std::uint64_t index, InFlightList::iterator in_flight);
  // False if the prompt source failed, which ends the run.
  bool MakeRequest(std::uint64_t index, CompletionRequest& request);
  void PromptFailed(std::uint64_t index, const std::string& what);
  void NoteSent(std::uint64_t index, const CompletionRequest& request, InFlight& in_flight);
  // Tells the observers of one that was sent; `ended` holds what became of it.
  void TellSent(const InFlight& in_flight, EndedRequest ended) const;
  void Tell(EndedRequest ended) const;
  // Sleeps until `deadline` or until `WakeMain`.
  boost::asio::awaitable<void> SleepMain(TimePoint deadline);
  void WakeMain();
  void Finished(InFlightList::iterator in_flight);
  static void NoteAttempt(std::vector<Attempt>& attempts, const Provider& provider,
                          const std::string& model, const RequestInstants& instants,
                          std::optional<ErrorKind> error);

  LoadRun& run_;
  const unsigned index_;
  boost::asio::io_context& context_;
  const std::vector<MetricsShard*> measured_;  // by stage
  MetricsShard& unmeasured_;
  WorkerProbe probe_;
  boost::asio::cancellation_signal stop_probe_;
  InFlightList in_flight_;
  std::list<Caller> callers_;  // closed loop
  std::size_t busy_callers_ = 0;
  bool closed_ = false;    // no caller begins another request
  bool ending_ = false;    // no further request begins
  bool stopping_ = false;  // the run was interrupted
  bool stop_at_once_ = false;
  bool draining_ = false;
  bool given_up_ = false;  // requests in flight have been cancelled
  bool measuring_ = false;
  std::optional<TimePoint> ended_at_;
  // Written by the worker's thread alone.
  Asked asked_;
  std::size_t last_model_ = 0;
  CellFinder cells_;
  boost::asio::cancellation_signal wake_main_;
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_WORKER_H_
