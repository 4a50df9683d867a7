// Any load-test fixture in virtual time: the same test, the same criteria, in milliseconds.
#ifndef LLMLOAD_WORLD_IN_VIRTUAL_TIME_H_
#define LLMLOAD_WORLD_IN_VIRTUAL_TIME_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "llmload/core/virtual_clock.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/simulation/simulated_provider.h"
#include "llmload/testing/load_test.h"

namespace llmload {

/// A process that exists in the simulation only: its memory is what the function says.
class SimulatedProbe final : public ResourceProbe {
 public:
  SimulatedProbe(std::string label, std::function<std::uint64_t()> rss_bytes)
      : label_(std::move(label)), rss_bytes_(std::move(rss_bytes)) {}
  std::string Label() const override { return label_; }
  std::optional<RawUsage> Read() override {
    return RawUsage{.rss_bytes = rss_bytes_(), .cpu_time = {}, .threads = 1, .descriptors = 8};
  }

 private:
  std::string label_;
  std::function<std::uint64_t()> rss_bytes_;
};

/// Runs `Fixture` in virtual time against a `SimulatedProvider`. Costs nothing, opens no socket,
/// and is never gated; a run is a function of `LLMLOAD_SEED`.
///
///   class Sustained : public InVirtualTime<SustainedLoadTest> {};
///   TEST_F(Sustained, HoldsTheRate) { RunAndJudge(); }
template <class Fixture>
class InVirtualTime : public Fixture {
 protected:
  bool IsGated() const override { return false; }
  bool ChecksTarget() const override { return false; }
  Clock& TestClock() override { return clock_; }

  /// What the simulation does; override to script faults.
  virtual simulation::SimulationOptions Simulation() const {
    return {.seed = this->Environment().seed};
  }

  Target MakeTarget() override {
    simulated_ = std::make_shared<simulation::SimulatedProvider>(Simulation(), clock_);
    return {.provider = simulated_, .unavailable = {}, .url = "simulation in virtual time"};
  }

  /// The test process of the simulation: flat memory.
  std::vector<std::unique_ptr<ResourceProbe>> MakeProbes() override {
    std::vector<std::unique_ptr<ResourceProbe>> probes;
    probes.push_back(
        std::make_unique<SimulatedProbe>("test process", [] { return std::uint64_t{32} << 20; }));
    return probes;
  }

  /// Precondition: `MakeTarget` was not overridden.
  simulation::SimulatedProvider& Simulated() { return *simulated_; }
  VirtualClock& clock() { return clock_; }

 private:
  VirtualClock clock_;
  std::shared_ptr<simulation::SimulatedProvider> simulated_;
};

/// The same for fixtures that make a primary and a fallback themselves: virtual time, no gate.
template <class Fixture>
class PairInVirtualTime : public Fixture {
 protected:
  bool IsGated() const override { return false; }
  Clock& TestClock() override { return clock_; }
  VirtualClock& clock() { return clock_; }

 private:
  VirtualClock clock_;
};

}  // namespace llmload

#endif  // LLMLOAD_WORLD_IN_VIRTUAL_TIME_H_
