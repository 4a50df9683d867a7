// The instants at which requests are due. They are decided before the run, from a seed, and do not
// depend on how the system answers.
#ifndef LLMLOAD_LOAD_ARRIVAL_SCHEDULE_H_
#define LLMLOAD_LOAD_ARRIVAL_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "llmload/core/random.h"
#include "llmload/core/time.h"
#include "llmload/load/load_profile.h"

namespace llmload {

/// One planned request.
struct Arrival {
  std::uint64_t index = 0;  ///< from 0, over all phases
  Duration at{};            ///< since the start of the schedule
  std::size_t phase = 0;    ///< index into `LoadProfile::phases`
  bool measured = true;     ///< that of the phase
};

/// The global sequence of arrivals of an open loop, in order. Every worker of every share derives
/// the same sequence and takes its part of it, by the index of an arrival. The union of the parts
/// is therefore exactly the process asked for, whatever the number of workers and shares.
///
/// The next arrival costs a few nanoseconds and allocates nothing, however long the profile is.
/// Copies share the profile and go on from where the original is. Not thread-safe; copies are
/// independent.
class ArrivalSequence {
 public:
  /// Throws `ConfigurationError` that names the field for a profile that makes no sense: no phase,
  /// a phase without duration, a rate that is negative, infinite or above 10^7 requests/s, rates of
  /// zero throughout, more than 10^10 expected arrivals, a schedule longer than 30 days.
  /// A profile without a seed takes `kDefaultSeed`.
  explicit ArrivalSequence(const LoadProfile& profile);
  explicit ArrivalSequence(const OpenLoop& load) : ArrivalSequence(ToProfile(load)) {}

  /// The next arrival; nullopt when the schedule is over.
  std::optional<Arrival> Next();

  /// The index of the arrival that `Next` gives next.
  std::uint64_t index() const noexcept { return index_; }

  /// The sum of all phases.
  Duration duration() const noexcept;
  /// The sum of the phases that are measured.
  Duration measured_duration() const noexcept;

 private:
  struct Plan;

  void EnterPhase();

  std::shared_ptr<const Plan> plan_;
  Random random_;
  std::uint64_t index_ = 0;
  std::size_t phase_ = 0;
  std::size_t segment_ = 0;  // of the phase
  std::uint64_t count_ = 0;  // arrivals of this phase so far
  double level_ = 0;  // L(t) of the next arrival of this phase, without `count_` of even ones
  Duration last_{};
};

/// The number of arrivals of each phase. Walks the sequence: linear in their number.
std::vector<std::uint64_t> CountArrivalsByPhase(const LoadProfile& profile);

/// The number of arrivals in the whole sequence.
std::uint64_t CountArrivals(const LoadProfile& profile);
inline std::uint64_t CountArrivals(const OpenLoop& load) { return CountArrivals(ToProfile(load)); }

}  // namespace llmload

#endif  // LLMLOAD_LOAD_ARRIVAL_SCHEDULE_H_
