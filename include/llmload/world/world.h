// What a run takes place in: a clock, targets, processes to watch, and whatever has to live as long
// as they do.
//
//   World world = VirtualWorld({.faults = {...}});          // virtual time, a simulated provider
//   World world = EmbeddedServerWorld({.seed = 7});         // real TLS to a fake server in here
//   World world = RealWorld({.provider = ..., .url = ...}); // a service
//   RunPlan plan = SustainedLoadPlan();
//   const RunReport report = Runner(world.clock()).Run(world.Furnish(plan));
#ifndef LLMLOAD_WORLD_WORLD_H_
#define LLMLOAD_WORLD_WORLD_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/core/virtual_clock.h"
#include "llmload/fake_server/fake_llm_server.h"
#include "llmload/metrics/resource_monitor.h"
#include "llmload/provider/http_options.h"
#include "llmload/run/run_plan.h"
#include "llmload/service/target.h"
#include "llmload/simulation/simulated_provider.h"

namespace llmload {

/// A value: copies share the clock, the targets and the server, which live as long as the last copy
/// does.
class World {
 public:
  /// Real time, and nothing in it.
  World();

  Clock& clock() const noexcept { return *clock_; }
  /// True if time is virtual: then a run costs nothing and takes milliseconds.
  bool IsVirtual() const noexcept { return clock_->IsVirtual(); }
  /// Null in real time.
  VirtualClock* virtual_clock() const noexcept { return virtual_clock_; }

  std::vector<Lane> lanes;
  std::vector<std::shared_ptr<ResourceProbe>> samplers;
  /// True if requests to all of its targets are free.
  bool CostsNothing() const noexcept;
  /// Whose memory the samplers see, and whose they do not, in one line.
  std::string MemorySubject() const;

  /// False where the targets need no question before the load, because they cannot be down.
  bool checks_targets = true;

  /// The embedded server; null if there is none.
  fake_server::FakeLlmServer* server() const noexcept { return server_.get(); }
  /// The simulated provider; null if there is none.
  simulation::SimulatedProvider* simulated() const noexcept { return simulated_.get(); }

  /// `plan` with the lanes and samplers of this world where it has none of its own. A plan with
  /// criteria on memory gets a detail that says whose memory it is.
  RunPlan Furnish(RunPlan plan) const;

 private:
  friend World VirtualWorld(const std::function<Lane(Clock&)>& make_lane);
  friend World VirtualWorld(simulation::SimulationOptions options);
  friend World EmbeddedServerWorld(fake_server::FakeLlmServerOptions options, std::string own_label,
                                   HttpOptions http);

  // Declared first, so that it goes last.
  std::shared_ptr<Clock> clock_;
  VirtualClock* virtual_clock_ = nullptr;  // `clock_`, if it is one
  std::shared_ptr<fake_server::FakeLlmServer> server_;
  std::shared_ptr<simulation::SimulatedProvider> simulated_;
};

/// Real time and one target. Watches this process under the name `own_label`, and the one that
/// serves a target on this machine (`SamplersFor`).
World RealWorld(Target target, std::optional<pid_t> server = std::nullopt,
                std::string own_label = "test process");

/// Virtual time, without a target: for plans that bring their own, made on `clock()`.
World VirtualWorld();

/// Virtual time and the target that `make_lane` makes on its clock.
World VirtualWorld(const std::function<Lane(Clock&)>& make_lane);

/// Virtual time and a simulated provider. A run is a function of the plan and the options. The test
/// process of the simulation has flat memory.
World VirtualWorld(simulation::SimulationOptions options);

/// Real time and a fake LLM server inside this process, asked over TLS on the loopback interface.
/// `http` says how: deadlines, connections, headers; its authority is replaced by the server's.
/// Throws `ConfigurationError` as `FakeLlmServer` does.
World EmbeddedServerWorld(fake_server::FakeLlmServerOptions options = {},
                          std::string own_label = "test process", HttpOptions http = {});

/// A process that exists in a simulation only: its memory is what the function says.
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

}  // namespace llmload

#endif  // LLMLOAD_WORLD_WORLD_H_
