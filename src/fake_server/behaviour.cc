#include "src/fake_server/behaviour.h"

#include <string>
#include <utility>

#include "llmload/core/environment.h"

namespace llmload::fake_server {
namespace {

// An arrival just ahead of a SetFaults may be numbered before it: it counts as the first after.
std::uint64_t NumberSince(std::uint64_t index, std::uint64_t before) {
  return index > before ? index - before : 1;
}

void RequirePositive(const char* name, bool holds, const std::string& value, const char* accepted) {
  if (!holds) throw ConfigurationError::Invalid(name, value, accepted);
}

}  // namespace

FaultPlan Behaviour::PlanArrival(std::uint64_t arrival, TimePoint now, std::string_view model,
                                 bool stream) const {
  return simulation::PlanFaults(faults, seed,
                                {.index = arrival,
                                 .number = NumberSince(arrival, arrivals_before),
                                 .elapsed = now - since,
                                 .model = model,
                                 .stream = stream});
}

bool Behaviour::HangsBeforeHandshake(std::uint64_t connection, TimePoint now) const {
  return simulation::HangsBeforeHandshake(faults, seed,
                                          {.index = connection,
                                           .number = NumberSince(connection, connections_before),
                                           .elapsed = now - since});
}

void Validate(const LatencyModel& latency) {
  const auto nanoseconds = [](Duration value) { return std::to_string(value.count()) + " ns"; };
  RequirePositive(
      "latency.ttft_median",
      latency.ttft_median >= Duration::zero() && latency.ttft_median <= std::chrono::hours(1),
      nanoseconds(latency.ttft_median), "0 to 1 hour");
  RequirePositive(
      "latency.gap_median",
      latency.gap_median >= Duration::zero() && latency.gap_median <= std::chrono::hours(1),
      nanoseconds(latency.gap_median), "0 to 1 hour");
  RequirePositive("latency.ttft_sigma", latency.ttft_sigma >= 0 && latency.ttft_sigma <= 5,
                  std::to_string(latency.ttft_sigma), "a number from 0 to 5");
  RequirePositive("latency.gap_sigma", latency.gap_sigma >= 0 && latency.gap_sigma <= 5,
                  std::to_string(latency.gap_sigma), "a number from 0 to 5");
  RequirePositive("latency.tokens_min", latency.tokens_min >= 1, std::to_string(latency.tokens_min),
                  "1 or more");
  RequirePositive("latency.tokens_max",
                  latency.tokens_max >= latency.tokens_min && latency.tokens_max <= 1'000'000,
                  std::to_string(latency.tokens_max), "tokens_min to 1000000");
}

void BehaviourBox::Set(Behaviour behaviour) {
  auto next = std::make_shared<const Behaviour>(std::move(behaviour));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
  generation_.fetch_add(1, std::memory_order_release);
}

BehaviourBox::Snapshot BehaviourBox::Get() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace llmload::fake_server
