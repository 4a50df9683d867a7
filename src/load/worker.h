// One event loop's share of a load: dispatches its arrivals, follows each request to its end.
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
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/load/load_generator.h"
#include "llmload/metrics/load_test_metrics.h"
#include "llmload/provider/provider.h"
#include "src/load/worker_probe.h"

namespace llmload {

/// What the workers of one run share.
struct LoadRun {
  const LoadOptions& options;
  Clock& clock;
  Provider& provider;
  TimePoint start{};
  unsigned workers = 1;
  std::optional<ArrivalSequence> arrivals;  ///< at its begin; of an open loop
  std::size_t max_in_flight = 0;            ///< of an open loop, over all workers
  std::atomic<std::uint64_t> next_closed_request{0};
};

class LoadWorker {
 public:
  /// `unmeasured` takes the requests of warm-up and cool-down.
  LoadWorker(LoadRun& run, unsigned index, MetricsShard& measured, MetricsShard& unmeasured);

  /// Starts on `context()`, which somebody then has to run. `on_done` is called there when the last
  /// request has ended or been given up.
  void Start(std::function<void()> on_done);

  boost::asio::io_context& context() noexcept { return context_; }

  /// No further arrivals; what is in flight gets the interrupted drain time-out. With `at_once`,
  /// none. Thread-safe.
  void RequestStop(bool at_once);

  /// False if a provider call did not end even when cancelled. Valid after the context ran out of
  /// work.
  bool drained() const noexcept { return drained_; }

  /// Valid after the context ran out of work.
  const WorkerProbe& probe() const noexcept { return probe_; }

 private:
  // Follows the tokens of a request.
  class TokenTimes final : public StreamObserver {
   public:
    void OnToken(const TokenEvent& event) override;
    bool NeedsEventsInTime() const override { return false; }

    MetricsShard* shard = nullptr;
    std::optional<TimePoint> last;
    std::optional<Duration> longest_gap;
  };
  struct InFlight {
    RequestInstants instants;
    TokenTimes tokens;
    bool measured = true;
    boost::asio::cancellation_signal cancel;  // of an open loop; a closed one's callers have theirs
  };
  using InFlightList = std::list<InFlight>;
  struct Caller {
    bool thinking = false;
    bool ended = false;
    boost::asio::cancellation_signal wake;  // from its thoughts, or from a request that is given up
  };

  boost::asio::awaitable<void> Main();
  boost::asio::awaitable<void> DispatchOpenLoop();
  boost::asio::awaitable<void> DispatchClosedLoop(const ClosedLoop& load);
  boost::asio::awaitable<void> ClosedLoopCaller(const ClosedLoop& load, std::size_t number,
                                                Caller& caller);
  bool IsMeasured(const ClosedLoop& load, TimePoint begin) const;
  // Of a caller; a wake-up ends it early.
  boost::asio::awaitable<void> Think(Caller& caller, TimePoint until);
  MetricsShard& ShardOf(const InFlight& request) const {
    return request.measured ? measured_ : unmeasured_;
  }
  boost::asio::awaitable<void> Drain();
  boost::asio::awaitable<void> OneRequest(std::uint64_t index, InFlightList::iterator in_flight);
  // Sleeps until `deadline` or until `WakeMain`.
  boost::asio::awaitable<void> SleepMain(TimePoint deadline);
  void WakeMain();
  void Finished(InFlightList::iterator in_flight);
  void NoteAttempt(std::vector<Attempt>& attempts, const std::string& model,
                   const RequestInstants& instants, std::optional<ErrorKind> error) const;

  LoadRun& run_;
  const unsigned index_;
  MetricsShard& measured_;
  MetricsShard& unmeasured_;
  WorkerProbe probe_;
  boost::asio::cancellation_signal stop_probe_;
  InFlightList in_flight_;
  std::list<Caller> callers_;  // closed loop
  std::size_t busy_callers_ = 0;
  bool closed_ = false;  // no caller begins another request
  bool stopping_ = false;
  bool stop_at_once_ = false;
  bool draining_ = false;
  bool given_up_ = false;  // requests in flight have been cancelled
  bool drained_ = true;
  boost::asio::cancellation_signal wake_main_;
  // Last, so that it goes first: coroutines left in it refer to everything above.
  boost::asio::io_context context_{1};
};

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_WORKER_H_
