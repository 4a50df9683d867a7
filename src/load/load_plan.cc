#include "src/load/load_plan.h"

#include <algorithm>
#include <string>
#include <thread>

#include "llmload/core/environment.h"
#include "src/load/rate_curve.h"
#include "src/load/worker.h"

namespace llmload {
namespace {

constexpr unsigned kMaxShares = 65'536;

}  // namespace

LoadPlan MakeLoadPlan(const LoadOptions& options) {
  if (!options.prompts) {
    throw ConfigurationError::Invalid("LoadOptions::prompts", "null", "a prompt source");
  }
  const Share& share = options.share;
  if (share.of == 0 || share.of > kMaxShares) {
    throw ConfigurationError::Invalid("Share::of", std::to_string(share.of), "1 to 65536");
  }
  if (share.index >= share.of) {
    throw ConfigurationError::Invalid("Share::index", std::to_string(share.index),
                                      "less than Share::of, which is " + std::to_string(share.of));
  }
  LoadPlan plan{.shape = WithSeed(options.shape, options.seed)};
  if (const ClosedLoop* const closed = plan.shape.closed_loop()) {
    Validate(*closed);
    plan.concurrency = ShareOf(closed->concurrency, share.of, share.index);
    plan.request_stride = std::min<std::size_t>(share.of, closed->concurrency);
    plan.warms_up = closed->warm_up_requests > 0 || closed->warm_up > Duration::zero();
    return plan;
  }
  const LoadProfile& profile = *plan.shape.profile();
  plan.arrivals.emplace(profile);
  if (profile.max_in_flight < share.of) {
    throw ConfigurationError::Invalid(
        "LoadProfile::max_in_flight", std::to_string(profile.max_in_flight),
        "at least one for each share, of " + std::to_string(share.of));
  }
  plan.concurrency = ShareOf(profile.max_in_flight, share.of, share.index);
  const auto first = ArrivalSequence(*plan.arrivals).Next();
  plan.warms_up = first && !first->measured;
  return plan;
}

unsigned WorkersFor(const LoadOptions& options, const LoadPlan& plan, const Clock& clock) {
  unsigned workers = options.workers;
  if (workers == 0) workers = clock.IsVirtual() ? 1 : std::thread::hardware_concurrency();
  return static_cast<unsigned>(
      std::max<std::size_t>(1, std::min<std::size_t>(workers, plan.concurrency)));
}

Duration MeasuredDuration(const LoadProfile& profile, Duration until) {
  Duration measured{};
  Duration begin{};
  for (const LoadPhase& phase : profile.phases) {
    const Duration end = begin + DurationOf(phase);
    if (phase.measured) measured += std::max(std::min(end, until) - begin, Duration::zero());
    begin = end;
  }
  return measured;
}

std::optional<std::uint64_t> ArrivalsBefore(const LoadPlan& plan, const Share& share,
                                            Duration until) {
  if (!plan.arrivals) return std::nullopt;
  std::uint64_t count = 0;
  ArrivalSequence arrivals = *plan.arrivals;
  for (auto next = arrivals.Next(); next && next->at < until; next = arrivals.Next()) {
    count += next->measured && next->index % share.of == share.index ? 1 : 0;
  }
  return count;
}

}  // namespace llmload
