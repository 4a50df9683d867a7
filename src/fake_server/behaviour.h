// How the server treats each arrival: an immutable snapshot, swapped as a whole.
#ifndef LLMLOAD_SRC_FAKE_SERVER_BEHAVIOUR_H_
#define LLMLOAD_SRC_FAKE_SERVER_BEHAVIOUR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "llmload/fake_server/fake_llm_server.h"
#include "src/simulation/fault_plan.h"

namespace llmload::fake_server {

using simulation::AnswerPlan;
using simulation::CutMode;
using simulation::Fault;
using simulation::FaultKind;
using simulation::FaultPlan;
using simulation::LatencyModel;

struct Behaviour {
  std::uint64_t seed = 1;
  LatencyModel latency;
  std::vector<Fault> faults;
  TimePoint since{};                  ///< when the faults took effect
  std::uint64_t arrivals_before = 0;  ///< arrivals before that
  std::uint64_t connections_before = 0;

  /// What the faults do to a request. `arrival` counts from 1 since the start of the server.
  FaultPlan PlanArrival(std::uint64_t arrival, TimePoint now, std::string_view model,
                        bool stream) const;
  /// True if connection number `connection` (from 1) is to hang before its handshake.
  bool HangsBeforeHandshake(std::uint64_t connection, TimePoint now) const;
};

/// Throws `ConfigurationError`.
void Validate(const LatencyModel& latency);

/// The behaviour in force. Readers keep a copy and look at one atomic to see whether it is still
/// current.
class BehaviourBox {
 public:
  using Snapshot = std::shared_ptr<const Behaviour>;

  void Set(Behaviour behaviour);
  Snapshot Get() const;
  /// Refreshes `cached` if it is out of date.
  void Refresh(Snapshot& cached, std::uint64_t& generation) const {
    if (generation == generation_.load(std::memory_order_acquire)) return;
    const std::lock_guard lock(mutex_);
    cached = current_;
    generation = generation_.load(std::memory_order_relaxed);
  }

 private:
  mutable std::mutex mutex_;
  Snapshot current_;
  std::atomic<std::uint64_t> generation_{0};
};

}  // namespace llmload::fake_server

#endif  // LLMLOAD_SRC_FAKE_SERVER_BEHAVIOUR_H_
