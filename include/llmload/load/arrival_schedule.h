// When requests are due: decided before the run, from a seed, independent of how the system
// answers.
#ifndef LLMLOAD_LOAD_ARRIVAL_SCHEDULE_H_
#define LLMLOAD_LOAD_ARRIVAL_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "llmload/core/clock.h"
#include "llmload/core/random.h"

namespace llmload {

enum class ArrivalPattern : std::uint8_t {
  kConstant,  ///< one arrival every 1/rate
  kPoisson,   ///< independent arrivals: exponential gaps with mean 1/rate, from the seed
};

/// Open loop: arrivals are due at instants fixed in advance, however slowly the system answers.
/// This is what real users do, and the only shape whose latencies are free of coordinated omission.
struct OpenLoop {
  double rate_per_second = 1.0;
  Duration duration = std::chrono::seconds(60);
  ArrivalPattern pattern = ArrivalPattern::kConstant;
  std::uint64_t seed = 1;
  /// Requests in flight over all workers; an arrival beyond it is dropped and counted, never
  /// delayed.
  std::size_t max_in_flight = 10'000;
};

/// Closed loop: `concurrency` callers, each sending its next request when the last one is answered.
/// For memory and capacity tests; its latencies do not tell what users at a given rate would see.
struct ClosedLoop {
  std::size_t concurrency = 1;
  std::uint64_t requests = 1;  ///< in total
};

/// The global sequence of arrivals of an open loop, as offsets from its start, in order. Every
/// worker derives the same sequence and takes its share of it (`k mod workers`), so the union is
/// exactly the process asked for, whatever the number of workers. Not thread-safe; cheap to copy.
class ArrivalSequence {
 public:
  /// Throws `ConfigurationError` unless rate and duration are positive and finite.
  explicit ArrivalSequence(const OpenLoop& load);

  /// The next arrival, or nothing when the duration is over.
  std::optional<Duration> Next();

  /// Index of the arrival that `Next` gives next, from 0.
  std::uint64_t index() const noexcept { return index_; }

 private:
  OpenLoop load_;
  Random random_;
  std::uint64_t index_ = 0;
  double poisson_seconds_ = 0;
};

/// Arrivals in the whole sequence. Walks it: linear in their number.
std::uint64_t CountArrivals(const OpenLoop& load);

}  // namespace llmload

#endif  // LLMLOAD_LOAD_ARRIVAL_SCHEDULE_H_
