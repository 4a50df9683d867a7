// Whether the generator itself kept up: what it measured about its own threads, descriptors, ports
// and connections. A run whose generator was the bottleneck says nothing about the service.
#ifndef LLMLOAD_METRICS_GENERATOR_HEALTH_H_
#define LLMLOAD_METRICS_GENERATOR_HEALTH_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "llmload/core/time.h"
#include "llmload/metrics/distribution.h"
#include "llmload/provider/connection_counters.h"

namespace llmload {

/// One worker's event loop, from the start of the schedule to the end of its last request.
struct WorkerHealth {
  Duration wall{};  ///< real time it ran
  Duration cpu{};   ///< CPU time of its thread
  /// The time in windows of 100 ms, and those of them in which the thread had the CPU for 95 % of
  /// the time or more: then it had work waiting.
  std::uint64_t windows = 0;
  std::uint64_t saturated_windows = 0;

  /// cpu / wall; empty for a run without time.
  std::optional<double> CpuShare() const noexcept {
    if (wall <= Duration::zero()) return std::nullopt;
    return static_cast<double>(cpu.count()) / static_cast<double>(wall.count());
  }
  std::optional<double> SaturatedShare() const noexcept {
    if (windows == 0) return std::nullopt;
    return static_cast<double>(saturated_windows) / static_cast<double>(windows);
  }

  friend bool operator==(const WorkerHealth&, const WorkerHealth&) = default;
};

/// Whether the generator kept up, so that the numbers are those of the service and not its own.
struct GeneratorHealth {
  /// False in virtual time, where threads take no time: then `workers` is empty and `loop_delay`
  /// is empty.
  bool real_time = false;
  std::vector<WorkerHealth> workers;
  /// How late a timer of 10 ms fired in the event loops; ticks that a busy loop missed altogether
  /// count with the lateness they would have had.
  Distribution loop_delay;

  // Failures that the generator's own machine caused, among those that are measured.
  std::uint64_t descriptor_failures = 0;          ///< EMFILE, ENFILE: no descriptor left
  std::uint64_t port_failures = 0;                ///< EADDRNOTAVAIL: no ephemeral port left
  std::optional<std::uint64_t> descriptor_limit;  ///< RLIMIT_NOFILE; empty: unlimited or unknown
  std::optional<std::uint64_t> descriptors_peak;  ///< seen open at the same time, once a second
  std::optional<std::uint64_t> ephemeral_ports;   ///< in the local port range (Linux, IPv4)

  /// What the provider under load did on the network during the run, warm-up included.
  ConnectionCounters connections;

  /// reuses / (reuses + connects): requests that found a connection open. Empty without any.
  std::optional<double> ReuseRatio() const noexcept {
    const std::uint64_t all = connections.reuses + connections.connects;
    if (all == 0) return std::nullopt;
    return static_cast<double>(connections.reuses) / static_cast<double>(all);
  }

  /// Adds the health of another share of the run, on this machine or another one: counts are added,
  /// limits are the smallest, peaks the largest.
  void Merge(const GeneratorHealth& other);
  friend bool operator==(const GeneratorHealth&, const GeneratorHealth&) = default;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_GENERATOR_HEALTH_H_
