// Watches one worker's event loop from inside: timer lateness and CPU.
#ifndef LLMLOAD_SRC_LOAD_WORKER_PROBE_H_
#define LLMLOAD_SRC_LOAD_WORKER_PROBE_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <utility>

#include "llmload/core/clock.h"
#include "llmload/metrics/generator_health.h"
#include "llmload/metrics/histogram.h"
#include "llmload/provider/error.h"

namespace llmload {

/// The CPU time of the calling thread so far; zero where the system does not say.
Duration ThreadCpuTime();

/// Real time only. All functions belong to the worker's thread while it runs; the results may be
/// read afterwards.
class WorkerProbe {
 public:
  /// @param cpu_time  how much CPU the worker has used so far
  explicit WorkerProbe(std::function<Duration()> cpu_time = ThreadCpuTime)
      : cpu_time_(std::move(cpu_time)) {}

  /// Ticks from `start` on until the coroutine is cancelled.
  boost::asio::awaitable<void> Run(Clock& clock, TimePoint start);

  /// The worker's last request has ended at `now`.
  void Finish(TimePoint now);

  /// Counts an error if the generator's own machine was the cause.
  void Failed(const Error& error);

  const WorkerHealth& health() const noexcept { return health_; }
  const Histogram& loop_delay() const noexcept { return loop_delay_; }
  std::uint64_t descriptor_failures() const noexcept { return descriptor_failures_; }
  std::uint64_t port_failures() const noexcept { return port_failures_; }

 private:
  void Tick(TimePoint due, TimePoint now);

  const std::function<Duration()> cpu_time_;
  bool running_ = false;
  TimePoint due_{};
  TimePoint begin_{};
  Duration cpu_begin_{};
  TimePoint window_begin_{};
  Duration window_cpu_{};
  WorkerHealth health_;
  Histogram loop_delay_;
  std::uint64_t descriptor_failures_ = 0;
  std::uint64_t port_failures_ = 0;
};

/// The resource of the generator's own machine whose shortage caused `error`, if one did.
enum class LocalShortage { kNone, kDescriptors, kPorts };
LocalShortage ShortageBehind(const Error& error);

/// RLIMIT_NOFILE, the size of the local port range, and the descriptors that are open now; nullopt
/// where the system does not say.
std::optional<std::uint64_t> DescriptorLimit();
std::optional<std::uint64_t> EphemeralPorts();
std::optional<std::uint64_t> OpenDescriptors();

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_WORKER_PROBE_H_
