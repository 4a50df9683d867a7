// The load of one share, of whichever kind, brought to one form.
#ifndef LLMLOAD_SRC_LOAD_LOAD_PLAN_H_
#define LLMLOAD_SRC_LOAD_LOAD_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "llmload/core/clock.h"
#include "llmload/load/arrival_schedule.h"
#include "llmload/load/load_generator.h"

namespace llmload {

struct LoadPlan {
  LoadShape shape;                                         ///< with its seed
  std::optional<ArrivalSequence> arrivals = std::nullopt;  ///< of an open loop
  std::size_t concurrency = 0;       ///< of the share: requests in flight at most, or callers
  std::uint64_t request_stride = 1;  ///< of a closed loop
  bool warms_up = false;             ///< the first requests are not measured
};

/// Throws `ConfigurationError` for options that make no sense.
LoadPlan MakeLoadPlan(const LoadOptions& options);

/// How many workers the share gets: more than requests in flight would leave some without any.
unsigned WorkersFor(const LoadOptions& options, const LoadPlan& plan, const Clock& clock);

/// How long of the measured phases is before `until`.
Duration MeasuredDuration(const LoadProfile& profile, Duration until);

/// How many measured arrivals of the share come before `until`, if that is known in advance. Linear
/// in the number of arrivals, at a few nanoseconds each.
std::optional<std::uint64_t> ArrivalsBefore(const LoadPlan& plan, const Share& share,
                                            Duration until);

}  // namespace llmload

#endif  // LLMLOAD_SRC_LOAD_LOAD_PLAN_H_
