#include "llmload/load/planned_phases.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "llmload/metrics/cells.h"
#include "src/load/rate_curve.h"

namespace llmload {
namespace {

constexpr std::size_t kMostPhases = 32;
constexpr std::size_t kStepsOfALine = 10;
constexpr std::size_t kMostStepsOfARamp = 20;
constexpr std::size_t kMostSteps = 40;

// Expected arrivals of the phase in its first `seconds`.
double ExpectedUntil(const std::vector<RateSegment>& segments, double seconds) {
  double expected = 0;
  for (const RateSegment& segment : segments) {
    expected += segment.Cumulative(std::clamp(seconds - segment.begin, 0.0, segment.length));
  }
  return expected;
}

// Where the steps of a ramp end, as shares of its duration; empty for other shapes.
std::vector<double> EndsOfSteps(const RateShape& shape) {
  std::vector<double> ends;
  if (std::holds_alternative<LinearRamp>(shape)) {
    for (std::size_t i = 1; i <= kStepsOfALine; ++i) {
      ends.push_back(static_cast<double>(i) / static_cast<double>(kStepsOfALine));
    }
  } else if (const auto* const ramp = std::get_if<StairRamp>(&shape)) {
    const std::size_t stairs_each = (ramp->steps + kMostStepsOfARamp - 1) / kMostStepsOfARamp;
    for (std::size_t stair = 0; stair < ramp->steps;) {
      stair = std::min(stair + stairs_each, ramp->steps);
      ends.push_back(static_cast<double>(stair) / static_cast<double>(ramp->steps));
    }
  }
  return ends;
}

void AddSteps(const std::vector<double>& ends, const std::vector<RateSegment>& segments,
              PlannedPhase& phase) {
  double begin = 0;
  for (const double share : ends) {
    const double end = share * ToSeconds(phase.duration);
    const double expected = ExpectedUntil(segments, end) - ExpectedUntil(segments, begin);
    const auto at = [&](double seconds) { return Duration(std::llround(seconds * 1e9)); };
    // Rounded, so that the mean of a stair is its rate and not a digit of floating point beside it.
    const double rate = std::round(expected / (end - begin) * 1e6) / 1e6;
    phase.steps.push_back({.begin = phase.begin + at(begin),
                           .duration = at(end) - at(begin),
                           .rate_per_second = rate});
    begin = end;
  }
}

}  // namespace

std::vector<PlannedPhase> PlannedPhasesOf(const LoadShape& shape) {
  std::vector<PlannedPhase> phases;
  const LoadProfile* const profile = shape.profile();
  if (profile == nullptr || profile->phases.size() > kMostPhases) return phases;
  Duration begin{};
  std::size_t steps = 0;
  for (const LoadPhase& phase : profile->phases) {
    PlannedPhase& planned = phases.emplace_back();
    planned.name = phase.name.empty() ? "phase " + std::to_string(phases.size()) : phase.name;
    planned.begin = begin;
    planned.duration = DurationOf(phase);
    planned.measured = phase.measured;
    begin += planned.duration;
    const std::vector<RateSegment> segments = MakeSegments(phase);
    for (const RateSegment& segment : segments) {
      // A sine swings about its mean.
      const double low = std::min(segment.from, segment.to) - segment.amplitude;
      const double high = std::max(segment.from, segment.to) + segment.amplitude;
      planned.lowest_rate = std::min(planned.lowest_rate.value_or(low), low);
      planned.highest_rate = std::max(planned.highest_rate.value_or(high), high);
    }
    const std::vector<double> ends = EndsOfSteps(phase.shape);
    if (!phase.measured || steps + ends.size() > kMostSteps) continue;
    steps += ends.size();
    AddSteps(ends, segments, planned);
  }
  return phases;
}

std::uint32_t StepAt(const PlannedPhase& phase, Duration at) {
  if (phase.steps.empty()) return CellKey::kNoStep;
  const auto later = std::upper_bound(
      phase.steps.begin(), phase.steps.end(), at,
      [](Duration instant, const PhaseStep& step) { return instant < step.begin; });
  const auto index = later - phase.steps.begin();
  return static_cast<std::uint32_t>(std::max<std::ptrdiff_t>(index - 1, 0));
}

}  // namespace llmload
