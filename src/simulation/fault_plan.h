// Which faults hit an arrival: decided alike for the fake server and for simulated providers.
#ifndef LLMLOAD_SRC_SIMULATION_FAULT_PLAN_H_
#define LLMLOAD_SRC_SIMULATION_FAULT_PLAN_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/simulation/fault.h"

namespace llmload::simulation {

/// What the conditions of faults are compared with.
struct FaultedArrival {
  std::uint64_t index = 1;   ///< of all arrivals, counted from 1: the draws depend on it
  std::uint64_t number = 1;  ///< counted from 1 since the list of faults took effect
  Duration elapsed{0};       ///< since the list took effect
  std::string_view model = {};
  bool stream = false;
};

/// What was drawn for one arrival.
struct FaultPlan {
  const Fault* fault = nullptr;  ///< replaces the answer; one of the list
  Duration extra_latency{0};
  std::uint64_t leak_bytes = 0;
  bool close = false;
};

/// Deterministic in its arguments: with one seed and one list, a server and a simulation fail the
/// same arrivals.
FaultPlan PlanFaults(const std::vector<Fault>& faults, std::uint64_t seed,
                     const FaultedArrival& arrival);

/// True if the connection `connection` is to hang before its handshake. Its numbers count
/// connections; model and stream are not looked at.
bool HangsBeforeHandshake(const std::vector<Fault>& faults, std::uint64_t seed,
                          const FaultedArrival& connection);

}  // namespace llmload::simulation

#endif  // LLMLOAD_SRC_SIMULATION_FAULT_PLAN_H_
