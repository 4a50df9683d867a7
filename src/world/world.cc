#include "llmload/world/world.h"

#include <algorithm>
#include <utility>

#include "llmload/service/openai_provider.h"
#include "llmload/world/target_samplers.h"

namespace llmload {
namespace {

constexpr std::uint64_t kSimulatedMemory = std::uint64_t{32} << 20;

// The shared clock of real time: nothing owns it.
std::shared_ptr<Clock> RealTime() { return {std::shared_ptr<void>(), &SystemClock::Instance()}; }

}  // namespace

World::World() : clock_(RealTime()) {}

RunPlan World::Furnish(RunPlan plan) const {
  if (plan.lanes.empty()) {
    plan.lanes = lanes;
    plan.checks_targets = plan.checks_targets && checks_targets;
  }
  if (plan.samplers.empty()) {
    plan.samplers = samplers;
    const bool judges_memory =
        std::any_of(plan.criteria.begin(), plan.criteria.end(),
                    [](const Criterion& c) { return c.metric().needs().memory; });
    if (judges_memory) plan.details.push_back({.name = "memory of", .value = MemorySubject()});
  }
  return plan;
}

bool World::CostsNothing() const noexcept {
  return !lanes.empty() && std::all_of(lanes.begin(), lanes.end(),
                                       [](const Lane& lane) { return lane.target.costs_nothing; });
}

std::string World::MemorySubject() const {
  std::string names;
  for (const auto& sampler : samplers) {
    names += (names.empty() ? "" : ", ") + sampler->Label();
    if (const auto pid = sampler->Pid()) names += " (pid " + std::to_string(*pid) + ")";
  }
  if (server_) return names + ": the generator and the embedded server together";
  if (simulated_) return names + ", simulated";
  if (samplers.size() > 1) return names;
  return names +
         ": the generator alone, since no process of the server is known here (LLMLOAD_LOCAL_PID)";
}

World RealWorld(Target target, std::optional<pid_t> server, std::string own_label) {
  World world;
  world.samplers = SamplersFor(target.url, server, std::move(own_label));
  world.lanes.push_back({.target = std::move(target)});
  return world;
}

World VirtualWorld() {
  return VirtualWorld([](Clock&) { return Lane{}; });
}

World VirtualWorld(const std::function<Lane(Clock&)>& make_lane) {
  World world;
  auto clock = std::make_shared<VirtualClock>();
  world.virtual_clock_ = clock.get();
  world.clock_ = std::move(clock);
  world.checks_targets = false;
  Lane lane = make_lane(world.clock());
  if (lane.target.provider || !lane.target.unavailable.empty()) {
    world.lanes.push_back(std::move(lane));
  }
  world.samplers.push_back(
      std::make_shared<SimulatedProbe>("test process", [] { return kSimulatedMemory; }));
  return world;
}

World VirtualWorld(simulation::SimulationOptions options) {
  World world = VirtualWorld();
  world.simulated_ =
      std::make_shared<simulation::SimulatedProvider>(std::move(options), world.clock());
  world.lanes.push_back({.target = {.provider = world.simulated_,
                                    .url = "simulation in virtual time",
                                    .costs_nothing = true}});
  return world;
}

World EmbeddedServerWorld(fake_server::FakeLlmServerOptions options, std::string own_label,
                          HttpOptions http) {
  auto server = std::make_shared<fake_server::FakeLlmServer>(std::move(options));
  OpenAiOptions provider;
  provider.name = "fake";
  provider.base_url = server->base_url();
  provider.http = std::move(http);
  provider.http.ca_pem = server->ca_pem();
  World world = RealWorld({.provider = std::make_shared<OpenAiProvider>(std::move(provider)),
                           .url = server->base_url() + " (embedded fake LLM server)",
                           .costs_nothing = true},
                          std::nullopt, std::move(own_label));
  world.server_ = std::move(server);
  return world;
}

}  // namespace llmload
