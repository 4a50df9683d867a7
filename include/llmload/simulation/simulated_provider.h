// A provider that lives in (virtual) time alone: no socket, but latencies, faults, outages and
// limits.
#ifndef LLMLOAD_SIMULATION_SIMULATED_PROVIDER_H_
#define LLMLOAD_SIMULATION_SIMULATED_PROVIDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/provider/provider.h"
#include "llmload/simulation/event_log.h"
#include "llmload/simulation/latency_model.h"

namespace llmload::mocks {

enum class SimulatedFaultKind : std::uint8_t {
  kConnectionRefused,  ///< fails within a round trip
  kConnectionReset,    ///< after the request was sent, before any answer
  kHttpStatus,         ///< a fast error answer: `status`, `retry_after`
  kBlackHole,          ///< takes the request and never answers: the first-token deadline ends it
  kSlowFirstToken,     ///< the first token comes `extra_latency` later
  kMidStreamStall,     ///< silence after `after_tokens` tokens: the idle deadline ends it
  kMidStreamCut,       ///< the connection ends after `after_tokens` tokens
  kInBandError,        ///< an error event after `after_tokens` tokens of a 200 stream
  kMalformedAnswer,    ///< 200, but not what the protocol says
  kNeverReturns,       ///< ignores every deadline: only cancellation ends it
};

/// A fault on the time line. Times count from the provider's construction.
struct SimulatedFault {
  SimulatedFaultKind kind = SimulatedFaultKind::kHttpStatus;
  Duration from{};
  Duration to = Duration::max();
  /// Flapping: within [from, to), active during the first `active` of every `period`. 0: always.
  Duration period{};
  Duration active{};
  double probability = 1;  ///< per arrival, by the seed
  std::string model = {};  ///< only requests for this model; empty: all
  int status = 503;        ///< kHttpStatus
  std::optional<Duration> retry_after = {};
  Duration extra_latency = std::chrono::seconds(10);  ///< kSlowFirstToken
  int after_tokens = 3;                               ///< the mid-stream faults
};

/// How fast a simulated service answers, what it can bear, and its faults.
struct SimulationOptions {
  ProviderIdentity identity{.name = "simulated", .region = {}, .credential = {}};
  std::uint64_t seed = 1;
  LatencyModel latency = {};
  std::map<std::string, LatencyModel> latency_by_model = {};  ///< instead of `latency`
  /// Requests at once; one more is answered 503 at once. 0: no limit.
  std::size_t capacity = 0;
  Duration round_trip = std::chrono::milliseconds(2);  ///< of fast failures
  // The deadlines that a real client would apply.
  Duration first_token_timeout = std::chrono::seconds(30);
  Duration idle_timeout = std::chrono::seconds(15);
  Duration total_timeout = std::chrono::seconds(60);
  std::vector<SimulatedFault> faults = {};  ///< the first active one applies
  EventLog* log = nullptr;  ///< arrivals and ends, if given; must outlive the provider
};

/// Answers from a seeded model on a `Clock`. Under a `VirtualClock` a run is a function of its
/// seed. Belongs to one thread.
class SimulatedProvider final : public Provider {
 public:
  /// One request as the provider saw it.
  struct Arrival {
    TimePoint at{};
    bool failed = false;
  };

  SimulatedProvider(SimulationOptions options, Clock& clock);

  const ProviderIdentity& Identity() const noexcept override { return options_.identity; }
  boost::asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                                      StreamObserver* observer) override;

  /// Every request that reached the provider, in order of arrival.
  const std::vector<Arrival>& arrivals() const noexcept { return arrivals_; }
  std::size_t in_flight() const noexcept { return in_flight_; }
  std::size_t peak_in_flight() const noexcept { return peak_in_flight_; }

  /// When this provider was made: the origin of its faults' times.
  TimePoint origin() const noexcept { return origin_; }

 private:
  struct Call;

  const SimulatedFault* ActiveFault(const std::string& model, Random& random) const;
  boost::asio::awaitable<Result<Completion>> Answer(Call& call);
  boost::asio::awaitable<Result<Completion>> AnswerFault(Call& call, const SimulatedFault& fault);
  boost::asio::awaitable<std::optional<Error>> PlayTokens(Call& call, int count);
  boost::asio::awaitable<Result<Completion>> FailAt(Call& call, TimePoint at, Error error);
  Result<Completion> Success(Call& call);
  Error MakeError(const Call& call, ErrorKind kind, std::string message) const;

  const SimulationOptions options_;
  Clock& clock_;
  const TimePoint origin_;
  std::vector<Arrival> arrivals_;
  std::size_t in_flight_ = 0;
  std::size_t peak_in_flight_ = 0;
};

}  // namespace llmload::mocks

#endif  // LLMLOAD_SIMULATION_SIMULATED_PROVIDER_H_
