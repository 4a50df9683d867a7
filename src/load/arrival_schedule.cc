#include "llmload/load/arrival_schedule.h"

#include <cmath>
#include <string>

#include "llmload/core/environment.h"

namespace llmload {

ArrivalSequence::ArrivalSequence(const OpenLoop& load) : load_(load), random_(load.seed) {
  if (!std::isfinite(load.rate_per_second) || load.rate_per_second <= 0) {
    throw ConfigurationError::Invalid("OpenLoop::rate_per_second",
                                      std::to_string(load.rate_per_second), "a number above 0");
  }
  if (load.duration <= Duration::zero()) {
    throw ConfigurationError::Invalid(
        "OpenLoop::duration", std::to_string(load.duration.count()) + " ns", "a time above 0");
  }
}

std::optional<Duration> ArrivalSequence::Next() {
  double seconds = 0;
  if (load_.pattern == ArrivalPattern::kConstant) {
    // From the index, not by adding up gaps: rounding errors must not add up to a lost arrival.
    seconds = static_cast<double>(index_) / load_.rate_per_second;
  } else {
    poisson_seconds_ += random_.Exponential(1.0 / load_.rate_per_second);
    seconds = poisson_seconds_;
  }
  const Duration offset(std::llround(seconds * 1e9));
  if (offset >= load_.duration) return std::nullopt;
  ++index_;
  return offset;
}

std::uint64_t CountArrivals(const OpenLoop& load) {
  ArrivalSequence sequence(load);
  while (sequence.Next()) {
  }
  return sequence.index();
}

}  // namespace llmload
