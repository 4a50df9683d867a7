#include "tests/support/virtual_campaign.h"

#include <memory>
#include <optional>
#include <utility>

#include "llmload/core/random.h"
#include "llmload/core/virtual_clock.h"

namespace llmload {

namespace asio = boost::asio;
using simulation::EventLog;
using simulation::SimulatedProvider;
using namespace std::chrono_literals;

namespace {

CampaignTiming Timing(Duration onset, Duration outage) {
  CampaignTiming timing;
  timing.onset = onset;
  timing.heal = onset + outage;
  timing.latency = {.ttft_median = 150ms,
                    .ttft_sigma = 0.25,
                    .gap_median = 15ms,
                    .gap_sigma = 0.3,
                    .tokens_min = 2,
                    .tokens_max = 6};
  // Time to first token at 5 standard deviations (524 ms), five gaps (100 ms), the link both ways.
  timing.longest_service = 650ms;
  // 155 ms + 3 gaps of 15.7 ms.
  timing.mean_service = 202ms;
  timing.link = 5ms;
  timing.fast_failure = 2ms + 2 * timing.link;
  timing.first_token_deadline = 2s;
  timing.idle_deadline = 1s;
  timing.open = 2s;
  timing.retry_after = 5s;
  timing.slow_by = 1200ms;
  timing.slow_after = 1s;
  timing.slow_window = 2s;
  timing.flap_period = 5s;
  timing.flap_active = 2800ms;
  timing.warm_up = 3s;
  timing.fallback_capacity = 5;
  return timing;
}

}  // namespace

CampaignTiming VirtualTiming(std::uint64_t seed) {
  Random random = Random::Stream(seed, 0xCA);
  const auto up_to = [&](Duration most) {
    return Duration(
        static_cast<Duration::rep>(random.Uniform() * static_cast<double>(most.count())));
  };
  const Duration onset = 2s + up_to(1s);
  return Timing(onset, 10s + up_to(2s));
}

CampaignTiming LongestVirtualTiming() { return Timing(3s, 12s); }

namespace {

// The network between the chain and a provider. To the chain, an attempt begins when it is handed
// over and ends when the outcome has come back.
class Link final : public Provider {
 public:
  Link(std::shared_ptr<SimulatedProvider> provider, Duration one_way, Clock& clock)
      : provider_(std::move(provider)), one_way_(one_way), clock_(clock) {}

  const ProviderIdentity& Identity() const noexcept override { return provider_->Identity(); }
  ConnectionCounters Connections() const override { return provider_->Connections(); }
  asio::awaitable<Result<Completion>> Complete(const CompletionRequest& request,
                                               StreamObserver* observer) override {
    const TimePoint started = clock_.Now();
    co_await clock_.SleepFor(one_way_);
    Result<Completion> outcome = co_await provider_->Complete(request, observer);
    co_await clock_.SleepFor(one_way_);
    const TimePoint finished = clock_.Now();
    const auto restamp = [&](std::vector<Attempt>& attempts) {
      for (Attempt& attempt : attempts) {
        attempt.started = started;
        attempt.finished = finished;
      }
    };
    if (outcome.has_error()) {
      Error error = outcome.error();
      restamp(error.attempts);
      co_return error;
    }
    restamp(outcome->attempts);
    co_return outcome;
  }

 private:
  const std::shared_ptr<SimulatedProvider> provider_;
  const Duration one_way_;
  Clock& clock_;
};

}  // namespace

CampaignRun RunVirtually(const std::string& name, std::uint64_t seed,
                         const std::function<void(const EventLog&)>& with_log) {
  const CampaignTiming timing = VirtualTiming(seed);
  const FaultScenario scenario = FindScenario(name, timing);
  VirtualClock clock;
  const TimePoint start = clock.Now();
  std::optional<EventLog> log;
  if (with_log) log.emplace(clock);
  simulation::SimulationOptions simulation{
      .identity = {.name = "primary", .region = {}, .credential = {}},
      .seed = seed,
      .latency = timing.latency,
      .first_token_timeout = timing.first_token_deadline,
      .idle_timeout = timing.idle_deadline,
      .faults = scenario.faults,
      .log = log ? &*log : nullptr};
  auto primary = std::make_shared<SimulatedProvider>(simulation, clock);
  simulation.identity.name = "fallback";
  simulation.seed = seed + 0x5EED;
  simulation.capacity = scenario.fallback_capacity;
  simulation.faults.clear();
  auto fallback = std::make_shared<SimulatedProvider>(simulation, clock);

  CampaignChain chain(scenario, std::make_shared<Link>(primary, timing.link, clock),
                      std::make_shared<Link>(fallback, timing.link, clock), seed, clock,
                      simulation.log);
  CampaignRun run = chain.Run(timing, scenario, start);
  for (const SimulatedProvider::Arrival& arrival : primary->arrivals()) {
    run.observation.primary_arrivals.push_back(arrival.at);
  }
  run.primary_arrivals = primary->arrivals().size();
  run.fallback_arrivals = fallback->arrivals().size();
  run.in_flight_at_end = primary->in_flight() + fallback->in_flight() + clock.SleeperCount();
  run.metrics = MeasureFailover(run.observation);
  if (log) with_log(*log);
  return run;
}

}  // namespace llmload
