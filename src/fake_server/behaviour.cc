#include "src/fake_server/behaviour.h"

#include <string>
#include <utility>

#include "llmload/core/environment.h"
#include "llmload/core/random.h"

namespace llmload::mocks {
namespace {

// Separate streams, so that faults do not shift latencies and the other way round.
constexpr std::uint64_t kArrivalSalt = 0x6661756C74ULL;
constexpr std::uint64_t kConnectionSalt = 0x636F6E6EULL;

bool InForce(const Fault& fault, std::uint64_t number, Duration elapsed) {
  return number >= fault.first_arrival && number <= fault.last_arrival && elapsed >= fault.from &&
         elapsed < fault.until;
}

bool IsStreamOnly(FaultKind kind) {
  return kind == FaultKind::kMissingDone || kind == FaultKind::kMissingFinish ||
         kind == FaultKind::kOversizedEvent;
}

void RequirePositive(const char* name, bool holds, const std::string& value, const char* accepted) {
  if (!holds) throw ConfigurationError::Invalid(name, value, accepted);
}

}  // namespace

ArrivalPlan Behaviour::PlanArrival(std::uint64_t arrival, TimePoint now, bool stream) const {
  ArrivalPlan plan;
  if (faults.empty()) return plan;
  Random random = Random::Stream(seed ^ kArrivalSalt, arrival);
  // An arrival just ahead of a SetFaults may be numbered before it: it counts as the first after.
  const std::uint64_t number = arrival > arrivals_before ? arrival - arrivals_before : 1;
  for (const Fault& fault : faults) {
    // Drawn for every fault, in force or not, so that a draw depends on nothing but its position.
    const bool hit = random.Chance(fault.probability);
    if (!hit || !InForce(fault, number, now - since)) continue;
    switch (fault.kind) {
      case FaultKind::kHangBeforeHandshake:
        break;
      case FaultKind::kExtraLatency:
        plan.extra_latency += fault.delay;
        break;
      case FaultKind::kLeak:
        plan.leak_bytes += fault.bytes;
        break;
      case FaultKind::kConnectionClose:
        plan.close = true;
        break;
      default:
        if (plan.fault == nullptr && (stream || !IsStreamOnly(fault.kind))) plan.fault = &fault;
    }
  }
  return plan;
}

bool Behaviour::HangsBeforeHandshake(std::uint64_t connection, TimePoint now) const {
  if (faults.empty()) return false;
  Random random = Random::Stream(seed ^ kConnectionSalt, connection);
  const std::uint64_t number =
      connection > connections_before ? connection - connections_before : 1;
  bool hangs = false;
  for (const Fault& fault : faults) {
    const bool hit = random.Chance(fault.probability);
    if (hit && fault.kind == FaultKind::kHangBeforeHandshake &&
        InForce(fault, number, now - since)) {
      hangs = true;
    }
  }
  return hangs;
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

}  // namespace llmload::mocks
