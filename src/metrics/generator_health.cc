#include "llmload/metrics/generator_health.h"

#include <algorithm>

namespace llmload {

namespace {

// Of figures that may be unknown: `pick` decides between two known ones.
template <class Pick>
void Take(std::optional<std::uint64_t>& known, const std::optional<std::uint64_t>& other,
          Pick pick) {
  if (other) known = known ? pick(*known, *other) : *other;
}

}  // namespace

void GeneratorHealth::Merge(const GeneratorHealth& other) {
  const auto smaller = [](std::uint64_t a, std::uint64_t b) { return std::min(a, b); };
  const auto larger = [](std::uint64_t a, std::uint64_t b) { return std::max(a, b); };
  real_time = real_time || other.real_time;
  workers.insert(workers.end(), other.workers.begin(), other.workers.end());
  loop_delay.Merge(other.loop_delay);
  descriptor_failures += other.descriptor_failures;
  port_failures += other.port_failures;
  Take(descriptor_limit, other.descriptor_limit, smaller);
  Take(descriptors_peak, other.descriptors_peak, larger);
  Take(ephemeral_ports, other.ephemeral_ports, smaller);
  connections += other.connections;
}

}  // namespace llmload
