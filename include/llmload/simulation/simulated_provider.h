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
#include "llmload/simulation/fault.h"
#include "llmload/simulation/latency_model.h"

namespace llmload::simulation {

/// How fast a simulated service answers, how many requests it can take at once, and its faults.
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
  std::vector<Fault> faults = {};  ///< times count from the provider's construction
  EventLog* log = nullptr;         ///< arrivals and ends, if given; must outlive the provider
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

  /// Throws `ConfigurationError` if a fault makes no sense or is one that only the fake server can
  /// show. `clock` must outlive the provider.
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
  struct Deadline;

  boost::asio::awaitable<Result<Completion>> Answer(Call& call);
  boost::asio::awaitable<Result<Completion>> AnswerFault(Call& call, const Fault& fault);
  boost::asio::awaitable<Result<Completion>> AnswerMidStreamFault(Call& call, const Fault& fault);
  boost::asio::awaitable<std::optional<Error>> PlayTokens(Call& call, int count);
  Deadline EndOfPatience(const Call& call) const;
  boost::asio::awaitable<Error> TimeOut(Call& call, Deadline deadline);
  boost::asio::awaitable<Error> FailAt(Call& call, TimePoint at, Error error);
  Result<Completion> Success(Call& call);

  const SimulationOptions options_;
  Clock& clock_;
  const TimePoint origin_;
  std::vector<Arrival> arrivals_;
  std::size_t in_flight_ = 0;
  std::size_t peak_in_flight_ = 0;
};

}  // namespace llmload::simulation

#endif  // LLMLOAD_SIMULATION_SIMULATED_PROVIDER_H_
