#include "src/simulation/fault_plan.h"

#include "llmload/core/random.h"

namespace llmload::simulation {
namespace {

// Separate streams, so that faults do not shift latencies and the other way round.
constexpr std::uint64_t kArrivalSalt = 0x6661756C74ULL;
constexpr std::uint64_t kConnectionSalt = 0x636F6E6EULL;

bool InForce(const Fault& fault, const FaultedArrival& arrival) {
  if (arrival.number < fault.first_arrival || arrival.number > fault.last_arrival) return false;
  if (arrival.elapsed < fault.from || arrival.elapsed >= fault.until) return false;
  return fault.period == Duration::zero() ||
         (arrival.elapsed - fault.from) % fault.period < fault.active;
}

bool IsStreamOnly(FaultKind kind) {
  return kind == FaultKind::kMissingDone || kind == FaultKind::kMissingFinish ||
         kind == FaultKind::kOversizedEvent;
}

}  // namespace

FaultPlan PlanFaults(const std::vector<Fault>& faults, std::uint64_t seed,
                     const FaultedArrival& arrival) {
  FaultPlan plan;
  if (faults.empty()) return plan;
  Random random = Random::Stream(seed ^ kArrivalSalt, arrival.index);
  for (const Fault& fault : faults) {
    // Drawn for every fault, in force or not, so that a draw depends on nothing but its position.
    const bool hit = random.Chance(fault.probability);
    if (!hit || !InForce(fault, arrival)) continue;
    if (!fault.model.empty() && fault.model != arrival.model) continue;
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
        if (plan.fault == nullptr && (arrival.stream || !IsStreamOnly(fault.kind))) {
          plan.fault = &fault;
        }
    }
  }
  return plan;
}

bool HangsBeforeHandshake(const std::vector<Fault>& faults, std::uint64_t seed,
                          const FaultedArrival& connection) {
  if (faults.empty()) return false;
  Random random = Random::Stream(seed ^ kConnectionSalt, connection.index);
  bool hangs = false;
  for (const Fault& fault : faults) {
    const bool hit = random.Chance(fault.probability);
    if (hit && fault.kind == FaultKind::kHangBeforeHandshake && InForce(fault, connection)) {
      hangs = true;
    }
  }
  return hangs;
}

}  // namespace llmload::simulation
