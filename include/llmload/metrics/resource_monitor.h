// Memory, CPU, threads and descriptors of processes over the time of a run.
#ifndef LLMLOAD_METRICS_RESOURCE_MONITOR_H_
#define LLMLOAD_METRICS_RESOURCE_MONITOR_H_

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "llmload/core/clock.h"
#include "llmload/metrics/statistics.h"
#include "llmload/metrics/sustained_slope.h"

namespace llmload {

/// One reading of a process.
struct RawUsage {
  std::uint64_t rss_bytes = 0;  ///< resident set size
  Duration cpu_time{};          ///< user and system time since the process began
  std::uint32_t threads = 0;
  std::optional<std::uint32_t> descriptors;  ///< open files; empty if not permitted to see
};

/// Reads the usage of one process.
class ResourceProbe {
 public:
  virtual ~ResourceProbe() = default;
  /// What the process is to the test: "test process", "local server".
  virtual std::string Label() const = 0;
  virtual std::optional<pid_t> Pid() const { return std::nullopt; }
  /// Returns nullopt if the process is gone or may not be read; `FailureReason` then says which.
  virtual std::optional<RawUsage> Read() = 0;
  /// Why the last `Read` gave nothing. Empty after a good one.
  virtual std::string FailureReason() const { return {}; }
};

/// Reads /proc (Linux). A process that ended, or whose number was given to another process, reads
/// as gone.
class ProcProbe final : public ResourceProbe {
 public:
  ProcProbe(std::string label, pid_t pid);
  /// The calling process.
  static std::unique_ptr<ProcProbe> Self(std::string label = "test process");

  std::string Label() const override { return label_; }
  std::optional<pid_t> Pid() const override { return pid_; }
  std::optional<RawUsage> Read() override;
  std::string FailureReason() const override { return failure_; }

 private:
  std::optional<RawUsage> Fail(std::string reason);

  std::string label_;
  pid_t pid_;
  std::optional<std::uint64_t> start_ticks_;  // tells a process from a later one with its number
  std::string failure_;
};

/// What a process used at one instant.
struct ResourceSample {
  Duration at{};  ///< since the start of the run
  std::uint64_t rss_bytes = 0;
  std::optional<double> cpu_percent;  ///< of one core, since the sample before; empty for the first
  std::uint32_t threads = 0;
  std::optional<std::uint32_t> descriptors;
  /// Requests of the run so far; empty if they are not counted (`ResourceMonitor::CountRequests`).
  std::optional<std::uint64_t> requests;

  friend bool operator==(const ResourceSample&, const ResourceSample&) = default;
};

/// One process over a run. With `samples == 0` all figures are zero or empty.
struct ResourceSummary {
  std::string label;
  std::optional<pid_t> pid;
  std::uint64_t samples = 0;  ///< all that were taken, also those no longer in `series`
  std::string lost_reason;    ///< why sampling ended before the run did; empty if it did not

  std::uint64_t rss_initial_bytes = 0;
  std::uint64_t rss_final_bytes = 0;
  std::uint64_t rss_min_bytes = 0;
  std::uint64_t rss_peak_bytes = 0;
  double rss_mean_bytes = 0;
  std::optional<double> cpu_min_percent;
  std::optional<double> cpu_max_percent;
  std::optional<double> cpu_mean_percent;
  std::uint32_t threads_min = 0;
  std::uint32_t threads_max = 0;
  std::optional<std::uint32_t> descriptors_min;
  std::optional<std::uint32_t> descriptors_max;

  std::optional<double> increase;    ///< (final - initial) / initial; two samples or more
  std::optional<double> peak_ratio;  ///< peak / initial
  /// (median of the last third - median of the first third) / median of the first third; three
  /// samples or more.
  std::optional<double> growth;
  /// Over block medians of `series`, with a 99 % confidence interval (`BlockSlope`).
  std::optional<SlopeEstimate> slope_bytes_per_second;
  /// Resident memory over requests: what a leak costs for each. From 24 samples on, and only where
  /// requests were counted.
  std::optional<SustainedSlope> slope_bytes_per_request;

  std::vector<ResourceSample> series;  ///< evenly thinned; oldest first

  friend bool operator==(const ResourceSummary&, const ResourceSummary&) = default;
};

/// Samples several processes. Memory is bounded: a full series drops every second sample, and from
/// then on keeps one of twice as many. Minimum, maximum and mean are over all samples nevertheless.
///
/// Thread safety: all functions may be called from any thread.
class ResourceMonitor {
 public:
  /// Samples kept per process, 2 at the least.
  explicit ResourceMonitor(std::size_t series_capacity = 1024);
  ~ResourceMonitor();
  ResourceMonitor(const ResourceMonitor&) = delete;
  ResourceMonitor& operator=(const ResourceMonitor&) = delete;

  /// The probe is read from the next sample on. Precondition: not null.
  void AddProbe(std::shared_ptr<ResourceProbe> probe);

  /// How many requests the load has made so far; it is called with every sample, on the sampling
  /// thread, and must not run backwards. An empty function ends the counting.
  void CountRequests(std::function<std::uint64_t()> requests);

  /// Reads every process once. `now` is the instant of the reading, and must not run backwards. A
  /// process that could not be read is not tried again.
  void SampleNow(TimePoint now);

  /// Samples now and then every `interval`, until the coroutine is cancelled. The monitor must
  /// outlive it. `warmed_up`, if given, is asked before each sample until it returns true; that
  /// sample is the baseline (`Restart`).
  boost::asio::awaitable<void> Run(Clock& clock, Duration interval,
                                   std::function<bool()> warmed_up = {});

  /// Forgets all samples, so that the next one is the baseline: call it at the end of a warm-up.
  void Restart();

  /// How far the sampling is.
  struct Progress {
    std::uint64_t samples = 0;  ///< of the process that has the fewest
    double peak_ratio = 0;      ///< peak / initial memory, the highest of all processes
  };
  Progress SoFar() const;

  /// The latest sample of probe `index`, in the order of `AddProbe`; empty before its first.
  std::optional<ResourceSample> Latest(std::size_t index = 0) const;

  /// One summary per probe, in the order of `AddProbe`. Instants in it count from `start`.
  std::vector<ResourceSummary> Summarise(TimePoint start = {}) const;

 private:
  struct Track;
  mutable std::mutex mutex_;
  std::size_t series_capacity_;
  std::function<std::uint64_t()> requests_;
  std::vector<std::unique_ptr<Track>> tracks_;
};

}  // namespace llmload

#endif  // LLMLOAD_METRICS_RESOURCE_MONITOR_H_
