// Hears of every request of a load when it has ended.
#ifndef LLMLOAD_LOAD_REQUEST_OBSERVER_H_
#define LLMLOAD_LOAD_REQUEST_OBSERVER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "llmload/core/time.h"
#include "llmload/provider/completion.h"
#include "llmload/provider/error.h"

namespace llmload {

/// What became of a request.
enum class RequestOutcome : std::uint8_t {
  kSucceeded,
  kFailed,
  kUnfinished,  ///< in flight when the run stopped
  kDropped,     ///< not sent: too many were in flight
};

/// Stable name, as in reports ("succeeded").
std::string_view ToString(RequestOutcome outcome) noexcept;

/// A request that has ended. What it points to is valid during the call only.
struct EndedRequest {
  std::uint64_t index = 0;                ///< in the whole run, over all phases and shares
  std::optional<std::size_t> phase = {};  ///< of the profile, from 0; empty in a closed loop
  std::string_view phase_name = {};       ///< `LoadPhase::name`
  bool measured = true;                   ///< false in warm-up and cool-down
  RequestOutcome outcome = RequestOutcome::kSucceeded;
  TimePoint scheduled{};
  std::optional<TimePoint> dispatched = {};    ///< empty for a dropped request
  std::optional<TimePoint> first_token = {};   ///< of a stream that had one
  std::optional<TimePoint> completed = {};     ///< answered, failed or given up; empty if dropped
  const CompletionRequest* request = nullptr;  ///< null for a dropped request
  const Completion* completion = nullptr;      ///< of a success; its attempts are complete
  const Error* error = nullptr;                ///< of a failure; likewise
};

/// What a `RequestObserver` is told before the first request.
struct LoadBegin {
  TimePoint start{};      ///< of the schedule
  unsigned workers = 1;   ///< how many threads at most call `OnRequest`
  bool real_time = true;  ///< false in virtual time, which an observer may keep waiting
};

/// Is told of every request whose time came, measured or not, exactly once.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  /// Called before the first request, on the thread that runs the load.
  virtual void OnBegin(const LoadBegin& begin) = 0;
  /// Called on the event loop of the worker with that number, below `LoadBegin::workers`. Calls
  /// with one number never overlap, and calls with different ones do. In real time it must not
  /// block, as its duration is added to the latency of other requests.
  virtual void OnRequest(unsigned worker, const EndedRequest& request) noexcept = 0;
};

}  // namespace llmload

#endif  // LLMLOAD_LOAD_REQUEST_OBSERVER_H_
